"""Prompts: the hole never in them, tokens that decode to the text, positions on the right token."""

import json

import pytest
from tokenizers import AddedToken, Tokenizer, models, normalizers, pre_tokenizers, processors

from fimscope.errors import UserError
from fimscope.prompts.encoder import Encoder, gold_tokens
from fimscope.prompts.fim import (
    FIM_TOKENS,
    FimWindow,
    choose_fim_window,
    fim_prompt,
    find_fim_tokens,
    follow_fim,
)
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.rewrite import RewriteWindow, choose_rewrite_window, rewrite_prompt
from fimscope.typescript.results import Hole, LabelledSpan, Unit, Units
from tokenizers_for_tests import STARCODER_TOKENS, byte_tokenizer

PROGRAM = """const zero = 0;
function pad(text: string, width: number): string {
  return text.padEnd(width);
}
function other(a: boolean) {
  return !a;
}
"""
ANNOTATION = PROGRAM.index(": number") + 2
HOLE = Hole(
    kind="parameter",
    name="width",
    text=PROGRAM,
    start=ANNOTATION,
    end=ANNOTATION + len("number"),
    name_start=PROGRAM.index("width"),
)
UNITS = Units(
    units=[
        Unit(
            "function",
            "function pad(text: string, width: ",
            "): string {\n  return text.padEnd(width);\n}",
            "function pad(text, width) {\n    return text.padEnd(width);\n}\n",
        ),
        Unit(
            "file",
            HOLE.prefix,
            HOLE.suffix,
            "const zero = 0;\nfunction pad(text, width) {\n    return text.padEnd(width);\n}\n"
            "function other(a) {\n    return !a;\n}\n",
        ),
    ],
    before_parts=["const zero = 0;\n", "function pad(text: string, width: "],
    after_parts=["): string {\n", "  return text.padEnd(width);\n", "}\n",
                 "function other(a: boolean) {\n  return !a;\n}\n"],
)  # fmt: skip

