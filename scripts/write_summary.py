"""Write the study's numbers as one page in plain words, and the same numbers as JSON."""

import json
import os
from collections.abc import Mapping, Sequence
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
from fimscope.experiments.accuracy.section import (
    accuracy_lines,
    say_accuracy,
    say_funnel,
    say_wrong_answers,
)
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json, sealed
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.glossary import glossary_lines
from fimscope.report.head import model_lines, say_size
from fimscope.report.markdown import code, table
from fimscope.report.references import bibtex
from fimscope.report.sections import Section, read_section, section_lines
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
# What the paragraph for a paper names.
METHODS_CITE = ["miller2024evals", "lucchetti2024codetrace", "holm1979procedure"]
METHOD = """\
The unit of inference is the program. Intervals hold 95% and are clustered by program: each rests on
the means without one program (jackknife) and on a t distribution; of rates it is Wilson's and of
their differences Bonett and Price's, with as many independent examples as would be that sure. Means
of other sizes, such as effects, have t intervals that are as skew as their programs. Accuracies and
whole conditions are compared by t tests clustered by program, or by package where that is the unit;
patches, parts, subspaces, masks, probes, gates, solved examples and the lenses by exact sign tests
over programs; the p-values of a family are adjusted together (Holm). A difference is shown where
its interval leaves out 0 and its adjusted p is below {clear:g}, clearly under 0.05; it is shown to
be absent where its interval lies within {margin:g} points of 0, or {effect:g} of an effect;
otherwise it is undecided. How many programs would decide it, and how, is told by its interval
alone, were the estimate the truth and no other test beside it.
"""


def summary_numbers(
    funnels: Sequence[Any],
    predictions: Mapping[str, Any],
    splits: Mapping[str, Any],
    examples: Mapping[str, Mapping[str, Any]],
    margin: float,
) -> Numbers:
    """All numbers of the study but its timings, with the sentences that read them.

    funnels, predictions, splits   tables; the last two by edit
    examples                       example_id -> package, kind and name
    margin                         within which of 0 a difference of accuracies counts as none
    """
    accuracy = [accuracy_numbers(t, examples, edit) for edit, t in predictions.items()]
    judge_gains(accuracy, margin)
    changes = change_numbers(splits, examples, margin)
    wrong = [confusion_numbers(t, edit) for edit, t in predictions.items()]
    funnel = funnel_numbers(funnels)
    return {
        "funnel": funnel,
        "accuracy": accuracy,
        "changes": changes,
        "wrong_answers": wrong,
        "readings": {
            "funnel": say_funnel(funnel),
            "accuracy": say_accuracy(accuracy, changes, margin),
            "wrong_answers": say_wrong_answers(wrong, accuracy, margin),
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
    margin = 100 * manifest["settings"]["accuracy_margin"]
    effect = manifest["settings"]["effect_margin"]
    edits = ", ".join(code(row["edit"]) for row in numbers["accuracy"])
    small = say_size(max((row["n_programs"] for row in numbers["accuracy"]), default=0))
    lines = [
        f"# Where {code(config['model']['name'])} decides the type",
        "",
        *([small, ""] if small else []),
        "## What was asked",
        "",
        "The model fills in one missing type annotation, of a parameter or a return, of a real "
        f"TypeScript program, under {edits}. A gold of one token is answered by the first token "
        "that the model says, any other by the whole type it completes. All tables and sections "
        f"but that on whole types, where there is one, speak of {golds_text(config)} "
        "(`prompt.golds` in the config), and all that was left out has its reason in "
        "`rejected.parquet`. How often is it right, what does it answer where it is wrong, and at "
        "which residual point does an activation from elsewhere turn the answer?",
        "",
        *model_lines(model, config["model"]["name"], config["model"]["dtype"]),
        *glossary_lines(config["patch"]["conditions"]),
        *accuracy_lines(numbers, figures, golds_text(config)),
    ]
    for section in sections:
        lines += section_lines(section, figures)
    lines += [
        "## How the numbers were made",
        "",
        METHOD.format(margin=margin, effect=effect, clear=ALPHA - HAIR),
    ]
    lines += ["## For a paper", "", methods_paragraph(numbers, model, config), ""]
    cites = [*METHODS_CITE, *(key for section in sections for key in section.cites)]
    lines += ["```bibtex", bibtex(manifest, cites).rstrip(), "```", ""]
    lines += ["## How it was run", "", *_run_table(model, manifest, config)]
    lines += ["## Time and memory", "", *timing_lines(timings)]
    return "\n".join(lines).rstrip() + "\n"


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
        f"{model['n_blocks']} blocks, d_model {model['d_model']}, {config['model']['dtype']}) for "
        f"each type, with {FORMATS[prompt['format']]} and at most {prompt['max_tokens']} tokens. "
        "Activations were patched at every point of the residual stream, 0 to "
        f"{model['n_blocks']}. Intervals are 95%, clustered by program "
        "(jackknife and t distribution; Wilson's for rates); tests over several points or edits "
        "are adjusted by Holm's method."
    )


def golds_text(config: Mapping[str, Any]) -> str:
    """Which golds the study speaks of."""
    single = config["prompt"]["golds"] == "single_token"
    return "golds of one token" if single else "golds of any length"


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
            read_holes(args.examples),
            args.accuracy_margin,
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
        _write(args.out_figures, dump_json(everything))


if __name__ == "__main__":
    main()
