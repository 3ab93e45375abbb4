"""The explorer of a made-up study, built, and a page that is watched while it shows it."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from explorer_study import HOSTILE_PROGRAM, SHOWN, MadeStudy, Size

ROOT = Path(__file__).parents[2]
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLAIN_PROGRAM = """/** Scales values; 𝑥 is outside the basic plane. */
export function scale(values: object, factor: number, label: string): unknown {
  const first = values[0];
  return { first, label, scaled: first * factor };
}
"""
PATIENCE_MS = 60_000  # a busy machine is slow, not wrong
# Examples of the made-up study.
FIRST = "0000000000000000"  # predicts hostile text; of the hostile program
SECOND = (
    "0000000000000001"  # right in the original, broken by the edit, with a patch of `same_type`
)
THIRD = "0000000000000002"  # of the group `test`, steered
FOURTH = "0000000000000003"  # right in both variants, with a patch of a donor that is left out


def build_made_up(
    folder: Path, shown: Sequence[str] = SHOWN, n_examples: int = 120, n_longer: int = 0
) -> None:
    """Write the explorer of a made-up study: `explorer/index.html` and `explorer.html`.

    shown      which of its experiments it has
    n_longer   examples with longer golds, beside the others
    """
    study = MadeStudy(folder, [HOSTILE_PROGRAM, PLAIN_PROGRAM], n_examples, Size(n_longer=n_longer))
    study.write()
    subprocess.run(
        [
            *(sys.executable, str(ROOT / "scripts/build_explorer.py"), *study.options(shown)),
            *("--out", str(folder / "explorer"), "--out-single", str(folder / "explorer.html")),
        ],
        check=True,
    )


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


def go(page, address: str) -> None:
    page.evaluate("address => { location.hash = address; }", address)


def open_example(page, example_id: str, query: str = "edit=rename_vars") -> None:
    # The example before it stands until this one has been read.
    page.evaluate("for (const old of document.querySelectorAll('.view > *')) old.dataset.old = ''")
    go(page, f"#/example/{example_id}?{query}")
    page.wait_for_selector(".view > :not([data-old]) #panel-source .code")


def show_panel(page, name: str):
    panel = page.locator(f"#panel-{name}")
    panel.scroll_into_view_if_needed()
    panel.locator(".panel-body > *").first.wait_for()
    return panel


def all_text(page) -> str:
    """All that an example's page says, its titles and labels too; every panel is shown for it."""
    for panel in page.locator(".panel").all():
        show_panel(page, panel.get_attribute("id").removeprefix("panel-"))
    return page.locator("article").evaluate(
        """shown => [shown, ...shown.querySelectorAll("[title], [aria-label]")]
        .flatMap(e => [e.textContent, e.title, e.ariaLabel]).join()"""
    )
