"""Where the new names of edits come from: syllables, a list, or what a corpus calls things."""

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

IDENTIFIER = re.compile(r"[A-Za-z_$][A-Za-z0-9_$]*")

NamesOfTypes = dict[str, dict[str, dict[str, int]]]


@dataclass(frozen=True)
class NewNames:
    """The supply of new names.

    syllables   how many a meaningless name has: 1, 2 (four letters), 3, ...
    listed      where given, meaningless names are drawn from these first; names that a tokenizer
                makes one token of, say, so that all have the same number of tokens
    corpus      what the edits `natural_names` and `misleading_names` draw from, as `corpus_names`
                gives it; without it they refuse
    """

    syllables: int = 2
    listed: tuple[str, ...] | None = None
    corpus: NamesOfTypes | None = None

    def request(self) -> dict[str, Any]:
        """What the TypeScript service is told once."""
        return asdict(self)


def corpus_names(examples: Iterable[Mapping[str, Any]]) -> NamesOfTypes:
    """How often the examples give each name to a thing of each type, in alphabetical order.

    `{"value": {type: {name: uses}}, "function": {...}}`: parameters by the text of their type,
    functions by that of what they return.

    examples   rows with kind, name and gold
    """
    counts: dict[str, defaultdict[str, Counter[str]]] = {
        "value": defaultdict(Counter),
        "function": defaultdict(Counter),
    }
    for row in examples:
        if IDENTIFIER.fullmatch(row["name"]):
            of = "value" if row["kind"] == "parameter" else "function"
            counts[of][row["gold"]][row["name"]] += 1
    return {
        of: {gold: dict(sorted(names.items())) for gold, names in sorted(types.items())}
        for of, types in counts.items()
    }
