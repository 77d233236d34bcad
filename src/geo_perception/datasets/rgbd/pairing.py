# SPDX-License-Identifier: Apache-2.0
"""Pairing of colour and depth images by their names or by a list, never by their order.

Two folders sorted by text pair 10.jpg with 000002.png. Pairs are made by names, by the one number in them, or by times;
what none of these settles is refused with an example from each side.
"""

from __future__ import annotations

import bisect
import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from geo_perception.datasets.folders import by_stem
from geo_perception.errors import DataError

logger = logging.getLogger(__name__)

Pairs = list[tuple[Path, Path]]
Key = tuple[int, ...]

MAX_GAP_S = 0.02  # between a colour and a depth image of one moment, as TUM's own tool has it
ASSOCIATIONS = ("associations.txt", "association.txt", "associate.txt", "associated.txt", "assoc.txt")
SECONDS = re.compile(r"\d+\.\d+")
LONG_STAMP = re.compile(r"\d{13}|\d{16}|\d{19}")  # milli-, micro- or nanoseconds since 1970
TICKS_PER_S = {13: 10**3, 16: 10**6, 19: 10**9}
STAMPED = (("rgb.txt", "depth.txt"), ("color.txt", "depth.txt"))  # lists of `time file`, one for each side


def pair(colours: Sequence[Path], depths: Sequence[Path], root: Path) -> Pairs:
    """Pair colour images with their depth, in the order of the colour images.

    Args:
        colours: files of one folder.
        depths: files of another folder, or of the same.
        root: folder of the data set, where a list of associations would lie.

    Raises:
        DataError: no list, and names from which it is not certain what belongs together.
    """
    if not colours or not depths:
        return []
    listed = _associations(root)
    if listed is not None:
        return _listed(listed, root)
    if named_by_time(colours) and named_by_time(depths):
        return pair_by_time(
            dict(zip(colours, map(_seconds, colours), strict=True)),
            dict(zip(depths, map(_seconds, depths), strict=True)),
        )
    stamped = _stamped(root)
    if stamped is not None:
        return pair_by_time(*stamped)
    colour_of, depth_of = by_stem(colours), by_stem(depths)
    if colour_of.keys() == depth_of.keys():
        return [(path, depth_of[stem]) for stem, path in colour_of.items()]
    return _matched(_keyed(colours), _keyed(depths), f"{colours[0].parent} and {depths[0].parent.name}")


def pair_by_time(
    colours: Mapping[Path, float], depths: Mapping[Path, float], max_gap_s: float = MAX_GAP_S
) -> Pairs:
    """Pair nearest times within `max_gap_s`, each depth image once, nearest pairs first.

    Args:
        colours: file -> seconds.
        depths: file -> seconds.
        max_gap_s: largest gap between two images of one moment.

    Raises:
        DataError: no pair is that near.
    """
    times = sorted((seconds, path) for path, seconds in depths.items())
    starts = [seconds for seconds, _ in times]
    gaps = []
    for colour, seconds in colours.items():
        first = bisect.bisect_left(starts, seconds - max_gap_s)
        last = bisect.bisect_right(starts, seconds + max_gap_s)
        gaps += [(abs(starts[i] - seconds), seconds, colour, i) for i in range(first, last)]
    chosen: dict[Path, int] = {}
    taken: set[int] = set()
    for _, _, colour, i in sorted(gaps):
        if colour not in chosen and i not in taken:
            chosen[colour] = i
            taken.add(i)
    colour = next(iter(colours))
    if not chosen:
        raise DataError(
            f"{colour.parent}: no colour image has a depth image within {max_gap_s} s, e.g. {colour.name} and "
            f"{next(iter(depths)).name}"
        )
    _say_left_out(colour.parent, len(colours) - len(chosen), len(colours), f"depth within {max_gap_s} s")
    return [(path, times[chosen[path]][1]) for path in colours if path in chosen]


def named_by_time(paths: Sequence[Path]) -> bool:
    """Return whether the names are times: seconds with a fraction, or a long count of ticks since 1970."""
    kinds = (SECONDS, LONG_STAMP)
    return any(all(kind.fullmatch(p.stem) for p in paths) for kind in kinds)


def _seconds(path: Path) -> float:
    return float(path.stem) if "." in path.stem else int(path.stem) / TICKS_PER_S[len(path.stem)]


def _associations(root: Path) -> Path | None:
    return next((root / name for name in ASSOCIATIONS if (root / name).is_file()), None)


def _stamped(root: Path) -> tuple[dict[Path, float], dict[Path, float]] | None:
    """Read the times of both sides from lists of `time file` as TUM's sequences have them, None without such lists."""
    for names in STAMPED:
        if all((root / name).is_file() for name in names):
            colours, depths = (_times_of(root / name, root) for name in names)
            return colours, depths
    return None


def _times_of(path: Path, root: Path) -> dict[Path, float]:
    """Read a list of `time file`. Raises DataError for a line of another form, or no line."""
    found = {}
    for number, fields in _fields(path):
        try:
            seconds, name = fields
            found[_existing(root / name, f"{path}, line {number}")] = float(seconds)
        except ValueError as error:
            raise DataError(
                f"{path}, line {number}: expected 'time FILE', got {' '.join(fields)[:80]!r}"
            ) from error
    if not found:
        raise DataError(f"list {path} names no image")
    return found


