"""The replication's section of the report, its sentences made from the numbers by rule."""

from collections.abc import Mapping, Sequence

import numpy as np

from fimscope.experiments.replication.protocol import AS_PUBLISHED, MAIN, MATCHED, MOST_OF_A_TYPE
from fimscope.report.findings import Finding, verdict_of_some
from fimscope.report.format import counted, percent, rate, rate_cell
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import is_significant

METHOD = (
    "As published (Lucchetti & Guha, arXiv 2404.01903): the mean, over broken examples, of the "
    "residual before the edit minus that after it, at the last token of the prompt and behind "
    "every block, is added as it is to what leaves a run of adjacent blocks, of broken examples of "
    f"other programs; at most {MOST_OF_A_TYPE} examples of a type; golds of one token; mended is "
    "whose first token becomes the gold. Otherwise than there: npm programs; edits made by scope, "
    "at all their sites, and proven by a compiler; the vector is fitted on `fit` and tested on "
    "`test`, which are drawn by package, where a fifth of the examples were held out by program."
)
CONTROL = (
    "As published: one vector of uniform random numbers from 0 to 1, of whatever length it comes "
    "to. Beside it the sound way: the window of blocks is chosen on `select` and reported once on "
    "`test`, against many random vectors, at every point as long as the mean difference. p: the "
    "share of them that mend as many, the mean difference counted in; Holm over the edits. "
    "Intervals: 95%, clustered by program. What steering does to right answers is not "
    "asked by the published protocol; the section on steering has it."
)


def replication_section(
    edits: Mapping[str, Numbers], published_model: str, is_published_model: bool
) -> Section:
    """The section.

    edits               edit -> its numbers, of `edit_numbers`, with its `name`
    published_model     what the published figures are of
    is_published_model  whether this run's model is that one
    """
    return Section(
        title="The published steering protocol",
        question="Does steering as codetrace published it mend as much here, and what does a sound "
        "protocol make of it?",
        findings=_findings(edits),
        method=METHOD,
        control=CONTROL,
        cites=["miller2024evals", "lucchetti2024codetrace", "holm1979procedure"],
        reading=_say_findings(edits, published_model, is_published_model),
        figures=[
            (
                "replication.svg",
                "Broken examples of `test` mended, by the first block steered, for every edit and "
                "number of blocks; shaded: the published window, stars: the published figures; "
                "bands: 95%, clustered by program",
            )
        ],
        tables=[_published_table(edits, published_model), _sound_table(edits)],
        sources=["replication/*.parquet", "replication/vectors/*.parquet"],
        numbers={"edits": dict(edits), "is_published_model": is_published_model},
        docs="method.md#the-published-steering-protocol",
        explorer="outcome=broken&group=test",
    )


def _findings(edits: Mapping[str, Numbers]) -> list[Finding]:
    """That the mean difference mends more than random vectors of its length, window by `select`."""
    rows = [row["chosen"] for row in edits.values() if row["chosen"]]
    if not rows:
        return []
    n_beating = sum(map(_beats_random, rows))
    most = max(rows, key=lambda row: row[MAIN]["estimate"])
    return [
        Finding(
            "the mean difference mends more than random vectors",
            verdict_of_some(n_beating),
            f"for {n_beating} of {counted(len(rows), 'edit')}; at most {rate(most[MAIN])} are "
            "mended",
            "random vectors of its length in the window chosen on `select`",
        )
    ]


def _beats_random(row: Numbers) -> bool:
    return is_significant(row["adjusted_p"]) and row[MAIN]["estimate"] > row[MATCHED]["estimate"]


def blocks(points: Sequence[int]) -> str:
    """The blocks whose output is steered, in words."""
    first, last = points[0] - 1, points[-1] - 1
    return f"block {first}" if first == last else f"blocks {first} to {last}"


def _say_findings(edits: Mapping[str, Numbers], model: str, is_published: bool) -> list[str]:
    tried = {edit: row for edit, row in edits.items() if row[MAIN]}
    sentences = []
    if not is_published:
        sentences.append(
            f"This run's model is not {model}, of which the published figures are: what differs "
            "from them replicates and refutes nothing."
        )
    if tried:
        sentences += [_say_at_published(tried, is_published), _say_lengths(tried)]
        sentences += _say_at_chosen({e: row for e, row in tried.items() if row["chosen"]})
    missing = [code(edit, 80) for edit in edits if edit not in tried]
    if missing:
        sentences.append(
            f"Under {', '.join(missing)} there are no broken examples in both `fit` and `test`: "
            "no vector, or nothing to steer."
        )
    return sentences


