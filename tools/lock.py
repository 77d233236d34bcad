# SPDX-License-Identifier: Apache-2.0
"""Print constraints.txt: the version of every package that pip installed into this environment.

A release that no longer runs on Python 3.10 is pinned for newer ones only, so that 3.10 stays installable.
"""

from importlib.metadata import Distribution, distributions

LEFT_OUT = {"geo-perception", "geo_perception", "pip"}
HEADER = "# Exact versions that this project was tested with; written by `make lock`.\n"


def pin(package: Distribution) -> str:
    """One line of the file. A local tag such as +cpu is dropped: it names a build, not a release."""
    requires = package.metadata.get("Requires-Python") or ""
    marker = ' ; python_version >= "3.11"' if ">=3.11" in requires.replace(" ", "") else ""
    return f"{package.metadata['Name'].lower()}=={package.version.split('+')[0]}{marker}"


def main() -> None:
    """Write the file to standard output."""
    # Without INSTALLER it came inside another package, as the ROS messages do, and has no release of its own.
    packages = [package for package in distributions() if package.read_text("INSTALLER")]
    print(HEADER + "\n".join(sorted(pin(p) for p in packages if p.metadata["Name"] not in LEFT_OUT)))


if __name__ == "__main__":
    main()