def _listed(path: Path, root: Path) -> Pairs:
    """Read lines `time file time file` as TUM's tool writes them, depth or colour first.

    Raises:
        DataError: not text, a line of another form, a file that does not exist, or no line.
    """
    pairs: Pairs = []
    for number, fields in _fields(path):
        names = [fields[1], fields[3]] if len(fields) == 4 else fields
        depth = [name for name in names if "depth" in name.lower()]
        origin = f"{path}, line {number}"
        if len(names) != 2 or len(depth) != 1:
            said = " ".join(fields)[:80]
            raise DataError(f"{origin}: expected 'time depth/FILE time rgb/FILE', got {said!r}")
        colour = names[1] if names[0] == depth[0] else names[0]
        pairs.append((_existing(root / colour, origin), _existing(root / depth[0], origin)))
    if not pairs:
        raise DataError(f"list {path} names no pair")
    return pairs


def _fields(path: Path) -> list[tuple[int, list[str]]]:
    """Read number and words of each line that is neither blank nor a comment. Raises DataError."""
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"list {path} cannot be read: {error}") from error
    rows = [(number, line.split()) for number, line in enumerate(lines, start=1)]
    return [(number, words) for number, words in rows if words and not words[0].startswith("#")]


def _existing(path: Path, origin: str) -> Path:
    try:
        if path.is_file():
            return path
    except (OSError, ValueError) as error:
        raise DataError(f"{origin}: {error}") from error
    raise DataError(f"{origin}: {path} is missing")


@dataclass(frozen=True)
class _Numbered:
    """Files of one side, indexed by the numbers in their names that vary."""

    files: Mapping[Key, Path]

    @property
    def counted(self) -> bool:
        """True if the numbers have no gap: then the files may have been counted separately from the other side."""
        numbers = sorted(key[0] for key in self.files if len(key) == 1)
        return len(numbers) == len(self.files) and numbers[-1] - numbers[0] + 1 == len(numbers)


def _keyed(paths: Sequence[Path]) -> _Numbered:
    """Index files by the numbers in their names.

    Raises:
        DataError: names of several forms, without a number that tells them apart, or the same number twice.
    """
    if len(paths) == 1:
        return _Numbered({tuple(int(n) for n in _numbers(paths[0])): paths[0]})
    forms = {_form(path): path for path in paths}
    if len(forms) > 1:
        one, other, *_ = forms.values()
        raise DataError(f"{one.parent}: names of several forms, {one.name} and {other.name}; {_HINT}")
    rows = [tuple(int(n) for n in _numbers(path)) for path in paths]
    varying = [i for i, column in enumerate(zip(*rows, strict=True)) if len(set(column)) > 1]
    found: dict[Key, Path] = {}
    for path, row in zip(paths, rows, strict=True):
        key = tuple(row[i] for i in varying)
        if key in found:
            raise DataError(f"{path.parent}: {found[key].name} and {path.name} have the same number; {_HINT}")
        found[key] = path
    return _Numbered(found)


_HINT = "name colour and depth of one moment alike, or list them in associations.txt"


def _numbers(path: Path) -> list[str]:
    return re.findall(r"\d+", path.stem)


def _form(path: Path) -> str:
    """Replace each number in the name by #."""
    return re.sub(r"\d+", "#", path.stem)


def _matched(colours: _Numbered, depths: _Numbered, where: str) -> Pairs:
    """Pair equal numbers.

    Where one side has more images, they pair only if the other one's numbers have gaps: two streams that were counted
    separately agree in numbers and not in time.
    """
    both = [key for key in colours.files if key in depths.files]
    alone = [key for key in colours.files if key not in depths.files]
    beyond = [key for key in depths.files if key not in colours.files]
    fewer = depths if not beyond else colours
    single = len(colours.files) == len(depths.files) == 1 and not all((*colours.files, *depths.files))
    if single:  # one image and one depth, of which one or both have no number
        return list(zip(colours.files.values(), depths.files.values(), strict=True))
    if not both or (alone and beyond) or ((alone or beyond) and fewer.counted):
        raise DataError(_unpaired(colours, depths, alone, beyond, where))
    _say_left_out(where, len(alone) + len(beyond), len(both) + len(alone) + len(beyond), "partner")
    return [(colours.files[key], depths.files[key]) for key in both]


def _unpaired(
    colours: _Numbered, depths: _Numbered, alone: Sequence[Key], beyond: Sequence[Key], where: str
) -> str:
    one = colours.files[alone[0]] if alone else next(iter(colours.files.values()))
    other = depths.files[beyond[0]] if beyond else next(iter(depths.files.values()))
    said = [f"{one.name} has no depth image"] if alone else []
    said += [f"{other.name} has no colour image"] if beyond else []
    example = " and ".join(said)
    return (
        f"{where}: {len(colours.files)} colour images, {len(depths.files)} depth images, not certain which belong "
        f"together: {example}, names are like {one.name} and {other.name}; {_HINT}"
    )


def _say_left_out(where: object, count: int, total: int, what: str) -> None:
    if count:
        logger.warning("%s: %d of %d images have no %s and are left out", where, count, total, what)
