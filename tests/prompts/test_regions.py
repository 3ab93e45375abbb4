"""Token regions of prompts: by hand on small programs, and aligned on real renamed ones."""

from pathlib import Path

import pytest

from fimscope.errors import MisalignedError
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.fim import FimWindow
from fimscope.prompts.labels import REST, Label, label_tokens, name_positions, regions_of
from fimscope.prompts.maker import FORMATS
from fimscope.prompts.regions import Region, align_tokens, last_tokens, read_regions
from fimscope.prompts.rewrite import RewriteWindow
from fimscope.typescript.results import Hole, LabelledSpan
from marked import hole_of
from tokenizers_for_tests import byte_tokenizer

NODE_MODULES = Path(__file__).parents[2] / "node_modules"
FILES = (
    "ml-spectra-processing/src/x/xRotate.ts",
    "ml-spectra-processing/src/x/xRescale.ts",
    "@noble/hashes/src/hmac.ts",
    "rxjs/src/internal/util/arrRemove.ts",
    "rxjs/src/internal/Notification.ts",
    "multiformats/src/bytes.ts",
)
FIM_CASES = {
    "a parameter": (
        "// x\nfunction f(x: «string», y: number): string { return x + y + x; }",
        [
            ("fim", "<fim_prefix>"),
            ("comment", "// x"),
            ("rest", "\nfunction f("),
            ("declaration", "x"),
            ("rest", ": "),
            ("fim", "<fim_suffix>"),
            ("rest", ", y: "),
            ("annotation", "number"),
            ("rest", "): "),
            ("annotation", "string"),
            ("rest", " { return "),
            ("use", "x"),
            ("rest", " + y + "),
            ("use", "x"),
            ("rest", "; }"),
            ("fim", "<fim_middle>"),
        ],
    ),
    "a return, used before it is declared": (
        "f(1);\nfunction f(y: 1): «string» { return f(y); }",
        [
            ("fim", "<fim_prefix>"),
            ("use", "f"),
            ("rest", "(1);\nfunction "),
            ("declaration", "f"),
            ("rest", "(y: "),
            ("annotation", "1"),
            ("rest", "): "),
            ("fim", "<fim_suffix>"),
            ("rest", " { return "),
            ("use", "f"),
            ("rest", "(y); }"),
            ("fim", "<fim_middle>"),
        ],
    ),
    "special tokens, carriage returns and astral characters": (
        "// <fim_middle>😀\r\nfunction f(𝒳: «1», y: '<fim_suffix>') {\r\n  return 𝒳; /*\r\n*/ }",
        [
            ("fim", "<fim_prefix>"),
            ("comment", "// <fim_middle>😀"),
            ("rest", "\r\nfunction f("),
            ("declaration", "𝒳"),
            ("rest", ": "),
            ("fim", "<fim_suffix>"),
            ("rest", ", y: "),
            ("annotation", "'<fim_suffix>'"),
            ("rest", ") {\r\n  return "),
            ("use", "𝒳"),
            ("rest", "; "),
            ("comment", "/*\r\n*/"),
            ("rest", " }"),
            ("fim", "<fim_middle>"),
        ],
    ),
}


@pytest.fixture(scope="module")
def letters() -> Encoder:
    """A token per byte: no token touches two regions."""
    return Encoder(byte_tokenizer([], vocab_size=0))


@pytest.fixture(scope="module")
def words() -> Encoder:
    texts = [(NODE_MODULES / file).read_text() for file in FILES]
    return Encoder(byte_tokenizer(texts, vocab_size=2000))


def prompt_of(typescript, encoder, form, hole, max_tokens=4000, window=None):
    parts = hole.prefix, hole.gold, hole.suffix
    units = typescript.units(*parts)
    window = window or FORMATS[form].choose(encoder, units, max_tokens)
    spans = typescript.regions(*parts, hole.name_start)
    return FORMATS[form].render(encoder, hole, units, window, spans)


def texts_of(encoder, prompt):
    return [
        (region.kind, encoder.decode(prompt.token_ids[region.start : region.end]))
        for region in prompt.regions
    ]


@pytest.mark.parametrize("case", FIM_CASES)
def test_regions_of_a_fim_prompt(typescript, letters, case):
    marked, expected = FIM_CASES[case]
    prompt = prompt_of(typescript, letters, "fim", hole_of(typescript, marked))
    assert texts_of(letters, prompt) == expected
    declared = [kind for kind, _ in expected].index("declaration")
    used = declared + [kind for kind, _ in expected[declared:]].index("use")
    assert prompt.positions["declaration"] == prompt.regions[declared].end - 1
    assert prompt.positions["use"] == prompt.regions[used].end - 1


def test_regions_of_a_rewrite_prompt_are_those_of_its_typescript(typescript, letters):
    marked = "let a: 1;\n// no\nfunction f(x: A, y = x, // <fim_middle>\r\n z: «B») { return z; }"
    hole = hole_of(typescript, marked)
    prompt = prompt_of(typescript, letters, "rewrite", hole, window=RewriteWindow(0, None))
    javascript, *found = texts_of(letters, prompt)[1:]
    assert texts_of(letters, prompt)[0] == ("fim", "// JavaScript")
    assert javascript[0] == "rest" and "return z" in javascript[1] and "A" not in javascript[1]
    assert found == [
        ("fim", "// TypeScript"),
        ("rest", "\nfunction f(x: "),
        ("annotation", "A"),
        ("rest", ", y = x, "),
        ("comment", "// <fim_middle>"),
        ("rest", "\r\n "),
        ("declaration", "z"),
        ("rest", ":"),
    ]
    assert prompt.positions["declaration"] == prompt.positions["hole_name"]
    assert "use" not in prompt.positions


