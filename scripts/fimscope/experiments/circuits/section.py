"""The section of the report on circuits, its sentences made from the numbers by rule."""

from collections import Counter
from collections.abc import Sequence

from fimscope.experiments.outcomes import OUTCOME_TITLES, OUTCOMES
from fimscope.report.findings import Finding, verdict_of_many, verdict_of_more
from fimscope.report.format import counted, family_power_text, p_text, percent, with_interval
from fimscope.report.markdown import code
from fimscope.report.sections import Section, SectionTable
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

QUESTION = (
    "Do wrong answers come through other edges of the model than right ones, or through the same "
    "edges with something else in them?"
)
TOO_FEW = "too few aligned prompts have two answers"
NO_EDGES = (
    "this model's blocks do not add to the stream what single heads and MLPs give, so that it has "
    "no edges between them to cut"
)
METHOD = (
    "Of an original and a variant whose names alone differ, token for token, and whose answers "
    "differ, each prompt is run beside the other. An edge leads from the embedding, a head or an "
    "MLP to a later query, key, value, MLP or the logits; it is cut where the reader takes the "
    "writer's part from the other run. What each cut would do to the difference of the two "
    "answers' logits is estimated for all edges at once (edge attribution with integrated "
    "gradients: Syed et al. 2310.10348, Hanna et al. 2403.17806). A circuit is the edges with the "
    "largest mean estimates over the runs of `fit` and `select`, of right originals, wrong "
    "originals or broken variants; it is tried on runs of `test`, with all other edges cut. The "
    "effect is 0 where the answer is the other run's and 1 where it is the prompt's own "
    "(faithfulness); where the circuit alone is cut, what is left shows what it lacks "
    "(completeness: Wang et al. 2211.00593). CPR is the area under faithfulness over the share of "
    "edges, CMD that between it and 1 (Mueller et al. 2504.13151), of the sizes here. Of a program "
    "one run is drawn. Paths from the hole's name: a head's keys and values there are the other "
    "run's, what it then mixes at the last token is put there in the prompt's own run, and all "
    "that follows is run on."
)
CONTROL = (
    "As many random edges, drawn anew for each run. What two circuits share by weight (of all "
    "edges of either, the lesser of an edge's two shares of all effects over the greater) is held "
    "against the same runs with their labels drawn anew, Holm over all pairs and sizes. An "
    "outcome's own circuit is held against another's by sign tests over programs, Holm over all "
    "outcomes, circuits and sizes; the paths of a head by sign tests over the programs of all "
    "outcomes together, Holm over heads. "
    "Right originals and broken variants are the two ends of one contrast, in other programs: "
    "their circuits are alike to first order whatever the model does, so that the comparison "
    "that can tell is the one with wrong originals."
)


def circuits_section(numbers: Numbers) -> Section:
    return Section(
        title="Which edges bring right answers, and which bring wrong ones",
        question=QUESTION,
        findings=_findings(numbers),
        method=METHOD,
        control=CONTROL,
        cites=[
            *("syed2023attribution", "hanna2024faith", "mueller2025mib", "wang2022ioi"),
            "holm1979procedure",
        ],
        reading=_say_findings(numbers),
        figures=[
            (
                "circuits.svg",
                "Above: mean effect of circuits by their size, in test runs of each outcome; "
                "bands: 95% over programs. Below: what circuits share; estimated and exact "
                "effects of single cut edges.",
            )
        ],
        tables=_tables(numbers),
        sources=[
            f"circuits/{name}.parquet"
            for name in ("runs", "edges", "faithfulness", "cuts", "paths")
        ],
        numbers=numbers,
        power=family_power_text(numbers["differences"]),
        docs="method.md#circuits",
        explorer="outcome=wrong",
    )


def _findings(numbers: Numbers) -> list[Finding]:
    """Whether wrong answers come through edges of their own, at the largest size that says it."""
    verdict = _verdict_of_own(numbers)
    rows = [row for row in _wrong_without_own(numbers) if verdict_of_more(row) is verdict]
    if not rows:
        return []
    row = max(rows, key=lambda row: row["n_edges"])
    return [
        Finding(
            "wrong answers come through edges of their own",
            verdict,
            f"{with_interval(row, '+.2f')} of the effect, {counted(row['n_edges'], 'edge')}, n = "
            f"{row['n']}",
            "the right answers' circuit",
        )
    ]


def _wrong_without_own(numbers: Numbers) -> list[Numbers]:
    """Of wrong answers, what their own circuit brings more than the right answers', by size."""
    return [
        row
        for row in numbers["differences"]
        if (row["outcome"], row["circuit"]) == ("wrong", "right")
    ]


