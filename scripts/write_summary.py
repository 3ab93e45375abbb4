"""Write what the study found: as a summary, as the contents of the report, and as numbers."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.experiments.accuracy.baselines import read_holes
from fimscope.experiments.accuracy.numbers import (
    accuracy_numbers,
    change_numbers,
    confusion_numbers,
    funnel_numbers,
    judge_gains,
)
from fimscope.experiments.accuracy.section import accuracy_sections
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json, sealed
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.contents import Passage, Report, summary_lines, write_report
from fimscope.report.format import counted
from fimscope.report.glossary import glossary_lines
from fimscope.report.head import say_asked, say_model, say_origin, say_size
from fimscope.report.links import of_one_token
from fimscope.report.markdown import code, table
from fimscope.report.references import bibtex
from fimscope.report.sections import Section, read_section
from fimscope.report.timings import timing_lines, timing_numbers
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.significance import ALPHA, HAIR
from fimscope.statistics.verdicts import add_margin_options
from fimscope.steps.frame import run_step, step_parser

COLUMNS = [
    "example_id",
    "program_id",
    "gold",
    "predicted",
    "correct",
    "gold_rank",
]  # of the predictions
FORMATS = {
    "fim": "the tokenizer's own fill-in-the-middle tokens",
    "rewrite": "the code with its annotations erased, followed by the typed code up to the hole",
}
N_IN_SUMMARY = 2  # sections, from the first, whose first table the summary has
# What the paragraph for a paper names.
METHODS_CITE = ["miller2024evals", "lucchetti2024codetrace", "holm1979procedure"]
METHOD = """\
The unit of inference is the program. Intervals hold 95% and are clustered by program: each rests on
the means without one program (jackknife) and on a t distribution; of rates it is Wilson's and of
their differences Tango's (of means of several answers Bonett and Price's), with as many independent
examples as would be that sure. Means of other sizes, such as effects, have t intervals that are as
skew as their programs. Accuracies and
whole conditions are compared by t tests clustered by program, or by package where that is the unit;
patches, parts, subspaces, masks, probes, gates, solved examples and the lenses by exact sign tests
over programs; the p-values of a family are adjusted together (Holm). A difference is shown where
its interval leaves out 0 and its adjusted p is below {clear:g}, clearly under 0.05; it is shown to
be absent where its interval lies within {margin:g} points of 0, or {effect:g} of an effect;
otherwise it is undecided. With how many programs half of such studies would decide it, and how, is
told by its interval and by its p, were the estimate the truth and were it the first to be shown of
the tests of its family that are not.
"""


def summary_numbers(
    funnels: Sequence[Any],
    predictions: Mapping[str, Any],
    splits: Mapping[str, Any],
    examples: Mapping[str, Mapping[str, Any]],
    margin: float,
) -> Numbers:
    """All numbers of the study but its timings.

    funnels, predictions, splits   tables; the last two by edit
    examples                       example_id -> package, kind and name
    margin                         within which of 0 a difference of accuracies counts as none
    """
    accuracy = [accuracy_numbers(t, examples, edit) for edit, t in predictions.items()]
    judge_gains(accuracy, margin)
    changes = change_numbers(splits, examples, margin)
    wrong = [confusion_numbers(t, edit) for edit, t in predictions.items()]
    return {
        "funnel": funnel_numbers(funnels),
        "accuracy": accuracy,
        "changes": changes,
        "wrong_answers": wrong,
    }


def study_report(
    numbers: Numbers,
    experiments: Sequence[Section],
    config: Mapping[str, Any],
    model: Mapping[str, Any],
    manifest: Mapping[str, Any],
    timings: Numbers,
) -> Report:
    """All that the report holds.

    numbers       of `summary_numbers`
    experiments   their sections, in their order
    config        the whole configuration; `model` is what prepare_model recorded of the model
    manifest      of this run: the versions and the settings of the statistics
    """
    margin, effect = (manifest["settings"][f"{key}_margin"] for key in ("accuracy", "effect"))
    accuracy = numbers["accuracy"]
    sections = [*accuracy_sections(numbers, golds_text(config), margin), *experiments]
    if _is_single(config):
        sections = [_of_one_token(section) for section in sections]
    cites = [*METHODS_CITE, *(key for section in sections for key in section.cites)]
    method = METHOD.format(margin=100 * margin, effect=effect, clear=ALPHA - HAIR)
    paper = [methods_paragraph(numbers, model, config), ""]
    paper += ["```bibtex", bibtex(manifest, cites).rstrip(), "```"]
    is_what = say_model(model, config["model"]["name"], config["model"]["dtype"])
    passages = {
        "The model": [f"{is_what} {say_origin(model)}"],
        "Words": glossary_lines(config["patch"]["conditions"]),
        "How the numbers were made": [method],
        "For a paper": paper,
        "How it was run": _run_table(model, manifest, config),
        "Time and memory": timing_lines(timings),
    }
    return Report(
        title=say_title(config["model"]["name"], config.get("study", config["model"]["name"])),
        asked=say_asked([row["edit"] for row in accuracy]),
        model=is_what,
        warning=say_size(max((row["n_programs"] for row in accuracy), default=0)),
        sections=sections,
        passages=[Passage(title, "\n".join(lines)) for title, lines in passages.items()],
    )


def say_title(model: str, study: str) -> str:
    """The page's title: the model, and the study where that has a name of its own."""
    title = f"Where {code(model)} decides the type"
    return title if study == model else f"{title} (study {code(study)})"


