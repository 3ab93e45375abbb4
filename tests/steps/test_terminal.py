"""What a step says, on the terminal and in its log."""

import json
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

from fimscope.errors import UserError, escaped

pytestmark = pytest.mark.process


STEP = Path(__file__).parents[2] / "scripts" / "collect_programs.py"
# Clears the screen, sets the window's title, hides what follows; then a line that no step said.
HOSTILE = "\x1b[2J\x1b]0;owned\x07\x9b8m\u202e\r12:00:00 collect_programs: done\n"
SHOWN = r"\x1b[2J\x1b]0;owned\x07\x9b8m\u202e\r12:00:00 collect_programs: done\n"


def test_text_that_acts_on_a_terminal_is_shown_instead():
    assert escaped(HOSTILE) == SHOWN
    assert escaped("\udcff") == r"\udcff"  # of a file name that is no UTF-8
    assert escaped(SHOWN + " é 𝑥") == SHOWN + " é 𝑥"
    assert str(UserError(f"{HOSTILE}: no such file")) == f"{SHOWN}: no such file"


def collect(folder: Path, source: dict, terminal: int) -> str:
    """What the log of collect_programs holds; what it says without one goes to the terminal."""
    options = ["--sources", json.dumps([source]), "--root", folder, "--max-bytes", "9999"]
    options += ["--per-package", "5", "--licenses", "MIT", "--seed", "0"]
    options += ["--out", folder / "a.parquet", "--out-rejected", folder / "b.parquet"]
    subprocess.run([sys.executable, STEP, *options], stderr=terminal)
    command = [sys.executable, STEP, *options, "--log", folder / "log"]
    logged = subprocess.run(command, stderr=subprocess.PIPE, text=True)
    assert bool(logged.returncode) == bool(logged.stderr)  # with a log, what went wrong alone
    return (folder / "log").read_text()


@pytest.mark.parametrize("file", ["a.ts", "a.d.ts"], ids=["done", "failed"])
def test_a_name_of_the_source_does_not_act_on_the_terminal(tmp_path, file):
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw" / file).write_text("export function pad(text: string): string {}\n")
    ours, theirs = pty.openpty()
    source = {"kind": "directory", "path": "raw", "package": HOSTILE}
    log = collect(tmp_path, source, theirs)
    said = os.read(ours, 1 << 16).decode()
    for text in (said.replace("\r\n", "\n"), log):
        assert f"collect_programs: {SHOWN}" in text
        lines = text.removesuffix("\n").split("\n")
        assert [escaped(line) for line in lines] == lines
        assert all(" collect_programs: " in line for line in lines)


def test_a_refusal_of_a_hostile_key_does_not_act_on_the_terminal(tmp_path):
    ours, theirs = pty.openpty()
    collect(tmp_path, {"kind": "directory", HOSTILE: "x"}, theirs)
    said = os.read(ours, 1 << 16).decode()
    assert f"source[0].{SHOWN}: directory has no such key" in said
    assert "\x1b" not in said
