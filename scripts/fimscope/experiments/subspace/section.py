"""The section on subspaces of the stream, its sentences made from the numbers by rule."""

from fimscope.experiments.subspace import learned_section
from fimscope.experiments.subspace.learned_section import (
    learned_findings,
    learned_table,
    say_learned,
)
from fimscope.report.findings import Finding, verdict_of_all, verdict_of_more
from fimscope.report.format import (
    counted,
    family_power_text,
    p_text,
    percent,
    points_changed,
    rate,
    rate_cell,
    with_interval,
)
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

PART_NAMES = {
    "types": "between the types",
    "variance": "principal axes",
    "random": "random",
    "complement": "all the rest",
    "whole": "the whole stream",
}
# As many of what the gold's mean is written into beside the directions between the types.
WRITTEN_NAMES = {"random": "random dimensions", "variance": "principal axes"}
SOURCES = ("directions", "patches", "means", "learned", "learned_patches")
QUESTION = (
    "How many dimensions of the stream carry the type, does a wrong type lie in the same ones, "
    "and can the right one be written there?"
)
METHOD = (
    "The directions between the types are the principal axes of the scatter of the types' means at "
    "the last token (Fisher 1936), over right examples of `fit`, originals and variants; a type "
    "needs `subspace.min_examples` of them, each counted once. Of the donor only what lies in the "
    "first directions is patched into the recipient, the rest stays the recipient's own: the "
    "recipient plus the projection of donor minus recipient. The points are those at which "
    "`restore` first reaches the shares of `subspace.shares` of its effect, on `fit` and `select`; "
    "the rank is the smallest that has half of the whole patch's mean effect on `select`; both are "
    "reported on `test`. Effects are normalised as in the sweep of the residual stream "
    "(Heimersheim & Nanda 2404.15255). Last, the gold's mean is written into the same subspace of "
    "every variant, right or wrong, at the point and rank with the greatest net on `select`; that "
    "takes the gold, and is an oracle."
)
CONTROL = (
    "Subspaces of the same rank: random ones, and the principal axes of the residuals at large, "
    "which know of no type; and all the rest of the stream, without the directions between the "
    "types. At the chosen rank the types' subspace is held against each by a sign test over "
    "programs, adjusted over all conditions, points and rivals (Holm). The rank that has half of "
    "the whole's effect has percentiles of a bootstrap over programs; where none that was tried "
    "has it, the width of the stream stands for it. The gold's mean is written into as many random "
    "dimensions and principal axes too, and the claim needs it to do more than in both (Holm over "
    "these and nothing written). A subspace that was fitted to means holds what "
    "differs between the types on average, with the other things that go with them."
)


