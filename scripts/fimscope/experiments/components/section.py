"""The components' section of the report, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.patch.exactness import Rounding, exactness_numbers, say_exactness
from fimscope.experiments.patch.numbers import paired_means, verdicts_of
from fimscope.experiments.patch.section import (
    SHOWN_CONTROLS,
    effect_at,
    sweeps_power_text,
)
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import counted, spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

N_SHOWN = 8  # the largest single parts that the table names
METHOD = (
    "At the last token, what one part of one block adds to the residual stream is overwritten "
    "with the donor's: the attention's output, the MLP's, or before the output projection one "
    "head's mix of values. All that follows is run on. The normalised effect is as in the "
    "sweep of the residual stream (Heimersheim & Nanda 2404.15255); one part alone seldom "
    "moves the answer far, as later parts can make up for it."
)
CONTROL = (
    "The same part of the recipient itself; of `unrelated` and `other_gold`, as in the sweep of "
    "the residual stream; and a random vector with the mean and the covariance of the paired "
    "donors' at that part. Above controls means: by the normalised effect, an exact sign test "
    "over programs, adjusted by Holm for all parts of one kind and all controls, and the interval"
    " of the mean difference above 0; kinds and conditions are not adjusted for one another. A "
    "part's effect is shown absent where its mean lies within the margin of 0, by intervals that "
    "hold for all parts of the kind at once (Bonferroni). No block is patched as a whole: these "
    "are the parts of blocks, each alone."
)


def components_section(sweeps: Sequence[Numbers], rounding: Rounding) -> Section:
    """The section of the report, of the numbers of `component_numbers`.

    rounding   of the sweeps' tables
    """
    exactness = exactness_numbers(sweeps, rounding)
    conditions = list(dict.fromkeys(sweep["condition"] for sweep in sweeps))
    by_condition = {
        condition: [sweep for sweep in sweeps if sweep["condition"] == condition]
        for condition in conditions
    }
    return Section(
        title="Which parts of the blocks bring the type to the last token",
        question="Is it attention or an MLP, and which head, whose contribution alone moves the "
        "answer?",
        findings=_findings(*next(iter(by_condition.items()))) if sweeps else [],
        method=METHOD,
        control=CONTROL,
        cites=["heimersheim2024patching", "holm1979procedure"],
        reading=[_say_parts(*own) for own in by_condition.items()] + say_exactness(exactness),
        figures=[
            (
                "components.svg",
                "Mean normalised effect of patching the attention output, the MLP output or one "
                "head of each block. Bands: 95% over programs. Squares and dots: above every "
                "control.",
            )
        ],
        tables=[_parts_table(sweeps)],
        sources=[f"components/{condition}.parquet" for condition in conditions],
        numbers={"sweeps": list(sweeps), "exactness": exactness},
        power=sweeps_power_text(sweeps),
        docs="method.md#patching",
        explorer="outcome=broken",
    )


def _findings(condition: str, sweeps: Sequence[Numbers]) -> list[Finding]:
    """That one part alone moves the answer to the donor's; none where no part has an effect."""
    known = [(sweep, place) for sweep in sweeps for place in range(len(paired_means(sweep)))]
    if not known:
        return []
    found = [verdicts_of(sweep, sweep["effect_comparison"]) for sweep in sweeps]
    n_shown = sum(len(own[Verdict.SHOWN]) for own in found)
    sweep, place = _largest(sweeps)
    return [
        Finding(
            f"one part of one block alone moves the answer to the donor's ({code(condition)})",
            verdict_of_many(v for own in found for v, points in own.items() if points),
            f"{n_shown} of {counted(len(known), 'part')}; the most, "
            f"{effect_at(sweep['effects']['paired'], place)}, {_verdict_at(sweep, place)}",
            "every control donor",
        )
    ]


def _largest(sweeps: Sequence[Numbers]) -> tuple[Numbers, int]:
    """The part with the largest mean effect, of those shown if any is: its sweep, its place."""
    known = [(sweep, place) for sweep in sweeps for place in range(len(paired_means(sweep)))]
    shown = [part for part in known if _verdict_at(*part) is Verdict.SHOWN]
    return max(shown or known, key=lambda part: paired_means(part[0])[part[1]])


def _verdict_at(sweep: Numbers, place: int) -> Verdict:
    found = verdicts_of(sweep, sweep["effect_comparison"])
    return next(v for v, points in found.items() if sweep["points"][place] in points)


def _say_parts(condition: str, sweeps: Sequence[Numbers]) -> str:
    """How many parts of each kind stand above their controls."""
    if not sweeps[0]["n_pairs"]:
        return f"{code(condition)}: no pair was found."
    kinds = [_say_kind(sweep) for sweep in sweeps if sweep["effects"]]
    if not kinds:
        return f"{code(condition)}: every gap between donor and recipient is too small."
    return f"{code(condition)}, one part patched alone: {'; '.join(kinds)}."


def _say_kind(sweep: Numbers) -> str:
    """How many parts of one kind have which verdict."""
    found = verdicts_of(sweep, sweep["effect_comparison"])
    shown = found[Verdict.SHOWN]
    which = "" if sweep["position"] == "head" or not shown else f" ({_blocks(shown, sweep)})"
    return (
        f"of {len(sweep['points'])} {_plural(sweep)} {len(shown)}{which} above every control, "
        f"{len(found[Verdict.SHOWN_ABSENT])} shown to have less than {sweep['margin']:g}, "
        f"{len(found[Verdict.UNDECIDED])} undecided"
    )


def _blocks(chosen: Sequence[int], sweep: Numbers) -> str:
    return spans(chosen, sweep["points"]).replace("point", "block")


def _plural(sweep: Numbers) -> str:
    names = {"attention_output": "attention outputs", "mlp_output": "MLP outputs", "head": "heads"}
    return names[sweep["position"]]


def _part_name(sweep: Numbers, place: int, sweeps: Sequence[Numbers]) -> str:
    """The name of a sweep's place; `sweeps` are those of its condition."""
    if sweep["position"] != "head":
        kind = "attention" if sweep["position"] == "attention_output" else "MLP"
        return f"the {kind} output of block {sweep['points'][place]}"
    n_heads = len(sweep["points"]) // len(sweeps[0]["points"])
    return f"head {place % n_heads} of block {place // n_heads}"


def _parts_table(sweeps: Sequence[Numbers]) -> SectionTable:
    """The parts with the largest mean effects of each condition."""
    rows = []
    for condition in dict.fromkeys(sweep["condition"] for sweep in sweeps):
        own = [sweep for sweep in sweeps if sweep["condition"] == condition]
        parts = [(sweep, i) for sweep in own for i in range(len(paired_means(sweep)))]
        parts.sort(key=lambda part: -paired_means(part[0])[part[1]])
        for sweep, place in parts[:N_SHOWN]:
            controls = [effect_at(sweep["effects"].get(kind), place) for kind in SHOWN_CONTROLS]
            rows.append(
                [
                    code(condition),
                    _part_name(sweep, place, own),
                    f"{sweep['n_pairs'] - sweep['n_small_gap']} of {sweep['n_pairs']}",
                    effect_at(sweep["effects"]["paired"], place),
                    *controls,
                    _verdict_at(sweep, place),
                ]
            )
    header = [
        "condition",
        "part",
        "pairs with an effect",
        "mean effect",
        *(f"of {code(kind)}" for kind in SHOWN_CONTROLS),
        "above every control",
    ]
    return SectionTable("The parts with the largest mean effects", header, rows, n_left=2)
