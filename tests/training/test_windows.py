import numpy as np
import pytest

from fimscope.training.augment import Context, drop_annotations, rename_declared
from fimscope.training.tokenizer import SPECIAL_TOKENS, train_tokenizer
from fimscope.training.windows import WindowMaker, cut_context

TEXT = (
    "export function pad(text: string, width: number): string {\n"
    "  const missing = width - text.length;\n"
    "  return text + ' '.repeat(missing);\n"
    "}\n"
)


def program(text, *golds):
    starts, at = [], 0
    for gold in golds:
        at = text.index(f": {gold}", at) + 2
        starts.append(at)
    ends = [start + len(gold) for start, gold in zip(starts, golds, strict=True)]
    return {"content": text, "starts": starts, "ends": ends}


PROGRAM = program(TEXT, "string", "number", "string")


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer([PROGRAM], 700)


@pytest.fixture(scope="module")
def maker(tokenizer):
    return WindowMaker(tokenizer)


def test_tokenizer_keeps_types_and_the_colon_in_front_whole(tokenizer):
    for gold in ("string", "number", "Promise", "Uint8Array", "boolean"):
        prefix = tokenizer.encode("(a: ").ids
        assert tokenizer.decode(prefix[-1:]) == ": "
        assert len(tokenizer.encode(gold).ids) == 1
        assert tokenizer.encode(f"(a: {gold}").ids == [*prefix, *tokenizer.encode(gold).ids]


def test_tokenizer_gives_any_text_back(tokenizer):
    for text in (TEXT, "π = '≈';\r\n\tx\0\u2028", "a?: b[] | c[][];", "   \n\n  x"):
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_tokenizer_reads_no_special_token_out_of_a_text(maker):
    ids = {maker.tokenizer.token_to_id(token) for token in SPECIAL_TOKENS}
    text = "function f(a: string) { return '<fim_middle><|endoftext|>'; }\n"
    window = maker.plain(program(text, "string"), 0, 64)
    assert [i for i in window.ids if i in ids] == [
        maker.prefix,
        maker.suffix,
        maker.middle,
        maker.end,
    ]


def test_window_is_a_fill_in_the_middle_prompt_and_its_answer(maker):
    window = maker.plain(PROGRAM, 1, 256)
    start, end = PROGRAM["starts"][1], PROGRAM["ends"][1]
    encode = maker.tokenizer.encode
    before, after = encode(TEXT[:start]).ids, encode(TEXT[end:]).ids
    gold = encode("number").ids
    assert window.ids == [
        *(maker.prefix, *before, maker.suffix, *after, maker.middle),
        *(*gold, maker.end),
    ]
    assert window.n_middle == 2


def test_loss_weights_of_a_window_by_hand(maker):
    window = maker.plain(PROGRAM, 1, 256)
    tokens = [maker.tokenizer.decode([i], skip_special_tokens=False) for i in window.ids]
    marked = [(token, w) for token, w in zip(tokens, window.weights, strict=True) if w != 1]
    # `text`'s type before the hole, the return type after it, then the middle and its end; the
    # marks are never learned.
    assert marked == [
        ("<fim_prefix>", 0.0),
        ("string", 4.0),
        ("<fim_suffix>", 0.0),
        ("string", 4.0),
        ("<fim_middle>", 0.0),
        ("number", 10.0),
        ("<|endoftext|>", 10.0),
    ]


@pytest.mark.parametrize("n_tokens", [12, 20, 28, 40])
def test_window_stays_within_its_tokens_and_is_cut_at_lines(maker, n_tokens):
    long = program(TEXT * 3, *["string", "number", "string"] * 3)
    window = maker.plain(long, 4, n_tokens)
    assert len(window.ids) <= n_tokens
    text = maker.tokenizer.decode(window.ids, skip_special_tokens=False)
    before, rest = text.removeprefix("<fim_prefix>").split("<fim_suffix>")
    after, middle = rest.split("<fim_middle>")
    assert middle == "number<|endoftext|>"
    start, end = long["starts"][4], long["ends"][4]
    assert long["content"][:start].endswith(before) and long["content"][end:].startswith(after)


def test_dropped_annotations_take_their_colon_and_the_others_move():
    context = cut_context(PROGRAM, 2, 10_000)
    gone = drop_annotations(context, 1.0, np.random.default_rng(0))
    assert gone.before == "export function pad(text, width): "
    assert gone.before_spans == [] and gone.after == context.after
    for seed in range(8):
        some = drop_annotations(context, 0.5, np.random.default_rng(seed))
        assert [some.before[a:b] for a, b in some.before_spans] in (
            [],
            ["string"],
            ["number"],
            ["string", "number"],
        )


def test_renamed_variables_are_renamed_everywhere_but_behind_a_dot():
    context = Context(
        "function pad(text: string, width: ",
        ") {\n  const missing = width - text.text;\n  return missing;\n}\n",
        [(19, 25)],
        [],
    )
    assert context.before[19:25] == "string"
    renamed = rename_declared(context, np.random.default_rng(5))
    assert [renamed.before[a:b] for a, b in renamed.before_spans] == ["string"]
    name = renamed.before.split("(")[1].split(":")[0]
    other = renamed.after.split("const ")[1].split(" =")[0]
    assert name != "text" and other != "missing"
    assert f"{name}.text" in renamed.after and f"return {other};" in renamed.after
    assert "missing" not in renamed.after and renamed.before.startswith("function pad(")
