"""What the panels of an example show in a real browser."""

import re

from browser_pages import FIRST, FOURTH, SECOND, THIRD, open_example, show_panel
from explorer_study import HOSTILE, LEFT_OUT, LONG, TOO_CLOSE


def rows_of(panel) -> list[list[str]]:
    """The texts of a table, its head first."""
    return panel.locator("tr").evaluate_all(
        "rows => rows.map(row => [...row.children].map(cell => cell.textContent))"
    )


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


def test_every_vector_says_what_it_is(page):
    for example_id in (SECOND, THIRD):
        open_example(page, example_id)
        [line] = show_panel(page, "steering").locator("p", has_text="Vectors: ").all()
        names = line.inner_text().removeprefix("Vectors: ").rstrip(".").split(", ")
        told = line.locator("abbr").evaluate_all("all => all.map(e => [e.textContent, e.title])")
        assert [name for name, _ in told] == names and all(title for _, title in told)
        assert names[0] == "mean difference"


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


def test_what_was_planted_stands_beside_its_control(page):
    open_example(page, THIRD)
    panel = show_panel(page, "algorithms")
    head, *changes = rows_of(panel)
    assert head[:4] == ["change for", "planted", "what changes", "answer then"]
    assert head[4:] == ["the answer", "control", "control: answer"]
    assert changes == [
        ["nearest", "Map", "any → Map", "Map", "follows", "any → Map", "boolean"],
        ["name", "Date", "any → Date", "Set", "moves", "any → Date", "boolean"],
        ["uses", "–", "any → hidden", "boolean", "stays", "any → hidden", "boolean"],
    ]
    titles = panel.locator("td abbr").evaluate_all("all => all.map(shown => shown.title)")
    assert "copies the nearest annotation" in titles
    assert "the answer becomes the planted type, and does not in the control" in titles


def test_samples_are_told_by_verdict_and_type(page):
    open_example(page, SECOND)
    counts, types = show_panel(page, "samples").locator("table").all()
    _, first, *_ = rows_of(counts)
    assert first == [
        *("original", "25 of 100", "25%", "80%", "100%"),
        *("20", "5", "30", "10", "45", "4", "6"),
    ]
    told = [row[1:] for row in rows_of(types) if row[0] == "original"]
    assert "pass@100" in rows_of(counts)[0]
    # What never ends spells no type.
    assert [row[-1] for row in told] == [f"{n} of 100" for n in (41, 20, 20, 10, 5)]
    assert told[2] == ["</code><b>Checks</b>", "checks", "", "20 of 100"]
    assert told[3] == ["any", "checks, any", "", "10 of 100"]
    assert told[4][1:3] == ["equivalent", "✓"]


def test_samples_that_are_too_few_have_no_pass_of_more(page):
    open_example(page, FOURTH)
    head, *_ = rows_of(show_panel(page, "samples").locator("table").first)
    assert head[2:5] == ["pass@1", "pass@10", "same"]


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
    assert (
        "original: an example of the group fit has the hole's name. "
        "rename_vars: no example of the group fit has the hole's name."
    ) in panel.inner_text()


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
    assert rows_of(panel)[1:] == [["width", "hole_name", "Date", "3", "0.75"]]
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
    heads = panel.locator('[aria-label="x-axis tick label"] text').all_text_contents()
    assert heads == ["attn", "MLP", "head0", "head1"]  # of two lines
    cells = panel.locator('[aria-label="text"] text')
    assert cells.count() == 6 * 4 and "0.50" in cells.all_text_contents()
    panel.get_by_label("donor").select_option("unrelated")
    assert set(panel.locator('[aria-label="text"] text').all_text_contents()) == {"0.05"}
    assert panel.locator(".scale text").all_text_contents() == ["effect: 0", "0.50"]
    panel = show_panel(page, "patch_positions")
    assert "Tokens: hole_name, name." in panel.inner_text()
    cells = panel.locator('[aria-label="text"] text').all_text_contents()
    least, most = min(map(float, cells)), max(map(float, cells))
    assert panel.locator(".scale text").all_text_contents() == [
        f"effect: 0{' or less' if least < 0 else ''}",
        f"1.00{' or more' if most > 1 else ''}",
    ]
    assert least < 0 or most > 1
    labels = panel.locator('[aria-label="y-axis tick label"] text').all_text_contents()
    assert labels == ["hole_name", "name, 3 points"]
    assert panel.locator('[aria-label="cell"] rect').count() == 2 * 7


def test_a_map_without_effects_says_why(page):
    open_example(page, TOO_CLOSE)
    for name in ("patch_positions", "components"):
        panel = show_panel(page, name)
        panel.locator("svg", has_text="No value: donor and recipient are too close.").wait_for()
        assert panel.locator("table").count() == 0


