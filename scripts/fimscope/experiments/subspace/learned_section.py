"""What the section on subspaces says of those that were learned, by rule."""

from fimscope.report.findings import Finding, verdict_of_more
from fimscope.report.format import counted, p_text, percent, with_interval
from fimscope.report.markdown import code
from fimscope.report.sections import SectionTable
from fimscope.statistics.numbers import Numbers

METHOD = (
    " *Learned* subspaces, at the middle one of these points, are those whose interchange gives "
    "the donors' answers (DAS: Geiger et al. 2303.02536): an orthonormal basis that Adam moves "
    "from a random start by the cross entropy of the donors' answers in pairs of `fit` (at most "
    "`subspace.max_fit`), kept at the step that is best on `select`."
)
CONTROL = (
    " A learned subspace is held against the first directions between the types and against random "
    "ones, as many of each, by the same tests in a family of their own. What is learned is what "
    "moves the answer, by whatever way: it need not be what the model uses by itself "
    "(Makelov et al. 2311.17030)."
)
CITES = ["geiger2023das", "makelov2023illusion"]


def learned_findings(learned: Numbers) -> list[Finding]:
    """Whether the learned directions carry more than those between the types, of the first
    condition at the chosen rank."""
    row = next(row for row in learned["rows"] if row["rank"] == learned["rank"])
    if "types" not in row["beside"]:
        return []
    return [
        Finding(
            f"{counted(row['rank'], 'learned dimension')} carr{'ies' if row['rank'] == 1 else 'y'} "
            f"more of it than as many between the types ({code(row['condition'])})",
            verdict_of_more(row["beside"]["types"]),
            f"{with_interval(row['effects']['learned'], '.2f')} at point {learned['point']}, "
            f"{percent(row['share'])} of the whole's; more by "
            f"{with_interval(row['beside']['types'], '+.2f')}",
            f"as many between the types, {row['effects']['types']['estimate']:z.2f}",
        )
    ]


def say_learned(learned: Numbers) -> list[str]:
    """How much each learned subspace carries, and how much of it lies between the types."""
    found = []
    for own in learned["subspaces"]:
        told = "; ".join(
            f"{code(row['condition'])} {with_interval(row['effects']['learned'], '.2f')}, "
            f"{percent(row['share'])} of the whole's"
            + "".join(
                f", beside {'those between the types' if rival == 'types' else 'random ones'} "
                f"{with_interval(test, '+.2f')}, {test['verdict']}"
                for rival, test in row["beside"].items()
            )
            for row in learned["rows"]
            if row["rank"] == own["rank"]
        )
        inside = (
            f"; {percent(own['types_share'])} of it lies between the types, of random directions "
            f"{percent(own['chance_share'])}"
            if own["types_share"] is not None
            else ""
        )
        found.append(
            f"A subspace of rank {own['rank']} learned at point {learned['point']} with "
            f"{counted(learned['n_fit'], 'pair')} (loss on "
            f"{counted(learned['n_select'], 'pair')} of `select` "
            f"{own['first_loss']:.2f} at the start, {own['loss']:.2f} at step {own['step']}"
            f"{inside}): {told}."
        )
    return found


def learned_table(learned: Numbers) -> SectionTable:
    rows = [
        [
            code(row["condition"]),
            str(row["rank"]),
            f"{row['n_pairs']} ({row['n_programs']})",
            *(
                with_interval(row["effects"][part], ".2f") if part in row["effects"] else ""
                for part in ("learned", "types", "random", "whole")
            ),
            *(
                f"{with_interval(test, '+.2f')}; {p_text(test)}; {test['verdict']}" if test else ""
                for test in map(row["beside"].get, ("types", "random"))
            ),
        ]
        for row in learned["rows"]
    ]
    header = ["condition", "rank", "pairs (programs)", "learned", "between the types", "random"]
    header += ["the whole stream", "learned minus between the types", "learned minus random"]
    return SectionTable(
        f"Learned subspaces at point {learned['point']}: mean effects on `test`, with p of the "
        "sign test (Holm)",
        header,
        rows,
    )
