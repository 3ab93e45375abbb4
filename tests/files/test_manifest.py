"""What a manifest says of the pipeline's own checkout."""

import subprocess
from pathlib import Path

import pytest

from fimscope.files.manifest import git_state

pytestmark = pytest.mark.process


def git(folder: Path, *words: str) -> str:
    user = ("-c", "user.name=a", "-c", "user.email=a@b.c")
    done = subprocess.run(
        ["git", *user, *words], cwd=folder, check=True, capture_output=True, text=True
    )
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path):
    for name in ("scripts/step.py", "results/README.md"):
        (tmp_path / name).parent.mkdir()
        (tmp_path / name).write_text("as committed\n")
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    git(tmp_path, "commit", "--quiet", "--no-verify", "--message", "all")
    return tmp_path


@pytest.mark.parametrize(
    ("name", "is_change"), [("scripts/step.py", True), ("results/README.md", False)]
)
def test_what_is_produced_is_no_part_of_the_checkout(checkout, name, is_change):
    here = checkout / "scripts"
    commit = git(checkout, "rev-parse", "HEAD")
    git_state.cache_clear()
    assert git_state(here) == {"commit": commit, "changed": False}
    (checkout / name).unlink()
    git_state.cache_clear()
    assert git_state(here) == {"commit": commit, "changed": is_change}


def test_a_folder_without_git_has_no_commit(tmp_path):
    assert git_state(tmp_path) == {"commit": None, "changed": None}
