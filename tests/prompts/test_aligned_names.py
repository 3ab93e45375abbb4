"""rename_aligned: names that leave every token of a program and of its prompts in its place."""

from functools import partial

import pytest

from edit_examples import edit_examples
from fimscope.prompts.aligned_names import AlignedNames, Words, moved_words
from fimscope.prompts.alignment import is_aligned_pair
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool
from fimscope.typescript.results import TypeScriptError
from marked import edit_marked, hole_of, marked_text, verdict_on_edited
from tokenizers_for_tests import byte_tokenizer

PROGRAM = """\
// The width of a text, from its value.
function widthOf(value: «string», limit: number, zupf: string[]): number {
  const found = value.length + limit;
  // value is counted once
  for (const other of zupf) { if (other === value) return found - limit; }
  return { found }.found;
}
"""
CANDIDATES = ["ti", "ro", "bafe", "gope", "mida", "sulo", "kaku", "bafemi", "gopedu", "midasulo"]


@pytest.fixture(scope="module")
def encoder():
    texts = [PROGRAM.replace("zupf", ""), "value limit other widthOf ti ro bafe"]
    return Encoder(byte_tokenizer(texts * 3, 420))


def aligned(encoder, candidates=CANDIDATES, seed=0):
    return AlignedNames(encoder, candidates, seed, exported=False)


def words_of(encoder, text):
    return Words(text, encoder.encode(text))


def whole(hole):
    return hole.prefix + hole.gold + hole.suffix


@pytest.mark.node
def test_every_word_has_as_many_tokens_and_the_compiler_agrees(typescript, encoder):
    edited = aligned(encoder).edit(typescript, hole_of(typescript, PROGRAM))
    new = {rename.old: rename.new for rename in edited.renames}
    before, after = (
        words_of(encoder, whole(hole_of(typescript, PROGRAM))),
        words_of(encoder, whole(edited)),
    )
    assert before.n_tokens == after.n_tokens
    assert before.first.tolist() == after.first.tolist()
    assert before.last.tolist() == after.last.tolist()
    assert new["value"] != "value" and f"// {new['value']} is counted" in edited.suffix
    assert new["found"] == "found"  # {found} would become {found: new}
    assert verdict_on_edited(typescript, PROGRAM, edited).reason is None


@pytest.mark.node
def test_a_name_that_no_candidate_fits_keeps_itself_and_is_told(typescript, encoder):
    n_tokens = encoder.count("value")
    fitting = [name for name in CANDIDATES if encoder.count(name) != n_tokens]
    edited = aligned(encoder, fitting).edit(typescript, hole_of(typescript, PROGRAM))
    kept = {rename.old for rename in edited.renames if rename.kind == "kept"}
    assert "value" in kept and "value: " in edited.prefix
    assert all(rename.old == rename.new for rename in edited.renames if rename.kind == "kept")
    assert verdict_on_edited(typescript, PROGRAM, edited).reason is None
    with pytest.raises(TypeScriptError, match="nothing_to_edit"):
        aligned(encoder, []).edit(typescript, hole_of(typescript, PROGRAM))


@pytest.mark.node
def test_names_are_the_programs_and_the_seeds_and_not_the_holes(typescript, encoder):
    moved = PROGRAM.replace("«string»", "string").replace("limit: number", "limit: «number»")
    first, second = (
        aligned(encoder).edit(typescript, hole_of(typescript, marked))
        for marked in (PROGRAM, moved)
    )
    assert first.renames == second.renames
    texts = {
        marked_text(aligned(encoder, seed=seed).edit(typescript, hole_of(typescript, PROGRAM)))
        for seed in range(6)
    }
    assert len(texts) > 1


@pytest.mark.node
def test_without_a_tokenizer_the_edit_is_refused(typescript):
    with pytest.raises(TypeScriptError, match="names chosen by a tokenizer"):
        edit_marked(typescript, "rename_aligned", PROGRAM)


@pytest.mark.node
def test_meaningless_names_are_letters_each_once_and_no_words(typescript):
    names = typescript.meaningless_names(1)
    assert len(names) == len(set(names)) > 5000
    assert all(name.isascii() and name.isalpha() and name.islower() for name in names)
    assert not {"id", "in", "of", "no", "data", "mini", "dx", "fn"} & set(names)
    assert names != typescript.meaningless_names(2) == typescript.meaningless_names(2)


@pytest.mark.parametrize("format", ["fim", "rewrite"])
@pytest.mark.node
def test_prompts_of_original_and_variant_have_the_same_places(encoder, format):
    """Through the step's own function: a comment that mentions a new name stays in the window."""
    with TypeScript() as service:
        hole = hole_of(service, PROGRAM)
    example = {
        **{"example_id": "e", "program_id": "p", "kind": hole.kind, "package": "q", "path": "p.ts"},
        **{"name": hole.name, "prefix": hole.prefix, "gold": hole.gold, "suffix": hole.suffix},
        "name_start": hole.name_start,
    }
    with TypeScriptPool(1) as pool:
        names = AlignedNames.of(pool, encoder, 0, exported=False)
        of_edit = partial(edit_examples, pool, [example], seed=0, aligned=names)
        [(_, variant)] = of_edit(edit="rename_aligned")
        [(_, original)] = edit_examples(pool, [example], "original", 0)
        make = partial(PromptMaker, FORMATS[format], encoder, max_tokens=400, golds="all")
        with TypeScript() as service:
            maker = make(typescript=service)
            prompts = [vars(maker.make(original, row)) for row in (original, variant)]
    assert is_aligned_pair(*prompts)
    assert not is_aligned_pair(prompts[0], prompts[0])
    shorter = {**prompts[1], "token_ids": prompts[1]["token_ids"][:-1]}
    assert not is_aligned_pair(prompts[0], shorter)


def test_words_whose_tokens_moved_are_named():
    encoder = Encoder(byte_tokenizer(["ab cd"], 300))

    def moved(before, after):
        return moved_words(words_of(encoder, before), words_of(encoder, after))

    assert moved("a + b;", "c + b;") == set()
    assert moved("aq + b;", "c + b;") == {"aq"}
    assert moved("a + b;", "a ++ b;") == {"a", "b"}
    assert moved("a + b", "a + b;") == {"b"}
    assert moved("a b", "a b c") == {"a", "b"}
    assert moved("", "") == set()
