"""What tests of several folders use."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from browser_pages import BROWSERS
from fimscope.typescript import TypeScript


@pytest.fixture(scope="module")
def typescript() -> Iterator[TypeScript]:
    """A TypeScript service as it is by default, one for each file of tests."""
    with TypeScript() as service:
        yield service


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
