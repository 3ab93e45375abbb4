"""The committed gallery: every link leads somewhere, and it is small."""

import pytest

from fimscope.gallery.pages import check_size
from gallery_links import dead_links, shown_examples
from pages import ROOT

pytestmark = pytest.mark.unit
GALLERY = ROOT / "docs/gallery"


def test_every_link_leads_somewhere_and_it_is_small():
    assert dead_links(GALLERY) == []
    check_size(GALLERY, most_mb=10)
    explorers = sorted(GALLERY.glob("*/explorer.html"))
    assert explorers and all(shown_examples(path.read_text("utf-8")) for path in explorers)


def test_the_first_pages_lead_to_it_and_show_an_explorer():
    assert "(docs/gallery/index.md)" in (ROOT / "README.md").read_text("utf-8")
    assert "(docs/images/explorer.png)" in (ROOT / "README.md").read_text("utf-8")
    assert "(gallery/index.md)" in (ROOT / "docs/index.md").read_text("utf-8")
    assert (ROOT / "docs/images/explorer.png").stat().st_size < 300_000
