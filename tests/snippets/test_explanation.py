"""What an explanation shows is what plain forwards of the model say."""

import re
import sys
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO
from pathlib import Path

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer, GPT2Config, GPT2LMHeadModel

import explain
import fimscope
from fimscope.errors import UserError
from fimscope.interventions.sweep import sweep_plain
from fimscope.snippets.page import explanation_page, explanation_view
from fimscope.snippets.terminal import WIDTH
from fimscope.snippets.words import say_alone, say_patch, say_tie, say_window
from pages import ROOT
from tokenizers_for_tests import byte_tokenizer

pytestmark = [pytest.mark.model, pytest.mark.node]

FOLDER = ROOT / "models" / "embedded"
GREET = """export function greet(name: <hole>, times: number): string {
  const words: string[] = [];
  for (let i = 0; i < times; i += 1) words.push("Hello, " + name.trim());
  return words.join(" ");
}
"""
HOSTILE = """// <script>alert(1)</script> \x1b[31m ${'{'}{{ 7 * 7 }} </style>
export function greet(name: <hole>): string {
  return "é😀<img src=x onerror=alert(2)>" + name.trim();
}
"""


@pytest.fixture(scope="module")
def model():
    return fimscope.load_model("embedded")


@pytest.fixture(scope="module")
def explained(model):
    return fimscope.explain(GREET, model, rename=True)


@pytest.fixture(scope="module")
def hostile(model):
    return fimscope.explain(HOSTILE, model, rename=True)


@pytest.fixture(scope="module")
def network():
    return AutoModelForCausalLM.from_pretrained(
        FOLDER, dtype=torch.float32, attn_implementation="eager"
    ).eval()


def plain_ids(program: str) -> list[int]:
    """Prefix, suffix and middle as StarCoder's model card has it."""
    before, after = program.split("<hole>")
    text = f"<fim_prefix>{before}<fim_suffix>{after}<fim_middle>"
    return AutoTokenizer.from_pretrained(FOLDER)(text).input_ids


@torch.inference_mode()
def forward(network, ids: list[int], **options):
    return network(torch.tensor([ids]), **options)


def test_the_top_10_are_the_softmax_of_a_plain_forward(explained, network):
    for reading in (explained.original, explained.renaming.reading):
        assert reading.token_ids == plain_ids(reading.text)
        chances = forward(network, reading.token_ids).logits[0, -1].softmax(-1)
        expected = chances.topk(10).values.tolist()
        assert [p for _, p in reading.top] == pytest.approx(expected, abs=1e-5)
        assert reading.answer_id == int(chances.argmax())
    assert (explained.original.answer, explained.original.type) == ("string", "string")
    assert "".join(explained.original.pieces).count("greet") == 1


def test_the_lens_is_that_of_plain_hidden_states(explained, network):
    lens, ids = explained.original.lens, explained.original.token_ids
    states = forward(network, ids, output_hidden_states=True).hidden_states
    norm, unembed = network.transformer.ln_f, network.lm_head
    with torch.inference_mode():
        # The last of the hidden states is behind the final norm.
        logits = [unembed(norm(state[0, -1])) for state in states[:-1]]
        logits.append(unembed(states[-1][0, -1]))
    answer = explained.original.answer_id
    expected = [float(own.softmax(-1)[answer]) for own in logits]
    assert lens.probability == pytest.approx(expected, abs=1e-5)
    first = [int(own.argmax()) == answer for own in logits]
    assert all(first[lens.arrival :]) and not first[lens.arrival - 1]


