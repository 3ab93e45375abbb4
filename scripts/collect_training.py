"""Collect what the embedded model is trained on: programs of pinned packages, and a tokenizer."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.corpus.inputs import Refusal
from fimscope.corpus.screening import screen_input
from fimscope.corpus.sources import Source, list_inputs, read_sources
from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import write_table
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.training.corpus import Limits, collect_corpus, count_packages, read_pins
from fimscope.training.tables import TRAINING_PACKAGES, TRAINING_PROGRAMS
from fimscope.typescript.client import TypeScript

Settings = Mapping[str, Any]
Program = dict[str, Any]


def collect_training(
    study: list[Source], root: Path, corpus: Path, settings: Settings
) -> tuple[list[Program], list[dict]]:
    """Rows of the training_programs table and of the rejected table.

    study, root   the study's sources, of which nothing is trained on, and their folder
    corpus        folder of the package.json of the packages to train on
    """
    limits = settings["corpus"]
    names = [pin[: pin.rindex("@")] for source in study for pin in source.get("packages", [])]
    with TypeScript() as typescript:
        programs, rejected = collect_corpus(
            typescript,
            read_pins(corpus),
            corpus,
            Limits(
                limits["file_bytes"],
                limits["package_bytes"],
                limits["licenses"],
                {*limits["excluded"], *names},
            ),
            study_texts(study, root, limits["file_bytes"], limits["licenses"]),
            set(limits["validation"]),
            settings["seed"],
        )
    if not any(row["part"] == "validation" for row in programs):
        raise UserError("corpus.validation: none of these packages is in the corpus")
    return programs, rejected


def study_texts(
    study: list[Source], root: Path, max_bytes: int, licenses: Sequence[str]
) -> list[str]:
    """The text of every program that the study's sources hold, whether a study takes it or not."""
    screened = [
        screen_input(item, max_bytes) for item in list_inputs(study, root, licenses, max_bytes)
    ]
    return [row["content"] for row in screened if not isinstance(row, Refusal)]


def write_tokenizer(programs: Sequence[Program], vocab_size: int, path: Path) -> None:
    """Learn a tokenizer from the programs to train on and write it."""
    from fimscope.training.tokenizer import train_tokenizer

    log.info("tokenizer: learning %d tokens", vocab_size)
    tokenizer = train_tokenizer([row for row in programs if row["part"] == "train"], vocab_size)
    with replacing(path) as temporary:
        tokenizer.save(str(temporary))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="config/training.yaml")
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder of package.json and node_modules"
    )
    parser.add_argument("--study", required=True, help="the study's sources, as a JSON list")
    parser.add_argument("--root", type=Path, required=True, help="folder of the study's sources")
    parser.add_argument("--out-programs", type=Path, required=True, help="training_programs table")
    parser.add_argument("--out-packages", type=Path, required=True, help="training_packages table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    parser.add_argument("--out-tokenizer", type=Path, required=True, help="tokenizer.json")
    with run_step(parser) as args:
        import yaml

        settings = yaml.safe_load(args.settings.read_text(encoding="utf-8"))
        study = read_sources(args.study)
        programs, rejected = collect_training(study, args.root, args.corpus, settings)
        manifest = run_manifest(args)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        write_table(args.out_packages, TRAINING_PACKAGES, count_packages(programs), manifest)
        write_tokenizer(programs, settings["tokenizer"]["vocab_size"], args.out_tokenizer)
        write_table(args.out_programs, TRAINING_PROGRAMS, programs, manifest)


if __name__ == "__main__":
    main()
