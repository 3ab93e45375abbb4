"""The explorer of a made-up study, and its list in a browser."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from browser_pages import Watched, build_made_up


@pytest.fixture(scope="session")
def explorer(browser, tmp_path_factory) -> Path:
    """The folder in which `explorer/index.html` and `explorer.html` stand."""
    folder = tmp_path_factory.mktemp("made up study")
    build_made_up(folder)
    return folder


@pytest.fixture
def watched(browser) -> Iterator[Watched]:
    """A page that must end without an error."""
    watched = Watched(browser, viewport={"width": 1280, "height": 900})
    yield watched
    watched.check()
    watched.context.close()


@pytest.fixture
def page(watched, explorer):
    """The list of the folder."""
    watched.page.goto((explorer / "explorer/index.html").as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    return watched.page
