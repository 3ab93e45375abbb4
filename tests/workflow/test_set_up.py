"""The set-up from the locks, on a package of one line: what cuts it short never breaks it."""

import hashlib
import os
import re
import resource
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from projects import ROOT

sys.path.insert(0, str(ROOT / "setup"))
import install
import lock

pytestmark = pytest.mark.process


LOCKS = sorted(ROOT.glob("requirements*.lock"))
PINNED = [path.with_suffix(".txt") for path in LOCKS if path.name != "requirements-cuda.lock"]


def test_the_locks_hold_every_pin_and_name_no_host():
    assert [path.name for path in PINNED] == [
        "requirements-docs.txt",
        "requirements-locks.txt",
        "requirements-qwen.txt",
        "requirements-slurm.txt",
        "requirements.txt",
    ]
    base = {(each.name, each.version) for each in lock.read_lock(ROOT / "requirements.lock")}
    assert set(lock.BASE) == {"requirements.txt", "requirements-dev.txt"}
    for pins in (*PINNED, ROOT / "requirements-dev.txt"):
        lines = [re.sub("#.*", "", line).strip() for line in pins.read_text().splitlines()]
        pinned = {re.sub(r"\[.*?\]", "", line).lower() for line in lines if line}
        assert all(re.fullmatch(r"[a-z0-9-]+==[0-9.]+", pin) for pin in pinned)
        held = base | {
            (each.name, each.version) for each in lock.read_lock(pins.with_suffix(".lock"))
        }
        assert pinned <= {f"{name}=={version}" for name, version in held}
    for path in LOCKS:
        assert not re.search(r"://|--(extra-)?index|--find-links", path.read_text())
        assert all(
            re.fullmatch("sha256:[0-9a-f]{64}", one)
            for each in lock.read_lock(path)
            for one in each.hashes or ["none"]
        )


def test_a_lock_is_read_as_it_is_written():
    for path in LOCKS:
        text = path.read_text().partition("\n\n")[2]
        assert "\n".join(map(str, lock.parse(text))) == text


def test_an_extra_brings_what_the_others_lock_only_for_another_machine():
    [held] = lock.parse("colorama==0.4.6 ; sys_platform == 'win32' \\\n    --hash=sha256:0\n")
    anywhere = held._replace(marker="")
    assert lock.beside([held], [held, anywhere]) == [anywhere]


def test_what_torch_alone_brings_on_linux_alone_stands_apart():
    apart = lock.read_lock(ROOT / "requirements-cuda.lock")
    base = lock.read_lock(ROOT / "requirements.lock")
    assert lock.of_cuda(base + apart) == {each.name for each in apart}
    assert {"triton", "nvidia-cublas"} <= {each.name for each in apart}
    assert {"torch", "numpy", "sympy"} <= {each.name for each in base}


@pytest.mark.parametrize(
    ("status", "said", "told"),
    [
        (1, "OSError: [Errno 28] No space left on device", "the disk is full: "),
        (-signal.SIGKILL, "", "killed, most often for want of memory"),
        (137, "Killed", "killed, most often for want of memory"),
        (1, "MemoryError", "ulimit -v unlimited"),
        (1, "OSError: [Errno 24] Too many open files", "ulimit -n 1024"),
        (1, "npm error code EAI_AGAIN", "the package index cannot be reached"),
        (1, "ERROR: THESE PACKAGES DO NOT MATCH THE HASHES", "not the one that the lock names"),
        (1, "ERROR: No matching distribution found for torch", "no build for this Python"),
        (1, "something new", "in its own words:\nsomething new"),
    ],
)
def test_every_known_cause_has_a_sentence(status, said, told):
    assert told in install.explain(status, said)


def wheel(folder: Path, version: str) -> str:
    """A wheel of one module that says its version; gives the line of a lock."""
    path = folder / f"tiny-{version}-py3-none-any.whl"
    about = f"tiny-{version}.dist-info"
    with zipfile.ZipFile(path, "w") as file:
        file.writestr("tiny.py", f"version = {version!r}\n")
        file.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: tiny\nVersion: {version}\n"
        )
        tag = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        file.writestr(f"{about}/WHEEL", tag)
        file.writestr(f"{about}/RECORD", "")
    return f"tiny=={version} --hash=sha256:{hashlib.sha256(path.read_bytes()).hexdigest()}\n"


@pytest.fixture(scope="module")
def wheels(tmp_path_factory) -> Iterator[Path]:
    """A folder with all that pip finds."""
    folder = tmp_path_factory.mktemp("wheels")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PIP_CONFIG_FILE", os.devnull)
        patch.setenv("PIP_NO_INDEX", "1")
        patch.setenv("PIP_FIND_LINKS", str(folder))
        yield folder


def write_project(folder: Path, wheels: Path) -> Path:
    """A folder with the set-up, and a lock of one package."""
    shutil.copytree(ROOT / "setup", folder / "setup", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "requirements.lock").write_text(wheel(wheels, "1.0"))
    (folder / "requirements-cuda.lock").touch()
    return folder


@pytest.fixture
def project(tmp_path, wheels) -> Path:
    """Where nothing is set up yet."""
    return write_project(tmp_path / "a project", wheels)


@pytest.fixture(scope="module")
def made(tmp_path_factory, wheels) -> Path:
    project = write_project(tmp_path_factory.mktemp("made") / "a project", wheels)
    assert set_up(project).returncode == 0
    assert version(project) == "1.0"
    return project