WIDTH, USE = HOLE.name_start, HOLE.suffix.index("width")
SPANS = [
    LabelledSpan("annotation", "prefix", PROGRAM.index("string"), PROGRAM.index(", width")),
    LabelledSpan("declaration", "prefix", WIDTH, WIDTH + len("width")),
    LabelledSpan("annotation", "suffix", 3, 9),
    LabelledSpan("use", "suffix", USE, USE + len("width")),
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(byte_tokenizer([PROGRAM] * 3))


def test_the_parts_of_the_fixture_are_the_program():
    assert "".join(UNITS.before_parts) == HOLE.prefix
    assert "".join(UNITS.after_parts) == HOLE.suffix


def test_a_whole_fim_prompt_spells_prefix_and_suffix(encoder):
    prompt = fim_prompt(encoder, HOLE, UNITS, choose_fim_window(encoder, UNITS, 512), SPANS)
    fim_prefix, fim_suffix, fim_middle = find_fim_tokens(encoder)
    ids = prompt.token_ids
    assert ids[0] == fim_prefix
    assert ids[-1] == fim_middle
    assert ids.count(fim_suffix) == 1
    middle = ids.index(fim_suffix)
    assert encoder.decode(ids[1:middle]) == HOLE.prefix
    assert encoder.decode(ids[middle + 1 : -1]) == HOLE.suffix
    assert prompt.positions["fim_prefix"] == 0
    assert prompt.positions["fim_suffix"] == middle
    assert prompt.positions["fim_middle"] == prompt.positions["last"] == len(ids) - 1
    assert encoder.decode([ids[prompt.positions["hole_name"]]]).strip() in "width"
    assert encoder.decode(ids[1 : prompt.positions["hole_name"] + 1]).endswith("width")
    assert encoder.decode(prompt.gold_token_ids) == "number"
    assert prompt.n_truncated == 0


def test_a_fim_window_shows_whole_parts_next_to_the_hole(encoder):
    own_lines = encoder.count(UNITS.before_parts[1]) + encoder.count(UNITS.after_parts[0])
    window = choose_fim_window(encoder, UNITS, own_lines + 3)
    assert window == FimWindow(1, 1)
    prompt = fim_prompt(encoder, HOLE, UNITS, window, SPANS)
    assert prompt.text == UNITS.before_parts[1] + "<hole>" + UNITS.after_parts[0]
    assert prompt.window == "1 part before, 1 after"
    hidden = encoder.count(HOLE.prefix) + encoder.count(HOLE.suffix) - own_lines
    assert prompt.n_truncated == hidden > 0


def test_a_fim_window_gives_one_side_what_the_other_leaves(encoder):
    before = sum(map(encoder.count, UNITS.before_parts))
    after = [encoder.count(part) for part in UNITS.after_parts]
    all_but_the_last = before + sum(after[:3]) + 3
    assert choose_fim_window(encoder, UNITS, all_but_the_last) == FimWindow(2, 3)
    assert choose_fim_window(encoder, UNITS, all_but_the_last + after[3]) == FimWindow(2, 4)


def test_a_hole_whose_own_line_does_not_fit_is_unfit(encoder):
    with pytest.raises(Unfit) as unfit:
        choose_fim_window(encoder, UNITS, 5)
    assert unfit.value.reason == "over_budget"


@pytest.mark.parametrize(("family", "tokens"), FIM_TOKENS.items())
def test_fim_tokens_are_found_by_family(family, tokens):
    encoder = Encoder(byte_tokenizer([PROGRAM], special=tokens))
    assert [encoder.token_id(token) for token in tokens] == list(find_fim_tokens(encoder))


def test_a_tokenizer_without_fim_tokens_is_refused_with_the_families():
    encoder = Encoder(byte_tokenizer([PROGRAM], special=["<s>"]))
    with pytest.raises(UserError, match=r"StarCoder.*CodeLlama.*set prompt\.format: rewrite"):
        find_fim_tokens(encoder)


def test_special_tokens_in_a_program_stay_text(encoder):
    text = 'const a = "<fim_middle><|endoftext|>";'
    ids = encoder.encode(text).ids
    assert not set(ids) & {encoder.token_id("<fim_middle>"), encoder.token_id("<|endoftext|>")}
    assert encoder.decode(ids) == text


@pytest.mark.parametrize(("family", "tokens"), FIM_TOKENS.items())
@pytest.mark.parametrize("special", [True, False])
def test_text_that_spells_a_control_token_stays_text_whatever_its_flag(family, tokens, special):
    """Qwen2.5-Coder, CodeGemma and DeepSeek-Coder add theirs as `special: false`."""
    tokenizer = byte_tokenizer([PROGRAM], special=["<s>"])
    added = [AddedToken(token, special=special, normalized=False) for token in (*tokens, "    ")]
    tokenizer.add_tokens([*added, AddedToken("<tool_call>", special=False)])
    odd = Encoder(tokenizer)
    text = f'    return text + "{"".join(tokens)}" + "<tool_call><s>";'
    ids = odd.encode(text).ids
    assert not set(ids) & {odd.token_id(token) for token in (*tokens, "<tool_call>", "<s>")}
    assert odd.decode(ids) == text
    # What is added without being a control token is how the model reads text.
    assert (odd.token_id("    ") == ids[0]) is not special


def code_llama() -> Tokenizer:
    """As CodeLlama's: a BPE that puts a space in front of whatever text it is given."""
    letters = sorted(set(PROGRAM) - {" ", "\n"})
    vocab = ["<unk>", "▁", "☺", "<0x0A>", *letters, "st", "ri", "ng", "stri", "string", "▁string"]
    merges = [("s", "t"), ("r", "i"), ("n", "g"), ("st", "ri"), ("stri", "ng"), ("▁", "string")]
    ids = dict(zip(vocab, range(len(vocab)), strict=True))
    tokenizer = Tokenizer(models.BPE(ids, merges, unk_token="<unk>", byte_fallback=True))
    tokenizer.normalizer = normalizers.Sequence(
        [normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")]
    )
    tokenizer.add_special_tokens(list(FIM_TOKENS["CodeLlama"]))
    return tokenizer


def test_behind_a_fim_token_code_llama_gets_no_space_that_is_not_there():
    """`<PRE> {prefix} <SUF>{suffix} <MID>`, and then `string`, not `▁string`."""
    encoder = Encoder(code_llama())
    hole = Hole("parameter", "a", "a: string): string", 3, 9, 0)
    units = Units([], ["a: "], ["): string"])
    prompt = fim_prompt(encoder, hole, units, FimWindow(1, 1), [])
    name = encoder._tokenizer.id_to_token
    assert [name(token) for token in prompt.gold_token_ids] == ["string"]
    assert [name(token) for token in prompt.token_ids] == [
        *("▁<PRE>", "▁", "a", ":", "▁"),
        *("▁<SUF>", ")", ":", "▁string", "▁<MID>"),
    ]
    assert encoder.encode_inside("): string").spans == [(0, 1), (1, 2), (2, 9)]


@pytest.mark.parametrize("token", ["<s>", {"content": "<s>", "special": True}])
def test_a_start_token_that_only_the_config_asks_for_is_put_in_front(tmp_path, token):
    """DeepSeek-Coder's tokenizer.json does not put it there, and its authors did."""
    byte_tokenizer([PROGRAM], special=["<s>"]).save(str(tmp_path / "tokenizer.json"))
    config = tmp_path / "tokenizer_config.json"
    for asked, expected in ((True, [0]), (False, [])):
        config.write_text(json.dumps({"add_bos_token": asked, "bos_token": token}))
        assert Encoder.from_folder(tmp_path).start_ids == expected


def test_special_tokens_of_everyday_text_change_no_program():
    tokenizer = byte_tokenizer([PROGRAM], special=(*STARCODER_TOKENS, "width", ":", "\n", "</s>"))
    tokenizer.add_special_tokens(
        [AddedToken("number", lstrip=True, rstrip=True), AddedToken(" ", single_word=True)]
    )
    odd = Encoder(tokenizer)
    prompt = fim_prompt(odd, HOLE, UNITS, FimWindow(2, 4), SPANS)
    middle = prompt.positions["fim_suffix"]
    assert odd.decode(prompt.token_ids[1:middle]) == HOLE.prefix
    assert odd.decode(prompt.token_ids[middle + 1 : -1]) == HOLE.suffix
    assert odd.decode(prompt.gold_token_ids) == HOLE.gold


@pytest.mark.parametrize(
    ("original", "variant", "n_shown"),
    [
        # an annotation of three lines is gone
        ("a): {|  h: number;|} {|  b;|}|hidden;", "a) {|  b;|}|hidden;", 3),
        # a comment is gone, and one that the original hides
        ("a {|// c|  b;|  d;|}|hidden;|// e", "a {|  b;|  d;|}|hidden;", 4),
        # a comment mentions a name that has changed
        ("a {|// c|  b;|  d;|}|hidden;", "a {|// e|  b;|  d;|}|hidden;", 5),
        # a statement has come behind what is shown
        ("a {|  b;|  c;|  d;|}|hidden;", "a {|  b;|  c;|  d;|}|new;|hidden;", 5),
    ],
)
def test_a_variant_shows_the_code_that_its_original_shows(original, variant, n_shown):
    sides = [[part + "\n" for part in text.split("|")] for text in (original, variant)]
    behind = [Units([], [], parts) for parts in sides]
    assert follow_fim(*behind, FimWindow(0, 5)) == FimWindow(0, n_shown)
    before = [Units([], parts[::-1], []) for parts in sides]
    assert follow_fim(*before, FimWindow(5, 0)) == FimWindow(n_shown, 0)


@pytest.mark.parametrize("content", ["", "{", "[]", '{"model": {"type": "Pickle"}}'])
def test_what_is_no_tokenizer_is_named(tmp_path, content):
    (tmp_path / "tokenizer.json").write_text(content)
    with pytest.raises(UserError, match=r"tokenizer\.json: not a tokenizer"):
        Encoder.from_folder(tmp_path)


def test_a_start_token_is_put_in_front(encoder):
    tokenizer = byte_tokenizer([PROGRAM])
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", 0)]
    )
    started = Encoder(tokenizer)
    assert started.start_ids == [0]
    window = FimWindow(2, 4)
    plain, with_start = (fim_prompt(e, HOLE, UNITS, window, SPANS) for e in (encoder, started))
    assert with_start.token_ids == [0, *plain.token_ids]
    assert with_start.positions == {name: i + 1 for name, i in plain.positions.items()}
    rewrite = rewrite_prompt(started, HOLE, UNITS, RewriteWindow(0, None), SPANS)
    assert rewrite.token_ids[0] == 0
    assert encoder.decode(rewrite.token_ids[1 : rewrite.positions["hole_name"] + 1]).endswith(
        "width"
    )


def test_a_rewrite_prompt_is_javascript_then_typescript_up_to_the_hole(encoder):
    prompt = rewrite_prompt(encoder, HOLE, UNITS, RewriteWindow(0, None), SPANS)
    assert prompt.text == (
        "// JavaScript\nfunction pad(text, width) {\n    return text.padEnd(width);\n}\n"
        "// TypeScript\nfunction pad(text: string, width:"
    )
    assert encoder.decode(prompt.token_ids) == prompt.text
    assert encoder.decode(prompt.gold_token_ids) == " number"
    named = encoder.decode(prompt.token_ids[: prompt.positions["hole_name"] + 1])
    assert named.endswith("string, width")
    assert prompt.positions["last"] == len(prompt.token_ids) - 1


def test_a_rewrite_prompt_shows_the_largest_unit_that_fits(encoder):
    whole = len(rewrite_prompt(encoder, HOLE, UNITS, RewriteWindow(1, None), SPANS).token_ids)
    assert choose_rewrite_window(encoder, UNITS, whole) == RewriteWindow(1, None)
    assert choose_rewrite_window(encoder, UNITS, whole - 1) == RewriteWindow(0, None)


def test_a_long_function_loses_the_last_lines_of_its_javascript(encoder):
    function = len(rewrite_prompt(encoder, HOLE, UNITS, RewriteWindow(0, None), SPANS).token_ids)
    window = choose_rewrite_window(encoder, UNITS, function - 1)
    assert window == RewriteWindow(0, 2)
    prompt = rewrite_prompt(encoder, HOLE, UNITS, window, SPANS)
    assert len(prompt.token_ids) <= function - 1
    assert "padEnd(width);\n// TypeScript" in prompt.text
    with pytest.raises(Unfit) as unfit:
        choose_rewrite_window(encoder, UNITS, 10)
    assert unfit.value.reason == "over_budget"


def test_a_name_outside_the_unit_has_no_position(encoder):
    far = Hole(**{**vars(HOLE), "name": "zero", "name_start": PROGRAM.index("zero")})
    assert (
        "hole_name"
        not in rewrite_prompt(encoder, far, UNITS, RewriteWindow(0, None), SPANS).positions
    )
    assert (
        "hole_name" in rewrite_prompt(encoder, far, UNITS, RewriteWindow(1, None), SPANS).positions
    )


def test_a_gold_that_changes_the_tokens_in_front_of_it_is_unfit():
    vocabulary = {"a": 0, "b": 1, "ab": 2, "c": 3}
    tokenizer = Tokenizer(models.BPE(vocabulary, [("a", "b")]))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    encoder = Encoder(tokenizer)
    assert gold_tokens(encoder, "a", "c") == [3]
    with pytest.raises(Unfit) as unfit:
        gold_tokens(encoder, "a", "b")
    assert unfit.value.reason == "token_boundary"
