"""Compare the models that have been run: size, accuracy, and what an edit breaks."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.errors import UserError
from fimscope.experiments.compare.numbers import comparison_numbers, model_facts, study_facts
from fimscope.experiments.compare.section import comparison_text, say_only_one
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.atomic import replacing
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table
from fimscope.report.format import counted
from fimscope.report.text import visible
from fimscope.report.theme import (
    PRINT_WIDTH,
    add_figure_options,
    draw_rates,
    save_figure,
    use_theme,
)
from fimscope.statistics.numbers import Numbers
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from matplotlib.figure import Figure

COLUMNS = ["example_id", "program_id", "correct"]
STYLE_OF = {"original": "right", "edited": "edited", "broken": "broken"}


def plot_comparison(models: Mapping[str, Numbers], edit: str) -> "Figure":
    """One row a model: accuracy before and after the edit, and the share that it breaks."""
    import matplotlib.pyplot as plt

    use_theme()
    heights = list(range(len(models)))[::-1]
    figure, axes_row = plt.subplots(
        1, 3, figsize=(PRINT_WIDTH, 1.3 + 0.5 * len(models)), sharey=True
    )
    titles = ("Right, original", f"Right, {visible(edit)}", "Broken, of the right")
    for axes, title, (measure, kind) in zip(axes_row, titles, STYLE_OF.items(), strict=True):
        known = [
            (height, row["common"][measure])
            for height, row in zip(heights, models.values(), strict=True)
            if row["common"][measure]
        ]
        draw_rates(axes, [height for height, _ in known], [rate for _, rate in known], kind)
        axes.set_title(title, loc="left")
        axes.tick_params(axis="y", length=0)
    axes_row[0].set_yticks(heights, [visible(name) for name in models])
    axes_row[0].set_ylim(-0.6, len(models) - 0.4)
    first = next(iter(models.values()))["common"]
    figure.supxlabel(
        f"% of the {counted(first['n'], 'example')} ({counted(first['n_programs'], 'program')}) "
        "that every model answered; bars: 95%, clustered by program",
        fontsize=7.5,
    )
    return figure


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--models", nargs="*", required=True, help="names in the results folder")
    parser.add_argument("--results", type=Path, default=Path("results"), help="that folder")
    parser.add_argument("--edit", required=True, help="beside `original`")
    parser.add_argument("--out", type=Path, required=True, help="the comparison as Markdown")
    parser.add_argument("--out-numbers", type=Path, required=True, help="its numbers as JSON")
    add_figure_options(parser)
    with run_step(parser) as args:
        if not args.models:
            raise UserError(
                f"{args.results}: no model has answered `original` and `{args.edit}` yet; run one "
                "first: snakemake --configfile config/<model>.yaml -- predictions"
            )
        tables = {
            name: tuple(
                read_table(
                    args.results / name / "predictions" / f"{edit}.parquet", PREDICTIONS, COLUMNS
                )
                for edit in ("original", args.edit)
            )
            for name in args.models
        }
        asked = study_facts(args.results, args.models, args.edit)
        numbers = comparison_numbers(tables)
        models = {
            name: {**model_facts(args.results / name / "model"), "asked": asked[name], **row}
            for name, row in numbers.items()
        }
        save_figure(plot_comparison(models, args.edit), args.out_svg, args.out_png)
        content = {"edit": args.edit, "models": models, "manifest": run_manifest(args)}
        texts = {
            args.out: comparison_text(models, args.edit),
            args.out_numbers: json.dumps(content, indent=1, sort_keys=True, allow_nan=False),
        }
        for path, text in texts.items():
            with replacing(path) as temporary:
                temporary.write_text(text + "\n", encoding="utf-8")
        if len(models) == 1:
            log.warning("%s", say_only_one(args.models[0]))
        log.info("%d models: %s", len(models), args.out)


if __name__ == "__main__":
    main()