def _verdict_of_own(numbers: Numbers) -> Verdict:
    """Whether their own circuit brings more at some size."""
    return verdict_of_many(map(verdict_of_more, _wrong_without_own(numbers)))


def _say_findings(numbers: Numbers) -> list[str]:
    paths = [_say_paths(numbers["paths"])] if numbers["paths"] else []
    if not numbers["curves"]:
        reason = TOO_FEW if numbers["n_edges"] else NO_EDGES
        return [f"No circuit was tried: {reason}.", *paths]
    sentences = [_say_faithful(numbers)]
    for circuit, outcome in (("right", "wrong"), ("wrong", "right")):
        of_pair = [
            row
            for row in numbers["differences"]
            if (row["circuit"], row["outcome"]) == (circuit, outcome)
        ]
        if of_pair:
            sentences.append(_say_crossed(of_pair, numbers))
    overlaps = [row for row in numbers["overlaps"] if row["outcomes"] == ["right", "wrong"]]
    if overlaps:
        sentences.append(_say_overlap(overlaps))
    sentences.append(_say_answer(numbers))
    if numbers["cuts"]:
        sentences.append(_say_cuts(numbers["cuts"]))
    return sentences + paths


def _curve(numbers: Numbers, outcome: str, circuit: str, way: str = "kept") -> list[Numbers]:
    """By size, the smallest first; nothing where the circuit was not tried."""
    found = [
        row
        for row in numbers["curves"]
        if (row["outcome"], row["circuit"], row["way"]) == (outcome, circuit, way)
    ]
    return sorted(found, key=lambda row: row["n_edges"])


def _say_faithful(numbers: Numbers) -> str:
    """What the smallest own circuit of each outcome brings, and what is left without it."""
    parts = []
    for outcome in OUTCOMES:
        kept, cut = (_curve(numbers, outcome, outcome, way) for way in ("kept", "cut"))
        if kept and cut:
            parts.append(
                f"of {outcome} answers {with_interval(kept[0], '.2f')} of the difference, and "
                f"{with_interval(cut[0], '.2f')} is left where it is cut"
            )
    if not parts:
        return "No outcome has both runs to find a circuit in and runs to try it on."
    n = numbers["sizes"][0]["n_edges"]
    return f"{n} of {numbers['n_edges']} edges bring, {'; '.join(parts)}."


def _say_crossed(rows: Sequence[Numbers], numbers: Numbers) -> str:
    """How another outcome's circuit does beside the own one, at each size."""
    outcome, circuit = rows[0]["outcome"], rows[0]["circuit"]
    other = {row["n_edges"]: row for row in _curve(numbers, outcome, circuit)}
    own = {row["n_edges"]: row for row in _curve(numbers, outcome, outcome)}
    cells = [
        f"with {counted(row['n_edges'], 'edge')} {other[row['n_edges']]['estimate']:z.2f} against "
        f"{own[row['n_edges']]['estimate']:.2f}, difference {with_interval(row, '+.2f')}: "
        f"{row['verdict']}"
        for row in sorted(rows, key=lambda row: row["n_edges"])
    ]
    return (
        f"The circuit of {circuit} answers in runs of {outcome} ones, against their own "
        f"({counted(rows[0]['n'], 'run')}): {'; '.join(cells)}."
    )


def _say_overlap(rows: Sequence[Numbers]) -> str:
    cells = [
        f"of {counted(row['n_edges'], 'edge')} {percent(row['shared'])} (random edges "
        f"{percent(row['by_chance'])}), by weight {percent(row['weighed'])} (the same runs under "
        f"drawn labels {with_interval(row['relabelled'], '.1f', 100, '%')})"
        for row in rows
    ]
    shown = [str(row["n_edges"]) for row in rows if row["verdict"] is Verdict.SHOWN]
    verdict = (
        f"less than the same runs under drawn labels at {' and '.join(shown)} edges: shown"
        if shown
        else "that this is less than under drawn labels is not shown"
    )
    return f"The circuits of right and of wrong answers share {'; '.join(cells)}; {verdict}."


def _say_answer(numbers: Numbers) -> str:
    """Wrong circuit, or the right one with something else in it: what is decided at all sizes."""
    verdict = _verdict_of_own(numbers)
    if verdict is Verdict.SHOWN:
        return "So at some size wrong answers are shown to come in part through edges of their own."
    if verdict is Verdict.SHOWN_ABSENT:
        return (
            "So wrong answers are shown to come through the circuit of the right ones, to within "
            "the margin: the same edges, with something else in them."
        )
    return (
        "So whether wrong answers have a circuit of their own is not decided at every size by "
        "these runs."
    )


