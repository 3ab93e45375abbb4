"""Write the study's numbers as one page in plain words, and the same numbers as JSON."""

import json
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import (
    accuracy_numbers,
    change_numbers,
    confusion_numbers,
    funnel_numbers,
)
from fimscope.experiments.accuracy.section import read_accuracy, read_funnel, read_wrong_answers
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json, sealed
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.citation import bibtex, methods_paragraph
from fimscope.report.format import p_value, percent, points_changed, rate
from fimscope.report.markdown import code, table
from fimscope.report.sections import Section, read_section, section_lines, source_lines
from fimscope.report.timings import timing_numbers
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.stats import add_bootstrap_options
from fimscope.steps.frame import run_step, step_parser

COLUMNS = ["program_id", "gold", "predicted", "correct", "gold_rank"]  # of the predictions
METHOD = """\
The unit of inference is the program. Intervals hold 95% and come from a cluster bootstrap: whole
programs are drawn with replacement ({draws} draws, seed {seed}) and the percentiles of the redrawn
means are given. Where a rate is 0% or 100% everywhere, the Wilson interval of the number of
programs stands in. The change under an edit is tested with McNemar's exact test on the answers to
the same examples, adjusted for the number of edits (Holm); the interval beside it respects
programs.
"""


def summary_numbers(
    funnels: Sequence[Any],
    predictions: Mapping[str, Any],
    splits: Mapping[str, Any],
    n_draws: int,
    seed: int,
) -> Numbers:
    """All numbers of the study but its timings, with the sentences that read them.

    funnels, predictions, splits   tables; the last two by edit
    """
    accuracy = [accuracy_numbers(t, edit, n_draws, seed) for edit, t in predictions.items()]
    changes = change_numbers(splits, n_draws, seed)
    wrong = [confusion_numbers(t, edit) for edit, t in predictions.items()]
    funnel = funnel_numbers(funnels)
    return {
        "funnel": funnel,
        "accuracy": accuracy,
        "changes": changes,
        "wrong_answers": wrong,
        "readings": {
            "funnel": read_funnel(funnel),
            "accuracy": read_accuracy(accuracy, changes),
            "wrong_answers": read_wrong_answers(wrong),
        },
    }


def write_summary(
    numbers: Numbers,
    sections: Sequence[Section],
    config: Mapping[str, Any],
    model: Mapping[str, Any],
    manifest: Mapping[str, Any],
    timings: Numbers,
    figures: str,
) -> str:
    """The page, in Markdown.

    numbers    of `summary_numbers`
    sections   of the experiments, in their order
    config     the whole configuration; `model` is what prepare_model recorded of the model
    manifest   of this run: the versions and the settings of the statistics
    figures    the link from the page to the folder of the figures
    """
    draws, seed = manifest["settings"]["draws"], manifest["settings"]["seed"]
    readings = numbers["readings"]
    names = [row["edit"] for row in numbers["accuracy"]]
    edits = ", ".join(map(code, names))
    predictions = [f"predictions/{edit}.parquet" for edit in names]
    lines = [
        f"# Where {code(config['model']['name'])} decides the type",
        "",
        "## What was asked",
        "",
        "The model fills in one missing type annotation, of a parameter or a return, of a real "
        f"TypeScript program, under {edits}. A gold of one token is answered by the first token "
        "that the model says, any other by the whole type it completes; which golds count is "
        "`prompt.golds` in the config, and all that was left out has its reason in "
        "`rejected.parquet`. How often is it right, what does it answer where it is wrong, and at "
        "which residual point does an activation from elsewhere turn the answer?",
        "",
        "## What came through",
        "",
        "![Programs and holes that reach every stage: variants are what the edit made, verified "
        "what the compiler confirmed, answered what fits the window and has a gold that counts, "
        f"broken what was right in the original and is wrong now.]({figures}/funnel.svg)",
        "",
        *_paragraph(readings["funnel"]),
        *_funnel_table(numbers["funnel"]),
        *source_lines([f"funnel/{edit}.parquet" for edit in numbers["funnel"]]),
        "## How often it is right",
        "",
        "![Right answers and gold in the top 10 under every edit, with 95% intervals over "
        f"programs; dashed: always the commonest gold.]({figures}/accuracy.svg)",
        "",
        *_paragraph(readings["accuracy"]),
        *_accuracy_table(numbers["accuracy"]),
        *_change_table(numbers["changes"]),
        *source_lines([*predictions, *(f"split/{edit}.parquet" for edit in names)]),
        "## What the wrong answers are",
        "",
        "![Wrong answers: gold by predicted type, the commonest of each.]"
        f"({figures}/wrong_answers.svg)",
        "",
        *_paragraph(readings["wrong_answers"]),
        *_wrong_tables(numbers["wrong_answers"]),
        *source_lines(predictions),
    ]
    for section in sections:
        lines += section_lines(section, figures)
    lines += ["## How the numbers were made", "", METHOD.format(draws=draws, seed=seed)]
    methods = methods_paragraph(numbers, model, config)
    told = "\n".join([methods, *(section.method + section.control for section in sections)])
    lines += ["## For a paper", "", methods, ""]
    lines += ["```bibtex", bibtex(manifest, told).rstrip(), "```", ""]
    lines += ["## How it was run", "", *_run_table(model, manifest, config)]
    lines += ["## Time and memory", "", *_timing_lines(timings)]
    return "\n".join(lines).rstrip() + "\n"