def test_what_the_window_hides_has_no_position(typescript, letters):
    declared = "let f: any;\nf(0);\n"
    marked = f"{declared}f = function (x: 1): «string» {{\n  return '';\n}};\nf(1);\n"
    hole = hole_of(typescript, marked)
    whole = prompt_of(typescript, letters, "fim", hole)
    assert whole.positions["declaration"] == 1 + len("let f") - 1
    assert whole.positions["use"] == 1 + declared.index("f(0)")
    cut = prompt_of(typescript, letters, "fim", hole, window=FimWindow(1, 3))
    assert "declaration" not in cut.positions
    assert cut.positions["use"] == cut.positions["hole_name"] == 1
    assert [kind for kind, _ in texts_of(letters, cut)] == [
        "fim", "use", "rest", "annotation", "rest", "fim", "rest", "fim",
    ]  # fmt: skip
    rewrite = prompt_of(typescript, letters, "rewrite", hole, window=RewriteWindow(0, None))
    assert rewrite.text.endswith("// TypeScript\nf = function (x: 1):")
    assert last_tokens(rewrite.regions) == [rewrite.text.rindex("f =")]


SPANS = [
    LabelledSpan("annotation", "prefix", 0, 3),
    LabelledSpan("use", "prefix", 3, 4),
    LabelledSpan("use", "prefix", 4, 5),
    LabelledSpan("declaration", "prefix", 8, 10),
    LabelledSpan("comment", "prefix", 10, 14),
    LabelledSpan("use", "suffix", 0, 2),
]


def test_a_token_belongs_to_the_first_kind_that_it_touches():
    tokens = [(0, 2), (2, 4), (4, 5), (5, 8), (7, 9), (9, 11), (11, 12), (12, 20)]
    labels = label_tokens(tokens, SPANS, "prefix", 0)
    assert [label.kind for label in labels] == [
        "annotation", "use", "use", "rest", "declaration", "declaration", "comment", "comment",
    ]  # fmt: skip
    assert regions_of(labels) == [
        Region("annotation", 0, 1),
        Region("use", 1, 2),
        Region("use", 2, 3),
        Region("rest", 3, 4),
        Region("declaration", 4, 6),
        Region("comment", 6, 8),
    ]
    assert name_positions(labels, SPANS) == {"declaration": 5}
    after = label_tokens([(0, 1), (1, 2)], SPANS, "suffix", 0)
    assert name_positions([*labels, *after], SPANS) == {"declaration": 5, "use": 9}


def test_one_token_over_two_uses_is_the_first_ones():
    labels = label_tokens([(0, 3), (3, 5), (5, 8)], SPANS, "prefix", 0)
    assert labels == [Label("annotation", 0), Label("use", 1), REST]


def test_a_span_that_begins_above_the_window_labels_nothing_above_it():
    tokens = [(i, i + 1) for i in range(8)]
    labels = label_tokens(tokens, SPANS, "prefix", -7, shown_from=2)
    kinds = [label.kind for label in labels]
    assert kinds == ["rest", "rest", "declaration", *["comment"] * 4, "rest"]


def test_regions_come_back_from_a_row():
    regions = [Region("fim", 0, 1), Region("use", 1, 3), Region("use", 3, 4), Region("fim", 4, 5)]
    assert read_regions({"regions": [vars(region) for region in regions]}) == regions
    assert last_tokens(regions) == [2, 3]
    assert last_tokens(regions, "fim") == [0, 4]
    assert align_tokens(regions, regions[:2] + regions[2:]) == [(2, 2), (3, 3)]
    with pytest.raises(MisalignedError, match="kind use: 2 in one prompt and 1 in the other"):
        align_tokens(regions, regions[:2])


def variants_of(typescript, file):
    """Real holes and their renamed variants, which the compiler has verified."""
    for hole in typescript.holes((NODE_MODULES / file).read_text()).holes[:8]:
        parts = hole.prefix, hole.gold, hole.suffix
        edited = typescript.edit("rename_vars", *parts, hole.name_start, 0, exported=True)
        variant = edited.prefix, edited.gold, edited.suffix
        if typescript.check(parts, variant, edited.renames).reason is None:
            yield hole, Hole.of({"kind": hole.kind, **vars(edited)}), edited


@pytest.mark.parametrize("form", FORMATS)
def test_names_align_with_those_of_the_renamed_variant(typescript, words, form):
    n_holes = n_renamed = 0
    for hole, renamed, edited in (each for file in FILES for each in variants_of(typescript, file)):
        units = typescript.units(hole.prefix, hole.gold, hole.suffix)
        window = FORMATS[form].choose(words, units, 400)
        prompts = [
            prompt_of(typescript, words, form, each, window=window) for each in (hole, renamed)
        ]
        for prompt in prompts:
            covered = [i for region in prompt.regions for i in range(region.start, region.end)]
            assert covered == list(range(len(prompt.token_ids)))
        new_names = {(rename.old, rename.new) for rename in edited.renames}
        assert hole.name == renamed.name or (hole.name, renamed.name) in new_names
        for kind in ("declaration", "use"):
            aligned = align_tokens(*(prompt.regions for prompt in prompts), kind)
            for tokens in aligned:
                named = [name_at(words, *each) for each in zip(prompts, tokens, strict=True)]
                assert named == [hole.name, renamed.name]
            n_renamed += len(aligned) * (hole.name != renamed.name)
        n_holes += 1
    assert n_holes >= 30 and n_renamed >= 20


def name_at(encoder, prompt, last):
    """The word of the region that ends at a token."""
    [region] = [region for region in prompt.regions if region.end == last + 1]
    return encoder.decode(prompt.token_ids[region.start : region.end]).strip(" (!.?:;,)=[]{}\n")