def subspace_section(numbers: Numbers, learned: Numbers | None = None) -> Section:
    """The section of the report, of `subspace_numbers` and `learned_numbers`."""
    return Section(
        title="How many dimensions carry the type",
        question=QUESTION,
        findings=[*_findings(numbers), *(learned_findings(learned) if learned else [])],
        method=METHOD + (learned_section.METHOD if learned else ""),
        control=CONTROL + (learned_section.CONTROL if learned else ""),
        cites=[
            *("fisher1936discriminant", "heimersheim2024patching", "holm1979procedure"),
            *(learned_section.CITES if learned else []),
        ],
        reading=[*say_subspace(numbers), *(say_learned(learned) if learned else [])],
        figures=[
            (
                "subspace.svg",
                "Mean normalised effect of patching a part of the stream, by its rank. Bands: 95% "
                "over programs.",
            )
        ],
        tables=[
            *([*_patch_tables(numbers), *_means_table(numbers)] if numbers["patches"] else []),
            *([learned_table(learned)] if learned else []),
        ],
        sources=[f"subspace/{name}.parquet" for name in SOURCES],
        numbers={**numbers, "learned": learned},
        power=family_power_text(
            [test for row in numbers["patches"] for test in row["beside"].values()]
        ),
        docs="method.md#the-subspace-of-the-type",
        explorer="outcome=broken&group=test",
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """That a few directions carry the type, with what all others do, and that the gold can be
    written into them."""
    found = []
    if numbers["patches"]:
        last = numbers["patches"][-1]["point"]
        row = next(row for row in numbers["patches"] if row["point"] == last)
        found.append(
            Finding(
                f"{row['rank']} of {numbers['d_model']} dimensions, between the types, "
                f"bring{'s' * (row['rank'] == 1)} more of it than as many random ones "
                f"({code(row['condition'])})",
                verdict_of_more(row["beside"]["random"]),
                f"{with_interval(row['at_rank']['types'], '.2f')} at point {last}, "
                f"{percent(row['share']['estimate'])} of the whole's; the other "
                f"{numbers['d_model'] - row['rank']} bring "
                f"{with_interval(row['at_rank']['complement'], '.2f')}, that this is "
                f"{'less' if row['beside']['complement']['estimate'] > 0 else 'more'} is "
                f"{row['beside']['complement']['verdict']}",
                f"as many random ones, {row['at_rank']['random']['estimate']:z.2f}",
            )
        )
    if numbers["means"]:
        tests, rows = numbers["means"]["tests"], numbers["means"]["rows"]
        found.append(
            Finding(
                "the gold's mean, written there, raises accuracy by more than written into as many "
                "other dimensions (oracle)",
                verdict_of_all(map(verdict_of_more, tests.values())),
                f"{points_changed(tests['none'])}, n = {tests['none']['n']}, golds of "
                f"{counted(len(numbers['types']), 'type')}; more by "
                + " and ".join(
                    f"{points_changed(tests[rival])} than in {name}"
                    for rival, name in WRITTEN_NAMES.items()
                ),
                " and ".join(
                    f"{points_changed(rows[rival]['net'])} in as many {name}"
                    for rival, name in WRITTEN_NAMES.items()
                ),
            )
        )
    return found


def say_subspace(numbers: Numbers) -> list[str]:
    """How much the directions between the types carry, by condition and point, and the writing."""
    rows = numbers["patches"]
    if not rows:
        return [
            "No subspace was patched: `restore` reaches none of the shares, fewer than two types "
            "have enough examples in `fit`, or no pair of `test` has an effect."
        ]
    last = rows[-1]["point"]
    return [
        f"The means of {counted(len(numbers['types']), 'type')} span {numbers['n_directions']} of "
        f"{numbers['d_model']} dimensions. At point {last}, the last of those patched:",
        *(_say_row(row, numbers["n_directions"]) for row in rows if row["point"] == last),
        f"The types' subspace over all conditions and points, at the rank chosen on `select`: "
        f"{'; '.join(_say_rival(rival, rows) for rival in rows[0]['beside'])}.",
        *_say_wrong_type(numbers),
        *_say_means(numbers["means"]),
    ]


def _say_row(row: Numbers, n_directions: int) -> str:
    half, own = row["half"]["types"], row["at_rank"]["types"]
    reached = (
        f"half of it is in {counted(half['estimate'], 'dimension')} (95% {half['lower']} to "
        f"{half['upper']})"
        if half["estimate"] <= n_directions
        else "less than half of it is in all that the types span "
        f"({counted(n_directions, 'direction')})"
    )
    return (
        f"{code(row['condition'])} (n = {row['n_pairs']}): the whole patch has an effect of "
        f"{row['whole']['estimate']:z.2f}, {reached}; at rank {row['rank']} it is "
        f"{with_interval(own, '.2f')}, {percent(row['share']['estimate'])} of the whole's, with "
        f"{row['at_rank']['random']['estimate']:z.2f} for random dimensions, "
        f"{row['at_rank']['variance']['estimate']:z.2f} for principal axes and "
        f"{row['at_rank']['complement']['estimate']:z.2f} for all the rest."
    )


def _say_wrong_type(numbers: Numbers) -> list[str]:
    """What the directions carry of a wrong type beside a right one, which is no finding."""
    return [
        f"At point {row['point']} the share that these directions carry is for a wrong type "
        f"(`break`) minus for the right one (`restore`) {points_changed(row)}, on n = {row['n']} "
        "examples with both. The two are the ends of one contrast: to be alike is no finding."
        for row in numbers["wrong_type"][-1:]
    ]


def _say_rival(rival: str, rows: list[Numbers]) -> str:
    """How many conditions and points have which verdict against a rival."""
    words = [_words_of(row["beside"][rival]) for row in rows]
    counts = [f"{words.count(own)} {own}" for own in dict.fromkeys(words)]
    return f"against {PART_NAMES[rival]} {', '.join(counts)}"


def _words_of(test: Numbers) -> str:
    """The verdict on `the types' subspace does more`."""
    if test["verdict"] == Verdict.SHOWN:
        return "shown to do more" if test["estimate"] > 0 else "shown to do less"
    return {
        Verdict.SHOWN_ABSENT: "shown to do as much, to within the margin",
        Verdict.UNDECIDED: "undecided",
    }[test["verdict"]]


def _say_means(means: Numbers | None) -> list[str]:
    if means is None:
        return ["The gold's mean was written nowhere: no variant of both groups has one."]
    types, none = means["rows"]["types"], means["tests"]["none"]
    against = "; ".join(
        f"against as many {name} ({points_changed(means['rows'][rival]['net'])}) "
        f"{points_changed(beside)}, which is {beside['verdict']}"
        for rival, name in WRITTEN_NAMES.items()
        for beside in [means["tests"][rival]]
    )
    mended, spoilt = (
        rate(types[name]) if types[name] else "none there" for name in ("mended", "spoilt")
    )
    return [
        f"The gold's mean written into {counted(means['rank'], 'dimension')} at point "
        f"{means['point']} of "
        f"{counted(means['n'], 'variant')} of `test` ({counted(means['n_programs'], 'program')}) "
        f"mends {mended} of the "
        f"wrong and spoils {spoilt} of the right; net {points_changed(none)}, which is "
        f"{none['verdict']}; {against}. It takes the gold: that the type can be written there does "
        "not say how to know it."
    ]


def _patch_tables(numbers: Numbers) -> list[SectionTable]:
    """The effects of the parts of the stream, and what the types' subspace has more."""
    parts = [part for part in PART_NAMES if part != "whole"]
    rivals = list(numbers["patches"][0]["beside"])
    effects, differences = [], []
    for row in numbers["patches"]:
        half = {
            part: f"{own['estimate']} ({own['lower']} to {own['upper']})"
            for part, own in row["half"].items()
        }
        key = [
            code(row["condition"]),
            str(row["point"]),
            f"{row['n_pairs']} ({row['n_programs']})",
        ]
        at_rank = [with_interval(row["at_rank"][part], ".2f") for part in parts]
        effects.append(
            [
                *key,
                with_interval(row["whole"], ".2f"),
                *(half["types"], half["variance"], str(row["rank"])),
                *at_rank,
            ]
        )
        beside = [row["beside"][rival] for rival in rivals]
        differences.append(
            [
                *key,
                *(
                    f"{with_interval(test, '+.2f')}; {p_text(test)}; {test['verdict']}"
                    for test in beside
                ),
            ]
        )
    header = ["condition", "point", "pairs (programs)"]
    halves = ["half at rank, types", "half at rank, principal axes", "chosen rank"]
    return [
        SectionTable(
            "Mean effects on `test`, at the rank chosen on `select`",
            [*header, "whole", *halves, *(PART_NAMES[part] for part in parts)],
            effects,
            n_left=2,
        ),
        SectionTable(
            "What the types' subspace does more than another part; p of the sign test (Holm)",
            [*header, *(f"than {PART_NAMES[rival]}" for rival in rivals)],
            differences,
            n_left=2,
        ),
    ]


def _means_table(numbers: Numbers) -> list[SectionTable]:
    means = numbers["means"]
    if means is None:
        return []
    rows = [
        [
            PART_NAMES[part],
            rate_cell(row["mended"]),
            rate_cell(row["spoilt"]),
            with_interval(row["net"], "+.1f", 100),
        ]
        for part, row in means["rows"].items()
    ]
    return [
        SectionTable(
            f"The gold's mean written at point {means['point']}, rank {means['rank']}: % of wrong "
            "answers mended, of right ones spoilt, and the net over all, on `test`",
            ["written into", "mended", "spoilt", "net"],
            rows,
        )
    ]
