"""Numbers of the robustness to edits: accuracy by dose, on the examples that have every dose."""

from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa

from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import paired_rates
from fimscope.statistics.significance import adjust_together
from fimscope.typescript.edit_names import parse_edit

Tables = Mapping[str, pa.Table]


def robustness_numbers(original: pa.Table, predictions: Tables) -> list[Numbers]:
    """One entry an edit: accuracy and its paired difference from the original's, by dose.

    predictions   of every edit at every dose, by its spelling
    returns       name, sizes (doses or numbers of sites, with 0 for the original), accuracy
                  [size], changes (one a size but the first), n, n_programs

    An edit's examples are those that were answered at all its doses and as originals, so that a
    curve does not change its examples on the way. Sign tests over programs; all edits and doses
    are one family (Holm).
    """
    answers = {edit: _answers(table) for edit, table in {"": original, **predictions}.items()}
    programs = dict(
        zip(*(original[k].to_pylist() for k in ("example_id", "program_id")), strict=True)
    )
    groups: dict[str, list[str]] = {}
    for edit in predictions:
        groups.setdefault(parse_edit(edit)[0].name, []).append(edit)
    found = []
    for name, edits in groups.items():
        asked = [answers[""], *(answers[edit] for edit in edits)]
        common = sorted(set.intersection(*map(set, asked)))
        rights = np.array([[float(a[example]) for a in asked] for example in common])
        rights = rights.reshape(len(common), len(asked))
        of_common = [programs[example] for example in common]
        found.append(
            {
                "name": name,
                "edits": edits,
                "sizes": [0, *map(size_of, edits)],
                "n": len(common),
                "n_programs": len(set(of_common)),
                "accuracy": (Clustered.of(rights, of_common).rate().ends() if common else None),
                "changes": [
                    paired_rates(rights[:, column] - rights[:, 0], of_common)
                    for column in range(1, len(asked))
                ],
            }
        )
    adjust_together([change for entry in found for change in entry["changes"]])
    return found


def size_of(edit: str) -> float:
    """The dose of a single edit, or its number of sites where it has no dose."""
    step = parse_edit(edit)[0]
    return step.dose if step.count is None else step.count


def counts_sites(entry: Numbers) -> bool:
    """Whether the sizes of an entry are numbers of sites, not shares of them."""
    return any(parse_edit(edit)[0].count is not None for edit in entry["edits"])


def lowest(entries: Sequence[Numbers]) -> tuple[Numbers, int] | None:
    """The edit and the place of the change that costs most accuracy; None where none was asked."""
    changes = [
        (change["estimate"], rank, place)
        for rank, entry in enumerate(entries)
        for place, change in enumerate(entry["changes"])
        if change["estimate"] is not None
    ]
    if not changes:
        return None
    _, rank, place = min(changes)
    return entries[rank], place


def _answers(table: pa.Table) -> dict[str, bool]:
    """example_id -> whether it was answered right."""
    return dict(zip(table["example_id"].to_pylist(), table["correct"].to_pylist(), strict=True))
