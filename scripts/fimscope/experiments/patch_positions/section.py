"""The section of the report on other positions than the last, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.patch.exactness import Rounding, exactness_numbers, say_exactness
from fimscope.experiments.patch.numbers import verdicts_of
from fimscope.experiments.patch.section import (
    most_turned,
    peak,
    say_verdicts,
    sweep_findings,
    sweeps_power_text,
    target_name,
)
from fimscope.prompts.alignment import NAME
from fimscope.report.format import counted, spans
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers

SHOWN_CONTROLS = ("other_gold", "random_position")
METHOD = (
    "As at the last token, with the residual of earlier tokens overwritten, one point at a "
    "time, and all that follows run again. `fim` is the format's own tokens at once; "
    "fim_prefix starts every prompt, holds the same in all, and needs no patch. `name` is the "
    "declaration of the hole's own name and every use of it, the k-th of the donor onto the "
    "k-th of the recipient, which two versions of one program share under every map of names. "
    "At earlier tokens also windows of several consecutive points are patched at once, as "
    "later tokens read the patched ones in every block; at the last token a window is the "
    "same as its last point (Heimersheim & Nanda 2404.15255; windows: Zhang & Nanda "
    "2309.16042)."
)
CONTROL = (
    "As at the last token; `random` has the mean and the covariance of the paired donors' "
    "residuals at the position and point; `random_position` brings as many other tokens of the "
    "donor's prompt. `name` has neither `unrelated` nor `other_gold`, as another program's uses "
    "have no counterpart. At point 0 a token's residual is its embedding: from the recipient's own "
    "program it puts the name itself back, which brings no type yet. "
    "`self` is checked at the last token, where it costs nothing. Above controls means that "
    "more programs' recipients turn to the target than under each control, by an exact sign "
    "test over programs, adjusted by Holm for all points and controls of one condition, "
    "position and size; these are not adjusted for one another. An effect is shown absent as at "
    "the last token, by intervals that hold for the points asked here. `last` is here to compare "
    "with; its verdicts are those of the sweep of all points, in the section on the last token."
)


def positions_section(
    sweeps: Sequence[Numbers], conditions: Sequence[str], rounding: Rounding
) -> Section:
    """The section of the report, of the numbers of `position_numbers`.

    conditions   all that were run, those without a pair too
    rounding     of the sweeps' tables
    """
    exactness = exactness_numbers(sweeps, rounding)
    of_condition = {c: [s for s in sweeps if s["condition"] == c] for c in conditions}
    reading = [text for name, own in of_condition.items() for text in _say_condition(name, own)]
    claimed = [s for s in sweeps if s["condition"] == sweeps[0]["condition"] and _is_claimed(s)]
    wide = any(sweep["n_points"] > 1 for sweep in sweeps)
    figures = [
        (
            "patch_positions.svg",
            "Mean normalised effect of patching one position or set at every point. Bands: 95% "
            "over programs. Squares: points above every control.",
        )
    ]
    if wide:
        figures.append(
            (
                "patch_windows.svg",
                "The same with one and with more consecutive points patched at once; the axis is "
                "the first of them.",
            )
        )
    return Section(
        title="What patching other tokens does",
        question="Does the type stand at the hole's name and its uses, and up to which point, "
        "before it is at the last token?",
        findings=[finding for sweep in claimed for finding in sweep_findings(sweep)],
        method=METHOD,
        control=CONTROL,
        cites=["heimersheim2024patching", "zhang2023patching", "holm1979procedure"],
        reading=reading + say_exactness(exactness),
        figures=figures,
        tables=_position_tables(sweeps) if sweeps else [],
        sources=[f"patch_positions/{condition}.parquet" for condition in conditions],
        numbers={"sweeps": list(sweeps), "exactness": exactness},
        power=sweeps_power_text(sweeps),
        docs="method.md#patching",
        explorer="outcome=broken",
    )


def _is_claimed(sweep: Numbers) -> bool:
    """Whether the findings name a sweep: one token that is not the last, a point at a time."""
    return sweep["n_points"] == 1 and sweep["position"] not in ("last", "fim", NAME)


def _say_condition(condition: str, sweeps: Sequence[Numbers]) -> list[str]:
    """What a condition's patches do at each position but the last token, and over its windows."""
    if not sweeps:
        return [f"{code(condition)}: no pair was found."]
    asked = [sweep for sweep in sweeps if sweep["position"] != "last"]
    if not asked:
        return [f"{code(condition)}, {_count(sweeps[0])}: asked of the last token alone."]
    single = [_say_position(sweep) for sweep in asked if sweep["n_points"] == 1]
    return single + _say_windows(condition, asked)


