"""The components' section of the report, made from the numbers by rule."""

from collections.abc import Mapping, Sequence

from fimscope.experiments.components.numbers import by_size, largest_each_way, part_numbers
from fimscope.experiments.patch.exactness import Rounding, exactness_numbers, say_exactness
from fimscope.experiments.patch.numbers import points_below, verdicts_of
from fimscope.experiments.patch.section import (
    SHOWN_CONTROLS,
    effect_at,
    sweeps_power_text,
)
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import counted, spans, with_interval
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
    "moves the answer far, as later parts can make up for it. An effect below 0 moves the answer "
    "away from the donor's: alone in the recipient, the donor's part works against the donor's "
    "answer, at -0.5 by half of the gap between the two. Where the controls do as much, it is the "
    "recipient's own part that is missed."
)
CONTROL = (
    "The same part of the recipient itself; of `unrelated` and `other_gold`, as in the sweep of "
    "the residual stream; and a random vector with the mean and the covariance of the paired "
    "donors' at that part. Above controls means: by the normalised effect, an exact sign test "
    "over programs, adjusted by Holm for all parts of one kind and all controls, and the interval"
    " of the mean difference above 0; below them, the same below 0. Kinds and conditions are not "
    "adjusted for one another. A "
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
                "control. Rings: of a condition the largest effect towards the donor's answer, "
                "above 0, and the largest against it, below 0.",
            )
        ],
        tables=[_parts_table(by_condition)],
        sources=[f"components/{condition}.parquet" for condition in conditions],
        numbers={
            "sweeps": list(sweeps),
            "largest": [
                {"condition": condition, **part}
                for condition, own in by_condition.items()
                for part in largest_each_way(part_numbers(own))
            ],
            "exactness": exactness,
        },
        power=sweeps_power_text(sweeps),
        docs="method.md#patching",
        explorer="outcome=broken",
    )


def _findings(condition: str, sweeps: Sequence[Numbers]) -> list[Finding]:
    """That one part alone moves the answer to the donor's, and that one moves it away; none where
    no part has an effect."""
    parts = part_numbers(sweeps)
    if not parts:
        return []
    shown = [part for part in parts if part["verdict"] is Verdict.SHOWN]
    most = max(shown or parts, key=lambda part: part["estimate"])
    against = [part for part in parts if part["against"] is Verdict.SHOWN]
    least = min(against or parts, key=lambda part: part["estimate"])
    n = counted(len(parts), "part")
    return [
        Finding(
            f"one part of one block alone moves the answer to the donor's ({code(condition)})",
            verdict_of_many(part["verdict"] for part in parts),
            f"{len(shown)} of {n}; the most of {_whose(shown)}, {_say_effect(most)}: of this "
            f"part {most['verdict']}",
            "every control donor",
        ),
        Finding(
            f"one part of one block alone moves it away from the donor's ({code(condition)})",
            verdict_of_many(part["against"] for part in parts),
            f"{len(against)} of {n}; the least of {_whose(against)}, {_say_effect(least)}: of this "
            f"part {least['against']}",
            "every control donor",
        ),
    ]


def _whose(found: Sequence[Numbers]) -> str:
    """Of which parts the largest is told: of those that are shown, or where none is, of all."""
    return "these" if found else "all"


def _say_effect(part: Numbers) -> str:
    return f"{with_interval(part, '+z.3f')}, {part_name(part)}"


def _say_parts(condition: str, sweeps: Sequence[Numbers]) -> str:
    """How many parts of each kind stand above their controls."""
    if not sweeps[0]["n_pairs"]:
        return f"{code(condition)}: no pair was found."
    kinds = [_say_kind(sweep) for sweep in sweeps if sweep["effects"]]
    if not kinds:
        return f"{code(condition)}: every gap between donor and recipient is too small."
    ends = [_say_end(part, sweeps) for part in largest_each_way(part_numbers(sweeps))]
    return f"{code(condition)}, one part patched alone: {'; '.join(kinds)}. {' '.join(ends)}"


def _say_end(part: Numbers, sweeps: Sequence[Numbers]) -> str:
    """The largest effect in one direction, what controls do there, and whether it is beyond them"""
    towards = part["estimate"] > 0
    effects = next(s["effects"] for s in sweeps if s["position"] == part["kind"])
    controls = [
        f"{code(kind)} {effects[kind]['estimate'][part['place']]:+z.3f}"
        for kind in SHOWN_CONTROLS
        if kind in effects
    ]
    beside = f" ({', '.join(controls)})" if controls else ""
    if towards:
        return (
            f"The largest effect towards the donor's answer: {_say_effect(part)}{beside}; that it "
            f"is above every control is {part['verdict']}."
        )
    is_below_0 = part["upper"] is not None and part["upper"] < 0
    meaning = "; alone in the recipient it works against the donor's answer" if is_below_0 else ""
    return (
        f"The largest against it: {_say_effect(part)}{beside}{meaning}; that it is below every "
        f"control is {part['against']}."
    )


def _say_kind(sweep: Numbers) -> str:
    """How many parts of one kind have which verdict."""
    found = verdicts_of(sweep, sweep["effect_comparison"])
    shown, below = found[Verdict.SHOWN], points_below(sweep["effect_comparison"])
    beneath = f"{len(below)} below every control, " if below else ""
    which = "" if sweep["position"] == "head" or not shown else f" ({_blocks(shown, sweep)})"
    return (
        f"of {len(sweep['points'])} {_plural(sweep)} {len(shown)}{which} above every control, "
        f"{beneath}{len(found[Verdict.SHOWN_ABSENT])} shown to have less than {sweep['margin']:g}, "
        f"{len(set(found[Verdict.UNDECIDED]) - set(below))} undecided"
    )


def _blocks(chosen: Sequence[int], sweep: Numbers) -> str:
    return spans(chosen, sweep["points"]).replace("point", "block")


def _plural(sweep: Numbers) -> str:
    names = {"attention_output": "attention outputs", "mlp_output": "MLP outputs", "head": "heads"}
    return names[sweep["position"]]


def part_name(part: Numbers) -> str:
    """What a part of `part_numbers` is called."""
    if part["kind"] == "head":
        return f"head {part['head']} of block {part['block']}"
    kind = "attention" if part["kind"] == "attention_output" else "MLP"
    return f"the {kind} output of block {part['block']}"


def _parts_table(by_condition: Mapping[str, Sequence[Numbers]]) -> SectionTable:
    """The parts with the largest mean effects of each condition, and the largest each way."""
    rows = []
    for condition, sweeps in by_condition.items():
        of_kind = {sweep["position"]: sweep for sweep in sweeps}
        parts = part_numbers(sweeps)
        chosen = by_size(parts)[:N_SHOWN]
        chosen += [part for part in largest_each_way(parts) if part not in chosen]
        for part in chosen:
            sweep = of_kind[part["kind"]]
            effects, place = sweep["effects"], part["place"]
            rows.append(
                [
                    code(condition),
                    part_name(part),
                    f"{sweep['n_pairs'] - sweep['n_small_gap']} of {sweep['n_pairs']}",
                    effect_at(effects["paired"], place),
                    *(effect_at(effects.get(kind), place) for kind in SHOWN_CONTROLS),
                    part["verdict"],
                    part["against"],
                ]
            )
    header = [
        "condition",
        "part",
        "pairs with an effect",
        "mean effect",
        *(f"of {code(kind)}" for kind in SHOWN_CONTROLS),
        "above every control",
        "below every control",
    ]
    return SectionTable(
        "The parts with the largest mean effects, in either direction", header, rows, n_left=2
    )