def test_the_attention_is_that_of_the_eager_kernel(explained, network):
    ids = explained.original.token_ids
    blocks = forward(network, ids, output_attentions=True).attentions
    expected = torch.stack([block[0, :, -1] for block in blocks])
    attention = explained.original.attention
    torch.testing.assert_close(torch.tensor(attention.weights), expected, atol=1e-5, rtol=0)
    regions = {part.name: part for part in attention.regions()}
    assert sum(part.share for part in regions.values()) == pytest.approx(1, abs=1e-5)
    declared = explained.original.pieces.index("name")
    own = expected[:, :, declared]
    assert regions["declaration"].share == pytest.approx(float(own.mean()), abs=1e-5)
    assert regions["declaration"].most == pytest.approx(float(own.max()), abs=1e-5)
    lines = attention.by_line()
    spelled = "".join(explained.original.pieces)
    starts = [len("".join(explained.original.pieces[:i])) for i in range(len(attention.lines))]
    for start, piece, line in zip(starts, explained.original.pieces, attention.lines, strict=True):
        if line is not None and piece.strip():
            place = start + piece.index(piece.lstrip())
            assert line == spelled.count("\n", 0, place), piece
    format_share = regions["fim"].share
    assert sum(lines.values()) + format_share == pytest.approx(1, abs=1e-5)


def test_the_draws_are_what_the_model_says_to_each(explained, network):
    renaming, answer = explained.renaming, explained.original.answer_id
    for draw in renaming.draws:
        text = explained.original.text
        for old, new in draw.names.items():
            text = re.sub(rf"\b{old}\b", new, text)
        chances = forward(network, plain_ids(text)).logits[0, -1].softmax(-1)
        assert draw.probability == pytest.approx(float(chances[answer]), abs=1e-5)
        assert draw.changed == (int(chances.argmax()) != answer)
    assert {each.name for each in renaming.alone} == {"name", "times", "words", "i"}
    assert renaming.alone[0].name == "name"


def test_the_patch_is_a_plain_forward_for_each_point(explained, network, model):
    original, own = explained.original, explained.renaming.reading
    patch = explained.renaming.patch
    states = forward(network, original.token_ids, output_hidden_states=True).hidden_states
    # Each block's input is what the state before it is; what leaves the last, by a hook.
    kept = []
    handle = network.transformer.ln_f.register_forward_pre_hook(lambda _, a: kept.append(a[0]))
    forward(network, original.token_ids)
    handle.remove()
    donors = torch.stack([*(state[0, -1] for state in states[:-1]), kept[0][0, -1]])
    points = [[point] for point in range(model.n_points)]
    logits = sweep_plain(model, [own.token_ids], [[-1]], points, donors[:, None, None, None])
    before = forward(network, own.token_ids).logits[0, -1]
    after = forward(network, original.token_ids).logits[0, -1]

    def lead(row):
        return float(row[original.answer_id] - row[own.answer_id])

    gap = lead(after) - lead(before)
    expected = [(lead(row) - lead(before)) / gap for row in logits[:, 0, 0]]
    assert patch.effect == pytest.approx(expected, abs=1e-4)
    first = [int(row.argmax()) == original.answer_id for row in logits[:, 0, 0]]
    assert all(first[patch.back :]) and not first[patch.back - 1]
    assert all(n < 8 for n in patch.random[:-1])


def test_the_text_says_it_and_acts_on_no_terminal(explained, hostile, model):
    text = str(explained)
    reading = explained.original
    assert f"says `{reading.answer}` for the parameter `name`" in text
    there = reading.lens.probability[reading.lens.arrival]
    said = f"first from point {reading.lens.arrival} of {model.n_blocks} on, there with"
    assert f"{said} {100 * there:.1f}%." in " ".join(text.split())
    for token, p in reading.top:
        assert re.search(rf"{re.escape(token.strip())} +{100 * p:.1f}%", text), token
    assert max(map(len, text.split("\n"))) <= WIDTH
    assert "\x1b" not in str(hostile) and "\\x1b[31m" in str(hostile)


def test_two_answers_that_are_nearly_tied_are_told(explained):
    reading = explained.original
    assert say_tie(reading) == "" and reading.top[1][1] < 0.8 * reading.top[0][1]
    tied = replace(explained, original=replace(reading, top=[("string", 0.4), (" any", 0.36)]))
    said = "is nearly as likely, with 36.0%"
    assert f"`any` {said}" in str(tied)
    assert f"<code>any</code> {said}" in explanation_page(tied)
    assert said.split(",")[0] not in str(explained) + explanation_page(explained)


