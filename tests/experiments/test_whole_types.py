"""Whole types: completed until they end, judged by the compiler, counted as by hand."""

from pathlib import Path
from types import SimpleNamespace

import pyarrow as pa
import pytest

from complete_types import complete_types, make_prompts, tokens_of_type
from distractor_row import ROW
from fimscope.errors import UserError
from fimscope.experiments.whole_types.asking import TypeEnds, draw_examples
from fimscope.experiments.whole_types.judging import NEVER_ENDS, judge_answers
from fimscope.experiments.whole_types.numbers import ALL, LONGER, ONE_TOKEN, whole_numbers
from fimscope.experiments.whole_types.section import whole_section
from fimscope.experiments.whole_types.shown import shown_annotations, shown_types
from fimscope.experiments.whole_types.tables import VERDICTS
from fimscope.inference.batching import BatchRunner
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.prompts.regions import Region
from fimscope.typescript.client import TypeScript
from fimscope.typescript.pool import TypeScriptPool
from marked import split_marked
from models import VOCAB, random_model, random_prompts
from plot_whole_types import plot_whole_types

PROGRAM = "type Id = string;\nexport function f(a: «{gold}»): number {{ return a.length; }}\n"
# gold, completed type, whether it has ended; then its verdict and which settings call it right
ANSWERS = [
    ("string", "string", True, "same", ["same", "equivalent"]),
    ("string[]", "Array<string>", True, "equivalent", ["equivalent"]),
    ("Id", "string", True, "equivalent", ["equivalent"]),
    ("string", "string[]", True, "checks", []),
    ("string", "any", True, "checks", []),
    ("string", "number", True, "fails", []),
    ("string", "", True, "fails", []),
    ("string", "string", False, "fails", []),
]


def judged(rows, right):
    variants, completions = {}, []
    for number, (gold, answer, ended, *_) in enumerate(rows):
        prefix, gold, suffix = split_marked(PROGRAM.format(gold=gold))
        key = {"example_id": f"e{number}", "gold": gold}
        variants[key["example_id"]] = {**key, "prefix": prefix, "suffix": suffix}
        completions.append(
            {
                **key,
                **{"edit": "original", "program_id": f"p{number // 3}", "kind": "parameter"},
                **{"n_gold_tokens": 1, "completed_type": answer, "ended": ended},
            }
        )
    with TypeScriptPool(1) as pool:
        return list(judge_answers("judge_answers", pool, variants, completions, right))


@pytest.mark.node
@pytest.mark.parametrize("right", ["same", "equivalent"])
def test_answers_are_judged_and_the_setting_says_which_are_right(right):
    found = judged(ANSWERS, right)
    assert [table for table, _ in found] == ["verdicts"] * len(ANSWERS)
    for (*_, verdict, settings), (_, row) in zip(ANSWERS, found, strict=True):
        assert (row["verdict"], row["right"]) == (verdict, right in settings), row
    assert [row["is_any"] for _, row in found].index(True) == 4
    assert found[-1][1]["detail"] == NEVER_ENDS
    assert "TS2339" in found[5][1]["detail"]
    pa.Table.from_pylist([row for _, row in found], VERDICTS.schema)


@pytest.mark.node
def test_what_cannot_be_judged_is_rejected_and_what_is_not_of_these_variants_is_named():
    moved = {"example_id": "m", "prefix": "const x = ", "suffix": ";", "gold": "1"}
    row = {"example_id": "m", "edit": "original", "program_id": "p", "kind": "parameter"}
    row |= {"gold": "1", "n_gold_tokens": 1, "completed_type": "2", "ended": True}
    with TypeScriptPool(1) as pool:
        [(table, rejected)] = judge_answers("judge_answers", pool, {"m": moved}, [row], "same")
        assert (table, rejected["reason"], rejected["example_id"]) == (
            "rejected",
            "hole_moved",
            "m",
        )
        with pytest.raises(UserError, match="example m is not in --variants"):
            list(judge_answers("judge_answers", pool, {}, [row], "same"))


class Words:
    """An encoder whose token ids are written as types, one of them as the end of a signature."""

    def __init__(self, end):
        self.end = end

    def decode(self, token_ids):
        return "".join(") {" if each == self.end else f"A{each}" for each in token_ids)


