import logging
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from fimscope.corpus.components import components_by_labels
from fimscope.corpus.groups import GROUPS, assign_groups
from fimscope.errors import UserError

EVEN = (1 / 3, 1 / 3, 1 / 3)


def shares(groups, n_examples):
    return {
        group: sum(n_examples.get(program, 0) for program, own in groups.items() if own == group)
        for group in GROUPS
    }


def one_program_packages(*sizes):
    programs = [(f"program{i}", f"package{i}", f"program{i}") for i in range(len(sizes))]
    return programs, {f"program{i}": size for i, size in enumerate(sizes)}


def test_items_that_share_a_label_through_others_are_one_component():
    assert components_by_labels([["a"], ["b"], ["c", "a"], ["d"], ["b", "c"]]) == [0, 0, 0, 3, 0]


def test_hand_worked_split_meets_the_fractions_exactly():
    programs, n_examples = one_program_packages(50, 10, 20, 12, 8)
    groups = assign_groups(programs, n_examples, (0.6, 0.2, 0.2), seed=1)
    # 100 examples: 60, 20, 20. Only 50 + 10 and 20 and 12 + 8 give that.
    assert shares(groups, n_examples)["fit"] == 60
    assert groups["program0"] == groups["program1"] == "fit"
    assert groups["program3"] == groups["program4"] != groups["program2"]


def test_a_swap_mends_what_largest_first_gets_wrong():
    # Of 36 examples 18, 9, 9. Largest first puts 11 and 5 into fit, and 7 with 1 or 4 elsewhere;
    # only 11 + 7, 8 + 1 and 5 + 4 meet the fractions.
    programs, n_examples = one_program_packages(8, 7, 5, 4, 11, 1)
    groups = assign_groups(programs, n_examples, (0.5, 0.25, 0.25), seed=3)
    assert shares(groups, n_examples) == {"fit": 18, "select": 9, "test": 9}
    # 24 in thirds: 6, 5 + 4, 5 + 4; no other way comes nearer.
    programs, n_examples = one_program_packages(6, 5, 5, 4, 4)
    groups = assign_groups(programs, n_examples, EVEN, seed=3)
    assert sorted(shares(groups, n_examples).values()) == [6, 9, 9]


def test_packages_that_share_a_cluster_stay_together():
    programs = [
        ("a1", "a", "a1"),
        ("b1", "b", "a1"),  # a copy of a1, a little changed
        ("b2", "b", "b2"),
        ("c1", "c", "c1"),
        ("d1", "d", "d1"),
    ]
    groups = assign_groups(programs, dict.fromkeys(["a1", "b1", "b2", "c1", "d1"], 10), EVEN, 0)
    assert groups["a1"] == groups["b1"] == groups["b2"]
    assert len({groups["a1"], groups["c1"], groups["d1"]}) == 3


def test_every_group_has_a_component_even_where_one_holds_nearly_all():
    programs, n_examples = one_program_packages(980, 1, 1)
    groups = assign_groups(programs, n_examples, (0.8, 0.1, 0.1), seed=0)
    assert groups["program0"] == "fit"
    assert set(groups.values()) == set(GROUPS)
    programs, n_examples = one_program_packages(50, 49, 1)
    groups = assign_groups(programs, n_examples, (0.98, 0.01, 0.01), seed=0)
    assert set(groups.values()) == set(GROUPS)


def test_one_package_is_split_by_cluster_and_the_log_says_so(caplog):
    programs = [(f"p{i}", "mine", f"p{i - i % 2}") for i in range(12)]
    with caplog.at_level(logging.WARNING, logger="fimscope"):
        groups = assign_groups(programs, {f"p{i}": 1 for i in range(12)}, (0.5, 0.25, 0.25), 5)
    assert "cluster only" in caplog.text
    assert all(groups[f"p{i}"] == groups[f"p{i + 1}"] for i in range(0, 12, 2))
    # Six pairs: the fit group's half is three of them; a quarter is a pair and a half.
    assert sorted(shares(groups, {f"p{i}": 1 for i in range(12)}).values()) == [2, 4, 6]


def test_one_cluster_goes_whole_into_one_group_and_the_log_says_so(caplog):
    with caplog.at_level(logging.WARNING, logger="fimscope"):
        groups = assign_groups(
            [("a", "mine", "a"), ("b", "mine", "a")], {"a": 1, "b": 2}, (0.6, 0.2, 0.2), 0
        )
    assert groups == {"a": "fit", "b": "fit"}
    assert "leave a group empty" in caplog.text


def test_no_program_gives_no_group():
    assert assign_groups([], {}, (0.6, 0.2, 0.2), 0) == {}


@pytest.mark.parametrize("fractions", [(0.5, 0.5, 0.5), (1.2, -0.1, -0.1), (0.5, 0.5)])
def test_fractions_that_are_no_shares_are_refused(fractions):
    with pytest.raises(UserError, match="sum to 1"):
        assign_groups([("a", "a", "a")], {"a": 1}, fractions, 0)


@given(
    programs=st.lists(
        st.tuples(st.integers(0, 30), st.integers(0, 6), st.integers(0, 12), st.integers(0, 40)),
        max_size=30,
        unique_by=lambda row: row[0],
    ),
    weights=st.tuples(st.integers(0, 5), st.integers(0, 5), st.integers(1, 5)),
    seed=st.integers(0, 5),
)
@settings(max_examples=150, deadline=None)
def test_no_component_is_ever_split(programs, weights, seed):
    fractions = tuple(weight / sum(weights) for weight in weights)
    rows = [(f"id{i}", f"package{p}", f"cluster{c}") for i, p, c, _ in programs]
    n_examples = {f"id{i}": n for i, _, _, n in programs}
    groups = assign_groups(rows, n_examples, fractions, seed)
    assert set(groups) == {program_id for program_id, _, _ in rows}
    assert groups == assign_groups(list(reversed(rows)), n_examples, fractions, seed)
    assert {GROUPS[i] for i in range(3) if fractions[i] == 0}.isdisjoint(groups.values())

    linked = reachable(rows)
    if len({frozenset(linked[a]) for a in linked if any(n_examples[b] for b in linked[a])}) >= 3:
        assert all(groups[a] == groups[b] for a in linked for b in linked[a])
        wanted = {GROUPS[i] for i in range(3) if fractions[i] > 0}
        assert {groups[a] for a in groups if any(n_examples[b] for b in linked[a])} == wanted
    else:
        clusters = {program_id: cluster for program_id, _, cluster in rows}
        assert all(
            groups[a] == groups[b] for a, b in product(groups, groups) if clusters[a] == clusters[b]
        )


def reachable(rows):
    """The programs that each reaches over shared packages and clusters, by a plain search."""
    found = {}
    for start, _, _ in rows:
        seen, waiting = set(), [start]
        while waiting:
            here = waiting.pop()
            seen.add(here)
            _, package, cluster = next(row for row in rows if row[0] == here)
            waiting += [
                row[0]
                for row in rows
                if row[0] not in seen and (row[1] == package or row[2] == cluster)
            ]
        found[start] = seen
    return found
