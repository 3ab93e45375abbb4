"""The explorer in a real browser, as a folder and as one file: its list, its pages, its ways."""

import pytest

from browser_pages import (
    FIRST,
    FOURTH,
    SECOND,
    THIRD,
    Watched,
    all_text,
    build_made_up,
    go,
    open_example,
    show_panel,
)
from explorer_study import HOSTILE
from fimscope.explorer.terms import ABSENT, COLUMNS, OUTCOMES, PAGE_WORDS
from fimscope.report.glossary import CONDITIONS
from fimscope.report.head import say_size


@pytest.fixture(params=["explorer/index.html", "explorer.html"])
def opened(request, watched, explorer):
    """The list, in both forms of the explorer."""
    watched.page.goto((explorer / request.param).as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    return watched.page


def count(page) -> str:
    return page.locator(".count").inner_text()


def test_the_list_loads_filters_and_an_example_opens(opened):
    assert count(opened) == "240 of 240 variants, of 120 examples"
    assert "made-up (study small)" in opened.locator("h1").inner_text()
    assert opened.locator(".banner").all_inner_texts() == [say_size(2).replace("`", "")]
    opened.get_by_label("outcome").select_option("broken")
    opened.wait_for_function("document.querySelector('.count').textContent.startsWith('60 of')")
    assert set(opened.locator(".tabulator-row .badge").all_inner_texts()) == {"↯ broken"}
    opened.locator(".tabulator-row a").first.click()
    opened.wait_for_selector("#panel-source .code")
    assert opened.locator(".pane").count() == 2


def test_search_sort_and_the_address_reopen_a_view(page, watched):
    page.keyboard.press("/")
    page.keyboard.type("label")
    page.wait_for_function("!document.querySelector('.count').textContent.startsWith('240')")
    names = set(page.locator(".tabulator-row a").all_inner_texts())
    assert names <= {"label", "zu2"} and "label" in names
    page.locator(".tabulator-col", has_text="p(gold)").click()
    page.wait_for_function("location.hash.includes('sort=gold_probability')")
    said, address = count(page), page.url
    again = watched.context.new_page()
    again.goto(address)
    again.wait_for_selector(".tabulator-row")
    again.wait_for_function("!document.querySelector('.count').textContent.startsWith('240')")
    assert count(again) == said
    assert again.locator("#search").input_value() == "label"
    shares = [
        float(s.rstrip("%"))
        for s in again.locator(
            '[tabulator-field="gold_probability"].tabulator-cell'
        ).all_inner_texts()
    ]
    assert shares == sorted(shares)


def test_one_is_counted_as_one(page):
    go(page, f"#/?q={SECOND}")
    page.wait_for_function("!document.querySelector('.count').textContent.startsWith('240')")
    assert count(page) == "2 of 240 variants, of 1 example"


def test_the_list_opens_with_what_is_broken_and_says_its_order(page):
    _, _, order, scope = page.locator(".above-table p").all()
    assert scope.inner_text().startswith("Listed are holes with golds of one token (prompt.golds)")
    opening = "broken variants first, those with patches before the others"
    assert order.inner_text().startswith(f"Order: {opening}; then as in the tables.")
    seen = page.locator(".tabulator-row .badge").all_inner_texts()
    assert set(seen[:20]) == {"↯ broken"}
    effects = page.locator('[tabulator-field="effect"].tabulator-cell').all_inner_texts()
    assert all(effects[:20])
    header = page.locator(".tabulator-col", has_text="p(gold)")
    for said in ("p(gold), rising", "p(gold), falling", opening):
        header.click()
        page.wait_for_function(
            "said => document.querySelector('.above-table').innerText.includes(`Order: ${said}`)",
            arg=said,
        )
    assert page.locator(".tabulator-row .badge").all_inner_texts()[:20] == seen[:20]


def test_an_address_sorts_a_list_that_is_there(page):
    first = page.locator(".tabulator-row a").first
    before = first.get_attribute("href")
    for sort in ("gold_probability:asc", "gold_probability:desc"):
        go(page, f"#/?sort={sort}")
        page.locator(f'.tabulator-col[aria-sort="{sort.split(":")[1]}ending"]').wait_for()
    go(page, "#/")
    page.locator('.tabulator-col[aria-sort*="ending"]').wait_for(state="detached")
    assert first.get_attribute("href") == before


def test_a_row_opens_wherever_it_is_clicked(page):
    page.locator(".tabulator-row").first.wait_for()
    at_edges = """() => [...document.querySelectorAll(".tabulator-row:first-child .tabulator-cell")]
        .map((cell) => cell.getBoundingClientRect())
        .filter((box) => box.width)
        .map((box) => document.elementFromPoint(box.right - 1, box.y + box.height / 2))
        .map((found) => found.closest(".tabulator-cell") !== null)"""
    found = page.evaluate(at_edges)
    assert len(found) > 5
    assert all(found)


def test_a_filter_by_patch_effect(page):
    page.get_by_label("least patch effect").fill("0.3")
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('60 of')")
    page.get_by_label("most patch effect").fill("0.31")
    page.wait_for_function("!document.querySelector('.count').textContent.startsWith('60 of')")


def test_the_effects_say_of_which_condition_they_are(page):
    title = page.locator('.tabulator-col[tabulator-field="effect"] .tabulator-col-title')
    assert title.inner_text() == "effect\nrestore"
    page.locator("label", has_text="patch effect").locator("select").select_option("same_type")
    assert title.inner_text() == "effect\nsame_type"


def test_only_the_rows_that_are_seen_are_drawn(page):
    assert page.locator(".tabulator-row").count() < 100
    page.locator(".tabulator-row a").first.click()
    page.wait_for_selector("#panel-source .code")
    assert page.locator(".tabulator-row").count() < 100  # the hidden list does not unfold
    page.keyboard.press("Escape")
    page.locator(".filter-fold summary").click()
    page.wait_for_function("document.querySelectorAll('.tabulator-row').length < 100")


def test_the_keyboard_goes_through_list_and_examples(page):
    for _ in range(3):
        page.keyboard.press("ArrowDown")
    page.wait_for_selector(".tabulator-row.current")
    name = page.locator(".tabulator-row.current a").get_attribute("href")
    page.keyboard.press("Enter")
    page.wait_for_selector("#panel-source .code")
    assert page.evaluate("location.hash") == name
    page.keyboard.press("ArrowRight")
    page.wait_for_function("name => location.hash !== name", arg=name)
    page.wait_for_selector("#panel-source .code")
    page.keyboard.press("Escape")
    page.wait_for_selector(".tabulator-row.current")
    assert page.locator(".tabulator-row.current a").get_attribute("href") != name


def test_the_arrow_keys_move_a_wide_source_that_has_the_focus(page):
    open_example(page, FIRST)
    source = page.locator(".pane pre").first
    assert source.evaluate("code => code.scrollWidth > code.clientWidth")
    source.evaluate("code => { code.scrollLeft = 0; }")
    address = page.url
    source.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("() => document.querySelector('.pane pre').scrollLeft > 0")
    assert page.url == address
    page.locator("h2").first.focus()
    page.keyboard.press("ArrowRight")
    page.wait_for_function("address => location.href !== address", arg=address)


def test_the_sheet_of_keys_says_them(page):
    page.keyboard.press("?")
    said = page.locator("dialog").inner_text()
    assert "open the example" in said and "[object" not in said
    assert "the first nine panels" in said  # no key says 10


def test_right_and_wrong_are_counted_as_in_the_report(page):
    options = page.get_by_label("outcome").locator("option").all_inner_texts()
    counts = dict(option.rstrip(")").split(" (") for option in options[1:])
    assert counts == {"right": "130", "wrong": "110", "broken": "60", "mended": "10"}
    page.get_by_label("outcome").select_option("right")
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('130 of')")
    assert set(page.locator(".tabulator-row .badge").all_inner_texts()) == {"✓ right", "↺ mended"}


def test_no_panel_shows_what_is_no_text(page):
    for example_id in (FIRST, SECOND, THIRD):
        for edit in ("original", "rename_vars"):
            open_example(page, example_id, f"edit={edit}")
            said = all_text(page)
            for wrong in ("[object", "undefined", "NaN"):
                assert wrong not in said, (example_id, edit, wrong)


def absent(page) -> list[str]:
    """What is said of panels that are missing, without the reasons."""
    lines = page.locator(".absent > summary, p.absent")
    return lines.all_inner_texts()


def test_a_variant_that_was_not_asked_says_so_and_why(page):
    open_example(page, SECOND, "edit=original")
    said = "patches, whole_patches, patch_positions, components, traces, masking, steering, icl"
    said += ", probes, linear_lens"
    assert absent(page) == [f"Not asked of this variant: {said}. Why?"]
    reasons = page.locator(".absent dl")
    assert not reasons.is_visible()
    page.locator(".absent summary").click(position={"x": 3, "y": 3})
    told = zip(*(reasons.locator(name).all_inner_texts() for name in ("dt", "dd")), strict=True)
    assert dict(told) == {name: ABSENT[name] for name in said.split(", ")}
    open_example(page, f"{24:016x}")  # of `fit`
    [said] = absent(page)
    assert said == "Not asked of this variant: steering, probes, linear_lens. Why?"
    hover = page.locator(".absent abbr").first.get_attribute("title")
    assert hover.startswith("Vectors that are added to the residual stream")


def test_an_experiment_that_was_not_run_says_so(watched, browser, tmp_path):
    build_made_up(tmp_path, ["masking"], n_examples=3)
    watched.page.goto((tmp_path / "explorer/index.html").as_uri())
    open_example(watched.page, THIRD, "edit=original")
    drawn, run = absent(watched.page)
    assert drawn == "Not asked of this variant: patches, masking. Why?"
    said = "whole_types, whole_patches, patch_positions, components, traces, algorithms, steering"
    said += ", icl, probes, linear_lens"
    assert run == f"Not run in this study: {said}."
    assert watched.page.locator(".why > p").inner_text() == (
        "Not tested: no change, mask or patch with a control was made of this variant."
    )
    assert show_panel(watched.page, "alike").locator(".panel-body").inner_text() == (
        "None: of the 3 holes of this explorer, none of the same kind in another program has this "
        "name. The study has cached no residuals: holes are compared by name alone."
    )


def test_an_example_says_why_it_is_answered_so(page):
    open_example(page, THIRD)
    card = page.locator(".why")
    assert card.locator("h3").inner_text() == "Why boolean?"
    assert card.locator("> p").inner_text() == (
        "It follows the nearest annotation: with Map planted there it says so, in the control it "
        "does not; it hangs on the hole's name: changed or hidden, the answer is Set, and in the "
        "control it stays; with the name where it is declared hidden from all "
        "later tokens it says never; the original's residual brings back string from point 3 of 6 "
        "on, the controls there in 0 of 6 patches."
    )
    assert "a place in the residual stream" in card.locator(
        "abbr", has_text="point 3"
    ).get_attribute("title")
    card.locator("summary").click()
    assert "An intervention counts only beside its control." in card.inner_text()
    open_example(page, THIRD, "edit=original")
    assert "the original's residual" not in card.inner_text()  # of the other variant


def test_a_completion_that_was_cut_is_marked(page):
    open_example(page, FIRST, "edit=original")
    cut = page.locator(".card .cut")
    assert cut.inner_text() == "…" and cut.get_attribute("title") == (
        "cut: the model was asked for 12 tokens at most"
    )
    open_example(page, FOURTH, "edit=original")
    assert page.locator(".card .cut").count() == 0


def test_words_are_explained_where_they_stand_first(page):
    open_example(page, THIRD)
    said = show_panel(page, "samples").locator(".about")
    marked = said.locator("abbr").evaluate_all("all => all.map(e => [e.textContent, e.title])")
    words = {"Completions": "completion", "greedily": "greedy", "compiler": "compiler"}
    words |= {"verdicts": "verdict", "pass@k": "pass_at_k"}
    assert dict(marked) == {word: PAGE_WORDS[name].meaning for word, name in words.items()}
    about = page.locator("#panel-lens .about")
    assert about.locator("abbr", has_text="point").count() == 1  # of four


def test_a_tab_names_its_example_and_paper_has_all_panels(page):
    title = page.title()
    open_example(page, THIRD)
    assert page.title() == f"label, rename_vars · {title}"
    assert page.locator("#panel-prompt .panel-body > *").count() == 0
    page.evaluate("dispatchEvent(new Event('beforeprint'))")
    for panel in page.locator(".panel").all():
        assert panel.locator(".panel-body > *").count() == 1
    empty = "all => all.filter(plot => !plot.querySelector('svg')).length"
    assert page.locator(".plot").count() == 12
    assert page.locator(".plot").evaluate_all(empty) == 0
    go(page, "#/")
    page.wait_for_function("title => document.title === title", arg=title)


def test_hostile_text_is_shown_and_not_run(page):
    assert HOSTILE.startswith("</script><script>")
    open_example(page, FIRST)
    page.wait_for_selector(".card")
    assert HOSTILE in page.locator(".pane").first.inner_text()
    assert "</script>" in page.locator(".card").first.inner_text()
    for name in ("predictions", "lens", "patches", "samples", "prompt"):
        show_panel(page, name)
    assert page.evaluate("window.owned") is None
    assert page.locator("#explorer img, #explorer script").count() == 0


def test_the_policy_lets_nothing_run_and_nothing_out(watched, explorer, page):
    outcome = page.evaluate(
        """async () => {
          const script = document.createElement("script");
          script.textContent = "window.owned = 1";
          document.body.append(script);
          const left = await fetch("https://example.invalid/").then(() => "left", () => "kept");
          return [window.owned ?? null, left];
        }"""
    )
    assert outcome == [None, "kept"]
    assert any("Content Security Policy" in error for error in watched.errors)
    watched.errors.clear()
    watched.requests[:] = [
        u for u in watched.requests if not u.startswith("https://example.invalid")
    ]


def test_a_link_reopens_a_cell_and_a_head(page):
    open_example(page, SECOND, "edit=rename_vars&cell=original/hole_name/2&block=1&head=0&token=4")
    show_panel(page, "lens")
    assert "point 2, hole_name, original" in page.locator(".top h3").inner_text()
    panel = show_panel(page, "prompt")
    assert panel.get_by_label("block").input_value() == "1"
    assert panel.get_by_label("head").input_value() == "0"
    assert panel.locator(".token.marked").get_attribute("data-token") == "4"


def test_a_link_opens_the_page_at_a_panel(page):
    for panel in ("prompt", "lens"):
        go(page, f"#/example/{SECOND}?edit=rename_vars&panel={panel}")
        page.wait_for_function(
            """name => document.querySelector(`#panel-${name} svg`) && scrollY > 0
            && document.querySelector(`#panel-${name} h2`).getBoundingClientRect().top < 800""",
            arg=panel,
        )
    page.keyboard.press("2")
    page.wait_for_function("location.hash.includes('panel=predictions')")


UNEXPLAINED = """(shown, names) => [...shown.querySelectorAll(names)]
    .filter(head => head.offsetWidth && !head.querySelector("abbr[title]")?.title.trim())
    .map(head => head.textContent)"""


@pytest.mark.parametrize("width", [1700, 390])
def test_every_header_of_the_list_says_what_its_column_is(page, width):
    page.set_viewport_size({"width": width, "height": 900})
    page.reload()
    page.wait_for_selector(".tabulator-row")
    shown = page.locator(".tabulator")
    assert shown.evaluate(UNEXPLAINED, ".tabulator-col") == []
    titles = shown.locator(".tabulator-col abbr")
    assert set(titles.evaluate_all("all => all.map(shown => shown.title)")) >= {
        meaning for field, meaning in COLUMNS.items() if field != "effect"
    }
    assert shown.locator(".tabulator-col").count() == len(COLUMNS)


def test_every_filter_and_outcome_says_what_it_is(page):
    assert page.locator(".filters").evaluate(UNEXPLAINED, ".field > span") == []
    badges = page.locator(".tabulator-row .badge")
    told = badges.evaluate_all("all => all.map(shown => [shown.className, shown.title])")
    assert told and all(
        title == f"{name}: {OUTCOMES[name]}" for name, title in ((c.split()[1], t) for c, t in told)
    )


def test_the_header_of_the_effects_says_what_its_condition_is(page):
    title = page.locator('.tabulator-col[tabulator-field="effect"] abbr')
    for condition in ("restore", "same_type"):
        choice = page.locator("label", has_text="patch effect").locator("select")
        choice.select_option(condition)
        said = f"{COLUMNS['effect']}. {condition}: {CONDITIONS[condition]}"
        assert title.get_attribute("title") == said


def test_every_header_and_choice_of_an_example_is_explained(page):
    for example_id in (FIRST, SECOND, THIRD):
        for edit in ("original", "rename_vars"):
            open_example(page, example_id, f"edit={edit}")
            for panel in page.locator(".panel").all():
                name = panel.get_attribute("id").removeprefix("panel-")
                assert show_panel(page, name).evaluate(UNEXPLAINED, "th") == [], name
            assert page.locator("article").evaluate(UNEXPLAINED, ".field > span") == []


def test_the_links_to_the_panels_wrap_or_the_row_goes_on(page):
    sizes = "row => [row.scrollWidth, row.clientWidth, row.children[0].offsetHeight]"
    open_example(page, THIRD)
    ways = page.locator(".ways")
    needed, room, _ = ways.evaluate(sizes)
    assert ways.locator("a").count() == 17 and needed <= room
    ways.get_by_text("Masking", exact=True).click()
    page.wait_for_function(
        """() => {
          const [bar, title] = [".top-bar", "#panel-masking h2"].map(
            name => document.querySelector(name).getBoundingClientRect());
          return bar.bottom <= title.top && title.top < bar.bottom + 40;
        }"""
    )
    page.set_viewport_size({"width": 390, "height": 844})
    needed, room, line = ways.evaluate(sizes)
    assert needed > room and ways.bounding_box()["height"] < 2 * line


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1280, 390])
def test_no_page_is_wider_than_the_screen(browser, explorer, width, scheme):
    watched = Watched(browser, viewport={"width": width, "height": 844}, color_scheme=scheme)
    watched.page.goto((explorer / "explorer/index.html").as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    for example_id in (None, FIRST, SECOND, THIRD):
        if example_id:
            open_example(watched.page, example_id)
            for panel in watched.page.locator(".panel").all():
                show_panel(watched.page, panel.get_attribute("id").removeprefix("panel-"))
        assert watched.page.evaluate("document.documentElement.scrollWidth") <= width
    paper = watched.page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (paper == "rgb(255, 255, 255)") == (scheme == "light")
    watched.check()
    watched.context.close()


def test_the_theme_button_overrules_the_system(page):
    paper = "getComputedStyle(document.body).backgroundColor"
    before = page.evaluate(paper)
    button = page.get_by_role("button", name="Colours")
    button.click()
    button.click()
    assert page.evaluate(paper) != before


@pytest.mark.parametrize("name", ["none", "%zz"])
def test_an_address_without_an_example_says_so(page, name):
    title = page.title()
    open_example(page, THIRD)
    go(page, f"#/example/{name}")
    page.get_by_text(f"There is no example {name} here.").wait_for()
    assert page.title() == title
    for key in ("2", "ArrowRight", "ArrowDown"):  # of an example, and of the list
        page.keyboard.press(key)
    assert page.evaluate("location.hash") == f"#/example/{name}"
    page.keyboard.press("Escape")
    page.wait_for_selector(".tabulator-row")


def test_an_example_that_a_link_opened_leads_back_to_its_row(watched, explorer):
    page = watched.page
    page.goto(f"{(explorer / 'explorer/index.html').as_uri()}#/example/{FOURTH}?edit=original")
    page.wait_for_selector("#panel-source .code")
    page.keyboard.press("Escape")
    page.wait_for_selector(".tabulator-row.current")
    address = page.locator(".tabulator-row.current a").get_attribute("href")
    assert address == f"#/example/{FOURTH}?edit=original"
    assert page.evaluate("document.activeElement.ariaLabel") == "Variants"


def test_an_address_with_names_that_are_not_there_shows_what_is(watched, explorer):
    page = watched.page
    page.goto(f"{(explorer / 'explorer/index.html').as_uri()}#/?condition=none&sort=none:asc")
    page.wait_for_selector(".tabulator-row")
    title = page.locator('.tabulator-col[tabulator-field="effect"] .tabulator-col-title')
    assert title.inner_text() == "effect\nrestore"
    assert page.get_by_label("patch effect").first.input_value() == "restore"
    assert set(page.locator(".tabulator-row .badge").all_inner_texts()) == {"↯ broken"}
