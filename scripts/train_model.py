"""Train the embedded model from pinned packages: corpus, tokenizer, network, export."""

import argparse
import math
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.corpus.inputs import Refusal
from fimscope.corpus.screening import screen_input
from fimscope.corpus.sources import Source, list_inputs, read_sources
from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.training.corpus import Limits, collect_corpus, count_packages, read_pins
from fimscope.training.tables import TRAINING_LOG, TRAINING_PACKAGES, TRAINING_PROGRAMS
from fimscope.typescript.client import TypeScript

if TYPE_CHECKING:
    from fimscope.training.loop import Plan
    from fimscope.training.windows import Window, WindowMaker

Settings = Mapping[str, Any]
Program = dict[str, Any]


def prepare_corpus(args: argparse.Namespace, settings: Settings) -> list[Program]:
    """The training programs: those of the table if it is there, else collected and written."""
    if args.out_programs.is_file():
        log.info("corpus: %s is there", args.out_programs)
        return read_table(args.out_programs, TRAINING_PROGRAMS).to_pylist()
    corpus = settings["corpus"]
    study = read_sources(args.study)
    names = [pin[: pin.rindex("@")] for source in study for pin in source.get("packages", [])]
    limits = Limits(
        corpus["file_bytes"],
        corpus["package_bytes"],
        corpus["licenses"],
        {*corpus["excluded"], *names},
    )
    texts = study_texts(study, args.root, corpus["file_bytes"], corpus["licenses"])
    with TypeScript() as typescript:
        programs, rejected = collect_corpus(
            typescript,
            read_pins(args.corpus),
            args.corpus,
            limits,
            texts,
            set(corpus["validation"]),
            settings["seed"],
        )
    manifest = run_manifest(args)
    write_table(args.out_rejected, REJECTED, rejected, manifest)
    write_table(args.out_packages, TRAINING_PACKAGES, count_packages(programs), manifest)
    write_table(args.out_programs, TRAINING_PROGRAMS, programs, manifest)
    return programs


def study_texts(
    study: list[Source], root: Path, max_bytes: int, licenses: Sequence[str]
) -> list[str]:
    """The text of every program that the study's sources hold, whether a study takes it or not."""
    screened = [
        screen_input(item, max_bytes) for item in list_inputs(study, root, licenses, max_bytes)
    ]
    return [row["content"] for row in screened if not isinstance(row, Refusal)]


def training_plan(settings: Settings) -> "Plan":
    """The plan of the settings."""
    from fimscope.training.loop import Plan
    from fimscope.training.network import Shape
    from fimscope.training.optimiser import Rates

    schedule = settings["schedule"]
    rates = ("muon", "adamw", "decay", "warmup_steps", "steady_until", "steps")
    return Plan(
        shape=Shape(
            vocab_size=settings["tokenizer"]["vocab_size"],
            **settings["network"],
        ),
        rates=Rates(**{key: schedule[key] for key in rates}),
        lengths=[(phase.get("until", math.inf), phase["shares"]) for phase in schedule["lengths"]],
        batch_tokens=schedule["batch_tokens"],
        seed=settings["seed"],
        every=schedule["every"],
    )


def validation_windows(
    programs: Sequence[Program], maker: "WindowMaker", n_windows: int, n_tokens: int, seed: int
) -> "list[Window]":
    """Windows of holes drawn from the validation packages, as many of each as can be."""
    by_package: dict[str, list[tuple[Program, int]]] = {}
    for row in programs:
        by_package.setdefault(row["package"], []).extend(
            (row, hole) for hole in range(len(row["starts"]))
        )
    generator = random.Random(seed)
    per_package = n_windows // len(by_package)
    return [
        maker.plain(row, hole, n_tokens)
        for name in sorted(by_package)
        for row, hole in generator.sample(by_package[name], min(per_package, len(by_package[name])))
    ]


def train_model(programs: Sequence[Program], settings: Settings, work: Path, out: Path):
    """Train on the programs and write the model's folder; gives the rows of the training log.

    work   folder of the tokenizer and the checkpoint, from which a run that was cut short goes on
    """
    from tokenizers import Tokenizer

    from fimscope.training.export import export_model
    from fimscope.training.loop import Batches, train
    from fimscope.training.network import initial_parameters
    from fimscope.training.tokenizer import train_tokenizer
    from fimscope.training.windows import WindowMaker

    plan = training_plan(settings)
    parts = {
        part: [row for row in programs if row["part"] == part] for part in ("train", "validation")
    }
    if not parts["validation"]:
        raise UserError("corpus.validation: none of these packages is in the corpus")
    path = work / "tokenizer.json"
    if not path.is_file():
        log.info("tokenizer: learning %d tokens", plan.shape.vocab_size)
        tokenizer = train_tokenizer(parts["train"], plan.shape.vocab_size)
        with replacing(path) as temporary:
            tokenizer.save(str(temporary))
    maker = WindowMaker(Tokenizer.from_file(str(path)))
    unseen = validation_windows(
        parts["validation"],
        maker,
        settings["validation"]["windows"],
        settings["validation"]["tokens"],
        plan.seed,
    )
    batches = Batches(parts["train"], maker, plan)
    log.info(
        "%d programs, %d holes to train on, %d to validate",
        *(len(parts["train"]), len(batches.holes), len(unseen)),
    )
    start = initial_parameters(plan.shape, plan.seed)
    parameters, rows = train(plan, batches, unseen, start, work)
    out.mkdir(parents=True, exist_ok=True)
    export_model(parameters, plan.shape, maker.tokenizer, out)
    return rows


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="config/training.yaml")
    parser.add_argument(
        "--corpus", type=Path, required=True, help="folder of package.json and node_modules"
    )
    parser.add_argument("--study", required=True, help="the study's sources, as a JSON list")
    parser.add_argument("--root", type=Path, required=True, help="folder of the study's sources")
    parser.add_argument("--threads", type=int, required=True, help="threads of the CPU")
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out-programs", type=Path, required=True, help="training_programs table")
    parser.add_argument("--out-packages", type=Path, required=True, help="training_packages table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    parser.add_argument("--out-curve", type=Path, required=True, help="the training_log table")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained model")
    # Threads that wait must not spin: on a busy machine they would keep each other from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with run_step(parser) as args:
        import torch
        import yaml

        torch.set_num_threads(args.threads)
        settings = yaml.safe_load(args.settings.read_text(encoding="utf-8"))
        programs = prepare_corpus(args, settings)
        args.work.mkdir(parents=True, exist_ok=True)
        rows = train_model(programs, settings, args.work, args.out)
        write_table(args.out_curve, TRAINING_LOG, rows, run_manifest(args))


if __name__ == "__main__":
    main()
