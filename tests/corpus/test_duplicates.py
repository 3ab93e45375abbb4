from itertools import combinations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimscope.corpus.duplicates import first_alike, jaccard, near_duplicate_clusters, shingles
from fimscope.corpus.selection import choose_programs, is_plausible

WORDS = [f"word{i}" for i in range(104)]


def test_shingles_and_similarity_by_hand():
    # 6 tokens (f ( a ) ; ;) give 2 shingles of 5; spaces and line ends count for nothing.
    assert shingles("f(a);;") == shingles("f ( a )\r\n; ;")
    assert shingles("f(a);;") == {("f", "(", "a", ")", ";"), ("(", "a", ")", ";", ";")}
    assert shingles("a b") == {("a", "b")}
    assert jaccard(frozenset("abc"), frozenset("bcd")) == 0.5


def test_first_alike():
    assert first_alike(["x", "y", "x", "z", "y", "x"]) == [0, 1, 0, 3, 1, 0]


def text_with_changes(*places):
    """100 shingles, of which each change far from the others replaces 5."""
    return " ".join(f"changed{i}" if i in places else word for i, word in enumerate(WORDS))


def test_the_threshold_is_exact():
    # k changes leave 100 - 5k common shingles out of 100 + 5k: 2 give 90/110, 3 give 85/115.
    base, two, three = text_with_changes(), text_with_changes(20, 40), text_with_changes(20, 40, 60)
    assert jaccard(shingles(base), shingles(two)) == pytest.approx(90 / 110)
    assert jaccard(shingles(base), shingles(three)) == pytest.approx(85 / 115)
    assert near_duplicate_clusters([base, two]) == [0, 0]
    assert near_duplicate_clusters([base, three]) == [0, 1]
    # Through `two`, which is near both (95/105 to `three`), all are in one cluster.
    assert near_duplicate_clusters([base, three, "alone", two]) == [0, 0, 2, 0]


def test_changed_layout_and_line_ends_make_a_near_duplicate():
    program = "function f(a: number): number {\n  return a + 1;\n}\n" * 3
    other = (
        "class Stack<T> {\n  items: T[] = [];\n  push(item: T): void { this.items.push(item) }\n}"
    )
    changed = program.replace("\n", "\r\n").replace("  ", "\t")
    assert near_duplicate_clusters([other, program, "\ufeff" + changed, changed]) == [0, 1, 1, 1]


@given(st.lists(st.sets(st.integers(0, 103), max_size=4), min_size=1, max_size=8))
@settings(max_examples=40, deadline=None)
def test_clusters_are_those_of_all_pairs_measured(changes):
    texts = [text_with_changes(*places) for places in changes]
    expected = list(range(len(texts)))
    for i, j in combinations(range(len(texts)), 2):
        if jaccard(shingles(texts[i]), shingles(texts[j])) >= 0.8:
            low, high = sorted((expected[i], expected[j]))
            expected = [low if cluster == high else cluster for cluster in expected]
    assert near_duplicate_clusters(texts) == expected


def program(number, package="mine", text="function f(a: number): number { return a }\n"):
    content = f"// {number}\n" + text * 10
    return {
        "program_id": str(number),
        "package": package,
        "n_bytes": len(content),
        "content": content,
    }


def test_plausible_programs():
    assert is_plausible(program(1))
    assert is_plausible(program(1, text="export const pad = (text: string) => text;\n"))
    assert not is_plausible(program(1, text="export * from './other/module/of/mine';\n"))
    assert not is_plausible({**program(1), "n_bytes": 299})
    assert not is_plausible({**program(1), "n_bytes": 100_001})


def test_choice_takes_plausible_programs_first_and_is_seeded():
    programs = [program(i, text="export * from './other/module';\n") for i in range(5)]
    programs += [program(i) for i in range(5, 10)]
    programs += [program(i, package="other") for i in range(10, 12)]
    chosen = choose_programs(programs, 6, seed=1)
    assert chosen[5:] == [True] * 7
    assert sum(chosen[:5]) == 1
    assert choose_programs(programs, 6, seed=1) == chosen
    few = {tuple(choose_programs(programs, 3, seed)) for seed in range(20)}
    assert len(few) > 5
    assert all(sum(one[:5]) == 0 and sum(one[5:10]) == 3 for one in few)


def test_a_file_that_comes_changes_no_other_place():
    programs = [program(i) for i in range(20)]
    before = choose_programs(programs, 10, seed=0)
    after = choose_programs([*programs, program(20)], 10, seed=0)
    assert sum(a != b for a, b in zip(before, after, strict=False)) <= 1