def _paragraph(sentences: Sequence[str]) -> list[str]:
    return [" ".join(sentences), ""]


def _funnel_table(funnel: Mapping[str, Sequence[Numbers]]) -> list[str]:
    counts = {
        edit: {s["stage"]: f"{s['n_rows']} ({s['n_programs']})" for s in stages}
        for edit, stages in funnel.items()
    }
    stages = list(dict.fromkeys(stage for found in counts.values() for stage in found))
    rows = [[stage, *(found.get(stage, "") for found in counts.values())] for stage in stages]
    return table(["stage: rows (programs)", *map(code, counts)], rows)


def _accuracy_table(edits: Sequence[Numbers]) -> list[str]:
    header = ["edit", "examples (programs)", "right", "gold in top 10", "commonest gold"]
    rows = []
    for row in edits:
        cells = [code(row["edit"]), f"{row['n']} ({row['n_programs']})"]
        if row["n"]:
            baseline = f"{percent(row['baseline']['rate'])} {code(row['baseline']['gold'])}"
            cells += [rate(row["right"]), rate(row["top10"]), baseline]
        else:
            cells += ["", "", ""]
        rows.append(cells)
    return table(header, rows)


def _change_table(changes: Sequence[Numbers]) -> list[str]:
    if not changes:
        return ["No edit was compared with the original.", ""]
    header = ["edit", "right before", "broken", "mended", "change", "McNemar", "adjusted"]
    rows = [
        [
            code(row["edit"]),
            f"{row['n_right_before']} of {row['n']}",
            str(row["n_broken"]),
            str(row["n_mended"]),
            points_changed(row["difference"]),
            p_value(row["mcnemar_p"]),
            p_value(row["adjusted_p"]),
        ]
        for row in changes
    ]
    return table(header, rows)


def _wrong_tables(edits: Sequence[Numbers]) -> list[str]:
    rows = [
        [code(row["edit"]), code(pair["gold"]), code(pair["predicted"]), str(pair["n"])]
        for row in edits
        for pair in row["commonest"][:5]
    ]
    return table(["edit", "gold", "predicted", "answers"], rows, n_left=3) if rows else []


def _run_table(
    model: Mapping[str, Any], manifest: Mapping[str, Any], config: Mapping[str, Any]
) -> list[str]:
    import yaml

    git = manifest["git"]
    recorded = {key: value for key, value in model.items() if key != "manifest"}
    changed = " with uncommitted changes" if git.get("changed") else ""
    rows = [
        ["fimscope", code(str(manifest["fimscope"]))],
        ["commit", code(str(git.get("commit"))) + changed],
        ["Python", code(str(manifest["python"]))],
    ]
    rows += [[code(name), code(str(v))] for name, v in sorted(manifest["packages"].items())]
    rows += [[f"model {code(key)}", code(value, 80)] for key, value in _flat(recorded)]
    settings = yaml.safe_dump(dict(config), sort_keys=True, allow_unicode=True).rstrip()
    configuration = ["The configuration:", "", "```yaml", settings, "```", ""]
    return [*table(["what", "value"], rows, n_left=2), *configuration]


