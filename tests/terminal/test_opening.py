"""Nothing but what is of use, from the first line on."""

import io
import logging
import os
import pty
import subprocess
import sys
from contextlib import suppress

import pytest

from fimscope.terminal.opening import PROFILE, hush_config_files, take_back_profile
from projects import copy_project


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.mark.unit
@pytest.mark.parametrize(
    ("columns", "words", "wiped"),
    [
        ("200", [], "\x1b[1F\x1b[J"),
        ("80", ["lens", "-n"], "\x1b[2F\x1b[J"),
        ("80", ["--profile", "mine"], ""),
        ("80", ["--workflow-profile", "profiles/slurm"], ""),
    ],
)
def test_the_line_on_the_profile_is_wiped_off_a_terminal(monkeypatch, columns, words, wiped):
    monkeypatch.setenv("COLUMNS", columns)
    monkeypatch.delenv("SNAKEMAKE_PROFILE", raising=False)
    terminal, file = Terminal(), io.StringIO()
    take_back_profile(words, terminal)
    take_back_profile(words, file)
    assert terminal.getvalue() == wiped
    assert not file.getvalue()


@pytest.mark.unit
def test_only_what_extends_the_default_config_is_left_out():
    shown, logger = io.StringIO(), logging.Logger("a run")
    handler = logging.StreamHandler(shown)
    handler.name = "DefaultStreamHandler"
    logger.addHandler(handler)
    hush_config_files(logger)
    logger.info("Config file config/config.yaml is extended by additional config.")
    logger.info("Nothing to be done.")
    logger.error("Config file config/config.yaml is not there.")
    assert shown.getvalue().splitlines() == [
        "Nothing to be done.",
        "Config file config/config.yaml is not there.",
    ]


@pytest.mark.process
def test_a_terminal_shows_what_was_asked_for_and_nothing_before_it(tmp_path):
    project = copy_project(tmp_path / "project")
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": "200"}
    environment.pop("SNAKEMAKE_PROFILE", None)
    command = [sys.executable, "-m", "snakemake", "lenss", "--config", "seed=1"]
    run = subprocess.Popen(
        command, cwd=project, stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    )
    os.close(theirs)
    said = b""
    with suppress(OSError):  # as the last who writes there closes it
        while part := os.read(ours, 4096):
            said += part
    os.close(ours)
    assert run.wait()
    wiped, shown = said.decode().split("\x1b[1F\x1b[J")
    assert wiped == f"{PROFILE}\r\n"
    assert shown.startswith("lenss: no target, and no file that this study makes;")
    assert shown.count("\n") == 1