@pytest.mark.model
def test_a_completion_goes_on_until_its_type_has_ended():
    from fimscope.inference.generate import answer

    model, token_ids = random_model("llama"), random_prompts((9, 14))
    free = answer(model, token_ids, [0, 0], 10, ()).completions
    end = free[0].token_ids[4]
    first = free[0].token_ids.index(end)
    prompts = [
        {
            **{"example_id": f"e{i}", "edit": "original", "program_id": "p", "kind": "parameter"},
            **{"gold": "A1", "gold_token_ids": [1], "token_ids": own},
            "regions": [Region("rest", 0, 3), Region("annotation", 3, 5), Region("rest", 5, 9)],
        }
        for i, own in enumerate(token_ids)
    ]
    runner = BatchRunner(lambda: model, 1000, UNKEPT)
    rows = complete_types(runner, prompts, Words(end), 10)
    words = Words(end).decode(free[0].token_ids[:first])
    assert rows[0]["completed_type"] == words and rows[0]["ended"]
    assert rows[0]["n_new_tokens"] == first + 1
    assert rows[0]["type_token_ids"] == free[0].token_ids[:first]
    assert (rows[0]["token_ids"], rows[0]["gold_token_ids"]) == (token_ids[0], [1])
    assert rows[0]["shown_types"] == [Words(end).decode(token_ids[0][3:5])]
    assert [complete_types(runner, [one], Words(end), 10)[0] for one in prompts] == rows
    never = complete_types(runner, prompts, Words(VOCAB), 10)
    assert [(row["ended"], row["n_new_tokens"]) for row in never] == [(False, 10)] * 2


def test_a_token_that_spells_more_than_the_type_leaves_it_without_tokens():
    spelled = {1: " A", 2: "<B", 3: ">", 4: ">(", 5: ""}
    words = SimpleNamespace(decode=lambda ids: "".join(spelled[each] for each in ids))
    assert tokens_of_type([1, 2, 3, 4], "A<B>", words) == [1, 2, 3]
    assert tokens_of_type([1, 2, 4], "A<B>", words) is None
    assert tokens_of_type([1, 2], "", words) == []


def test_the_same_examples_are_drawn_under_every_edit():
    names = [f"e{i}" for i in range(100)]
    drawn = draw_examples(names, 20, 1, "a")
    assert len(drawn) == 20 and drawn == draw_examples(names[::-1], 20, 1, "a")
    assert drawn < draw_examples(names, 21, 1, "a")
    assert drawn != draw_examples(names, 20, 2, "a") and drawn != draw_examples(names, 20, 1, "b")
    assert len(draw_examples(names, 1000, 1, "a")) == 100


def test_the_compiler_is_asked_once_whether_a_text_has_ended():
    asked = []

    def type_ends(texts):
        asked.extend(texts)
        return [text.endswith(")") for text, _ in texts]

    ends = TypeEnds(SimpleNamespace(type_ends=type_ends), Words(7))
    assert ends.look(["parameter", "return"], [(0, [3, 7]), (1, [3]), (0, [3])]) == [False] * 3
    ends.encoder = SimpleNamespace(decode=lambda ids: "A)" if 7 in ids else "A3")
    assert ends.look(["parameter", "return"], [(1, [7]), (1, [3]), (0, (7,)), (1, [7])]) == [
        *(True, False, True, True)
    ]
    assert len(asked) == len(set(asked)) == 5


@pytest.mark.node
def test_known_prompts_are_taken_and_the_others_made_or_rejected():
    from fimscope.prompts.prompt import Unfit

    class Maker:
        def __init__(self, typescript):
            pass

        def make(self, original, variant):
            if variant["example_id"] == "c":
                raise Unfit("token_boundary", "here")
            return SimpleNamespace(token_ids=[1, 2, 3], gold_token_ids=[4, 5], regions=[])

    rows = [
        {"example_id": name, "edit": "e", "program_id": "p", "kind": "return", "gold": "A<B>"}
        for name in "abc"
    ]
    known = {"a": {"token_ids": [9], "gold_token_ids": [8], "regions": []}}
    originals = {row["example_id"]: row for row in rows}
    with TypeScriptPool(1) as pool:
        a, b, c = make_prompts(pool, Maker, originals, rows, known, 3)
        _, long, _ = make_prompts(pool, Maker, originals, rows, known, 2)
    assert (a["token_ids"], b["token_ids"], b["gold_token_ids"]) == ([9], [1, 2, 3], [4, 5])
    assert (c["reason"], c["step"]) == ("token_boundary", "complete_types")
    assert long["reason"] == "over_budget"


