"""The explorer of a made-up study, opened from the disk in a real browser."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from explorer_study import HOSTILE_PROGRAM, MadeStudy, Size

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAIN_PROGRAM = """/** Scales values; 𝑥 is outside the basic plane. */
export function scale(values: object, factor: number, label: string): unknown {
  const first = values[0];
  return { first, label, scaled: first * factor };
}
"""
PATIENCE_MS = 60_000  # a busy machine is slow, not wrong


@pytest.fixture(scope="session")
def explorer(tmp_path_factory) -> Path:
    """The folder in which `explorer/index.html` and `explorer.html` stand."""
    folder = tmp_path_factory.mktemp("made up study")
    study = MadeStudy(folder, [HOSTILE_PROGRAM, PLAIN_PROGRAM], n_examples=120, size=Size())
    study.write()
    subprocess.run(
        [
            *(sys.executable, str(ROOT / "scripts/build_explorer.py"), *study.options()),
            *("--out", str(folder / "explorer"), "--out-single", str(folder / "explorer.html")),
        ],
        check=True,
    )
    return folder


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    """A headless Chromium; the tests are skipped where there is none."""
    playwright = pytest.importorskip(
        "playwright.sync_api", reason="pip install -r requirements.txt"
    )
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        pytest.skip("no Chromium on the PATH; install one (Debian: apt install chromium)")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield browser
        browser.close()


class Watched:
    """A page, and all that went wrong in it or left it."""

    def __init__(self, browser: Any, **options: Any):
        self.context = browser.new_context(**options)
        self.page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.errors: list[str] = []
        self.requests: list[str] = []
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "console",
            lambda said: self.errors.append(said.text) if said.type in ("error", "warning") else 0,
        )
        self.page.on("request", lambda request: self.requests.append(request.url))

    def check(self) -> None:
        """Nothing failed, and nothing was asked of a network."""
        assert self.errors == []
        assert [
            url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))
        ] == []


@pytest.fixture
def watched(browser) -> Iterator[Watched]:
    """A page that must end without an error."""
    watched = Watched(browser, viewport={"width": 1280, "height": 900})
    yield watched
    watched.check()
    watched.context.close()
