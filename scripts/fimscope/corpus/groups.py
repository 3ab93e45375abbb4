"""The groups fit, select and test: no program, near-duplicate cluster or package is in two."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from fimscope.corpus.components import components_by_labels
from fimscope.errors import UserError
from fimscope.steps.frame import log
from fimscope.steps.seeds import draw

GROUPS = ("fit", "select", "test")


class Component(NamedTuple):
    """Programs that must be in one group, and how many examples they have together."""

    program_ids: tuple[str, ...]
    n_examples: int


def assign_groups(
    programs: Sequence[tuple[str, str, str]],
    n_examples: Mapping[str, int],
    fractions: tuple[float, float, float],
    seed: int,
) -> dict[str, str]:
    """The group of each program; each group's share of examples is as near its fraction as may be.

    programs    (program_id, package, near-duplicate cluster) of each program
    n_examples  program_id -> its number of examples; a program that is not in it has none
    fractions   the shares of fit, select and test; they sum to 1
    returns     program_id -> fit | select | test
    raises      UserError if the fractions are no shares

    Programs that share a package or a cluster are in one component, and a component is never
    split. Fewer than three such components with examples cannot fill three groups: then programs
    are held together by their cluster alone, and the log says so. With three or more, every group
    with a fraction above zero has at least one.
    """
    _check_fractions(fractions)
    components = _components(programs, n_examples, by_package=True)
    if _n_with_examples(components) < len(GROUPS):
        log.warning(
            "groups: %d package(s) with examples cannot fill %d groups; "
            "the split is by near-duplicate cluster only",
            _n_with_examples(components),
            len(GROUPS),
        )
        components = _components(programs, n_examples, by_package=False)
        if _n_with_examples(components) < len(GROUPS):
            log.warning(
                "groups: %d cluster(s) with examples leave a group empty; add source",
                _n_with_examples(components),
            )
    members = _improve(_largest_first(components, fractions, seed), fractions)
    return {
        program_id: group
        for group, own in zip(GROUPS, members, strict=True)
        for component in own
        for program_id in component.program_ids
    }


def _check_fractions(fractions: tuple[float, float, float]) -> None:
    shares = len(fractions) == len(GROUPS) and all(fraction >= 0 for fraction in fractions)
    if not shares or abs(sum(fractions) - 1) > 1e-6:
        raise UserError(
            f"group fractions {list(fractions)}: expected three shares "
            f"({', '.join(GROUPS)}) of 0 or more that sum to 1"
        )


def _components(
    programs: Sequence[tuple[str, str, str]], n_examples: Mapping[str, int], by_package: bool
) -> list[Component]:
    labels = [
        [("program", program_id), ("cluster", cluster)]
        + ([("package", package)] if by_package else [])
        for program_id, package, cluster in programs
    ]
    members: dict[int, set[str]] = defaultdict(set)
    for component, (program_id, _, _) in zip(components_by_labels(labels), programs, strict=True):
        members[component].add(program_id)
    return [
        Component(tuple(sorted(own)), sum(n_examples.get(program_id, 0) for program_id in own))
        for own in members.values()
    ]


def _n_with_examples(components: Sequence[Component]) -> int:
    return sum(component.n_examples > 0 for component in components)


def _largest_first(
    components: Sequence[Component], fractions: tuple[float, float, float], seed: int
) -> list[list[Component]]:
    """The components of each group: the largest first, each into the group that lacks the most.

    Once no more components with examples are left than groups without one, those groups come
    first. Equal components and equal groups are taken in an order drawn from the seed.
    """
    total = sum(component.n_examples for component in components)
    members: list[list[Component]] = [[] for _ in GROUPS]
    lacks = [fraction * total for fraction in fractions]
    tie_break = [draw(seed, group) for group in GROUPS]
    left = _n_with_examples(components)
    for component in sorted(
        components, key=lambda one: (-one.n_examples, draw(seed, one.program_ids[0]))
    ):
        wanted = [i for i, fraction in enumerate(fractions) if fraction > 0]
        empty = [i for i in wanted if not members[i]]
        choices = empty if 0 < left <= len(empty) else wanted
        chosen = max(choices, key=lambda i: (lacks[i], tie_break[i]))
        members[chosen].append(component)
        lacks[chosen] -= component.n_examples
        left -= component.n_examples > 0
    return members


def _improve(
    members: list[list[Component]], fractions: tuple[float, float, float]
) -> list[list[Component]]:
    """Move or swap components between groups as long as that lessens the sum of squared gaps.

    A move never takes a group's only component with examples. Components of one size are worth
    the same, so one of each size stands for all, and the search is over sizes.
    """
    total = sum(component.n_examples for own in members for component in own)
    gaps = [
        sum(component.n_examples for component in own) - fraction * total
        for own, fraction in zip(members, fractions, strict=True)
    ]
    while True:
        best, change = -1e-6, None
        for i, j in ((0, 1), (0, 2), (1, 0), (1, 2), (2, 0), (2, 1)):
            nothing = [0] if _n_with_examples(members[i]) > 1 else []
            takes = nothing + _sizes(members[j])
            for give in _sizes(members[i]):
                for take in takes:
                    moved = give - take
                    gain = 2 * moved * (gaps[j] - gaps[i] + moved)
                    if gain < best:
                        best, change = gain, (i, j, give, take)
        if change is None:
            return members
        i, j, give, take = change
        _hand_over(members[i], members[j], give)
        if take:
            _hand_over(members[j], members[i], take)
        gaps[i] -= give - take
        gaps[j] += give - take


def _sizes(components: Sequence[Component]) -> list[int]:
    return sorted({component.n_examples for component in components if component.n_examples})


def _hand_over(giver: list[Component], taker: list[Component], size: int) -> None:
    position = next(i for i, component in enumerate(giver) if component.n_examples == size)
    taker.append(giver.pop(position))
