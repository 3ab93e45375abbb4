"""The attention section of the report, made from the table of differences by rule."""

from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.experiments.attention.differences import ORIGINAL_BROKEN, RIGHT_WRONG
from fimscope.experiments.attention.numbers import N_SHOWN, comparison_numbers, differs, ranked
from fimscope.experiments.attention.shares import REGION_KINDS
from fimscope.report.findings import Finding, verdict_of_some
from fimscope.report.format import counted, p_text, percent, points_changed, with_interval
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable

Row = Mapping[str, Any]


def attention_section(differences: Sequence[Row], edit: str) -> Section:
    """The section of the report; rows of the attention_differences table."""
    by_comparison = {
        name: [row for row in differences if row["comparison"] == name]
        for name in (RIGHT_WRONG, ORIGINAL_BROKEN)
    }
    words = {
        RIGHT_WRONG: ("originals answered right", "originals answered wrong"),
        ORIGINAL_BROKEN: ("originals", f"their broken {code(edit)} variants"),
    }
    return Section(
        title="Where the deciding token looks",
        question="Does the last token read other parts of the program where the answer is wrong?",
        findings=_findings(by_comparison[ORIGINAL_BROKEN], edit),
        method="The attention of the prompt's last token, where the type is decided, is summed "
        f"over {len(REGION_KINDS)} kinds of region in every head of every block: where the hole's "
        "name is declared, its uses, other annotations, comments, the format's own tokens, the "
        "rest. "
        "Attention shows what a head reads, not that the answer depends on it (Jain & Wallace "
        "1902.10186); the patches show that.",
        control="Right and wrong originals: Welch's test clustered by program. "
        "Broken pairs: each original minus its own variant, sign test over "
        "programs. In each comparison all heads, blocks and regions are one family (Holm). Only "
        "variants that have a region count for it. The last column is what attention spread evenly "
        "over the tokens would differ by. The largest of many estimates is overestimated.",
        cites=["jain2019attention", "holm1979procedure"],
        reading=[say_comparison(rows, *words[name]) for name, rows in by_comparison.items()],
        figures=[
            ("attention.svg", "Difference in attention by block, head and kind of region."),
            (
                "attention_text.svg",
                "What the heads that move most read: a pair at the median of the difference, "
                "original and variant.",
            ),
        ],
        tables=[
            SectionTable(
                f"{words[name][0].capitalize()} minus {words[name][1]}: the largest differences "
                "in attention, % of it",
                [
                    "region",
                    "head",
                    "n",
                    "programs",
                    "first",
                    "second",
                    "difference",
                    "p (Holm)",
                    "even spread",
                ],
                [_cells(row) for row in ranked(rows)[:N_SHOWN]],
                n_left=2,
            )
            for name, rows in by_comparison.items()
        ],
        sources=["attention_differences.parquet", "attention_heads.parquet"],
        numbers={name: comparison_numbers(rows) for name, rows in by_comparison.items()},
        docs="method.md#looking-inside",
        explorer=f"edit={edit}&outcome=broken",
    )


def _findings(rows: Sequence[Row], edit: str) -> list[Finding]:
    """That heads read other regions of broken variants; none where no pair is broken."""
    if not rows:
        return []
    top, n_apart = ranked(rows)[0], sum(map(differs, rows))
    less = {"estimate": -top["difference"], "lower": -top["upper"], "upper": -top["lower"]}
    return [
        Finding(
            f"heads read elsewhere, where {code(edit)} breaks",
            verdict_of_some(n_apart),
            f"{n_apart} of {counted(len(rows), 'test')}; {points_changed(less)} at most",
            "the same prompts before the edit",
        )
    ]


def say_comparison(rows: Sequence[Row], first: str, second: str) -> str:
    """How many heads differ and which most, or that none is shown to."""
    if not rows:
        return f"There are no {first} and {second} to compare."
    apart = [row for row in ranked(rows) if differs(row)]
    what = f"Between {first} and {second}"
    if not apart:
        return f"{what} no head of {len(rows)} heads and regions is shown to look elsewhere."
    top = apart[0]
    n_heads = len({(row["block"], row["head"]) for row in apart})
    heads = f"{n_heads} heads differ;" if n_heads > 1 else "one head differs;"
    return (
        f"{what} {heads} most does head {top['head']} of block {top['block']}, which gives "
        f"{percent(top['first_share'])} of its attention to `{top['region']}` in the former and "
        f"{percent(top['second_share'])} in the latter."
    )


def _cells(row: Row) -> list[str]:
    return [
        row["region"],
        f"block {row['block']} head {row['head']}",
        str(row["n"]),
        str(row["n_programs"]),
        f"{100 * row['first_share']:.1f}",
        f"{100 * row['second_share']:.1f}",
        with_interval({**row, "estimate": row["difference"]}, "+z.1f", 100),
        p_text(row),
        f"{100 * row['token_difference']:+z.1f}",
    ]
