"""What tests of several folders use."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from browser_pages import BROWSERS
from fimscope.typescript import TypeScript


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each file in one process, and in one all that share the small study; that one first."""
    for item in items:
        name = "small_study" if _is_of_small_study(item) else item.path.stem
        item.add_marker(pytest.mark.xdist_group(name))
    items.sort(key=lambda item: not _is_of_small_study(item))


def _is_of_small_study(item: pytest.Item) -> bool:
    return "small_study" in getattr(item, "fixturenames", ())


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
        "playwright.sync_api", reason="no playwright; pip install -r requirements.txt"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH; install one (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()
