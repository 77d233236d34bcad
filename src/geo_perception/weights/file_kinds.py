# SPDX-License-Identifier: Apache-2.0
"""Recognition of files under a checkpoint's name that are no weights, as browsers, git and archivers leave them."""

from __future__ import annotations

import zipfile
from pathlib import Path

from geo_perception.errors import WeightsError
from geo_perception.outputs import reason

HEAD = 512  # bytes that tell
SAFETENSORS = "safetensors"
PICKLE = "pickle"  # what PyTorch writes, in a zip or (before 1.6) on its own

PAGES = (b"<!doctype", b"<html", b"<head", b"<script", b"<?xml", b"<svg")
POINTER = b"version https://git-lfs"
AGAIN = "download it again"
# First bytes of files that are no checkpoint, what they are, and the way out.
FOREIGN: tuple[tuple[bytes, str, str], ...] = (
    (b"\x1f\x8b", "is packed with gzip", "unpack it with gunzip, or with tar -xzf if it is a .tar.gz"),
    (b"BZh", "is packed with bzip2", "unpack it with bunzip2"),
    (b"\xfd7zXZ", "is packed with xz", "unpack it with unxz"),
    (b"\x28\xb5\x2f\xfd", "is packed with zstd", "unpack it with unzstd"),
    (b"7z\xbc\xaf", "is a 7z archive", "unpack it and name the checkpoint in it"),
    (b"Rar!", "is a rar archive", "unpack it and name the checkpoint in it"),
    (b"\x93NUMPY", "is a NumPy array, not a checkpoint", ""),
    (b"\x89HDF", "is an HDF5 file, as Keras writes it, not a PyTorch checkpoint", ""),
    (b"GGUF", "is a GGUF file, not a PyTorch checkpoint", ""),
    (b"%PDF", "is a PDF, not a checkpoint", ""),
    (b"\x89PNG", "is an image, not a checkpoint", ""),
    (b"\xff\xd8\xff", "is an image, not a checkpoint", ""),
    (b"\x7fELF", "is a program, not a checkpoint", ""),
)


class CheckpointError(WeightsError):
    """A file that cannot be weights; `found` is what it is, to be read behind its name."""

    def __init__(self, path: Path, found: str, way_out: str = "") -> None:
        """The line ends with the way out for a file that somebody else made."""
        super().__init__(f"{path} {found}: {way_out}" if way_out else f"{path} {found}")
        self.found = found


def checkpoint_kind(path: Path) -> str:
    """SAFETENSORS or PICKLE, by the content whatever the name.

    Raises:
        WeightsError: there is no such file, or it cannot be read.
        CheckpointError: it is something else; the line says what, and what to do.
    """
    if path.is_dir():
        raise CheckpointError(path, "is a folder, not a checkpoint file")
    if not path.is_file():
        raise WeightsError(f"no checkpoint file {path}")
    try:
        with path.open("rb") as file:
            head = file.read(HEAD)
    except OSError as error:
        raise WeightsError(f"{path} cannot be read: {reason(error)}") from error
    if _is_safetensors(head):
        return SAFETENSORS
    foreign = _zip_kind(path) if head.startswith(b"PK") else _foreign_kind(head)
    if foreign:
        raise CheckpointError(path, *foreign)
    return PICKLE


def _is_safetensors(head: bytes) -> bool:
    """Eight bytes with the length of a JSON header, then that (safetensors, format description)."""
    return head[6:9] == b"\0\0{"


def _foreign_kind(head: bytes) -> tuple[str, str] | None:
    """Describe a file that is no zip, and the remedy; None for what may be a pickle."""
    if not head:
        return "is empty", AGAIN
    if not head.strip(b"\0"):
        return "holds zeros only, as an interrupted copy leaves it", AGAIN
    if head.startswith(POINTER):
        return "is a Git LFS pointer, not the checkpoint", "run `git lfs pull` where it was cloned"
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").lower().startswith(PAGES):
        return "is a web page, not a checkpoint", f"{AGAIN}, from the link behind that page"
    if head[257:262] == b"ustar":
        return "is a tar archive", "unpack it with tar -xf and name the checkpoint in it"
    known = ((found, way_out) for magic, found, way_out in FOREIGN if head.startswith(magic))
    return next(known, None) or _text_kind(head)


def _text_kind(head: bytes) -> tuple[str, str] | None:
    try:
        text = head.decode("utf-8", errors="strict" if len(head) < HEAD else "ignore")
    except UnicodeDecodeError:
        return None
    words = " ".join(text.split())
    if not words.isprintable() or len(words) < len(head) // 2:
        return None
    return f"is text, not a checkpoint; it begins with {words[:40]!r}", ""


def _zip_kind(path: Path) -> tuple[str, str] | None:
    """Describe a zip, and the remedy, if it is no checkpoint that PyTorch wrote."""
    try:
        with zipfile.ZipFile(path) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, EOFError):
        return "is a zip that is cut off or damaged, as an interrupted copy leaves it", AGAIN
    inner = {name.partition("/")[2] for name in names}
    if "constants.pkl" in inner or any(name.startswith("code/") for name in inner):
        said = "is a TorchScript program, which would have to be run"
        return said, "save the network's state_dict() where it was made"
    if "data.pkl" in inner:
        return None
    if any(name.endswith(".npy") for name in names):
        return "is an archive of NumPy arrays, not a checkpoint", ""
    first = f" (it holds {names[0]!r})" if names else ""
    return (
        f"is a zip archive without a checkpoint of PyTorch{first}",
        "unpack it and name the checkpoint in it",
    )
