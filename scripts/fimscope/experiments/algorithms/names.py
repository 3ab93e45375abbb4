"""Which names tell a model a type: those that it was right with."""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Mapping
from typing import Any

from fimscope.typescript.new_names import IDENTIFIER

LEAST_PACKAGES = 2  # that write a type: others are one package's own

# kind of hole -> type -> names, the most telling first
NamesOfKind = dict[str, dict[str, list[str]]]


def telling_names(examples: Iterable[Mapping[str, Any]], right: Collection[str]) -> NamesOfKind:
    """Of each type the names that most examples with them have it for, the model being right.

    examples   rows of `fit`, with example_id, kind, name, gold and package
    right      the examples that the model is right about as they are
    returns    types that two packages have; of a type those names first with which the model is
               right oftenest
    """
    golds: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    hits: Counter[tuple[str, str, str]] = Counter()
    packages: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for row in examples:
        kind, name, gold = row["kind"], row["name"], row["gold"]
        packages[kind, gold].add(row["package"])
        if IDENTIFIER.fullmatch(name):
            golds[kind, name][gold] += 1
            hits[kind, gold, name] += row["example_id"] in right
    found: NamesOfKind = {}
    for (kind, gold, name), n in sorted(hits.items(), key=lambda item: (-item[1], item[0])):
        own = golds[kind, name]
        is_telling = n and 2 * own[gold] > own.total()
        if is_telling and len(packages[kind, gold]) >= LEAST_PACKAGES:
            found.setdefault(kind, {}).setdefault(gold, []).append(name)
    return found
