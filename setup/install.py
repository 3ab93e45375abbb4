"""Make `.venv` and `node_modules` from the locks; `make setup` runs this with any Python.

Both are whole when they hold `.installed`, which is written last. A `.venv` without it was cut
short, at any place, so that nothing in it can be trusted: it is removed and made anew.
"""

import argparse
import fcntl
import os
import re
import shutil
import signal
import subprocess
import sys
import sysconfig
import tempfile
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
VENV = ROOT / ".venv"
MODULES = ROOT / "node_modules"
LOCK = ROOT / "requirements.lock"
CUDA_LOCK = ROOT / "requirements-cuda.lock"
DONE = ".installed"
# What builds the few packages that have no wheel: from the lock too, so before all others.
BUILDERS = ("packaging", "setuptools", "setuptools-scm")
PYTHON = Path(sys.executable).resolve()  # not that of a .venv, which may have to go
OLDEST = (3, 11)

# What pip, npm and venv say, and what that means; the first that fits is told.
CAUSES = (
    (
        r"No space left on device|ENOSPC|Disk quota exceeded|EDQUOT|File too large|EFBIG",
        "the disk is full: {room}; make room (set-up takes 2.5 GB, with torch for GPUs 8 GB), "
        "or set TMPDIR to a folder with room",
    ),
    (
        r"Too many open files|EMFILE|ENFILE",
        "too few files may be open at once; raise the limit: ulimit -n 1024",
    ),
    (
        r"MemoryError|Cannot allocate memory|ENOMEM|out of memory|failed to map segment"
        r"|can't start new thread|Could not allocate|mmap.*failed",
        "too little memory; give it 2 GB, and lift a limit there may be: ulimit -v unlimited",
    ),
    (
        r"NewConnectionError|ConnectTimeout|Connection refused|ConnectionResetError|Name or service"
        r"|Temporary failure in name|Network is unreachable|Read timed out|ProxyError"
        r"|ENOTFOUND|ECONNREFUSED|ECONNRESET|EAI_AGAIN|ETIMEDOUT|ENETUNREACH|EHOSTUNREACH",
        "the package index cannot be reached; connect this machine to the network, or name a "
        "mirror in the settings of pip and npm",
    ),
    (
        r"DO NOT MATCH THE HASHES|EINTEGRITY",
        "a package is not the one that the lock names, so it was not installed; a mirror may serve "
        "another file, or a download was damaged: pip cache purge",
    ),
    (
        r"ensurepip is not available|No module named '?(venv|ensurepip)",
        "this Python comes without venv; install it (Debian: apt install python3-venv)",
    ),
    (
        r"No matching distribution|is not a supported wheel|Requires-Python",
        "a package has no build for this Python and machine; Linux and macOS with Python 3.11 to "
        "3.14 have them: make PYTHON=python3.12 setup",
    ),
    (
        r"Permission denied|EACCES|EPERM|Read-only file system|EROFS",
        "a file may not be written; see who owns the folder",
    ),
)


class SetUpError(Exception):
    """What stopped the set-up, and what to do, in one sentence."""


def run(what: str, *command: object, cwd: Path = ROOT) -> None:
    """Run a command to its end; raises SetUpError with the cause that its words name.

    Words that name no known cause are shown as they are.
    """
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        close_fds=False,  # while it works, it holds the lock
    )
    if done.returncode:
        raise SetUpError(f"{what}: {explain(done.returncode, done.stdout)}")


def explain(status: int, said: str) -> str:
    """The cause of a failure and what to do: from the exit status and the words of a command."""
    if status in (-signal.SIGKILL, 128 + signal.SIGKILL):
        return "it was killed, most often for want of memory; give it 2 GB and run the same again"
    for words, cause in CAUSES:
        if re.search(words, said):
            return cause.format(room=room()) + "; then run the same command again"
    return f"it failed (exit status {status}), in its own words:\n{said.strip()}"


def room() -> str:
    """How many MB are free where the set-up writes."""
    free = []
    for name, folder in ((str(ROOT), ROOT), ("TMPDIR", Path(os.environ.get("TMPDIR", "/tmp")))):
        try:
            free.append(f"{shutil.disk_usage(folder).free >> 20} MB free in {name}")
        except OSError:
            free.append(f"{name} cannot be read")
    return ", ".join(free)


def hold_lock() -> int:
    """Wait until no other set-up works in this folder; the lock ends with the last process."""
    folder = os.open(ROOT, os.O_RDONLY)
    os.set_inheritable(folder, True)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("set-up: another one is at work in this folder; waiting for it", flush=True)
        fcntl.flock(folder, fcntl.LOCK_EX)
    except OSError:  # a file system without locks
        pass
    return folder


def is_done(folder: Path, *pins: Path) -> bool:
    """Whether a folder was made to its end after its pins were last changed."""
    mark = folder / DONE
    return mark.is_file() and all(mark.stat().st_mtime >= pin.stat().st_mtime for pin in pins)


