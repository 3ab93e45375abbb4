"""What tests of several folders use."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser_pages import BROWSERS
from fimscope.typescript.client import TypeScript

# Whoever asks for the small study stands here: it takes minutes, and is made once a process.
OF_SMALL_STUDY = (
    *("test_whole_dag.py", "test_looked_inside.py", "test_steering_study.py"),
    *("test_provenance.py", "test_ladder.py", "test_warm_python.py"),
)
LONG_FOLDERS = ("workflow", "browser", "typescript")
# What is no unit test, by what it needs; a fixture brings its own mark.
TIERS = ("model", "node", "process", "browser", "cluster")
FIXTURE_TIERS = {
    "typescript": "node",
    "random_study": "model",
    "small_study": "process",
    "warm": "process",
    "browser": "browser",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test in its tier; the small study first, then the folders whose files take longest.

    What comes last is short, so that two processes end together.
    """
    for item in items:
        if "small_study" in item.fixturenames and item.path.name not in OF_SMALL_STUDY:
            raise pytest.UsageError(f"{item.path}: uses small_study; name it in OF_SMALL_STUDY")
        for fixture in FIXTURE_TIERS.keys() & set(item.fixturenames):
            item.add_marker(FIXTURE_TIERS[fixture])
        if not any(item.get_closest_marker(tier) for tier in TIERS):
            item.add_marker("unit")
    items.sort(
        key=lambda item: (
            item.path.name not in OF_SMALL_STUDY,
            item.path.parent.name not in LONG_FOLDERS,
        )
    )


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Of several processes, a file is in one, and all that share the small study are in one."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            file = super()._split_scope(nodeid)
            return "small study" if Path(file).name in OF_SMALL_STUDY else file

    config.option.loadscopereorder = False  # xdist would begin with the files of most tests
    return Scheduling(config, log)


@pytest.fixture(autouse=True)
def unit_tests_stay_small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """A test without a tier's mark starts no process and runs no network."""
    if not request.node.get_closest_marker("unit"):
        return

    def refuse(*_: Any, **__: Any) -> None:
        pytest.fail(f"a unit test does this; mark it with one of {TIERS}")

    monkeypatch.setattr(subprocess.Popen, "__init__", refuse)
    if torch := sys.modules.get("torch"):
        monkeypatch.setattr(torch.nn.Module, "__call__", refuse)


@pytest.fixture(scope="module")
def typescript() -> Iterator[TypeScript]:
    """A TypeScript service as it is by default, one for each file of tests."""
    with TypeScript() as service:
        yield service


@pytest.fixture(scope="session")
def random_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a prepared model of random weights, and of prompts for it."""
    from random_study import make_random_study  # imports torch, which few files need

    return make_random_study(tmp_path_factory.mktemp("study"))


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; the tests are skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="no playwright; pip install -r requirements-dev.txt"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH; install one (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
