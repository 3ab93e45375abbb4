"""What a study has found and where it is, in the last four lines of its run."""

import shlex
from collections.abc import Sequence
from pathlib import Path

from fimscope.files.digests import read_json
from fimscope.report.contents import Report, read_report
from fimscope.report.findings import finding_text
from fimscope.report.format import counted, points_changed, rate
from fimscope.statistics.numbers import Numbers


def closing_lines(results: Path, presets: Sequence[str] = ()) -> list[str]:
    """Accuracy and what an edit broke; the main finding; where the pages are; what to do next.

    results   the folder of a study that has its report
    presets   the config files that the command named
    """
    numbers = read_json(results / "figures.json")
    return [
        say_accuracy(numbers),
        say_finding(read_report(results / "report.json")),
        say_pages(results, presets),
        "Next: another model, --configfile config/gemma-3-270m.yaml (docs/model.md); your own "
        "TypeScript (docs/source.md); all targets: snakemake --list-target-rules",
    ]


def say_accuracy(numbers: Numbers) -> str:
    """How often the model is right, and what the first of the edits changes about that."""
    original = next(row for row in numbers["accuracy"] if row["edit"] == "original")
    model = numbers["config"]["model"]["name"]
    text = f"{model} is right for {rate(original['right'])} of {counted(original['n'], 'hole')}"
    if numbers["config"]["prompt"]["golds"] == "single_token":
        text += " by its first token"
    for change in numbers["changes"][:1]:
        difference = change["difference"]
        text += (
            f"; {change['edit']} breaks {change['n_broken']} of its {change['n_right_before']} "
            f"right answers and mends {change['n_mended']}: {points_changed(difference)}, "
            f"{difference['verdict']}"
        )
    return f"{text}."


def say_finding(report: Report) -> str:
    """The first finding of the section whose curve stands on the report's first screen."""
    section = report.first_with_curve
    if section is None or not section.findings:
        return "Where an answer comes back is not told (experiments: [patches], and pairs for it)."
    [first, *_] = section.findings
    return f"{first.verdict.capitalize()}: {finding_text(first)}"


def say_pages(results: Path, presets: Sequence[str]) -> str:
    """Where the report is, and the explorer, or how to have it."""
    explorer = results / "explorer" / "index.html"
    text = f"Report: {results}/report.html. Explorer of single examples: "
    command = ["snakemake", "explorer", *(["--configfile", *presets] if presets else [])]
    return text + (f"{explorer}" if explorer.is_file() else shlex.join(command))