def _say_cuts(cuts: Numbers) -> str:
    return (
        f"In {counted(cuts['pearson']['n'], 'run')} {cuts['n_edges']} edges were cut one "
        "at a time (path patching), the largest and others spread over the ranking; estimated and "
        f"exact effects correlate by {with_interval(cuts['pearson'], '.2f')} (Pearson) and "
        f"{with_interval(cuts['spearman'], '.2f')} (Spearman), within runs."
    )


def _say_paths(paths: Sequence[Numbers]) -> str:
    """The head of the largest effect from the name, of all answers and by outcome, and how many
    heads have which verdict."""
    blocks = [row["block"] for row in paths]
    counts = Counter(row["verdict"] for row in paths)
    most = max(paths, key=lambda row: row["name"]["estimate"])
    by_outcome = "; ".join(
        f"{own['outcome']} {with_interval(own['name'], '.2f')} against "
        f"{with_interval(own['others'], '.2f')}"
        for own in most["by_outcome"]
    )
    return (
        f"Of the paths from the hole's name through one head of blocks {min(blocks)} to "
        f"{max(blocks)} to the last token, that through head {most['block']}.{most['head']} has "
        f"the largest effect (1 is the whole difference): {with_interval(most['name'], '.2f')}, "
        f"from as many other changed tokens {with_interval(most['others'], '.2f')}, difference "
        f"{with_interval(most, '+.2f')} in {counted(most['n_programs'], 'program')}, "
        f"{most['verdict']} "
        f"({by_outcome}). Over {counted(len(paths), 'head')} the name's path is shown to differ "
        f"from the others' in {counts[Verdict.SHOWN]}, shown not to, to within the margin, in "
        f"{counts[Verdict.SHOWN_ABSENT]}, and {counts[Verdict.UNDECIDED]} are undecided."
    )


def _tables(numbers: Numbers) -> list[SectionTable]:
    if not numbers["curves"]:
        return []
    return [_effects_table(numbers), _differences_table(numbers), _edges_table(numbers)]


def _effects_table(numbers: Numbers) -> SectionTable:
    rows = []
    areas = {row["outcome"]: row for row in numbers["areas"]}
    sizes = [size["n_edges"] for size in numbers["sizes"]]
    for outcome in OUTCOMES:
        for circuit, way in [*((one, "kept") for one in (*OUTCOMES, "random")), (outcome, "cut")]:
            curve = {row["n_edges"]: row for row in _curve(numbers, outcome, circuit, way)}
            if not curve:
                continue
            is_own = circuit == outcome and way == "kept"
            area = areas.get(outcome) if is_own else None
            rows.append(
                [
                    f"{OUTCOME_TITLES[outcome]}, {counted(next(iter(curve.values()))['n'], 'run')}",
                    f"{circuit}, {'all else cut' if way == 'kept' else 'itself cut'}",
                    *(with_interval(curve[n], ".2f") if n in curve else "" for n in sizes),
                    f"{area['cpr']:.3f}" if area else "",
                    f"{area['cmd']:.3f}" if area else "",
                ]
            )
    header = ["answers", "circuit of", *(counted(n, "edge") for n in sizes), "CPR", "CMD"]
    return SectionTable("Mean normalised effect on `test`", header, rows, n_left=2)


def _differences_table(numbers: Numbers) -> SectionTable:
    rows = [
        [
            OUTCOME_TITLES[row["outcome"]],
            row["circuit"],
            str(row["n_edges"]),
            str(row["n"]),
            with_interval(row, "+.2f"),
            p_text(row),
            row["verdict"],
        ]
        for row in numbers["differences"]
    ]
    header = ["answers", "circuit of", "edges", "runs", "own minus this one", "p (Holm)", "verdict"]
    return SectionTable("Their own circuit against another's", header, rows, n_left=2)


def _edges_table(numbers: Numbers) -> SectionTable:
    rows = [
        [
            OUTCOME_TITLES[row["outcome"]],
            f"{code(row['writer'])} to {code(row['reader'])}",
            percent(row["brings"]),
        ]
        for row in numbers["largest"]
    ]
    caption = (
        "The edges with the largest estimates, and the share of the difference between the two "
        "runs that goes when each alone is cut, as estimated"
    )
    return SectionTable(caption, ["answers", "edge", "brings"], rows, n_left=2)