def _say_at_published(tried: Mapping[str, Numbers], is_published: bool) -> str:
    ranked = sorted(tried.values(), key=lambda row: row[MAIN]["estimate"])
    least, most = ranked[0], ranked[-1]
    text = f"At {blocks(most['window'])} steering mends {rate(most[MAIN])} of "
    text += f"n = {most[MAIN]['n']} under {most['name']}"
    if len(ranked) > 1:
        text += f", the most, and {rate(least[MAIN])} of n = {least[MAIN]['n']}"
        text += f" under {least['name']}, the least"
    known = [row for row in ranked if row["published"]]
    if known and is_published:
        inside = sum(
            row[MAIN]["lower"] <= row["published"]["steered"] <= row[MAIN]["upper"] for row in known
        )
        text += f"; the published share lies in the interval for {inside} of "
        text += counted(len(known), "edit")
    return text + "."


def _say_lengths(tried: Mapping[str, Numbers]) -> str:
    lengths = [row["uniform_length"] for row in tried.values() if row["uniform_length"]]
    if not lengths:
        return "The mean differences have no length."
    span = " to ".join(dict.fromkeys(f"{value:.2g}" for value in (min(lengths), max(lengths))))
    return f"The published random vector is {span} times as long there as the mean difference."


def _say_at_chosen(chosen: Mapping[str, Numbers]) -> list[str]:
    if not chosen:
        return ["`select` has no broken example to choose a window by."]
    rows = [row["chosen"] for row in chosen.values()]
    beating = sum(map(_beats_random, rows))
    n_vectors = min(row["n_vectors"] for row in rows)
    least = min(1.0, len(rows) / (1 + n_vectors))
    gained = [
        row["best_on_test"]["estimate"] - row["chosen"][MAIN]["estimate"] for row in chosen.values()
    ]
    return [
        "With the window chosen on `select`, the mean difference mends more than random vectors of "
        f"its length for {beating} of {counted(len(rows), 'edit')} (p < 0.05, Holm; the least p "
        f"that {n_vectors} vectors can give is {least:.2g}). The best window of `test` "
        f"itself would claim {100 * np.mean(gained):.1f} points more, on average."
    ]


def _published_table(edits: Mapping[str, Numbers], model: str) -> SectionTable:
    rows = []
    for row in edits.values():
        known = row["published"]
        rows.append(
            [
                row["name"],
                str(known["n"]) if known else "",
                percent(known["steered"]) if known else "",
                percent(known["random"]) if known else "",
                f"{row['n_pairs']} ({row['n_pair_programs']})",
                _count(row[MAIN]),
                *(rate_cell(row[kind]) for kind in (MAIN, AS_PUBLISHED, MATCHED)),
            ]
        )
    windows = {blocks(row["window"]) for row in edits.values()}
    return SectionTable(
        f"Broken test examples mended, as published, at {' or '.join(sorted(windows))}",
        [
            "edit",
            "published n",
            "published steered",
            "published random",
            "pairs",
            "n",
            "steered %",
            "random %",
            "equal length %",
        ],
        rows,
        note=f"The published columns are of {model}, on held-out programs, without intervals; the "
        "rest is measured here, pairs and n with their programs; the last column has random "
        "vectors as long as the mean difference.",
    )


def _sound_table(edits: Mapping[str, Numbers]) -> SectionTable:
    rows = []
    for edit, row in edits.items():
        chosen, best, n_there = row["chosen"], row["best_on_test"], row["n_broken"]
        used = {"fit": row["n_pairs"], **row["n_used"]}
        rows.append(
            [
                code(edit, 80),
                ", ".join(f"{used[group]}/{n_there[group]}" for group in used),
                blocks(chosen["points"]) if chosen else "",
                rate_cell(chosen and chosen[MAIN]),
                rate_cell(chosen and chosen[MATCHED]),
                f"{chosen['n_as_good']}/{chosen['n_vectors']}" if chosen else "",
                f"{chosen['adjusted_p']:.2g}" if chosen else "",
                f"{100 * best['estimate']:.1f} ({blocks(best['points'])})" if best else "",
            ]
        )
    return SectionTable(
        "The sound way: the window is chosen on `select` and reported once on `test`",
        [
            "edit",
            "fit, select, test",
            "chosen",
            "steered %",
            "random %",
            "as good",
            "p",
            "best of test %",
        ],
        rows,
        note="Random: vectors of equal length, and how many of them mend as many. Best of test: "
        "what the best window of `test` itself would have claimed. Broken examples are used of "
        "those there are: the rest are over the cap of a type or not told by their first token.",
    )


def _count(row: Numbers | None) -> str:
    return f"{row['n']} ({row['n_programs']})" if row else "0"
