"""The explorer in a real browser: as a folder and as one file, from the disk alone."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from browser_pages import Watched, build_made_up
from explorer_study import HOSTILE, LONG
from fimscope.explorer.terms import COLUMNS
from fimscope.report.head import say_size

SECOND = (
    "0000000000000001"  # right in the original, broken by the edit, with a patch of `same_type`
)
THIRD = "0000000000000002"  # of the group `test`, steered
FIRST = "0000000000000000"  # predicts hostile text; of the hostile program


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


@pytest.fixture(params=["explorer/index.html", "explorer.html"])
def opened(request, watched, explorer):
    """The list, in both forms of the explorer."""
    watched.page.goto((explorer / request.param).as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    return watched.page


@pytest.fixture
def page(watched, explorer):
    """The list of the folder."""
    watched.page.goto((explorer / "explorer/index.html").as_uri())
    watched.page.wait_for_selector(".tabulator-row")
    return watched.page


def count(page) -> str:
    return page.locator(".count").inner_text()


def go(page, address: str) -> None:
    page.evaluate("address => { location.hash = address; }", address)


def open_example(page, example_id: str, query: str = "edit=rename_vars") -> None:
    go(page, f"#/example/{example_id}?{query}")
    page.wait_for_selector("#panel-source .code")


def show_panel(page, name: str):
    panel = page.locator(f"#panel-{name}")
    panel.scroll_into_view_if_needed()
    panel.locator(".panel-body > *").first.wait_for()
    return panel


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


def test_an_address_sorts_a_list_that_is_there(page):
    first = page.locator(".tabulator-row a").first
    before = first.get_attribute("href")
    for sort in ("gold_probability:asc", "gold_probability:desc"):
        go(page, f"#/?sort={sort}")
        page.locator(f'.tabulator-col[aria-sort="{sort.split(":")[1]}ending"]').wait_for()
    go(page, "#/")
    page.locator('.tabulator-col[aria-sort*="ending"]').wait_for(state="detached")
    assert first.get_attribute("href") == before


def test_a_filter_by_patch_effect(page):
    page.get_by_label("least patch effect").fill("0.3")
    page.wait_for_function("document.querySelector('.count').textContent.startsWith('60 of')")
    page.get_by_label("most patch effect").fill("0.31")
    page.wait_for_function("!document.querySelector('.count').textContent.startsWith('60 of')")


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
            for panel in page.locator(".panel").all():
                show_panel(page, panel.get_attribute("id").removeprefix("panel-"))
            said = page.locator("article").evaluate(
                """shown => [shown, ...shown.querySelectorAll("[title], [aria-label]")]
                .flatMap(e => [e.textContent, e.title, e.ariaLabel]).join()"""
            )
            for wrong in ("[object", "undefined", "NaN"):
                assert wrong not in said, (example_id, edit, wrong)


def test_steering_on_select_is_a_map_of_one_vector(page):
    open_example(page, SECOND)
    panel = show_panel(page, "steering")
    vector = panel.get_by_label("vector")
    gold = panel.locator("option", has_text="gold type (oracle): ")
    assert gold.count() == 1 and vector.input_value() == "mean_difference"
    vector.select_option("random/001")
    assert panel.locator('[aria-label="cell"] rect').count() == 7 * 3
    assert panel.locator("svg", has_text="✓").locator('[aria-label="text"] text').count() == 7
    page.wait_for_function("location.hash.includes('vector=random%2F001')")


def test_steering_on_test_is_one_plot_of_vectors_at_their_own_points(page):
    open_example(page, THIRD)
    panel = show_panel(page, "steering")
    assert panel.locator("select").count() == 0
    assert panel.locator("h3").all_inner_texts() == ["Steering, each vector at its own points"]
    assert panel.locator('[aria-label="line"] path').count() == 5
    assert "gold type (oracle)" in panel.locator(".legend").text_content()
    assert "without the gold's type" in panel.locator(".legend").text_content()
    ticks = panel.locator('[aria-label="x-axis tick label"] text').all_text_contents()
    assert ticks == ["0.5", "1", "2"]
    dots = panel.locator('[aria-label="dot"] path')
    said = set()
    for dot in dots.all():
        dot.hover(force=True)
        said.add(
            panel.locator('[aria-label="tip"]')
            .text_content()
            .split(", strength")[0]
            .strip("\u200b")
        )
    assert said >= {"random: 000, point 2", "random: 001, points 4 to 5"}


def test_a_variant_that_was_not_asked_says_so(page):
    open_example(page, SECOND, "edit=original")
    said = "patches, patch_positions, components, traces, masking, steering, icl, probes"
    assert page.locator(".absent").all_inner_texts() == [f"Not asked of this variant: {said}."]
    open_example(page, f"{24:016x}")  # of `fit`
    [said] = page.locator(".absent").all_inner_texts()
    assert said == "Not asked of this variant: steering, probes."
    assert "steering" in said
    hover = page.locator(".absent abbr").first.get_attribute("title")
    assert hover.startswith("Vectors that are added to the residual stream")


def test_an_experiment_that_was_not_run_says_so(watched, browser, tmp_path):
    build_made_up(tmp_path, ["masking"], n_examples=3)
    watched.page.goto((tmp_path / "explorer/index.html").as_uri())
    open_example(watched.page, THIRD, "edit=original")
    drawn, run = watched.page.locator(".absent").all_inner_texts()
    assert drawn == "Not asked of this variant: patches, masking."
    said = "patch_positions, components, traces, algorithms, steering, icl, probes"
    assert run == f"Not run in this study: {said}."
    assert watched.page.locator(".why > p").inner_text() == (
        "Not tested: no change, mask or patch with a control was made of this variant."
    )
    assert show_panel(watched.page, "alike").locator(".panel-body").inner_text() == (
        "No other program has a hole of this name."
    )


def rows_of(panel) -> list[list[str]]:
    """The texts of a table, its head first."""
    return panel.locator("tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
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


def test_what_was_planted_stands_beside_its_control(page):
    open_example(page, THIRD)
    panel = show_panel(page, "algorithms")
    head, *changes = rows_of(panel)
    assert head[:4] == ["change for", "planted", "what changes", "answer then"]
    assert head[4:] == ["the answer", "control", "answer then"]
    assert changes == [
        ["nearest", "Map", "any → Map", "Map", "follows", "any → Map", "boolean"],
        ["name", "Date", "any → Date", "Set", "moves", "any → Date", "boolean"],
        ["uses", "–", "any → hidden", "boolean", "stays", "any → hidden", "boolean"],
    ]
    titles = panel.locator("td abbr").evaluate_all("all => all.map(shown => shown.title)")
    assert "copies the nearest annotation" in titles
    assert "the answer becomes the planted type, and does not in the control" in titles


def test_masks_solved_examples_and_probes_are_tables(page):
    open_example(page, THIRD)
    _, *masks = rows_of(show_panel(page, "masking"))
    assert masks == [
        ["comments", "text", "never", "both", "never", "4", "5.0%", "5.0%"],
        ["declaration", "attention_later", "never", "moves", "boolean", "4", "5.0%", "14%"],
    ]
    _, shots = rows_of(show_panel(page, "icl"))
    assert shots == ["same_type", "string, Map", "2", "1 of 2", "50%"]
    panel = show_panel(page, "probes")
    read = [" ".join(row) for row in rows_of(panel)[1:]]
    assert read == [
        "original gold string 0 to 1 Set; 2 to 6 string ✓",
        "original control Map 0 to 6 Set",
        "rename_vars gold string 0 to 1 Set; 2 to 6 string ✓",
        "rename_vars control Map 0 to 6 Set",
    ]
    assert "An example of the group fit has the hole's name." in panel.inner_text()


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


def test_the_tokens_that_carry_the_answer_are_on_the_text(page):
    open_example(page, THIRD)
    panel = show_panel(page, "traces")
    assert "comes the residual of its aligned partner. The target is Date." in panel.inner_text()
    tokens = panel.locator(".token")
    assert "".join(tokens.all_text_contents()) == f"<fim_prefix>f(a\nwidth: {HOSTILE}"
    width = panel.locator(".token", has_text="width")
    assert width.get_attribute("title") == "token 3, hole_name; point 3: effect 0.75, then Date"
    assert tokens.first.get_attribute("title") == "token 0, format; nothing differs there"
    assert "75.0%" in width.get_attribute("style")
    assert rows_of(panel)[1] == ["width", "hole_name", "Date", "3", "0.75"]
    panel.get_by_label("point").select_option("0")
    assert rows_of(panel)[1] == ["width", "hole_name", "unknown", "0", "0.13"]
    panel.get_by_label("condition").select_option("break")
    assert "break: at one token of original at a time" in panel.inner_text()
    page.wait_for_function("location.hash.includes('trace=break')")


def test_parts_and_other_tokens_are_maps_with_their_controls(page):
    open_example(page, THIRD)
    panel = show_panel(page, "components")
    strongest = rows_of(panel)[:2]
    assert strongest == [
        ["strongest parts", "block", "paired", "self", "unrelated"],
        ["head 1", "2", "0.50", "0.05", "0.05"],
    ]
    cells = panel.locator('[aria-label="text"] text')
    assert cells.count() == 6 * 4 and "0.50" in cells.all_text_contents()
    panel.get_by_label("donor").select_option("unrelated")
    assert set(panel.locator('[aria-label="text"] text').all_text_contents()) == {"0.05"}
    panel = show_panel(page, "patch_positions")
    assert "Tokens: hole_name, name." in panel.inner_text()
    labels = panel.locator('[aria-label="y-axis tick label"] text').all_text_contents()
    assert labels == ["hole_name", "name, 3 points"]
    assert panel.locator('[aria-label="cell"] rect').count() == 2 * 7


def test_the_foil_stands_beside_the_gold(page):
    open_example(page, THIRD)
    lens = show_panel(page, "lens").locator(".split + figure")
    assert lens.locator("h3").inner_text() == "Probability of gold and foil over points"
    assert "Foil: boolean, the wrong answer" in lens.locator("figcaption").inner_text()
    legend = lens.locator(".legend text").all_text_contents()
    assert legend == ["original", "rename_vars", "foil, original", "foil, rename_vars"]
    panel = show_panel(page, "patches")
    panel.get_by_label("measure").select_option("of_both")
    assert panel.locator(".legend text").all_text_contents() == ["target", "foil"]
    panel.locator('[aria-label="dot"] path').last.hover(force=True)
    said = panel.locator('[aria-label="tip"]').text_content()
    assert "paired, point 6" in said
    assert "log-probability of target: -0.50" in said and "of foil: -3.00" in said


def test_what_each_block_brings_stands_as_bars_that_add_up(page):
    open_example(page, THIRD)
    panel = show_panel(page, "direct_logits")
    titles = panel.locator("h3").all_inner_texts()
    assert titles == ["Gold less foil, original", "Gold less foil, rename_vars"]
    plot = panel.locator("svg").first
    assert plot.locator('[aria-label="bar"] rect').count() == 8
    ticks = plot.locator('[aria-label="x-axis tick label"] text').all_text_contents()
    assert ticks == ["emb.", "0", "1", "2", "3", "4", "5", "bias"]
    assert panel.locator("figcaption").first.inner_text() == (
        "The logit of the gold less that of the foil, which begins with x: 1.38. Most for the "
        "gold: block 2, 1.50. Most for the foil: block 4, -0.50."
    )
    plot.locator('[aria-label="bar"] rect').nth(3).hover()
    assert "block 2: 1.500" in plot.locator('[aria-label="tip"]').text_content()
    open_example(page, FIRST)  # what the edit mends has no foil then
    assert show_panel(page, "direct_logits").locator("h3").all_inner_texts() == titles[:1]


def test_holes_like_this_one_lead_to_their_answers(page):
    open_example(page, THIRD)
    panel = show_panel(page, "alike")
    head, *rows = rows_of(panel)
    assert head == ["hole", "why", "gold", "answer", "outcome", "variant", "cosine"]
    assert len(rows) == 6
    link = panel.locator("a").first
    address = link.get_attribute("href")
    link.click()
    page.wait_for_function("address => location.hash === address", arg=address)


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


def test_both_texts_are_whole_with_the_hole_and_the_renames_marked(page):
    open_example(page, SECOND)
    left, right = (pane.locator("code").inner_text() for pane in page.locator(".pane").all())
    assert page.locator(".pane .hole").all_inner_texts() == ["object", "object"]
    assert len(left.splitlines()) == len(right.splitlines())
    pairs = page.locator('[data-side="after"] .changed').evaluate_all(
        "all => all.map(shown => [shown.textContent, ...JSON.parse(shown.dataset.pair)])"
    )
    assert pairs and all(shown == new for shown, _, new in pairs)
    for _, old, new in pairs:
        assert old in left and new in right
    chip = page.locator(".chip").first
    chip.focus()
    assert page.locator(".changed.lit").count() >= 2


def test_the_lens_shows_the_top_ten_of_the_cell_under_the_pointer(page):
    open_example(page, SECOND)
    panel = show_panel(page, "lens")
    cell = panel.locator('[data-cell="original/last/3"]')
    cell.hover()
    page.wait_for_function(
        "document.querySelector('.top h3').textContent.includes('point 3, last, original')"
    )
    assert panel.locator('.top [aria-label="y-axis tick label"] text').count() == 10
    rank = panel.locator(".top figcaption").inner_text()
    assert panel.locator(".top figcaption > code").count() == 1  # a type, no word
    assert re.fullmatch(r"Gold \S+: rank \d+ among all tokens\.", rank)
    cell.click()
    page.wait_for_function("location.hash.includes('cell=original%2Flast%2F3')")
    panel.locator("figure").first.focus()
    page.keyboard.press("ArrowUp")
    page.wait_for_function("document.querySelector('.top h3').textContent.includes('point 4')")


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


def test_attention_falls_on_the_tokens_of_the_prompt(page):
    open_example(page, SECOND)
    panel = show_panel(page, "prompt")
    panel.get_by_label("head").select_option("1")
    first = panel.locator('[data-token="0"]')
    assert float(first.get_attribute("title").split(", ")[-1].rstrip("%")) > 20
    assert first.evaluate("shown => shown.style.backgroundColor") != ""


def test_a_share_of_a_region_is_said_as_it_is(page):
    open_example(page, SECOND)
    panel = show_panel(page, "prompt")
    panel.get_by_label("map").select_option("comment")
    panel.locator('[aria-label="cell"] rect').first.hover()
    assert "0.0% on comment" in panel.locator('[aria-label="tip"]').text_content()


def test_every_header_of_the_list_says_what_its_column_is(page):
    page.set_viewport_size({"width": 1700, "height": 900})
    page.locator('.tabulator-col[tabulator-field="path"]').wait_for()  # the last that finds room
    headers = page.locator(".tabulator-col").all()
    fields = [header.get_attribute("tabulator-field") for header in headers]
    assert set(fields) == set(COLUMNS)
    for header, field in zip(headers, fields, strict=True):
        header.hover()
        page.locator(".tabulator-tooltip", has_text=COLUMNS[field]).wait_for()


def test_the_links_to_the_panels_wrap_or_the_row_goes_on(page):
    sizes = "row => [row.scrollWidth, row.clientWidth, row.children[0].offsetHeight]"
    open_example(page, THIRD)
    ways = page.locator(".ways")
    needed, room, _ = ways.evaluate(sizes)
    assert ways.locator("a").count() == 16 and needed <= room
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


def test_patch_curves_have_their_controls_and_their_donor(page):
    open_example(page, FIRST)
    panel = show_panel(page, "patches")
    legend = panel.locator(".legend").first.text_content()
    for kind in ("paired", "self", "unrelated", "random_position"):
        assert kind in legend
    assert panel.locator("figure h3").all_inner_texts() == ["restore", "same_type"]
    own, other = panel.locator("a").all()
    assert other.get_attribute("href") == f"#/example/{SECOND}"
    assert own.inner_text() == "this example's own original"
    own.click()
    page.wait_for_function(f"location.hash === '#/example/{FIRST}?edit=original'")


def test_a_plot_is_saved_as_svg_with_plain_colours(page):
    open_example(page, SECOND)
    panel = show_panel(page, "predictions")
    panel.locator("svg").first.wait_for()
    with page.expect_download() as waiting:
        panel.get_by_text("SVG", exact=True).first.click()
    text = waiting.value.path().read_text(encoding="utf-8")
    assert waiting.value.suggested_filename == "first-token-original.svg"
    assert text.startswith("<svg") and "number" in text
    assert "var(--" not in text.split("</style>")[-1]


CUT = """() => [...document.querySelectorAll(".plot svg text")].filter(text => {
  const [own, all] = [text, text.closest("svg")].map(shown => shown.getBoundingClientRect());
  return own.left < all.left - 1 || own.right > all.right + 1;
}).map(text => text.textContent)"""


def test_no_label_of_a_plot_is_cut(page):
    page.set_viewport_size({"width": 390, "height": 844})
    open_example(page, SECOND)
    for panel in page.locator(".panel").all():
        show_panel(page, panel.get_attribute("id").removeprefix("panel-"))
    assert LONG[:8] in page.locator("#panel-predictions svg").first.text_content()
    assert page.evaluate(CUT) == []
    page.set_viewport_size({"width": 264, "height": 844})  # the lens of two variants is stacked
    page.wait_for_function("document.querySelector('#panel-lens svg').clientWidth < 264")
    assert "rename_vars" not in page.evaluate(CUT)


def test_the_lens_of_one_variant_is_drawn_however_narrow(page):
    page.set_viewport_size({"width": 220, "height": 844})
    open_example(page, THIRD, "edit=original")
    panel = show_panel(page, "lens")
    panel.locator('[data-cell="original/last_linear/0"]').wait_for()
    assert panel.locator("svg").first.bounding_box()["width"] < 206


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


def test_an_address_without_an_example_says_so(page):
    go(page, "#/example/none")
    page.get_by_text("There is no example none here.").wait_for()