def write_summary(report: Report) -> str:
    """The findings, what came through and how often the model is right, in Markdown."""
    first = [section.tables[0] for section in report.sections[:N_IN_SUMMARY]]
    return "\n".join(summary_lines(report, first)).rstrip() + "\n"


def methods_paragraph(numbers: Numbers, model: Mapping[str, Any], config: Mapping[str, Any]) -> str:
    """What was done, ready for a paper, in Markdown.

    numbers   `summary_numbers` of the study
    model     what prepare_model recorded; config is the whole configuration
    """
    origin = ", ".join(f"{key} {code(str(value), 80)}" for key, value in model["source"].items())
    original = next(row for row in numbers["accuracy"] if row["edit"] == "original")
    edits = ", ".join(code(row["edit"]) for row in numbers["accuracy"] if row["edit"] != "original")
    prompt = config["prompt"]
    revision = f", revision {code(str(model['revision']), 40)}" if model["revision"] else ""
    return (
        f"We took {original['n']} annotations (parameters and return types, "
        f"{golds_text(config)}) out of {original['n_programs']} TypeScript programs, and edited "
        f"each program so that it kept its meaning ({edits}; after Lucchetti & Guha, arXiv "
        "2404.01903); every variant was proven to parse, to give the compiler's same errors, and "
        "to compile to the same JavaScript up to the renames. We asked "
        f"{code(config['model']['name'])} ({origin}{revision}; {model['family']}, "
        f"{counted(model['n_blocks'], 'block')}, d_model {model['d_model']}, "
        f"{config['model']['dtype']}) for "
        f"each type, with {FORMATS[prompt['format']]} and at most {prompt['max_tokens']} tokens. "
        "Activations were patched at every point of the residual stream, 0 to "
        f"{model['n_blocks']}. Intervals are 95%, clustered by program "
        "(jackknife and t distribution; Wilson's for rates); tests over several points or edits "
        "are adjusted by Holm's method."
    )


def golds_text(config: Mapping[str, Any]) -> str:
    """Which golds the study speaks of."""
    return "golds of one token" if _is_single(config) else "golds of any length"


def _is_single(config: Mapping[str, Any]) -> bool:
    return config["prompt"]["golds"] == "single_token"


def _of_one_token(section: Section) -> Section:
    """A section whose lists in the explorer have no golds but those that the predictions ask."""
    lists = {name: of_one_token(query) for name, query in section.explorer_of.items()}
    return replace(section, explorer=of_one_token(section.explorer), explorer_of=lists)


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
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--predictions", **many, help="predictions/{edit}.parquet")
    parser.add_argument("--splits", **many, help="split/{edit}.parquet")
    parser.add_argument(
        "--sections", type=Path, nargs="*", required=True, help="of the experiments, in their order"
    )
    parser.add_argument("--benchmarks", **many, help="folders of Snakemake's benchmark files")
    parser.add_argument("--logs", type=Path, nargs="*", required=True, help="folders of the logs")
    parser.add_argument("--config", required=True, help="the whole configuration, as JSON")
    parser.add_argument("--model-info", type=Path, required=True, help="its prepared.json")
    add_margin_options(parser)
    parser.add_argument("--out", type=Path, required=True, help="the findings, summary.md")
    parser.add_argument("--out-report", type=Path, required=True, help="for build_report")
    parser.add_argument("--out-figures", type=Path, required=True, help="its numbers as JSON")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        numbers = summary_numbers(
            [read_table(path, FUNNEL) for path in args.funnel],
            {path.stem: read_table(path, PREDICTIONS, COLUMNS) for path in args.predictions},
            {path.stem: read_table(path, SPLIT) for path in args.splits},
            read_holes(args.examples),
            args.accuracy_margin,
        )
        model = _read_model(args.model_info)
        config = json.loads(args.config)
        timings = timing_numbers(args.benchmarks, args.logs)
        sections = {path.stem: read_section(path) for path in args.sections}
        report = study_report(numbers, list(sections.values()), config, model, manifest, timings)
        _write(args.out, sealed(write_summary(report)))
        write_report(args.out_report, report, manifest)
        everything = {
            **numbers,
            "findings": [asdict(own) for section in report.sections for own in section.findings],
            "experiments": {name: section.numbers for name, section in sections.items()},
            "config": config,
            "model": model,
            "manifest": manifest,
            "timings": timings,
        }
        _write(args.out_figures, dump_json(everything))


if __name__ == "__main__":
    main()