@pytest.mark.node
def test_the_types_that_a_prompt_shows_are_those_of_its_annotations():
    """Whatever a token holds besides: the colon before it, a bracket or a name behind it."""
    pieces = [
        "f(a",
        ": A<B>, ",
        "b",
        "?: string) ",
        "=> x: ",
        " { k: C }",
        "; y",
        ":",
        "(g: A, ",
        "any",
    ]
    kinds = ["rest", "annotation", "rest", "annotation", "rest", "annotation", "rest"]
    kinds += ["annotation", "annotation", "comment"]
    regions = [Region(kind, i, i + 1) for i, kind in enumerate(kinds)]
    encoder = SimpleNamespace(decode=lambda ids: "".join(pieces[each] for each in ids))
    own = shown_annotations(encoder, range(len(pieces)), regions)
    assert own == ["A<B>,", "string)", "{ k: C }", "", "(g: A,"]
    with TypeScript() as typescript:
        found = shown_types(typescript, [own, [], ["string", "string"]])
    assert found == [["A<B>", "string", "{ k: C }"], [], ["string", "string"]]


SHOWING = """type Sizes = { all: number[] };
// note: of the sizes: string
export function total(sizes: Map<string, number[]>, of: «Sizes», more?: { by: number }): string {
  const found: number[] = [];
  return of.all.concat(found, sizes.get("a") ?? [], more?.by ?? 0).join(": ");
}
"""


@pytest.mark.node
def test_the_types_that_a_real_prompt_shows_are_what_stands_behind_its_colons():
    """No member's type in a comment or a string, nothing of a ternary, not the gold."""
    encoder = Encoder.from_folder(Path("models/embedded"))
    prefix, gold, suffix = split_marked(SHOWING)
    row = {**ROW, "prefix": prefix, "gold": gold, "suffix": suffix, "name": "of"}
    with TypeScript() as typescript:
        prompt = PromptMaker(FORMATS["fim"], encoder, typescript, 400, "all").make(row, row)
        own = shown_annotations(encoder, prompt.token_ids, prompt.regions)
        assert shown_types(typescript, [own]) == [
            ["number[]", "Map<string, number[]>", "{ by: number }", "string", "number[]"]
        ]


def row_of(number, edit, form, gold, n_gold_tokens, verdict, **more):
    return {
        **{"example_id": f"e{number}", "edit": edit, "program_id": f"p{number % 20}"},
        **{"kind": "parameter", "gold": gold, "n_gold_tokens": n_gold_tokens, "form": form},
        **{"completed_type": "X", "ended": True, "verdict": verdict, "is_any": False},
        **{"detail": None, "right": verdict in ("same", "equivalent"), **more},
    }


GOLDS = [("builtin", "string", 1), ("name", "Date", 1), ("name", "Own", 2), ("array", "T[]", 3)]


