"""The section of the report on lent whole types, made from its numbers by rule."""

from collections.abc import Sequence

from fimscope.experiments.patch.exactness import Rounding, exactness_numbers, say_exactness
from fimscope.experiments.patch.numbers import verdicts_of
from fimscope.experiments.patch.section import (
    effect_at,
    most_turned,
    peak,
    say_verdicts,
    sweeps_power_text,
)
from fimscope.experiments.whole_patches.numbers import FIRST, LATER, PER_TOKEN, WHOLE
from fimscope.experiments.whole_patches.pairs import LONGER
from fimscope.report.findings import Finding, verdict_of_many
from fimscope.report.format import (
    at,
    counted,
    half_point,
    rate_cell,
    say_half,
    spans,
    with_interval,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

# Of whose pairs the findings speak: those of the first condition here that the study has.
CLAIMED = ("wrong_to_wrong", "same_type", "other_type", "restore", "break")
SHOWN_CONTROLS = ("unrelated", "other_gold", "random")
ARRIVES = {  # what is shown of a part where the paired donor is above every control
    WHOLE: "more recipients say the whole target",
    FIRST: "the first token regains half in more of them",
    LATER: "the later tokens regain half in more of them",
}
METHOD = (
    "Conditions, as far as they have such pairs, donors and patches are those of the sweep of the "
    "last token, but target and foil "
    "are whole types, by the compiler's verdict on completed ones: the gold, of any length, or the "
    "donor's own completed type, and the recipient's own. Their tokens are teacher-forced behind "
    "the patched prompt in the pass that patches it. The normalised effect is of the summed "
    "log-probabilities, target minus foil: 0 the recipient's, 1 what it is in the donor's own "
    "prompt (Heimersheim & Nanda 2404.15255); of types of one token it is the sweep's. A target "
    "turns where greedy decoding under the patch begins with all of its tokens. The first token of "
    "a longer target and its later ones have an effect of their own, of their log-probability "
    "alone; a part that the donor makes likelier by less than the least gap has none. Later tokens "
    "read what the patch leaves at the last token of the prompt, in the blocks behind the patched "
    "point; all else that they read is the recipient's."
)
CONTROL = (
    "As in the sweep of the last token: `self`, `unrelated`, `other_gold`, `random`, "
    "`random_position`; a part arrives where more programs' recipients turn, or regain half, than "
    "under each of them (sign test over programs, Holm over points and controls), and is shown "
    "absent where its mean effect lies within the margin at all points at once (Bonferroni). Types "
    "of one token stand beside longer ones with a foil of one token too; pairs one of whose types "
    "begins with the other are left out."
)


def whole_patches_section(
    numbers: Numbers, rounding: Rounding, max_pairs: int, max_type_tokens: int
) -> Section:
    """The section of the report; numbers of `whole_patch_numbers`.

    rounding   of the patches' table
    """
    sweeps = numbers["sweeps"]
    # Of two log-probabilities each; a sum over tokens adds up the roundings of all of them.
    exactness = exactness_numbers(
        [s for s in sweeps if s["part"] == (PER_TOKEN if s["length"] == LONGER else WHOLE)],
        rounding,
    )
    conditions = list(dict.fromkeys(sweep["condition"] for sweep in sweeps))
    return Section(
        title="Whether a whole type arrives",
        question="From which point does a lent whole type arrive, compared with one of one token, "
        "and do its tokens arrive together?",
        findings=_findings(numbers),
        method=f"{METHOD} At most {counted(max_pairs, 'pair')} a condition with types of one "
        f"token and {max_pairs} with longer targets, none of more than "
        f"{counted(max_type_tokens, 'token')}.",
        control=CONTROL,
        cites=["heimersheim2024patching", "holm1979procedure"],
        reading=[
            *(_say(condition, numbers) for condition in conditions),
            *(["No pair was found."] if not sweeps else []),
            *say_exactness(exactness),
        ],
        figures=[
            (
                "whole_patches.svg",
                "Mean normalised effect of a patch at every point: on types of one token, on "
                "longer ones, and on the first and the later tokens of these. Bands: 95% over "
                "programs. Squares: points above every control.",
            )
        ],
        tables=[
            *_sweep_tables(sweeps),
            *([_token_table(numbers["tokens"])] if numbers["tokens"] else []),
            *([_kind_table(numbers["kinds"])] if numbers["kinds"] else []),
            *(_curve_table(condition, sweeps) for condition in conditions),
        ],
        sources=["whole_patches/pairs.parquet", "whole_patches/patches.parquet"],
        numbers={**numbers, "exactness": exactness},
        power=sweeps_power_text(list(_claimed(sweeps).values())),
        docs="method.md#whole-types-inside",
    )


def _claimed(sweeps: Sequence[Numbers]) -> dict[tuple[str, str], Numbers]:
    """The sweeps that the findings speak of, by length and part; none without longer types."""
    for name in CLAIMED:
        own = {(s["length"], s["part"]): s for s in sweeps if s["condition"] == name}
        if (LONGER, FIRST) in own:
            return own
    return {}


def _findings(numbers: Numbers) -> list[Finding]:
    claimed = _claimed(numbers["sweeps"])
    if not claimed:
        return []
    first, later = claimed[LONGER, FIRST], claimed[LONGER, LATER]
    name, half = first["condition"], first["half_of_effect"]
    arrived = verdicts_of(first, first["comparison"])[Verdict.SHOWN]
    shown = f"shown at {spans(arrived, first['points'])}" if arrived else "shown nowhere"
    where = (
        f"of these half of the largest effect first at {say_half(half, arrived)}"
        if half
        else f"most {peak(first)}"
    )
    findings = [
        Finding(
            f"the first token of a lent longer type arrives ({code(name)})",
            first["verdict"],
            f"{shown}, {where}",
            "every control donor",
        )
    ]
    findings += [
        Finding(
            "it arrives otherwise than a type of one token",
            row["verdict"],
            _widest(row["points"]),
            "types of one token, other recipients",
        )
        for row in numbers["beside"]
        if row["condition"] == name
    ]
    # Where the first does not arrive, there is nothing for the others to arrive with.
    with_it = [p for p in arrived or first["points"] if p != first["points"][-1]]
    found = verdicts_of(later, later["comparison"])
    verdict = verdict_of_many(v for v, points in found.items() if set(points) & set(with_it))
    findings.append(
        Finding("its later tokens arrive with it", verdict, _most(later, with_it), "every control")
    )
    return findings


def _most(sweep: Numbers, points: Sequence[int]) -> str:
    """The largest mean effect at some points."""
    curve = sweep["effects"].get("paired")
    if curve is None:
        return "no pair has an effect"
    place = max(map(sweep["points"].index, points), key=curve["estimate"].__getitem__)
    return f"at most {effect_at(curve, place)}, at point {sweep['points'][place]}"


def _widest(points: Sequence[Numbers]) -> str:
    row = max(points, key=lambda point: abs(point["estimate"]))
    return f"{with_interval(row, '+z.2f')} at point {row['point']}, the widest gap"


def _say(condition: str, numbers: Numbers) -> str:
    """What one condition's sweeps, and their comparisons, say."""
    own = [s for s in numbers["sweeps"] if s["condition"] == condition]
    sentences = []
    for sweep in own:
        if sweep["part"] not in ARRIVES:
            continue
        what = f"types of {sweep['length']}, {sweep['part']}"
        if sweep["comparison"] is None:
            wanting = (
                "no donor has more to bring than the recipient has"
                if sweep["n_small_gap"] == sweep["n_pairs"]
                else "no pair has all its controls"
            )
            sentences.append(f"{what}: {wanting}, so nothing is decided.")
            continue
        claim = ARRIVES[sweep["part"]]
        n_pairs = counted(sweep["comparison"]["n_pairs"], "pair")
        verdicts = say_verdicts(sweep, sweep["comparison"], claim)
        most = most_turned(sweep, "paired")
        sentences.append(f"{what} ({n_pairs}): {verdicts}; most that do: {most}.")
    for row in numbers["together"]:
        if row["condition"] == condition:
            sentences.append(_say_together(row))
    for row in numbers["beside"]:
        if row["condition"] == condition:
            sentences.append(
                f"The first token of longer types ({counted(row['n_longer'], 'pair')}) beside "
                "types of one "
                f"({row['n_one_token']}): {_widest(row['points'])}; that they differ is "
                f"{row['verdict']}."
            )
    return f"{code(condition)}: " + " ".join(sentences)


def _say_together(row: Numbers) -> str:
    gap = at(
        {**row, "estimate": row["difference"]},
        place := max(range(len(row["points"])), key=lambda i: abs(row["difference"][i])),
    )
    return (
        f"On the {counted(row['n_pairs'], 'pair')} that have both, later tokens minus the first "
        f"are at most {with_interval(gap, '+z.2f')} apart, at point {row['points'][place]}; "
        f"that they arrive apart is {row['verdict']}."
    )


def _sweep_tables(sweeps: Sequence[Numbers]) -> list[SectionTable]:
    """The verdicts on every condition, length and part, and its effects."""
    verdicts, effects = [], []
    for sweep in sweeps:
        comparison, half = sweep["comparison"], sweep["half_of_effect"]
        found = verdicts_of(sweep, comparison)
        key = [code(sweep["condition"]), sweep["length"], sweep["part"]]
        verdicts.append(
            [
                *key,
                f"{sweep['n_pairs']} ({comparison['n_programs'] if comparison else 0})",
                str(sweep["n_small_gap"]),
                *(spans(found[v], sweep["points"]) if found[v] else "none" for v in Verdict),
            ]
        )
        effects.append(
            [
                *key,
                half_point(half),
                peak(sweep),
                *(most_turned(sweep, kind) for kind in ("paired", *SHOWN_CONTROLS)),
            ]
        )
    header = ["condition", "types of", "effect on the"]
    decided = ["above every control at", "shown absent at", "undecided at"]
    sizes = ["half of the largest effect at", "largest effect", "most that turn, or regain half"]
    under = [f"under {code(kind)}" for kind in SHOWN_CONTROLS]
    return [
        SectionTable(
            "Verdicts on the conditions, by length of the types",
            [*header, "pairs (programs)", "gap too small", *decided],
            verdicts,
            n_left=3,
        ),
        SectionTable(
            "Effects of the conditions, by length of the types",
            [*header, *sizes, *under],
            effects,
            n_left=3,
        ),
    ]


def _token_table(tokens: Sequence[Numbers]) -> SectionTable:
    last = tokens[-1]["token"]
    rows = [
        [
            f"{row['token']} and on"
            if row["token"] == last and row["token"] > 3
            else str(row["token"]),
            f"{row['n']} ({row['n_programs']})",
            rate_cell(row),
            "never" if row["point"] is None else str(row["point"]),
            f"{row['largest']:.2f}",
        ]
        for row in tokens
    ]
    header = ["token", "tokens (programs)", "regain half, %", "first at, median", "largest effect"]
    return SectionTable(
        "Longer targets token by token, all conditions",
        header,
        rows,
        note="Tokens that the donor's own prompt makes likelier by the least gap or more.",
    )


def _kind_table(kinds: Sequence[Numbers]) -> SectionTable:
    rows = []
    for row in kinds:
        cells = [row["kind"], str(row["n_pairs"])]
        for part in (FIRST, LATER):
            own = row["parts"][part]
            cells += (
                [
                    str(own["n"]),
                    rate_cell(own),
                    "never" if own["point"] is None else str(own["point"]),
                ]
                if own
                else ["0", "", ""]
            )
        rows.append(cells)
    header = ["target", "pairs"]
    for part in (FIRST, LATER):
        header += [f"{part}: pairs", "regain half, %", "first at, median"]
    return SectionTable("Longer targets by kind, all conditions", header, rows)


def _curve_table(condition: str, sweeps: Sequence[Numbers]) -> SectionTable:
    own = [sweep for sweep in sweeps if sweep["condition"] == condition]
    points = own[0]["points"]
    rows = [
        [str(point), *(effect_at(sweep["effects"].get("paired"), place) for sweep in own)]
        for place, point in enumerate(points)
    ]
    names = [f"{sweep['length']}: {sweep['part']}" for sweep in own]
    return SectionTable(
        f"{code(condition)}: mean effect of the paired donor", ["point", *names], rows
    )
