"""The right type among many samples beside guesses: chances, numbers, figure and section."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import numpy as np
import pytest

from fimscope.experiments.registry import all_tables
from fimscope.experiments.samples.numbers import (
    COUNTED,
    GUESSES,
    LEVELS,
    Sampled,
    gold_chances,
    read_sampled,
    sample_numbers,
    sampled_numbers,
    shown_share,
)
from fimscope.experiments.samples.section import samples_section
from fimscope.experiments.whole_types.numbers import LONGER, ONE_TOKEN
from fimscope.files.tables import write_table
from fimscope.report.theme import save_figure
from fimscope.statistics.significance import holm
from fimscope.statistics.verdicts import Verdict
from judge_samples import count_verdicts
from plot_samples import plot_samples
from synthetic import HOSTILE, MANIFEST


def chances(golds, packages, programs=None):
    rows = zip(golds, packages, programs or packages, strict=True)
    holes = [
        {"example_id": i, "gold": gold, "package": package, "program_id": program}
        for i, (gold, package, program) in enumerate(rows)
    ]
    return list(gold_chances(holes).values())


def test_chances_leave_out_the_own_package():
    golds = ["string", "string", "number", "number"]
    assert chances(golds, "abbc") == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 3])
    # Two programs of one package tell nothing of each other.
    assert chances(golds, "aabb", "1234") == [0, 0, 0, 0]
    assert chances(["string", "number"], "ab") == [0, 0]


def test_in_a_single_package_chances_leave_out_the_own_program():
    golds = ["string", "string", "number", "number"]
    assert chances(golds, "aaaa", "1223") == pytest.approx([1 / 3, 1 / 2, 1 / 2, 1 / 3])
    assert chances(["string"], "a") == [0]


def never_right(programs, chance, shown=None):
    n = len(programs)
    return Sampled(
        programs=np.array(list(programs)),
        packages=np.array(list(programs)),
        golds=np.array(["number"] * n),
        n_drawn=10,
        n_passed=np.zeros((n, len(LEVELS)), np.int64),
        counts=np.zeros((n, len(COUNTED)), np.int64),
        one_token=np.ones(n, bool),
        right=np.zeros(n, bool),
        broken=np.zeros(n, bool),
        chance=np.array(chance, float),
        shown=np.full(n, np.nan) if shown is None else np.array(shown, float),
    )


def test_the_difference_to_chance_is_at_most_one():
    few = never_right("abcdef", [0.9, 0.9, 0.9, 0.9, 0, 0])
    above = sampled_numbers(few)["above"]["chance"]
    assert -1 <= above["lower"] < above["estimate"] == pytest.approx(-4 / 6)  # many guesses of 0.9


def test_that_few_holes_are_never_found_shows_nothing():
    """Whatever chance has: that no difference varies is no measure of how little there is."""
    numbers = sample_numbers({"original": never_right("abc", [0, 0, 0])}, 0.03)
    above = numbers["edits"]["original"]["wrong"]["above"]["chance"]
    assert above["lower"] < -0.5
    assert above["upper"] > 0.5
    assert above["verdict"] == above["packages"]["verdict"] == Verdict.UNDECIDED


def test_a_copied_guess_is_by_even_odds_one_of_those_that_the_prompt_shows():
    assert shown_share("A", ["A", "B", "A", "C"]) == 0.5
    assert shown_share("A", ["Array<A>"]) == 0 and np.isnan(shown_share("A", []))
    guessed = never_right("abc", [0.2, 0.2, 0], [0.5, np.nan, 0.5]).guessed([1, 2])
    assert guessed["chance"] == pytest.approx(np.array([[0.2, 0.36], [0.2, 0.36], [0, 0]]))
    assert guessed["copying"] == pytest.approx(
        np.array([[0.35, 1 - 0.65**2], [0.2, 0.36], [0.25, 1 - 0.75**2]])
    )


def planted_samples(seed, copies):
    """Variants whose 10 samples copy what the prompt shows, or are right by themselves too.

    Each of 30 programs has two holes, and shows the gold in a third of its annotations or not. The
    samples are the copying guesses themselves, so that nothing is to be found; or a third more of
    the variants has the gold.
    """
    generator = np.random.default_rng(seed)
    programs = np.repeat([f"p{i}" for i in range(30)], 2)
    none = never_right(programs, np.full(60, 0.02), np.where(np.arange(60) % 3, 0.0, 1 / 3))
    p = none.guessed([1])["copying"][:, 0]
    known = generator.random(60) < (0 if copies else 1 / 3)
    n_same = np.where(known, 8, generator.binomial(10, p))
    passed = np.repeat(n_same[:, None], len(LEVELS), axis=1)
    return replace(none, n_passed=passed)


@pytest.mark.parametrize(("copies", "least", "most"), [(True, 0, 10), (False, 80, 100)])
def test_samples_that_only_copy_are_rarely_said_to_know_more(copies, least, most):
    """A hundred studies: against guesses by frequency alone copies pass for knowledge."""
    shown = dict.fromkeys(GUESSES, 0)
    for seed in range(100):
        group = sample_numbers({"original": planted_samples(seed, copies)}, 0.03)
        for name, above in group["edits"]["original"]["wrong"]["above"].items():
            shown[name] += above["verdict"] == Verdict.SHOWN and above["estimate"] > 0
    assert least <= shown["copying"] <= most
    assert shown["chance"] >= 80


def test_samples_that_lose_to_one_kind_of_guesses_are_told_of_both():
    """No kind is picked by what it gives: all differences of a study are one family."""
    few = never_right("abcdefghijkl", [0.0] * 12, [0.9] * 12)
    above = sample_numbers({"original": few}, 0.03)["edits"]["original"]["wrong"]["above"]
    assert above["copying"]["estimate"] == pytest.approx(-1, abs=1e-2)
    assert (above["copying"]["verdict"], above["chance"]["estimate"]) == (Verdict.SHOWN, 0)
    tests = list(above.values())
    assert [test["adjusted_p"] for test in tests] == pytest.approx(holm([t["p"] for t in tests]))


def sampled_row(key, n_tokens, same, equivalent, checks, n_any):
    """20 samples of a variant; what is left of them fails, one of them without an end."""
    types = [
        {"verdict": verdict, "count": n, "right": verdict in ("same", "equivalent")}
        for verdict, n in (("same", same), ("equivalent", equivalent), ("checks", checks - n_any))
    ]
    n_fails = 20 - same - equivalent - checks
    types += [{"verdict": "checks", "count": n_any, "right": False, "is_any": True}]
    types += [{"verdict": "fails", "count": n_fails - 1, "right": False}]
    types += [{"verdict": "fails", "count": 1, "right": False, "ended": False}]
    plain = {**key, "form": "name", "n_gold_tokens": n_tokens, "is_any": False, "ended": True}
    return count_verdicts([{**plain, "completed_type": str(i), **t} for i, t in enumerate(types)])


def write_tables(folder, edit, rows, right, was_right):
    """rows: of each variant the arguments of `sampled_row` behind the key."""
    keys = [
        {"example_id": f"e{i}", "edit": edit, "program_id": f"p{i % 4}", "gold": HOSTILE[i % 2]}
        for i in range(len(rows))
    ]
    samples = [sampled_row(key, *row) for key, row in zip(keys, rows, strict=True)]
    known = {
        "samples": ("samples", samples),
        "completions": (
            "completions",
            [{**k, "shown_types": SHOWN_TYPES[i % 2 :]} for i, k in enumerate(keys)],
        ),
        "verdicts": ("verdicts", [{**k, "right": r} for k, r in zip(keys, right, strict=True)]),
        "before": ("verdicts", [{**k, "right": r} for k, r in zip(keys, was_right, strict=True)]),
        # Of one more hole, which was not sampled, guesses are drawn too.
        "variants": ("variants", [*keys, {**keys[0], "example_id": "x"}] if keys else []),
    }
    paths = {}
    for name, (table, own) in known.items():
        paths[name] = folder / name / f"{edit}.parquet"
        write_table(paths[name], all_tables()[table], own, MANIFEST)
    holes = {key["example_id"]: {"package": key["program_id"]} for key in keys}
    holes["x"] = {"package": "px"}
    tables = (paths[name] for name in ("samples", "completions", "verdicts", "before", "variants"))
    return read_sampled(*tables, holes)


# Of the prompts; the gold of every second hole is the first of HOSTILE.
SHOWN_TYPES = [HOSTILE[0], "A"]
# tokens of the gold; samples that are the same, equivalent, check, of them any
ROWS = [(1, 19, 0, 0, 0), (1, 1, 1, 2, 1), (3, 0, 4, 4, 0), (2, 0, 0, 3, 3)]


def test_numbers_by_hand(tmp_path):
    sampled = write_tables(tmp_path, "original", ROWS, [True, False, False, False], [False] * 4)
    numbers = sampled_numbers(sampled)
    assert (numbers["n"], numbers["n_drawn"], numbers["n_found"]) == (4, 20, 2)
    assert numbers["n_found_right"] == 3
    assert numbers["pass_at_1"]["estimate"] == pytest.approx((19 + 2 + 4) / 80)
    levels = {level: numbers["by_level"][level]["pass_at_1"]["estimate"] * 80 for level in LEVELS}
    expected = {"right": 25, "same": 20, "equivalent": 25, "checks": 30, "any": 34}
    assert levels == pytest.approx(expected, abs=1e-3)
    # Of 2 right ones of 20 the first ten hold none with a chance of (10 * 9) / (20 * 19).
    one_of_two = 1 - 90 / 380
    one_of_four = 1 - (10 * 9 * 8 * 7) / (20 * 19 * 18 * 17)
    assert numbers["pass_at_10"]["estimate"] == pytest.approx(
        (1 + one_of_two + one_of_four) / 4, abs=1e-6
    )
    assert "pass_at_100" not in numbers
    assert numbers["greedy"]["estimate"] == 0.25
    assert numbers["curve"]["k"] == [1, 2, 5, 10, 20]
    assert numbers["n_verdicts"] == {"same": 20, "equivalent": 5, "checks": 9, "fails": 46}
    assert (numbers["n_any"], numbers["n_unended"], numbers["n_types"]) == (4, 4, 24)
    # Of four holes of other packages two have the gold of the first and the third, one the others'.
    chance = np.array([1 - (2 / 4) ** 10, 1 - (3 / 4) ** 10])
    assert numbers["chance_at_10"]["estimate"] == pytest.approx(chance.mean(), abs=1e-6)
    # Guesses are held against what is spelled as the gold is, which the third has not.
    missed = np.array([2 / 4, 3 / 4]) ** 20
    assert numbers["above"]["chance"]["estimate"] == pytest.approx(
        np.mean([1, 1, 0, 0]) - (1 - missed).mean(), abs=1e-6
    )
    # The prompts of the first and the third show two types, one of them the gold; the others' one.
    missed = np.array([1 - (2 / 4 + 1 / 2) / 2, 1 - (1 / 4 + 0) / 2]) ** 20
    assert numbers["above"]["copying"]["estimate"] == pytest.approx(
        0.5 - (1 - missed).mean(), abs=1e-6
    )
    assert numbers["n_shown"] == 2
    assert numbers["above"]["copying"]["packages"]["n_packages"] == 4


def test_strata_and_groups_by_hand(tmp_path):
    before = write_tables(tmp_path / "a", "original", ROWS, [True] * 4, [True] * 4)
    after = write_tables(
        tmp_path / "b", "rename_vars", ROWS, [True, False, False, True], [True, False, True, True]
    )
    numbers = sample_numbers({"original": before, "rename_vars": after}, 0.03)
    groups = numbers["edits"]["rename_vars"]
    assert {name: group["n"] for name, group in groups.items()} == {
        **{"all": 4, "right": 2},
        **{"wrong": 2, "broken": 1},
    }
    assert "broken" not in numbers["edits"]["original"]
    one, longer = (numbers["strata"]["rename_vars"][name] for name in (ONE_TOKEN, LONGER))
    assert (one["all"]["n"], longer["all"]["n"]) == (2, 2)
    assert one["all"]["pass_at_1"]["estimate"] == pytest.approx(21 / 40)
    assert longer["all"]["pass_at_1"]["estimate"] == pytest.approx(4 / 40)
    assert longer["all"]["by_level"]["any"]["pass_at_1"]["estimate"] == pytest.approx(11 / 40)
    assert longer["broken"]["n"] == 1 and one["broken"]["n"] == 0
    assert longer["wrong"]["n_found"] == 0 and longer["wrong"]["n_found_right"] == 1


def test_a_variant_whose_greedy_answer_has_no_verdict_is_left_out_and_counted(tmp_path):
    write_tables(tmp_path, "original", ROWS, [True] * 4, [True] * 4)
    three = [
        {"example_id": f"e{i}", "edit": "original", "program_id": "p", "gold": "g", "right": True}
        for i in range(3)
    ]
    path = tmp_path / "verdicts/original.parquet"
    write_table(path, all_tables()["verdicts"], three, MANIFEST)
    holes = {name: {"package": name} for name in ("e0", "e1", "e2", "e3", "x")}
    sampled = read_sampled(
        tmp_path / "samples/original.parquet",
        tmp_path / "completions/original.parquet",
        *(path, path, tmp_path / "variants/original.parquet"),
        holes,
    )
    assert (len(sampled), sampled.n_unjudged) == (3, 1)
    numbers = sample_numbers({"original": sampled}, 0.03)
    told = " ".join(samples_section(numbers, 1.0, 0.95, "same", 64).reading)
    assert "Left out: 1 hole whose greedy answer the compiler could not judge." in told


@pytest.mark.parametrize("n", [0, 12])
def test_figure_and_section(tmp_path, n):
    edits = {
        edit: write_tables(
            tmp_path,
            edit,
            [(1 + i % 4 // 2, i % 3, 1, 4, 2) for i in range(n)],
            [i % 2 == 0 for i in range(n)],
            [i % 4 == 1 for i in range(n)],
        )
        for edit in ("original", "rename_vars")
    }
    numbers = sample_numbers(edits, 0.03)
    figure = plot_samples(numbers)
    save_figure(figure, tmp_path / "x.svg", tmp_path / "x.png")
    root = ElementTree.fromstring((tmp_path / "x.svg").read_text(encoding="utf-8"))
    found = " ".join(text for text in root.itertext() if text.strip())
    assert ("original, greedy wrong" if n else "no samples") in found
    assert ("of more tokens" in found) and ("greedy wrong (3)" in found) == bool(n)
    section = samples_section(numbers, 1.0, 0.95, "equivalent", 64)
    page = " ".join(section.reading)
    assert ("20 samples hold the gold in 4 of 6 holes" if n else "nothing was sampled") in page
    if n:
        tests = [
            numbers["edits"][edit]["wrong"]["above"][guesses]
            for edit in edits
            for guesses in GUESSES
        ]
        assert [test["adjusted_p"] for test in tests] == holm([test["p"] for test in tests])
        assert "A type that counts as right is among the samples in 6" in page
        assert "Of golds of more tokens (6 holes) the greedy answer is right in 50.0%" in page
        assert "The 240 samples spell 72 types, a hole's each judged once" in page
        assert "20.0% are another type that checks (10.0% `any` to the compiler)" in page
        assert section.findings[0].claim == (
            "20 samples of wrong answers and guesses differ in how often they hold the gold "
            "(`original`)"
        )
    for table in section.tables:
        assert all(len(row) == len(table.header) for row in table.rows)
    assert "<script" not in page.replace("`</script><script>", "")