def _say_position(sweep: Numbers) -> str:
    """The verdicts on one position, a point at a time, and the largest effect there."""
    target, comparison = target_name(sweep["condition"]), sweep["comparison"]
    found = "no pair has an effect and all its controls, so nothing is decided"
    if comparison and sweep["effects"]:
        claim = f"more recipients turn to the {target} than under every control"
        verdicts = say_verdicts(sweep, comparison, claim)
        found = f"{verdicts}; the largest mean effect is {peak(sweep)}"
    return f"{code(sweep['condition'])} at {code(sweep['position'])}, {_count(sweep)}: {found}."


def _say_windows(condition: str, sweeps: Sequence[Numbers]) -> list[str]:
    """Whether windows bring more than single points, by their largest mean effects."""
    sentences = []
    for position in dict.fromkeys(s["position"] for s in sweeps if s["n_points"] > 1):
        sizes = {s["n_points"]: s for s in sweeps if s["position"] == position and s["effects"]}
        peaks = [f"{peak(sweep)} for {size}" for size, sweep in sizes.items()]
        if len(peaks) > 1:
            sentences.append(
                f"At {code(position)} the largest mean effect under {code(condition)}, by points "
                f"patched at once: {', '.join(peaks)}; {_count(next(iter(sizes.values())))}."
            )
    return sentences


def _count(sweep: Numbers) -> str:
    """`118 pairs of 61 programs`"""
    programs = counted(_n_programs(sweep), "program")
    return f"{counted(sweep['n_pairs'], 'pair')} of {programs}"


def _n_programs(sweep: Numbers) -> int:
    return sweep["flips"]["paired"]["n_programs"] if "paired" in sweep["flips"] else 0


def _points_of(sweep: Numbers, points: Sequence[int]) -> str:
    """The points of one verdict; the last token's stand in the section on it."""
    if sweep["position"] == "last":
        return "see the last token"
    return spans(points, sweep["points"]) if points else "none"


def _position_tables(sweeps: Sequence[Numbers]) -> list[SectionTable]:
    """The verdicts on every position, set and window, and its effects."""
    verdicts, effects = [], []
    for sweep in sweeps:
        key = [code(sweep["condition"]), code(sweep["position"]), str(sweep["n_points"])]
        found = verdicts_of(sweep, sweep["comparison"])
        verdicts.append(
            [
                *key,
                f"{sweep['n_pairs']} ({_n_programs(sweep)})",
                *(_points_of(sweep, points) for points in found.values()),
            ]
        )
        effects.append(
            [
                *key,
                str(sweep["n_left_out"]),
                str(sweep["n_small_gap"]),
                peak(sweep),
                *(most_turned(sweep, kind) for kind in ("paired", *SHOWN_CONTROLS)),
            ]
        )
    header = ["condition", "position", "points at once"]
    decided = ["above every control at", "shown absent at", "undecided at"]
    sizes = ["position missing", "gap too small", "largest mean effect", "most that turn"]
    under = [f"under {code(kind)}" for kind in SHOWN_CONTROLS]
    return [
        SectionTable(
            "Verdicts on positions, sets and windows",
            [*header, "pairs (programs)", *decided],
            verdicts,
            n_left=2,
        ),
        SectionTable(
            "Effects at positions, sets and windows",
            [*header, *sizes, *under],
            effects,
            n_left=2,
        ),
    ]
