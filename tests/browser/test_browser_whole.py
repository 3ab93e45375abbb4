"""Holes with longer golds in a real browser: the list with them, their pages, their panels."""

from pathlib import Path

import pandas as pd
import pytest

from browser_pages import FIRST, SECOND, all_text, build_made_up, go, open_example, show_panel
from explorer_study import HOSTILE, TOO_CLOSE
from fimscope.explorer.terms import NOT_PREDICTED

N_ONE, N_LONGER = 12, 20
LONGER = f"{12:016x}"  # the first: right in both variants, with samples
FAILS = f"{15:016x}"  # right in the original, broken by the edit
UNENDED = f"{25:016x}"  # its original never ends
IMPORTED = f"{14:016x}"  # its original is `any` to the compiler


@pytest.fixture(scope="module")
def folder(browser, tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("longer golds")
    build_made_up(folder, n_examples=N_ONE, n_longer=N_LONGER)
    return folder


@pytest.fixture
def page(watched, folder):
    watched.page.goto((folder / "explorer/index.html").as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    return watched.page


def rows_of(panel) -> list[list[str]]:
    return panel.locator("tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )


def counts(folder: Path) -> dict[str, dict[str, int]]:
    """Of golds of each length how often every outcome is in the tables."""
    split, verdicts = (
        pd.concat(map(pd.read_parquet, sorted((folder / name).glob("*"))))
        for name in ("split", "whole_types")
    )
    right = verdicts[verdicts["n_gold_tokens"] > 1].pivot(
        index="example_id", columns="edit", values="right"
    )
    before, after = right["original"], right["rename_vars"]
    longer = {
        "right": before.sum() + after.sum(),
        "wrong": (~before).sum() + (~after).sum(),
        "broken": (before & ~after).sum(),
        "mended": (~before & after).sum(),
    }
    one = split["outcome"].value_counts().to_dict()
    one |= {name: split[name].sum() for name in ("broken", "mended")}
    return {"one token": one, "longer": longer}


def test_right_and_wrong_are_told_of_each_length_of_golds(page, folder):
    one, longer = counts(folder).values()
    assert min(longer.values()) > 0
    said = "{right} right ({mended} mended), {wrong} wrong ({broken} broken)"
    line = page.locator(".outcomes")
    expected = f"Golds of one token: {said.format(**one)}; longer golds: {said.format(**longer)}"
    assert line.inner_text() == expected
    options = page.get_by_label("outcome").locator("option").all_inner_texts()[1:]
    assert set(options) == {
        f"{name} ({one[name]} one token, {longer[name]} longer)" for name in one
    }
    golds = page.locator("label", has_text="golds").locator("select")
    assert golds.locator("option").all_inner_texts() == ["all", "longer (40)", "one token (24)"]
    golds.select_option("longer")
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('40 of 64')")
    assert line.inner_text() == f"Longer golds: {said.format(**longer)}"
    page.get_by_label("outcome").select_option("broken")
    n = longer["broken"]
    page.wait_for_function(f"document.querySelector('.count').textContent.startsWith('{n} of')")
    page.get_by_label("outcome").select_option("right")
    n = longer["right"]
    page.wait_for_function(f"document.querySelector('.count').textContent.startsWith('{n} of')")


def test_what_a_longer_gold_lacks_is_blank_and_last(page):
    go(page, "#/?golds=longer")
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('40 of')")
    for field in ("gold_probability", "gold_rank", "effect"):
        cells = page.locator(f'[tabulator-field="{field}"].tabulator-cell').all_inner_texts()
        assert {text.strip() for text in cells} == {""}
    for order in ("asc", "desc"):
        go(page, f"#/?sort=gold_probability:{order}")
        page.locator(f'.tabulator-col[aria-sort="{order}ending"]').wait_for()
        first = page.locator('[tabulator-field="gold_probability"].tabulator-cell').first
        assert first.inner_text().endswith("%")


def test_a_longer_gold_has_a_page_and_says_what_it_lacks(page):
    open_example(page, LONGER)
    panels = page.locator(".panel").evaluate_all("all => all.map(panel => panel.id)")
    names = ("source", "whole_types", "whole_patches", "samples", "alike", "prompt")
    assert panels == [f"panel-{name}" for name in names]
    cards = page.locator(".card").all_inner_texts()
    assert all("verdict" in card and "p(gold)" not in card for card in cards)
    absent = page.locator(".absent summary")
    [said] = absent.all_inner_texts()
    assert said.startswith("Asked of golds of one token alone: predictions, lens, direct_logits, ")
    absent.click(position={"x": 3, "y": 3})
    assert page.locator(".absent p").inner_text() == f"{NOT_PREDICTED}."
    assert page.locator(".why > p").inner_text() == (
        "Not tested on its first token. What lent whole types do to it stands below."
    )
    text = show_panel(page, "prompt").locator(".panel-body .faint").first.inner_text()
    assert text == "40 tokens."
    assert page.locator("#panel-prompt .token.named").count() == 1


def test_the_verdicts_on_a_whole_type_stand_beside_each_other(page):
    open_example(page, FAILS)
    head, *rows = rows_of(show_panel(page, "whole_types"))
    assert head == ["variant", "whole type", "verdict", "right", "ended", "gold"]
    [gold] = {row[-1] for row in rows}
    assert gold.endswith("[]")
    assert [row[:-1] for row in rows] == [
        ["original", f"({gold})", "equivalent", "yes", "yes"],
        ["rename_vars", "void", "fails", "no", "yes"],
    ]
    detail = page.locator("#panel-whole_types p code")
    assert HOSTILE in detail.inner_text() and page.evaluate("window.owned") is None
    open_example(page, IMPORTED, "edit=original")
    [_, row] = rows_of(show_panel(page, "whole_types"))
    assert row[:-1] == ["original", "Imported", "checks, any", "no", "yes"]
    open_example(page, UNENDED)
    panel = show_panel(page, "whole_types")
    assert rows_of(panel)[1][1:5] == ["(nothing)", "fails", "no", "no"]
    assert "original fails: the completion has not ended" in panel.inner_text()
    assert page.locator(".card .cut").first.get_attribute("title").startswith("cut: ")


def test_a_gold_of_one_token_has_its_whole_type_too(page):
    """By its first token the edit breaks the second; as a whole type its original is wrong."""
    open_example(page, SECOND)
    assert page.locator(".card .badge").all_inner_texts() == ["✓ right", "↯ broken"]
    rows = rows_of(show_panel(page, "whole_types"))[1:]
    assert [row[2:4] for row in rows] == [["fails", "no"], ["fails", "no"]]
    assert "go by the first token alone" in page.locator("#panel-whole_types .about").inner_text()
    absent = page.locator(".absent summary").inner_text()
    assert "whole_patches" in absent and "whole_types" not in absent


def test_lent_whole_types_are_a_curve_with_the_points_that_turn(page):
    open_example(page, LONGER)
    panel = show_panel(page, "whole_patches")
    assert panel.locator("figure h3").all_inner_texts() == ["wrong_to_wrong"]
    panel.locator("svg").wait_for()
    legend = panel.locator(".legend text").all_text_contents()
    assert legend == ["paired", "self", "unrelated", "random_position"]
    filled = (
        panel.locator('[aria-label="dot"]')
        .first.locator("> *")
        .evaluate_all("all => all.map(mark => mark.getAttribute('fill') !== 'var(--paper)')")
    )
    assert filled == [False, False, True, False, True, True, True]
    assert panel.locator("figcaption").inner_text() == (
        "Target Map<string, Date>, foil void. The model completes the target with paired at "
        "points 2, 4 to 6."
    )
    panel.locator('[aria-label="dot"]').first.locator("> *").last.hover(force=True)
    said = panel.locator('[aria-label="tip"]').text_content()
    assert "point 6" in said and "completes the target" in said
    link = panel.locator("a")
    assert link.get_attribute("href") == f"#/example/{SECOND}?edit=rename_vars"
    open_example(page, TOO_CLOSE)
    panel = show_panel(page, "whole_patches")
    panel.locator("svg", has_text="No value: donor and recipient are too close.").wait_for()


def test_which_holes_are_listed_is_folded_on_a_phone(watched, folder):
    watched.page.set_viewport_size({"width": 390, "height": 844})
    watched.page.goto((folder / "explorer/index.html").as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    said = watched.page.locator(".above-table p", has_text="Listed are holes")
    assert not said.is_visible()
    watched.page.get_by_text("Which holes are listed?").click()
    assert "longer ones that whole_types drew" in said.inner_text()


@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_shows_what_is_no_text_and_none_is_too_wide(page, width):
    page.set_viewport_size({"width": width, "height": 844})
    wide = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    for example_id in (FIRST, LONGER, FAILS, UNENDED, IMPORTED):
        for edit in ("original", "rename_vars"):
            open_example(page, example_id, f"edit={edit}")
            said = all_text(page)
            for wrong in ("[object", "undefined", "NaN", "null"):
                assert wrong not in said, (example_id, edit, wrong)
            assert not page.evaluate(wide)
