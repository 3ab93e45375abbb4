"""The numbers that the figures and the summary share, as plain values ready for JSON."""

from collections import Counter
from collections.abc import Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fimscope.statistics.bootstrap import Bootstrap
from fimscope.statistics.exact_tests import mcnemar_exact
from fimscope.statistics.numbers import Numbers, number, significant
from fimscope.statistics.significance import holm

TOP = 10


def accuracy_numbers(predictions: pa.Table, edit: str, bootstrap: Bootstrap) -> Numbers:
    """How often the gold comes first and in the top 10, beside the commonest-type baseline.

    Rates are over examples, with 95% intervals clustered by program. The baseline
    answers every hole of the same examples with their commonest gold.
    """
    n = predictions.num_rows
    if not n:
        return {"edit": edit, "n": 0, "n_programs": 0}
    right = predictions["correct"].to_numpy()
    in_top = predictions["gold_rank"].to_numpy() < TOP
    both = np.column_stack([right, in_top])
    rates = bootstrap.resample(both, _places(predictions["program_id"])).rate()
    gold, n_gold = min(
        (tuple(counted.values()) for counted in predictions["gold"].value_counts().to_pylist()),
        key=lambda item: (-item[1], item[0]),
    )
    return {
        "edit": edit,
        "n": n,
        "n_programs": rates.n_programs,
        "n_right": int(right.sum()),
        "right": rates[0].ends(),
        "n_top10": int(in_top.sum()),
        "top10": rates[1].ends(),
        "baseline": {"gold": gold, "n": n_gold, "rate": number(n_gold / n)},
    }


def change_numbers(splits: Mapping[str, pa.Table], bootstrap: Bootstrap) -> list[Numbers]:
    """What each edit does to the answers of the same examples: broken, mended, McNemar's test.

    The p-values of several edits are adjusted together (Holm). The difference in accuracy, edit
    minus original, has a 95% interval clustered by program.
    """
    found = []
    for edit, split in splits.items():
        broken, mended = split["broken"].to_numpy(), split["mended"].to_numpy()
        if edit == "original" or not split.num_rows:
            continue
        change = mended.astype(float) - broken.astype(float)
        difference = bootstrap.resample(change, split["program_id"].to_pylist()).difference()
        n_broken, n_mended = int(broken.sum()), int(mended.sum())
        right = np.array(split["outcome"].to_pylist()) == "right"
        found.append(
            {
                "edit": edit,
                "n": split.num_rows,
                "n_programs": difference.n_programs,
                "n_right_before": int((right & ~mended | broken).sum()),
                "n_broken": n_broken,
                "n_mended": n_mended,
                "difference": difference.ends(),
                "mcnemar_p": mcnemar_exact(n_broken, n_mended),
            }
        )
    for row, adjusted in zip(found, holm([row["mcnemar_p"] for row in found]), strict=True):
        row["adjusted_p"] = significant(adjusted)
        row["mcnemar_p"] = significant(row["mcnemar_p"])
    return found


def confusion_numbers(predictions: pa.Table, edit: str, n_kept: int = 10) -> Numbers:
    """Gold by predicted of the wrong answers: the commonest of each, the rest as `other`.

    counts   [gold, predicted], with one more row and one more column for the rest where there
             is a rest; `golds` and `predicted` name them, null for the rest
    """
    wrong = predictions.filter(pc.invert(predictions["correct"]))
    golds = wrong["gold"].to_pylist()
    answers = [answer or "" for answer in wrong["predicted"].to_pylist()]
    kept_golds, rows = _kept(golds, n_kept)
    kept_answers, columns = _kept(answers, n_kept)
    counts = np.zeros((len(kept_golds), len(kept_answers)), dtype=int)
    np.add.at(counts, (rows, columns), 1)
    pairs = Counter(zip(golds, answers, strict=True))
    commonest = sorted(pairs.items(), key=lambda item: (-item[1], item[0]))[:n_kept]
    return {
        "edit": edit,
        "n": predictions.num_rows,
        "n_wrong": len(golds),
        "n_programs": pc.count_distinct(wrong["program_id"]).as_py(),
        "n_wrong_top10": int((wrong["gold_rank"].to_numpy() < TOP).sum()),
        "n_kinds": len(pairs),
        "golds": kept_golds,
        "predicted": kept_answers,
        "counts": counts.tolist(),
        "commonest": [{"gold": g, "predicted": p, "n": n} for (g, p), n in commonest],
    }


def funnel_numbers(funnels: Sequence[pa.Table]) -> dict[str, list[Numbers]]:
    """The stages of every edit in the funnel tables, in their order: edit -> stages."""
    found: dict[str, list[Numbers]] = {}
    for funnel in funnels:
        for row in funnel.to_pylist():
            stages = found.setdefault(row["edit"], [])
            stages.append({key: row[key] for key in ("stage", "n_rows", "n_programs")})
    return found


def _places(names: pa.ChunkedArray) -> NDArray[np.intp]:
    """The place of each row's name among the sorted names."""
    encoded = names.combine_chunks().dictionary_encode()
    places = np.empty(len(encoded.dictionary), dtype=np.intp)
    places[pc.array_sort_indices(encoded.dictionary).to_numpy()] = np.arange(len(places))
    return places[encoded.indices.to_numpy()]


def _kept(names: Sequence[str], n_kept: int) -> tuple[list[str | None], list[int]]:
    """The commonest names, None for the rest if there is one, and each name's place among them."""
    ranked = sorted(Counter(names).items(), key=lambda item: (-item[1], item[0]))
    kept: list[str | None] = [name for name, _ in ranked[:n_kept]]
    if len(ranked) > n_kept:
        kept.append(None)
    place = {name: i for i, name in enumerate(kept)}
    return kept, [place[name] if name in place else len(kept) - 1 for name in names]
