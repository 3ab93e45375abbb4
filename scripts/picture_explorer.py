"""Take a picture of an explorer, for README: the page of an example that an edit broke."""

import io
import shutil
from pathlib import Path

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.steps.frame import run_step, step_parser

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
WIDTH, HEIGHT = 1200, 1000  # pixels
PATIENCE_MS = 120_000
N_COLOURS = 96  # of a page: what is drawn in few needs a third of the bytes


def picture_explorer(explorer: Path) -> bytes:
    """A PNG of the page of the first example that the edit broke and that the algorithms were asked
    of; else of the first that it broke, else of the list's.

    raises UserError where there is no browser
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise UserError("no playwright; pip install -r requirements-dev.txt") from None
    found = next(filter(None, map(shutil.which, BROWSERS)), None)
    if found is None:
        raise UserError(f"no browser on the PATH; install one of {', '.join(BROWSERS)}")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
        page.set_default_timeout(PATIENCE_MS)
        address = explorer.resolve().as_uri()
        for query in ("?outcome=broken", ""):
            page.goto(f"{address}#/{query}")
            page.wait_for_selector(".tabulator-tableholder")
            rows = page.locator(".tabulator-row a")
            if rows.count():
                break
        links = [row.get_attribute("href") for row in rows.all()]
        for link in [*links, links[0]]:
            # From the list, which clears the page before: what that one has is not this one's.
            page.goto(f"{address}#/")
            page.wait_for_selector(".tabulator-tableholder")
            page.goto(f"{address}{link}")
            page.wait_for_selector("#panel-source .code")
            if page.locator("#panel-algorithms").count():
                break
        picture = page.screenshot()
        browser.close()
    return picture


def in_few_colours(picture: bytes) -> bytes:
    """The same PNG in N_COLOURS."""
    from PIL import Image

    out = io.BytesIO()
    shown = Image.open(io.BytesIO(picture)).convert("RGB")
    shown.quantize(N_COLOURS, dither=Image.Dither.NONE).save(out, "PNG", optimize=True)
    return out.getvalue()


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--explorer", type=Path, required=True, help="explorer.html")
    parser.add_argument("--out", type=Path, required=True, help="the picture, a PNG")
    with run_step(parser) as args:
        if not args.explorer.is_file():
            raise UserError(f"{args.explorer}: no such file; make it first: snakemake explorer")
        picture = in_few_colours(picture_explorer(args.explorer))
        with replacing(args.out) as temporary:
            temporary.write_bytes(picture)


if __name__ == "__main__":
    main()
