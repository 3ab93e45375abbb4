"""Write the card of a trained model: its data, its recipe, what it was measured to do."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import file_sha256
from fimscope.files.tables import read_manifest, read_table
from fimscope.report.markdown import code, table
from fimscope.steps.frame import run_step, step_parser
from fimscope.training.tables import TRAINING_LOG, TRAINING_PACKAGES

Row = Mapping[str, Any]

HEAD = """\
---
license: apache-2.0
pipeline_tag: text-generation
library_name: transformers
tags: [gpt_bigcode, fill-in-the-middle, typescript, interpretability]
---

# The embedded model

A small fill-in-the-middle model of StarCoderBase's architecture (`gpt_bigcode`: multi-query
attention, learned positions, `<fim_prefix>` prefix `<fim_suffix>` suffix `<fim_middle>`), trained
from random weights to write the one missing type annotation of a function's signature in
TypeScript. It is an object of study, not an assistant: all its blocks were trained together from
the start, so that a type is decided over a depth that can be looked into on a laptop.
"""

LIMITS = """\
## Limits

It knows the types that its corpus spells often, and the code in a window of at most {n_positions}
tokens; it was trained mostly on windows of 96 to 256. It writes types only: what it says anywhere
else in a program is a by-product. It has seen no code of the packages that the default study asks
about, nor near-duplicates of their files, but it has seen other code by some of the same people,
as all of npm has.

## License

The weights: Apache-2.0, as the project. The corpus is code under the licenses below, each of which
allows this use; no file of it is part of the project, the lock file beside the weights names it.
"""


def write_card(
    weights: Path,
    settings: Row,
    config: Row,
    manifest: Row,
    curve: Sequence[Row],
    packages: Sequence[Row],
    measured: str,
    history: str,
) -> str:
    """The card, in Markdown.

    settings   config/training.yaml; config is the model's own; manifest that of the training run
    measured   Markdown on what was measured, with the marks that `make figures` fills
    history    Markdown on what else was tried
    """
    lines = [HEAD, *_shape_lines(weights, config), measured.strip(), ""]
    lines += _recipe_lines(settings, manifest, curve)
    lines += [history.strip(), "", *_data_lines(packages)]
    lines += [LIMITS.format(n_positions=config["n_positions"])]
    return "\n".join(lines)


def _shape_lines(weights: Path, config: Row) -> list[str]:
    rows = [
        ["blocks", str(config["n_layer"])],
        ["width, heads", f"{config['n_embd']}, {config['n_head']} (one key and value for all)"],
        ["context, vocabulary", f"{config['n_positions']} tokens, {config['vocab_size']} tokens"],
        ["weights", f"bfloat16, {weights.stat().st_size / 1e6:.1f} MB"],
        ["sha256 of the weights", code(file_sha256(weights), 64)],
    ]
    return table(["what", "value"], rows, n_left=2)


def _recipe_lines(settings: Row, manifest: Row, curve: Sequence[Row]) -> list[str]:
    network, schedule = settings["network"], settings["schedule"]
    versions = manifest["packages"]
    rows = [
        [
            str(row["step"]),
            str(row["n_tokens"]),
            *(f"{row[key]:.3f}" for key in ("loss", "top1", "top10", "exact", "middle_loss")),
        ]
        for row in curve
    ]
    hardware, n_threads = manifest["hardware"], manifest["settings"]["threads"]
    return [
        "## Recipe",
        "",
        f"`snakemake embedded_model`, from `config/training.yaml`: {network['n_blocks']} blocks, "
        f"each of which adds nothing at first, trained together for {schedule['steps']} steps "
        f"({curve[-1]['n_tokens']} tokens). {schedule['batch_tokens']} tokens a step; Muon (rate "
        f"{schedule['muon']}, decay {schedule['decay']}) for the blocks' matrices, AdamW "
        f"({schedule['adamw']}) for the rest; "
        "loss on the type in the middle x10, on other types x4, on all other tokens x1; "
        "neighbouring annotations dropped at random in half of the windows, variables renamed in "
        f"an eighth. Seed {settings['seed']}; {n_threads} thread{'s' * (n_threads != 1)} of a CPU "
        f"({hardware['machine']}, {hardware['system']}), Python {manifest['python']}, torch "
        f"{versions['torch']}. Validation: packages that were not trained on, beside those of the "
        "study.",
        "",
        *table(
            [
                "step",
                "tokens",
                "loss",
                "top-1",
                "top 10",
                "whole types",
                "loss of middles",
            ],
            rows,
        ),
    ]


def _data_lines(packages: Sequence[Row]) -> list[str]:
    rows = [
        [
            code(f"{row['package']}@{row['version']}", 60),
            row["license"],
            row["part"],
            *(str(row[key]) for key in ("n_programs", "n_bytes", "n_annotations")),
        ]
        for row in packages
    ]
    total = [str(sum(row[key] for row in packages)) for key in ("n_programs", "n_annotations")]
    return [
        "## Data",
        "",
        f"{len(packages)} npm packages that ship their TypeScript, {total[0]} files with "
        f"{total[1]} annotations.",
        "",
        *table(["package", "license", "part", "files", "bytes", "annotations"], rows, n_left=3),
    ]


def _read_json(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: not readable as JSON ({error}); make it again") from None


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--model", type=Path, required=True, help="folder of the trained model")
    parser.add_argument("--settings", type=Path, required=True, help="config/training.yaml")
    parser.add_argument("--curve", type=Path, required=True, help="the training_log table")
    parser.add_argument("--packages", type=Path, required=True, help="training_packages table")
    parser.add_argument("--measured", type=Path, required=True, help="Markdown: what was measured")
    parser.add_argument("--history", type=Path, required=True, help="Markdown: what was tried")
    parser.add_argument("--out", type=Path, required=True, help="the card, README.md")
    with run_step(parser) as args:
        import yaml

        card = write_card(
            args.model / "model.safetensors",
            yaml.safe_load(args.settings.read_text(encoding="utf-8")),
            _read_json(args.model / "config.json"),
            read_manifest(args.curve),
            read_table(args.curve, TRAINING_LOG).to_pylist(),
            read_table(args.packages, TRAINING_PACKAGES).to_pylist(),
            args.measured.read_text(encoding="utf-8"),
            args.history.read_text(encoding="utf-8"),
        )
        with replacing(args.out) as temporary:
            temporary.write_text(card, encoding="utf-8")


if __name__ == "__main__":
    main()
