# SPDX-License-Identifier: Apache-2.0
"""`python tools/fuzz.py [--minutes M]`: runs test/fuzz with new seeds until the time is up, or something is found.

Prints how many inputs each test saw. Exit code 1 after a finding; the line to repeat it is printed.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

FOLDER = "test/fuzz"
NOTHING_RAN = 5  # pytest's exit code when it collected no test
EXAMPLES = "GEO_PERCEPTION_FUZZ_EXAMPLES"  # read by the tests
TEST_LIMIT_S = 1800  # for one test: with many inputs it takes longer than in the ordinary suite


def round_command(seed: int, more: list[str]) -> list[str]:
    """One run of all fuzzers with a seed."""
    options = ["-q", "-x", "--no-header", "-p", "no:cacheprovider", f"--timeout={TEST_LIMIT_S}"]
    return [sys.executable, "-m", "pytest", FOLDER, *options, f"--hypothesis-seed={seed}", *more]


def read_counts(path: Path) -> Counter[str]:
    """Inputs by test, from the lines that test/fuzz/conftest.py wrote."""
    counts: Counter[str] = Counter()
    for line in path.read_text().splitlines() if path.exists() else ():
        number, name = line.split(maxsplit=1)
        counts[name] += int(number)
    return counts


def fuzz(minutes: float, examples: int, seed: int, more: list[str]) -> tuple[int, Counter[str]]:
    """pytest's exit code of the first round that failed, else 0, and the inputs that ran."""
    until = time.time() + 60 * minutes
    with tempfile.TemporaryDirectory(prefix="geo_perception_fuzz_") as folder:
        counts = Path(folder) / "counts"
        environment = {
            **os.environ,
            EXAMPLES: str(examples),
            "GEO_PERCEPTION_FUZZ_UNTIL": str(until),
            "GEO_PERCEPTION_FUZZ_COUNTS": str(counts),
        }
        code = 0
        while code == 0 and time.time() < until:
            command = round_command(seed, more)
            code = subprocess.run(command, env=environment, check=False).returncode
            if code:
                print(f"fuzz: repeat with: {EXAMPLES}={examples} {' '.join(command)}", flush=True)
            seed += 1
        return code, read_counts(counts)


def main() -> int:
    """Parse the options, fuzz, report."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", maxsplit=1)[0])
    parser.add_argument("--minutes", type=float, default=20.0, help="how long to go on (default 20)")
    parser.add_argument("--examples", type=int, default=200, help="inputs for each test and round")
    parser.add_argument("--seed", type=int, default=None, help="of the first round (default: the clock)")
    options, more = parser.parse_known_args()
    seed = int(time.time()) if options.seed is None else options.seed
    code, counts = fuzz(options.minutes, options.examples, seed, more)
    for name, number in sorted(counts.items()):
        print(f"{number:>9}  {name}")
    found = "nothing found" if code == 0 else "see the finding above"
    print(f"fuzz: {counts.total()} inputs in {options.minutes:g} minutes from seed {seed} on: {found}")
    if code == NOTHING_RAN:
        print(f"fuzz: there is no test in {FOLDER}")
    return int(code != 0)


if __name__ == "__main__":
    sys.exit(main())
