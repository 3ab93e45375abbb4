"""Write the locks from the pins: each package that the pins bring, with the hashes of its files.

Run by `make lock`. The hashes are those of every wheel and source archive of a release, so that a
lock holds on Linux and macOS and on every Python from the oldest that pyproject.toml names.
"""

import json
import re
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
BASE = ("requirements.txt", "requirements-dev.txt")  # what `make setup` installs
EXTRAS = ("docs", "slurm", "locks", "qwen")  # those that make installs
HEADER = "# Written by `make lock` from {pins}; the pins stand there. {what}\n"


class Locked(NamedTuple):
    """One release of a package in a lock, for the machines that `marker` holds on.

    via   what brings it: names of packages, `-r FILE`
    """

    name: str
    version: str
    marker: str
    hashes: frozenset[str]
    via: frozenset[str]

    def __str__(self) -> str:
        marker = f" ; {self.marker}" if self.marker else ""
        lines = [f"{self.name}=={self.version}{marker}", *(f"    --hash={h}" for h in self.hashes)]
        return " \\\n".join([lines[0], *sorted(lines[1:])]) + f"\n    # via {self.via_line}\n"

    @property
    def via_line(self) -> str:
        return ", ".join(sorted(self.via))


def parse(text: str) -> list[Locked]:
    """The releases that a lock holds, in its order."""
    found = []
    for block in re.findall(r"(?m)^[a-z0-9].*(?:\n[ \t]+.*)*", text):
        head = re.match(r"([a-z0-9._-]+)==([^ ;\\]+)(?: *; *([^\\\n]*?))? *(?:\\|$)", block)
        via = re.findall(r"(?m)^ +# via +(.*)", block)
        found.append(
            Locked(
                head[1],
                head[2],
                head[3] or "",
                frozenset(re.findall(r"--hash=(\S+)", block)),
                frozenset(name for line in via for name in line.split(", ")),
            )
        )
    return found


def of_cuda(locked: list[Locked]) -> set[str]:
    """The names of what only a build of torch for GPUs asks for: what comes by torch alone, on
    Linux alone. A build for CPUs does without.
    """
    found: set[str] = set()
    while True:
        more = {
            each.name
            for each in locked
            if "sys_platform == 'linux'" in each.marker and each.via <= {"torch", *found}
        }
        if more <= found:
            return found
        found |= more


def with_hashes(locked: list[Locked], more: dict[tuple[str, str], frozenset[str]]) -> list[Locked]:
    """The same releases with further hashes, by name and version."""
    return [
        each._replace(hashes=each.hashes | more.get((each.name, each.version), frozenset()))
        for each in locked
    ]


def hashes_of(locked: list[Locked]) -> dict[tuple[str, str], frozenset[str]]:
    """The hashes of releases, by name and version."""
    return {(each.name, each.version): each.hashes for each in locked}


def beside(locked: list[Locked], found: list[Locked]) -> list[Locked]:
    """What was found that is not locked already, for all machines that it was found for."""
    held = {(each.name, each.version, each.marker) for each in locked}
    return [each for each in found if (each.name, each.version, each.marker) not in held]


def read_lock(path: Path) -> list[Locked]:
    """The releases of a lock, none where there is no such file."""
    return parse(path.read_text(encoding="utf-8")) if path.is_file() else []


def resolve(pins: list[str], before: list[Locked]) -> list[Locked]:
    """All that the files of pins bring, on any machine; the versions of before where they fit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "lock"
        out.write_text("".join(map(str, before)), encoding="utf-8")
        done = subprocess.run(
            [
                *(sys.executable, "-m", "uv", "pip", "compile", "--quiet", *sys.argv[1:]),
                *("--universal", "--generate-hashes", "--no-header", "--no-emit-index-url"),
                *("--annotation-style", "line"),
                *("--python-version", project["requires-python"].removeprefix(">=")),
                *("--output-file", str(out), *pins),
            ],
            cwd=ROOT,
            check=False,
            stdout=subprocess.DEVNULL,
        )
        if done.returncode:
            sys.exit("lock: the pins do not go together; change what stands above, and run again")
        return read_lock(out)


def local_builds(pin: str) -> dict[tuple[str, str], frozenset[str]]:
    """The hash of the build that pip takes from a folder of this machine, where it has one.

    A build for CPUs alone has another hash than what the index holds under the same version.
    """
    done = subprocess.run(
        [
            *(sys.executable, "-m", "pip", "install", "--quiet", "--dry-run", "--no-deps"),
            *("--ignore-installed", "--no-index", "--report", "-", pin),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        return {}
    hashes = json.loads(done.stdout)["install"][0]["download_info"]["archive_info"]["hashes"]
    return {tuple(pin.split("==")): frozenset({f"sha256:{hashes['sha256']}"})}


def write_lock(path: Path, pins: str, what: str, locked: list[Locked]) -> None:
    """The lock under its name once it is whole."""
    text = HEADER.format(pins=pins, what=what) + "\n".join(["", *map(str, locked)])
    written = path.with_suffix(".new")
    written.write_text(text, encoding="utf-8")
    written.replace(path)


def main() -> None:
    base, cuda = ROOT / "requirements.lock", ROOT / "requirements-cuda.lock"
    before = read_lock(base) + read_lock(cuda)
    locked = with_hashes(resolve([*BASE], before), hashes_of(before))
    torch = next(f"{each.name}=={each.version}" for each in locked if each.name == "torch")
    locked = with_hashes(locked, local_builds(torch))
    apart = of_cuda(locked)
    write_lock(
        base,
        " and ".join(BASE),
        "All that they bring.",
        [each for each in locked if each.name not in apart],
    )
    write_lock(
        cuda,
        " and ".join(BASE),
        "What torch's builds for GPUs bring beside it.",
        [each for each in locked if each.name in apart],
    )
    for extra in EXTRAS:
        pins, path = f"requirements-{extra}.txt", ROOT / f"requirements-{extra}.lock"
        before = read_lock(path)
        found = with_hashes(resolve([*BASE, pins], locked + before), hashes_of(before))
        write_lock(
            path,
            pins,
            "What they bring beside requirements.lock.",
            beside(locked, found),
        )


if __name__ == "__main__":
    main()