@pytest.fixture
def finished(made, tmp_path) -> Path:
    """Where the set-up has been carried out: a copy, as one may be moved."""
    return shutil.copytree(made, tmp_path / "a project", symlinks=True)


def set_up(
    project: Path, part: str = "venv", python: str = sys.executable, before: Callable | None = None
):
    return subprocess.run(
        [python, "setup/install.py", part],
        cwd=project,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
        preexec_fn=before,
    )


def version(project: Path) -> str:
    """Of the package in the project's .venv, by its own Python."""
    python = project / ".venv/bin/python"
    words = [python, "-c", "import tiny; print(tiny.version)"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout.strip()


def test_it_is_made_once_and_follows_the_lock(finished, wheels):
    (finished / ".venv/mine").touch()
    assert set_up(finished).stdout == ""
    (finished / "requirements.lock").write_text(wheel(wheels, "2.0"))
    assert set_up(finished).returncode == 0
    assert version(finished) == "2.0"
    assert (finished / ".venv/mine").exists()


def test_its_python_imports_the_library_from_any_folder_wherever_the_project_stands(
    finished, tmp_path
):
    library = finished / "scripts/fimscope/__init__.py"
    library.parent.mkdir(parents=True)
    library.write_text("version = 1")
    words = [".venv/bin/python", "-c", "import fimscope; print(fimscope.__file__)"]
    for folder in (finished, tmp_path / "moved"):
        if folder != finished:
            shutil.copytree(finished, folder, symlinks=True)
        python = [str(folder / words[0]), *words[1:]]
        done = subprocess.run(python, cwd="/", capture_output=True, text=True, check=True)
        assert done.stdout.strip() == str(folder / "scripts/fimscope/__init__.py")


def test_one_that_was_cut_short_is_made_anew_even_without_a_whole_pip(finished):
    (finished / ".venv" / install.DONE).unlink()
    [vendor] = (finished / ".venv").glob("lib/*/site-packages/pip/_vendor")
    shutil.rmtree(vendor)
    done = set_up(finished, python=".venv/bin/python3")  # which comes first where make looks
    assert ".venv was not finished; it is made anew" in done.stdout
    assert version(finished) == "1.0"
    assert set_up(finished).stdout == ""


def test_a_kill_at_any_time_leaves_what_the_next_mends(project):
    for seconds in (0.1, 1.0, 2.5):
        process = subprocess.Popen(
            [sys.executable, "setup/install.py", "venv"], cwd=project, start_new_session=True
        )
        time.sleep(seconds)
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    assert set_up(project).returncode == 0
    assert version(project) == "1.0"


def test_a_package_that_is_not_the_locks_is_refused_and_nothing_counts_as_installed(
    finished, wheels
):
    name, digest = wheel(wheels, "2.0").strip().rsplit(":", 1)
    (finished / "requirements.lock").write_text(f"{name}:{digest[::-1]}\n")
    done = set_up(finished)
    assert done.returncode
    assert "not the one that the lock names" in done.stdout
    assert "Traceback" not in done.stdout
    assert not (finished / ".venv" / install.DONE).exists()


def test_a_disk_without_room_is_one_sentence(project):
    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = set_up(project, before=limit)
    assert done.returncode
    assert "the disk is full: " in done.stdout
    assert "MB free in TMPDIR; make room" in done.stdout
    assert "Traceback" not in done.stdout


def test_a_second_one_at_the_same_time_waits_and_finds_it_done(project):
    first, second = (
        subprocess.Popen(
            [sys.executable, "setup/install.py", "venv"],
            cwd=project,
            stdout=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    )
    said = [process.communicate()[0] for process in (first, second)]
    assert first.returncode == second.returncode == 0
    assert sum("another one is at work in this folder; waiting" in each for each in said) == 1
    assert sum("from requirements.lock" in each for each in said) == 1
    assert version(project) == "1.0"


def test_what_is_no_folder_of_a_set_up_is_left_alone(project, tmp_path):
    (tmp_path / "other").mkdir()
    (project / ".venv").symlink_to(tmp_path / "other")
    done = set_up(project)
    assert done.returncode
    assert ".venv: a link or a file" in done.stdout
    assert (tmp_path / "other").is_dir()


def test_npm_without_a_network_says_so(project, tmp_path, monkeypatch):
    (project / "package.json").write_text('{"dependencies": {"immer": "11.2.10"}}')
    whole = (ROOT / "package-lock.json").read_text()
    [integrity] = re.findall(r'"node_modules/immer": \{[^}]*?"integrity": "([^"]*)"', whole)
    (project / "package-lock.json").write_text(
        f'''{{"lockfileVersion": 3, "packages": {{"": {{"dependencies": {{"immer": "11.2.10"}}}},
        "node_modules/immer": {{"version": "11.2.10", "integrity": "{integrity}"}}}}}}'''
    )
    (project / ".npmrc").touch()
    (project / ".venv/bin").mkdir(parents=True)
    (project / ".venv" / install.DONE).touch()
    for name in ("node", "npm"):
        (project / ".venv/bin" / name).symlink_to(Path(sys.executable).parent / name)
    monkeypatch.setenv("npm_config_registry", "http://127.0.0.1:9/")
    monkeypatch.setenv("npm_config_cache", str(tmp_path / "cache"))
    done = set_up(project, "modules")
    assert done.returncode
    assert done.stdout.splitlines()[1:] == [
        "set-up: npm: the package index cannot be reached; connect this machine to the network, or "
        "name a mirror in the settings of pip and npm; then run the same command again"
    ]
    assert not (project / "node_modules" / install.DONE).exists()