def make_venv() -> None:
    """`.venv` with all packages of the lock; one that was cut short is made anew."""
    if is_done(VENV, LOCK, CUDA_LOCK):
        return
    mark = VENV / DONE
    if not mark.is_file():
        remove_venv()
        print("set-up: .venv, from requirements.lock; a few minutes the first time", flush=True)
        run("venv", PYTHON, "-m", "venv", "--without-pip", VENV)
        # venv itself would keep to itself why this failed.
        run("pip", VENV / "bin" / "python", "-I", "-m", "ensurepip", "--default-pip")
    else:
        print("set-up: .venv, to what requirements.lock says now", flush=True)
        mark.unlink()
    # By the new Python: which builds pip takes depends on it.
    done = subprocess.run(
        [str(VENV / "bin" / "python"), __file__, "packages"], check=False, close_fds=False
    )
    if done.returncode < 0:
        raise SetUpError(f"packages: {explain(done.returncode, '')}")
    if done.returncode:
        sys.exit(done.returncode)
    mark.touch()


def remove_venv() -> None:
    """Remove what an earlier set-up left; raises SetUpError where it is nothing of the kind."""
    if VENV.is_symlink() or (VENV.exists() and not VENV.is_dir()):
        raise SetUpError(f"{VENV}: a link or a file, not the folder of a set-up; remove it")
    if VENV.exists():
        print("set-up: .venv was not finished; it is made anew", flush=True)
        shutil.rmtree(VENV)


def install_packages() -> None:
    """All packages of the lock, into the Python that runs this."""
    print(f"set-up: the packages of {LOCK.name}", flush=True)
    for name in BUILDERS:
        pip_one(name)
    # One version of torch has several builds. One that lies ready on this machine, by pip's own
    # settings, goes before that of the index; from both at once pip takes the index's.
    with suppress(SetUpError):
        pip_one("torch", "--no-index")
    pip("packages", "--no-build-isolation", "-r", LOCK)
    if wants_gpu_packages():
        pip("packages for GPUs", "-r", CUDA_LOCK)
    show_library()


def show_library() -> None:
    """Let the Python that runs this import `fimscope` from any folder."""
    site = Path(sysconfig.get_path("purelib"))
    # Relative to its own folder, so that it holds where the project is copied or moved.
    (site / "fimscope.pth").write_text(f"{os.path.relpath(ROOT / 'scripts', site)}\n")


def pip(what: str, *words: object) -> None:
    """Install what the words name, by hash, and nothing that they do not name."""
    run(
        what,
        *(sys.executable, "-m", "pip", "install", "--disable-pip-version-check", "--retries", "2"),
        *("--require-hashes", "--no-deps", *words),
    )


def pip_one(name: str, *words: object) -> None:
    """Install one package as the lock says, if it has it."""
    found = re.search(rf"(?m)^{name}==.*\n(?:[ \t]+.*\n)*", LOCK.read_text(encoding="utf-8"))
    if found:
        with tempfile.NamedTemporaryFile("w", suffix=".lock") as part:
            part.write(found[0])
            part.flush()
            pip(name, *words, "-r", part.name)


def wants_gpu_packages() -> bool:
    """Whether the torch that is installed asks for packages of the lock for GPUs."""
    try:
        asked = set(re.findall(r"(?m)^nvidia-[a-z0-9-]+", "\n".join(requires("torch") or [])))
    except PackageNotFoundError:
        return False
    return not asked.isdisjoint(re.findall(r"(?m)^nvidia-[a-z0-9-]+", CUDA_LOCK.read_text()))


def install_extra(name: str) -> None:
    """The packages of requirements-NAME.lock, which need those of requirements.lock."""
    print(f"set-up: the packages of requirements-{name}.lock", flush=True)
    pip(f"requirements-{name}.lock", "-r", ROOT / f"requirements-{name}.lock")
    (VENV / f".{name}").touch()


def make_modules() -> None:
    """`node_modules` from package-lock.json, by the npm of `.venv`."""
    if is_done(MODULES, ROOT / "package-lock.json", ROOT / ".npmrc", VENV / DONE):
        return
    print("set-up: node_modules, from package-lock.json", flush=True)
    (MODULES / DONE).unlink(missing_ok=True)
    os.environ["PATH"] = f"{VENV / 'bin'}{os.pathsep}{os.environ['PATH']}"
    run(
        "npm",
        *("npm", "ci", "--no-progress", "--loglevel=error"),
        *("--fetch-retries=1", "--fetch-retry-mintimeout=1000"),
    )
    (MODULES / DONE).touch()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("part", choices=["venv", "packages", "modules", "extra"])
    parser.add_argument("name", nargs="?", help="of the extra: docs, slurm, locks, qwen")
    args = parser.parse_args()
    parts = {"venv": make_venv, "packages": install_packages, "modules": make_modules}
    try:
        if sys.version_info < OLDEST:
            raise SetUpError(
                f"{sys.executable} is Python {sys.version.split()[0]}; 3.11 or newer is needed: "
                "make PYTHON=python3.12 setup"
            )
        if args.part == "packages":  # inside the venv's set-up, which holds the lock
            install_packages()
            return
        hold_lock()
        install_extra(args.name) if args.part == "extra" else parts[args.part]()
    except SetUpError as error:
        sys.exit(f"set-up: {error}")
    except OSError as error:
        sys.exit(f"set-up: {error.filename or ROOT}: {explain(1, f'{error}')}")
    except MemoryError:
        sys.exit(f"set-up: {explain(1, 'MemoryError')}")
    except KeyboardInterrupt:
        sys.exit("set-up: interrupted; run the same command again to go on")


if __name__ == "__main__":
    main()