def test_the_foil_stands_beside_the_gold(page):
    open_example(page, THIRD)
    lens = show_panel(page, "lens").locator(".split + figure")
    assert lens.locator("h3").inner_text() == "Probability of gold and foil over points"
    said = lens.locator("figcaption").inner_text()
    assert "Foil: ␣boolean, with which the wrong answer of rename_vars begins; it" in said
    legend = lens.locator(".legend text").all_text_contents()
    assert legend == ["original", "rename_vars", "foil, original", "foil, rename_vars"]
    panel = show_panel(page, "patches")
    panel.get_by_label("measure").select_option("of_both")
    assert panel.locator(".legend text").all_text_contents() == ["target", "foil"]
    panel.locator('[aria-label="dot"] path').last.hover(force=True)
    said = panel.locator('[aria-label="tip"]').text_content()
    assert "paired, point 6" in said
    assert "log-probability of target: -0.50" in said and "of foil: -3.00" in said


def test_a_token_with_a_space_is_another_than_one_without(page):
    open_example(page, SECOND)
    for chart in show_panel(page, "predictions").locator("svg").all():
        tokens = chart.locator('[aria-label="y-axis tick label"] text').all_text_contents()
        fills = chart.locator('[aria-label="bar"] rect').evaluate_all(
            "all => all.map(bar => bar.getAttribute('fill'))"
        )
        shown = dict(zip(tokens, fills, strict=True))
        assert shown["␣object"] == "var(--gold)" and shown["object"] == "var(--bar)"
        assert [fills.count(f"var(--{name})") for name in ("gold", "bar")] == [
            1,
            8 if "var(--foil)" in fills else 9,
        ]
    assert fills[0] == "var(--foil)"


def test_the_original_by_itself_has_the_foil_of_what_breaks_it(page):
    open_example(page, SECOND, "edit=original")
    lens = show_panel(page, "lens").locator(".split + figure")
    assert "the wrong answer of rename_vars" in lens.locator("figcaption").inner_text()
    assert "foil, original" in lens.locator(".legend").text_content()
    open_example(page, FOURTH, "edit=original")  # right before and after
    lens = show_panel(page, "lens").locator(".split + figure")
    assert "No foil: every answer is the gold." in lens.locator("figcaption").inner_text()
    assert page.locator("#panel-direct_logits").count() == 0


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
    rows = [
        row.inner_text().split("\t") for row in panel.locator("table").first.locator("tr").all()
    ]
    assert rows[1:4] == [
        ["block 2, head 0", "1.00"],
        ["block 4, head 1", "-0.75"],
        ["block 2, head 1", "0.25"],
    ]
    assert rows[9:] == [
        ["the other 4 heads", "0.00"],
        ["biases of attention", "0.13"],
        ["MLPs", "0.38"],
        ["embeddings", "0.25"],
        ["biases behind all blocks", "0.13"],
        ["all together", "1.38"],
    ]
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
    open_example(page, FOURTH)
    said = show_panel(page, "patches").locator("p", has_text="donor: ").inner_text()
    left_out = f"donor: {LEFT_OUT}, which this explorer leaves out; recipient: this rename_vars"
    assert said == left_out


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


def test_stacked_lenses_have_each_a_title_columns_and_texts_within_their_cells(page):
    page.set_viewport_size({"width": 240, "height": 844})
    open_example(page, THIRD)
    plot = show_panel(page, "lens").locator("svg").first
    columns = plot.locator('[aria-label="x-axis tick label"] text')
    columns.first.wait_for()
    # A line for each word.
    assert columns.all_text_contents() == 2 * ["holename", "last", "lastlinear"]
    box = "all => all.map(shown => shown.getBoundingClientRect()).map(b => [b.y, b.width])"
    titles, texts = plot.locator('[aria-label="text"]').all()
    assert titles.locator("text").all_text_contents() == ["original", "rename_vars"]
    assert titles.locator("[transform*=rotate]").count() == 0
    [(first, _), (second, _)] = titles.locator("text").evaluate_all(box)
    cells = plot.locator('[aria-label="cell"] rect').evaluate_all(box)
    half = len(cells) // 2
    assert first < min(y for y, _ in cells[:half]) and max(y for y, _ in cells[:half]) < second
    assert second < min(y for y, _ in cells[half:])
    widest = max(width for _, width in texts.locator("text").evaluate_all(box))
    assert 0 < widest <= cells[0][1]


def test_the_lens_of_one_variant_is_drawn_however_narrow(page):
    page.set_viewport_size({"width": 220, "height": 844})
    open_example(page, THIRD, "edit=original")
    panel = show_panel(page, "lens")
    panel.locator('[data-cell="original/last_linear/0"]').wait_for()
    assert panel.locator("svg").first.bounding_box()["width"] < 206