def test_an_answer_that_little_brings_back_is_told_so(explained):
    """Where the renamed program is all but tied, an answer turns long before half of the effect."""
    renaming, original = explained.renaming, explained.original
    effect = [0.0, 0.02, 0.1, 0.6, 1.0]

    def said(back, half):
        patch = replace(renaming.patch, effect=effect, back=back, half=half)
        return say_patch(patch, renaming, original)[0]

    own = original.answer
    assert f"From point 3 of 4 on the effect is a half or more. `{own}` is" in said(3, 3)
    assert said(3, 3).endswith(f"`{own}` is first from point 3 on.")
    before = renaming.reading.lens.probability[-1]
    assert said(1, 3).endswith(
        f"`{own}` is first from point 1 on, where an effect of 0.02 is enough: the renamed program "
        f"gives it {100 * before:.1f}% by itself, and `{renaming.reading.answer}` "
        f"{100 * renaming.reading.top[0][1]:.1f}%."
    )


def test_every_column_of_bars_has_its_scale(explained):
    lines, scale = str(explained).split("\n"), None
    for line in lines:
        found = re.search(r"0 +100%", line)
        scale = found.start() if found else scale if line else None
        assert "█" not in line or line.index("█") == scale
    assert "█" in str(explained)
    page = explanation_page(explained)
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert [t for t in tables if 'class="bar"' in t and 'class="scale"' not in t] == []


VOID = {"meta", "link", "br", "img", "use", "path"}


class Tags(HTMLParser):
    """The tags and the text of a page; what opens is closed, in order."""

    def __init__(self, page: str):
        super().__init__()
        self.tags: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        assert self.open == []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)

    def handle_endtag(self, tag):
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data):
        if not self.open or self.open[-1] != "style":
            self.text.append(data)


def test_the_page_needs_nothing_else_and_runs_nothing(hostile, explained):
    page = Tags(explanation_page(hostile))
    assert not {"script", "img", "iframe", "link", "form"} & set(page.tags)
    text = "".join(page.text)
    assert "<script>alert(1)</script>" in text and "{{ 7 * 7 }}" in text
    assert "\x1b" not in text and "\ufffd" not in text
    whole = explanation_page(explained)
    assert "default-src 'none'" in whole
    assert not re.search(r'(src|href)="[^#]|url\((?!#)|@import', whole)
    assert Tags(whole).tags.count("svg") == 1


def test_a_notebook_shows_the_page_and_keeps_its_own_figures(explained):
    import matplotlib

    settings, backend = dict(matplotlib.rcParams), matplotlib.get_backend()
    view = explained._repr_html_()
    assert dict(matplotlib.rcParams) == settings and matplotlib.get_backend() == backend
    assert view == explanation_view(explained)
    for what in ("Patch", "What each point would say", "Where the last token looks"):
        assert what in view
    style = view.partition("<style>")[2].partition("</style>")[0]
    assert set(outermost(style)) == {"section.fimscope", "@media print"}
    assert "http" not in style and "@import" not in style


def outermost(style: str) -> list[str]:
    """The selectors of the rules that stand in no other."""
    found, depth = [], 0
    for part in re.split(r"([{}])", re.sub(r"/\*.*?\*/", "", style, flags=re.DOTALL)):
        if part == "{":
            depth += 1
        elif part == "}":
            depth -= 1
        elif depth == 0 and part.strip():
            found.append(part.strip())
    assert depth == 0
    return found


def test_a_snippet_without_names_of_its_own_has_no_renaming(model):
    text = "export default class { get size(): <hole> { return 1; } }"
    assert fimscope.explain(text, model, rename=True).renaming is None


def command(monkeypatch, *words: str, given: str = "") -> None:
    """The step, in this process; raises SystemExit where it fails."""
    monkeypatch.setattr(sys, "argv", ["explain.py", *words])
    monkeypatch.setattr(sys, "stdin", StringIO(given))
    explain.main()


