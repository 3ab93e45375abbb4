"""The patches' section of the report, made from the numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.patch.exactness import Rounding, exactness_numbers, say_exactness
from fimscope.experiments.patch.numbers import points_above, verdicts_of
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import (
    at,
    counted,
    half_point,
    percent,
    power_text,
    rate_at,
    rate_or_count,
    say_half,
    spans,
    with_interval,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

SHOWN_CONTROLS = ("unrelated", "other_gold", "random")  # those that change something
N_CLAIMED = 2  # of the conditions, in their order, that the findings name
CLAIMS = {
    "restore": "mends broken answers",
    "break": "breaks right answers",
    "same_type": "brings a lent right type",
    "other_type": "brings a lent other type",
    "wrong_to_wrong": "brings a lent wrong type",
}
TO_DONOR = ("break", "other_type", "wrong_to_wrong")  # of every other condition: to the gold
METHOD = (
    "The residual stream at the last token, at one point at a time, is overwritten with the "
    "donor's (activation patching: Heimersheim & Nanda 2404.15255, Zhang & Nanda 2309.16042). "
    "The normalised effect is 0 at the recipient's own difference of logits, target minus "
    "foil, and 1 at the donor's; pairs whose two differences are nearer than the least gap "
    "have none and are counted. At the last point the patch hands over all that the "
    "prediction is made from: the paired donor's effect is 1 there by construction. Patching "
    "several consecutive points at the last token is the same as patching the last of them, "
    "as nothing else reads the earlier ones there."
)
CONTROL = (
    "`self` is the recipient's own residual, which must change nothing; `unrelated` that of "
    "another package and another gold, about as common as the paired donor's (at most twice or "
    "half; else the nearest); `other_gold` that of another package and another gold which the "
    "model gets right; neither gold is what the patch aims at. `random` is a vector drawn with "
    "the mean and the covariance of all prompts' residuals at the point; `random_position` that "
    "of another token of the donor's prompt. At point 0 the last token's residual is its "
    "embedding and, in models with "
    "learned absolute positions, its position: what a donor does there is to bring another place, "
    "which `unrelated` does as "
    "well. Above controls means that more programs' recipients turn to the target than "
    "under each control, by an exact sign test over programs, adjusted by Holm for all points "
    "and controls of the condition; conditions are not adjusted for one another. An effect is "
    "shown absent where the paired donor's mean effect lies within the margin of 0, by intervals "
    "that hold for all points at once (Bonferroni). Half of the largest effect is told of the "
    "first point above its controls that has it; its interval (a bootstrap over programs) speaks "
    "of the first of all points where the effect is not shown to be absent, or less than a "
    "control's, and so may reach below. Two conditions are compared on the normalised "
    "effect, by a t test clustered by program, at the points where either is above its controls: "
    "the share that turns also depends on how sure a recipient is of its own answer, which the "
    "conditions do not share."
)


def patches_section(
    sweeps: Sequence[Numbers], alike: Numbers | None, rounding: Rounding
) -> Section:
    """The section of the report.

    alike      numbers of `compare_conditions`, `same_type` and `wrong_to_wrong`
    rounding   of the sweeps' tables
    """
    exactness = exactness_numbers(sweeps, rounding)
    reading = [sentence for sweep in sweeps for sentence in say_sweep(sweep)]
    return Section(
        title="What patching the last token does",
        question="From which residual point on does an activation of another prompt decide the "
        "type, and does a lent type, right or wrong, do so?",
        findings=[
            *(finding for sweep in sweeps[:N_CLAIMED] for finding in sweep_findings(sweep)),
            *_lent_findings(alike),
        ],
        method=METHOD,
        control=CONTROL,
        cites=[
            "heimersheim2024patching",
            "zhang2023patching",
            "holm1979procedure",
        ],
        reading=[*reading, *say_conditions(alike), *say_exactness(exactness)],
        figures=[
            (
                "patches.svg",
                "Above: mean normalised effect of a patch at every point. Below: predictions that "
                "become the target. Bands: 95% over programs. Squares: points above every control.",
            )
        ],
        tables=[_condition_table(sweeps), *(_curve_table(sweep) for sweep in sweeps)],
        sources=["pairs.parquet", *(f"patches/{sweep['condition']}.parquet" for sweep in sweeps)],
        numbers={
            "sweeps": list(sweeps),
            "same_type_and_wrong_to_wrong": alike,
            "exactness": exactness,
        },
        power=sweeps_power_text(sweeps),
        curve=("patch_curve.svg", _say_curve(sweeps[0])),
        docs="method.md#patching",
        explorer="outcome=broken",
    )


def sweep_findings(sweep: Numbers) -> list[Finding]:
    """That its paired donors turn answers; none where nothing was compared."""
    curve = sweep["effects"].get("paired")
    if sweep["comparison"] is None or curve is None:
        return []
    found, half = verdicts_of(sweep, sweep["comparison"]), sweep["half_of_effect"]
    shown = found[Verdict.SHOWN]
    # At the last token the largest effect is the whole, by construction.
    where = (
        f"of these half of the largest effect first at {say_half(half, shown)}"
        if half and sweep["position"] == "last"
        else f"an effect of {peak(sweep)}"
    )
    name, position = sweep["condition"], sweep["position"]
    token = "the last token" if position == "last" else code(position)
    does = CLAIMS.get(name, f"turns answers to the {target_name(name)}")
    return [
        Finding(
            f"{token}'s residual {does} ({code(name)})",
            verdict_of_many(verdict for verdict, points in found.items() if points),
            f"shown at {spans(shown, sweep['points'])}, {where}" if shown else where,
            "every control donor",
        )
    ]


def _say_curve(sweep: Numbers) -> str:
    return (
        "How far the residual of one point, taken from a donor, brings the answer at the last "
        f"token ({code(sweep['condition'])}): 0 as without it, 1 as the donor's own. Bands: 95% "
        "over programs; squares: more answers turn than under every control, which may leave the "
        f"frame; n = {sweep['n_pairs']}."
    )


def _lent_findings(found: Numbers | None) -> list[Finding]:
    """That the two conditions of `compare_conditions` have other effects."""
    if found is None:
        return []
    gap, point = _widest_gap(found)
    return [
        Finding(
            "a lent wrong type acts otherwise than a right one",
            found["verdict"],
            f"{gap} at point {point}, the widest gap",
            f"{code(found['one'])}, the same recipients",
        )
    ]


def _widest_gap(found: Numbers) -> tuple[str, int]:
    """Of two conditions: the second's mean effect minus the first's, and its point."""
    place = max(range(len(found["points"])), key=lambda i: abs(found["difference"][i]))
    gap = at({**found, "estimate": found["difference"]}, place)
    return with_interval(gap, "+z.2f"), found["points"][place]


def target_name(condition: str) -> str:
    """What the prediction becomes where a patch of the condition succeeds."""
    return "donor's answer" if condition in TO_DONOR else "gold"


def say_sweep(sweep: Numbers) -> list[str]:
    """Where the paired donor does more than its controls, where nothing, and what is open."""
    name, target = code(sweep["condition"]), target_name(sweep["condition"])
    comparison, half = sweep["comparison"], sweep["half_of_effect"]
    if not sweep["n_pairs"]:
        return [f"{name}: no pair was found."]
    if comparison is None:
        return [f"{name}: no pair has all its controls, so nothing is decided."]
    claim = f"more recipients turn to the {target} than under every control"
    sentence = f"{name}: {say_verdicts(sweep, comparison, claim)}"
    if half:
        sentence += (
            f"; of the points where it is shown, half of the largest mean effect, "
            f"{half['maximum']:.2f}, first at {say_half(half, points_above(comparison))}"
        )
    return [f"{sentence}."]


def say_verdicts(sweep: Numbers, comparison: Numbers | None, claim: str) -> str:
    """At which of a sweep's points a claim is shown, shown absent and undecided.

    claim   what is shown of the points at which the paired donor is above every control
    """
    found = {
        verdict: spans(points, sweep["points"])
        for verdict, points in verdicts_of(sweep, comparison).items()
        if points
    }
    phrases = {
        Verdict.SHOWN: f"{claim} at",
        Verdict.SHOWN_ABSENT: f"an effect of {sweep['margin']:g} or more is shown absent at",
        Verdict.UNDECIDED: "undecided at",
    }
    return "; ".join(f"{phrases[verdict]} {where}" for verdict, where in found.items())


def sweeps_power_text(sweeps: Sequence[Numbers]) -> str:
    """The least that the comparison with fewest programs, and of these most tests, can show."""
    known = [
        (comparison["n_programs"], -len(comparison["difference"]) * len(sweep["points"]))
        for sweep in sweeps
        if (comparison := sweep["comparison"])
    ]
    if not known:
        return ""
    n_programs, n_tests = min(known)
    return power_text(n_programs, -n_tests)


def peak(sweep: Numbers) -> str:
    """The largest mean effect with its interval and its point."""
    curve = sweep["effects"].get("paired")
    if curve is None:
        return "none"
    place = max(range(len(sweep["points"])), key=lambda i: curve["estimate"][i])
    return f"{effect_at(curve, place)} at point {sweep['points'][place]}"


def say_conditions(found: Numbers | None) -> list[str]:
    """Whether the two conditions of `compare_conditions` have the same effect."""
    if found is None:
        return []
    sentence = (
        f"The mean effects of {code(found['one'])} and {code(found['other'])}, on the "
        f"{counted(found['n_pairs'], 'recipient')} of {counted(found['n_programs'], 'program')} "
        "that both have: "
    )
    margin = f"{found['margin']:g} of the effect"
    if found["verdict"] == Verdict.SHOWN:
        where = spans(found["points_apart"], found["points"])
        return [f"{sentence}they differ at {where} (t test, Holm)."]
    if found["verdict"] == Verdict.SHOWN_ABSENT:
        return [f"{sentence}they are alike, to within {margin}."]
    where = spans(found["points_open"], found["points"])
    return [f"{sentence}undecided, as at {where} the gap may be more than {margin}."]


def most_turned(sweep: Numbers, kind: str) -> str:
    """The most recipients that one kind of donor turns to the target, and at which point."""
    curve = sweep["flips"].get(kind)
    if curve is None:
        return "none"
    best = max(range(len(curve["estimate"])), key=lambda i: curve["estimate"][i])
    if curve["estimate"][best] == 0:
        return "never"
    return f"{rate_or_count(rate_at(curve, best))} at point {sweep['points'][best]}"


def effect_at(curve: Numbers | None, place: int) -> str:
    """A mean effect and its interval."""
    return "none" if curve is None else with_interval(at(curve, place), "z.3f")


def _condition_table(sweeps: Sequence[Numbers]) -> SectionTable:
    """Every condition in one row."""
    rows = []
    for sweep in sweeps:
        comparison, half = sweep["comparison"], sweep["half_of_effect"]
        found = verdicts_of(sweep, comparison)
        rows.append(
            [
                code(sweep["condition"]),
                target_name(sweep["condition"]),
                f"{sweep['n_pairs']} ({comparison['n_programs'] if comparison else 0})",
                str(sweep["n_small_gap"]),
                *(spans(found[v], sweep["points"]) if found[v] else "none" for v in Verdict),
                half_point(half),
                *(most_turned(sweep, kind) for kind in ("paired", *SHOWN_CONTROLS)),
            ]
        )
    header = [
        "condition",
        "target",
        "pairs (programs)",
        "gap too small",
        "above every control at",
        "shown absent at",
        "undecided at",
        "half of the largest effect at",
        "most that turn",
        *(f"under {code(kind)}" for kind in SHOWN_CONTROLS),
    ]
    return SectionTable(
        "The conditions",
        header,
        rows,
        n_left=2,
        note="Half of the largest effect: first there, of the points above every control; its "
        "interval counts undecided points too.",
    )


def _curve_table(sweep: Numbers) -> SectionTable:
    """Effect and flips of the paired donor at every point, and of each control."""
    caption = (
        f"{code(sweep['condition'])} at {code(sweep['position'])}: "
        f"{counted(sweep['n_pairs'], 'pair')}, {sweep['n_small_gap']} without a normalised effect"
    )
    if sweep["largest_self_effect"] is not None:
        caption += f"; largest change by `self`: {sweep['largest_self_effect']:z.3f}"
    comparison = sweep["comparison"]
    verdicts = {p: v for v, points in verdicts_of(sweep, comparison).items() for p in points}
    controls = [kind for kind in sweep["flips"] if kind != "paired"]
    flips = sweep["flips"].get("paired")
    rows = []
    for place, point in enumerate(sweep["points"]):
        cells = [
            str(point),
            effect_at(sweep["effects"].get("paired"), place),
            verdicts[point],
            rate_or_count(rate_at(flips, place)) if flips else "none",
        ]
        for control in controls:
            effect = sweep["effects"].get(control)
            shown = f"{effect['estimate'][place]:z.3f}" if effect else "none"
            cells.append(f"{shown}; {percent(sweep['flips'][control]['estimate'][place])}")
        rows.append(cells)
    names = [f"{code(control)}: effect; becomes target" for control in controls]
    header = ["point", "paired effect", "above every control", "becomes target", *names]
    return SectionTable(caption, header, rows)