@pytest.fixture(scope="module")
def numbers():
    """80 holes, 20 of a gold: the edit breaks all own types and mends a quarter of the arrays."""
    before, after = [], []
    for number in range(80):
        form, gold, n = GOLDS[number // 20]
        gave = {"string": "same", "Date": "equivalent", "Own": "same", "T[]": "checks"}[gold]
        before.append(row_of(number, "original", form, gold, n, gave, is_any=number == 60))
        gave = {"Own": "fails", "T[]": "same" if number % 4 == 0 else "checks"}.get(gold, gave)
        after.append(row_of(number, "rename_vars", form, gold, n, gave, ended=number != 40))
    tables = {
        edit: pa.Table.from_pylist(rows, VERDICTS.schema)
        for edit, rows in (("original", before), ("rename_vars", after))
    }
    examples = [
        {
            **{"example_id": f"e{n}", "package": f"k{n % 4}", "kind": "parameter"},
            **{"name": GOLDS[n // 20][1], "gold": GOLDS[n // 20][1]},
        }
        for n in range(80)
    ]
    shown = {edit: {f"e{n}": ["string"] * (n % 2) for n in range(80)} for edit in tables}
    return whole_numbers(tables, shown, examples, 0.03)


def test_counts_are_those_made_by_hand(numbers):
    original, renamed = numbers["edits"]["original"], numbers["edits"]["rename_vars"]
    counts = {group: row["n"] for group, row in original.items()}
    assert counts == {
        ALL: 80,
        ONE_TOKEN: 40,
        LONGER: 40,
        "builtin": 40,
        "own type": 20,
        "array": 20,
    }
    assert original[ALL]["n_verdicts"] == {"same": 40, "equivalent": 20, "checks": 20, "fails": 0}
    assert original[ALL]["right"]["estimate"] == 0.75 and original[ALL]["n_any"] == 1
    assert original[ALL]["verdicts"]["equivalent"]["estimate"] == 0.25
    # Every name has one gold here; every second prompt shows `string`, the others nothing.
    assert original[ALL]["baselines"] == {"name": 1, "shown": 0.625}
    assert original["own type"]["baselines"] == {"name": 1, "shown": 0.5}
    gains = original[ALL]["gains"]
    assert (gains["name"]["estimate"], gains["shown"]["estimate"]) == (-0.25, 0.125)
    assert gains["name"]["n"] == 80
    of_name = (original["array"]["gains"]["name"], renamed["own type"]["gains"]["name"])
    assert {gain["verdict"] for gain in of_name} == {"shown"}
    assert original["builtin"]["gains"]["name"]["estimate"] == 0
    assert renamed["own type"]["n_verdicts"]["fails"] == 20
    assert (renamed[ALL]["n_unended"], renamed[LONGER]["n_unended"]) == (1, 1)


def test_changes_are_of_the_same_examples(numbers):
    change = {row["group"]: row for row in numbers["changes"]}
    assert {row["edit"] for row in numbers["changes"]} == {"rename_vars"}
    assert (change[ALL]["n_broken"], change[ALL]["n_mended"], change[ALL]["n_right_before"]) == (
        *(20, 5),
        60,
    )
    assert change[ALL]["estimate"] == pytest.approx(-15 / 80)
    assert change["own type"]["estimate"] == -1 and change["own type"]["verdict"] == "shown"
    assert change["builtin"]["estimate"] == 0 and change["builtin"]["n_broken"] == 0


def test_the_section_says_which_golds_it_speaks_of(numbers, tmp_path):
    section = whole_section(numbers, "equivalent", 64, 800)
    told = " ".join(section.reading)
    assert "40 of 80 answers are the gold's own spelling, 20 are equivalent" in told
    assert "Of all golds 75.0%" in told and "Of golds of more tokens 50.0%" in told
    assert "breaks 20 of 60 right answers to all golds and mends 5" in told
    assert "own type -100.0" in told
    for table in section.tables:
        assert "gold" in table.header
        assert all(len(row) == len(table.header) for row in table.rows)
    figure = plot_whole_types(numbers["edits"])
    assert [axes.get_title(loc="left") for axes in figure.axes] == ["original", "rename_vars"]


def holes_of_one_name(n_right: int, shown: list[str], alike: bool):
    """The section on 80 holes of one name in 20 programs: each gold its own type, or one of all."""
    golds = ["Own" if alike else f"G{n}" for n in range(80)]
    rows = [
        row_of(n, "original", "name", golds[n], 2, "same" if n < n_right else "fails")
        for n in range(80)
    ]
    examples = [
        {"example_id": f"e{n}", "package": f"k{n % 4}", "kind": "return", "name": "f"}
        | {"gold": golds[n]}
        for n in range(80)
    ]
    table = pa.Table.from_pylist(rows, VERDICTS.schema)
    prompts = {f"e{n}": [kind.format(n=n) for kind in shown] for n in range(80)}
    numbers = whole_numbers({"original": table}, {"original": prompts}, examples, 0.03)
    return whole_section(numbers, "same", 64, 800)


KIND_AND_NAME = "the commonest type of holes of that kind and name"
SHOWN_TYPE = "the likeliest type that the prompt shows"


@pytest.mark.parametrize(
    ("n_right", "alike", "claimed", "told"),
    [
        (70, False, "more often", f"{KIND_AND_NAME} is for 0.0%: that this is less is shown"),
        (10, True, "less often", f"{KIND_AND_NAME} is for 100.0%: that this is more is shown"),
    ],
)
def test_how_often_it_is_right_is_held_against_kind_and_name(n_right, alike, claimed, told):
    section = holes_of_one_name(n_right, ["number", "number", "boolean"], alike)
    claim = section.findings[0]
    assert claim.claim == f"a whole type, of any length, is right {claimed} than {KIND_AND_NAME}"
    assert claim.verdict == "shown" and f"{n_right / 0.8:.1f}%, by " in claim.number
    assert told in " ".join(section.reading)


@pytest.mark.parametrize(
    ("n_right", "shown", "guessed", "claimed"),
    [
        (30, ["G{n}", "number", "G{n}"], 100, "less often"),  # the gold, by twice
        (30, ["G{n}", "number"], 100, "less often"),  # of equals the first
        (30, ["number", "G{n}", "number"], 0, "more often"),
        # G0 is a gold elsewhere, but for the 20 holes of its own package.
        (70, ["G{n}", "G{n}", "G0"], 25, "more often"),
        (30, [], 0, "more often"),  # nothing is shown: what kind and name tell, another gold
    ],
)
def test_how_often_it_is_right_is_held_against_what_the_prompt_shows(
    n_right, shown, guessed, claimed
):
    section = holes_of_one_name(n_right, shown, alike=False)
    all_golds, longer = section.findings[1:3]
    assert all_golds.claim == f"a whole type, of any length, is right {claimed} than {SHOWN_TYPE}"
    assert longer.claim == f"a type of more tokens than one is right {claimed} than {SHOWN_TYPE}"
    for claim in (all_golds, longer):
        assert claim.verdict == "shown" and claim.control == f"that guess, {guessed:.1f}%"


@pytest.fixture(scope="module")
def renamed():
    """40 own types and 40 generics, all right: one edit breaks own types, the other 10 of all."""
    tables = {"original": [], "rename_vars": [], "rename_types": []}
    for number in range(80):
        form, gold = ("name", "Own") if number < 40 else ("generic", "Map<K, V>")
        said = {
            "original": ("same", gold),
            "rename_vars": ("fails" if number % 8 == 0 else "same", gold),
            "rename_types": ("fails", "Tulpe") if number < 40 else ("equivalent", gold),
        }
        for edit, (verdict, spelled) in said.items():
            tables[edit].append(row_of(number, edit, form, spelled, 2, verdict))
    examples = [
        {
            **{"example_id": f"e{n}", "package": f"k{n % 4}", "kind": "return"},
            **{"name": "f", "gold": "Own"},
        }
        for n in range(80)
    ]
    return whole_numbers(
        {edit: pa.Table.from_pylist(rows, VERDICTS.schema) for edit, rows in tables.items()},
        {edit: {row["example_id"]: [] for row in rows} for edit, rows in tables.items()},
        examples,
        0.03,
    )


def test_what_breaks_when_types_are_renamed_stands_beside_what_breaks_when_variables_are(renamed):
    apart = {row["group"]: row for row in renamed["apart"]}
    counts = ("n_only_first", "n_only_second", "n_both")
    assert [apart[ALL][key] for key in counts] == [35, 5, 5]
    assert [apart["own type"][key] for key in counts] == [35, 0, 5]
    assert [apart["generic"][key] for key in counts] == [0, 5, 0]
    assert apart["own type"]["estimate"] == pytest.approx(-35 / 40)
    assert (apart["own type"]["verdict"], apart["generic"]["n"]) == ("shown", 40)
    section = whole_section(renamed, "equivalent", 64, 800)
    claims = [own.claim for own in section.findings]
    assert "`rename_types` changes how often a program's own type is right" in claims
    assert claims[-1] == "`rename_types` leaves other whole types right than `rename_vars`"
    told = " ".join(section.reading)
    assert "programs' own types (40 holes) `rename_types` alone breaks 35" in told
    for table in section.tables:
        assert all(len(row) == len(table.header) for row in table.rows)


def test_without_both_edits_none_is_held_against_the_other(numbers):
    assert numbers["apart"] == []
    claims = [own.claim for own in whole_section(numbers, "equivalent", 64, 800).findings]
    assert claims == [
        f"a whole type, of any length, is right less often than {KIND_AND_NAME}",
        f"a whole type, of any length, is right more often than {SHOWN_TYPE}",
        f"a type of more tokens than one is right more often than {SHOWN_TYPE}",
        "`rename_vars` changes how often a whole type is right",
        "`rename_vars` changes how often a program's own type is right",
    ]


def test_a_study_without_completions_has_a_section():
    empty = {"original": VERDICTS.schema.empty_table()}
    numbers = whole_numbers(empty, {"original": {}}, [], 0.03)
    assert "nothing was completed" in whole_section(numbers, "same", 64, 800).reading[0]
    plot_whole_types(numbers["edits"])