def test_the_command_takes_a_file_and_writes_the_page(tmp_path, monkeypatch, capsys):
    (tmp_path / "greet.ts").write_text(GREET)
    monkeypatch.chdir(tmp_path)
    command(monkeypatch, "greet.ts", "--out", "page.html")
    assert "says `string` for the parameter `name`" in capsys.readouterr().out
    assert Path("page.html").read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("words", "given", "said"),
    [
        (["function f(a: number) {}"], "", "none found; expected one <hole>"),
        ([], "function f(a: <hole> {}", "no TypeScript (line 1"),
        (["-"], "const a: <hole> = 1;", "does not stand where"),
        (["nowhere.ts"], "", "nowhere.ts: no such file"),
        ([GREET, "--model", "nope"], "", "model 'nope': no folder, no GGUF file, none of the"),
        ([GREET, "--model", "nope.gguf"], "", "no file nope.gguf"),
    ],
)
def test_a_mistake_is_one_line(monkeypatch, capsys, words, given, said):
    with pytest.raises(SystemExit) as end:
        command(monkeypatch, *words, given=given)
    told = capsys.readouterr().err.splitlines()
    assert end.value.code == 1 and len(told) == 1 and said in told[0]


def test_a_longer_prompt_than_asked_for_is_shown_through_a_window(model):
    long = "// a line of words that take room\n" * 40 + GREET
    cut = fimscope.explain(long, model, max_tokens=120).original
    assert len(cut.token_ids) <= 120 and "greet(name: <hole>" in cut.text and cut.text in long
    assert cut.n_hidden == len(plain_ids(long)) - len(cut.token_ids)
    assert f"left out of it: {cut.n_hidden} tokens." in say_window(cut)
    with pytest.raises(UserError, match="make it shorter"):
        fimscope.explain(GREET, model, max_tokens=8)


def test_a_model_without_fim_tokens_is_asked_to_rewrite_and_may_say_half_a_letter(tmp_path):
    program = GREET.replace("Hello", "é😀")
    tokenizer = byte_tokenizer([], vocab_size=300, special=())
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    torch.manual_seed(1)
    sizes = {"n_layer": 2, "n_head": 2, "n_embd": 8, "n_positions": 1024}
    config = GPT2Config(
        vocab_size=tokenizer.get_vocab_size(), bos_token_id=0, eos_token_id=0, **sizes
    )
    GPT2LMHeadModel(config).save_pretrained(tmp_path)
    found = fimscope.explain(program, tmp_path, rename=True, dtype="float32")
    reading = found.original
    assert "// TypeScript" in reading.text and reading.text.endswith("(name: <hole>")
    assert "".join(reading.pieces) + " <hole>" == reading.text
    assert "\ufffd" not in str(found) + explanation_page(found)
    Tags(explanation_page(found))


def test_of_many_names_it_says_how_many_were_tried(explained):
    renaming = explained.renaming
    n_draws = sum(each.n_draws for each in renaming.alone)
    assert say_alone(renaming).startswith(
        f"One name alone, in {n_draws} draws of one name each: the answer hangs on `name`"
    )
    more = replace(renaming, names=renaming.names | {"other": "kizu"})
    assert say_alone(more).startswith(
        f"One name alone, in {n_draws} draws of one name each, 4 of 5 tried: the answer hangs on"
    )


def test_a_name_that_the_answer_hangs_on_alone_is_told_from_all_together(explained):
    renaming = explained.renaming
    mixed = "renamed together with all the others, it mostly stays"
    for changed in (True, False):
        draws = [replace(draw, changed=changed) for draw in renaming.draws]
        assert (mixed in say_alone(replace(renaming, draws=draws))) is not changed


def test_the_names_that_a_package_gives():
    assert {"Batch", "explain", "load_model", "results"} <= set(dir(fimscope))
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        fimscope.nothing  # noqa: B018
    assert isinstance(fimscope.Batch, type) and Path(fimscope.__file__).name == "__init__.py"
