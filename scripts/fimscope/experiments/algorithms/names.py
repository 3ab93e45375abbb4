"""Which names tell a model a type: those that it was right with."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from fimscope.typescript.new_names import IDENTIFIER

LEAST_PACKAGES = 2  # that write a type: others are one package's own

# type -> names that tell it, the most telling first; none where no name does
NamesOfType = Mapping[str, Sequence[str]]
NamesOfKind = Mapping[str, NamesOfType]  # of each kind of hole


def telling_names(
    examples: Iterable[Mapping[str, Any]], right: Collection[str], min_programs: int
) -> NamesOfKind:
    """Of each type the names that most examples with them have it for, the model being right.

    examples       rows of `fit`, with example_id, program_id, kind, name, gold and package
    right          the examples that the model is right about as they are
    min_programs   in which a name needs the type: a name of one hole tells of that hole
    returns        types that two packages have and that the model is right with; of a type those
                   names first with which the model is right oftenest
    """
    golds: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    hits: Counter[tuple[str, str, str]] = Counter()
    packages: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    programs: defaultdict[tuple[str, str, str], set[str]] = defaultdict(set)
    for row in examples:
        kind, name, gold = row["kind"], row["name"], row["gold"]
        packages[kind, gold].add(row["package"])
        if IDENTIFIER.fullmatch(name):
            golds[kind, name][gold] += 1
            hits[kind, gold, name] += row["example_id"] in right
            programs[kind, gold, name].add(row["program_id"])
    found: dict[str, dict[str, list[str]]] = {}
    for (kind, gold, name), n in sorted(hits.items(), key=lambda item: (-item[1], item[0])):
        own = golds[kind, name]
        is_telling = n and 2 * own[gold] > own.total()
        if is_telling and len(packages[kind, gold]) >= LEAST_PACKAGES:
            of_type = found.setdefault(kind, {}).setdefault(gold, [])
            if len(programs[kind, gold, name]) >= min_programs:
                of_type.append(name)
    return found