def _flat(value: Any, prefix: str = "") -> list[tuple[str, str]]:
    """Nested settings as dotted keys with their text."""
    if isinstance(value, Mapping):
        return [
            pair
            for key in sorted(value)
            for pair in _flat(value[key], f"{prefix}.{key}".strip("."))
        ]
    if isinstance(value, list):
        return _flat(dict(enumerate(value)), prefix)
    return [(prefix, str(value))]


def _timing_lines(timings: Numbers) -> list[str]:
    steps = timings["steps"]
    if not steps:
        return ["No benchmark file was found.", ""]
    text = f"All steps together ran for {timings['wall_s']:.0f} s"
    text += "" if timings["peak_mb"] is None else f", with a peak of {timings['peak_mb']:.0f} MB"
    if timings["loading_s"] is None:
        text += "; no step logged its loading time."
    else:
        share = timings["loading_s"] / timings["wall_s"] if timings["wall_s"] else 0
        text += (
            f"; {percent(share)} of that was loading, as logged by "
            f"{timings['n_loading_logged']} of {len(steps)} steps."
        )
    rows = [
        [
            code(step["step"], 60),
            f"{step['wall_s']:.1f}",
            "not measured" if step["peak_mb"] is None else f"{step['peak_mb']:.0f}",
            "not logged" if step["loading_s"] is None else f"{step['loading_s']:.1f}",
        ]
        for step in steps
    ]
    return [text, "", *table(["step", "wall time, s", "peak memory, MB", "loading, s"], rows)]


def _read_model(path: Path) -> dict[str, Any]:
    try:
        return read_json(path)
    except OSError as error:
        raise UserError(f"{path}: not readable ({error}); run prepare_model") from None


def _write(path: Path, text: str) -> None:
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--funnel", **many, help="funnel tables, one or more")
    parser.add_argument("--predictions", **many, help="predictions/{edit}.parquet")
    parser.add_argument("--splits", **many, help="split/{edit}.parquet")
    parser.add_argument(
        "--sections", type=Path, nargs="*", required=True, help="of the experiments, in their order"
    )
    parser.add_argument("--benchmarks", **many, help="folders of Snakemake's benchmark files")
    parser.add_argument("--logs", type=Path, nargs="*", required=True, help="folders of the logs")
    parser.add_argument("--config", required=True, help="the whole configuration, as JSON")
    parser.add_argument("--model-info", type=Path, required=True, help="its prepared.json")
    add_bootstrap_options(parser)
    parser.add_argument(
        "--figures-folder", type=Path, help="where the figures stand; default: figures/ beside it"
    )
    parser.add_argument("--out", type=Path, required=True, help="the page, summary.md")
    parser.add_argument("--out-figures", type=Path, required=True, help="its numbers as JSON")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        numbers = summary_numbers(
            [read_table(path, FUNNEL) for path in args.funnel],
            {path.stem: read_table(path, PREDICTIONS, COLUMNS) for path in args.predictions},
            {path.stem: read_table(path, SPLIT) for path in args.splits},
            args.draws,
            args.seed,
        )
        model = _read_model(args.model_info)
        config = json.loads(args.config)
        timings = timing_numbers(args.benchmarks, args.logs)
        folder = args.figures_folder or args.out.parent / "figures"
        link = Path(os.path.relpath(folder, args.out.parent)).as_posix()
        sections = {path.stem: read_section(path) for path in args.sections}
        page = write_summary(
            numbers, list(sections.values()), config, model, manifest, timings, link
        )
        _write(args.out, sealed(page))
        everything = {
            **numbers,
            "experiments": {name: section.numbers for name, section in sections.items()},
            "config": config,
            "model": model,
            "manifest": manifest,
            "timings": timings,
        }
        _write(
            args.out_figures,
            dump_json(everything),
        )


if __name__ == "__main__":
    main()
