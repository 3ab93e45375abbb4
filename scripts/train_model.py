"""Train the embedded model from a corpus and a tokenizer."""

import math
import os
import random
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import log, run_step, step_parser
from fimscope.training.settings import read_settings
from fimscope.training.tables import TRAINING_LOG, TRAINING_PROGRAMS

if TYPE_CHECKING:
    from fimscope.training.loop import Plan
    from fimscope.training.windows import Window, WindowMaker

Settings = Mapping[str, Any]
Program = dict[str, Any]


def training_plan(settings: Settings) -> "Plan":
    """The plan of the settings."""
    from fimscope.training.loop import Plan
    from fimscope.training.network import Shape
    from fimscope.training.optimiser import Rates

    schedule = settings["schedule"]
    rates = ("muon", "adamw", "decay", "warmup_steps", "steady_until", "steps")
    return Plan(
        shape=Shape(vocab_size=settings["tokenizer"]["vocab_size"], **settings["network"]),
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


def train_model(
    programs: Sequence[Program],
    tokenizer: Path,
    settings: Settings,
    device: str,
    workers: int,
    work: Path,
    out: Path,
) -> list[dict[str, float]]:
    """Train on the programs and write the model's folder; gives the rows of the training log.

    workers   processes that make batches beside the training; 0: none, itself
    work      folder of the checkpoint, from which a run that was cut short goes on
    """
    from tokenizers import Tokenizer

    from fimscope.training.export import export_model
    from fimscope.training.loop import Batches, train
    from fimscope.training.network import initial_parameters
    from fimscope.training.windows import WindowMaker

    plan = training_plan(settings)
    maker = WindowMaker(Tokenizer.from_file(str(tokenizer)))
    parts = {
        part: [row for row in programs if row["part"] == part] for part in ("train", "validation")
    }
    unseen = validation_windows(
        parts["validation"],
        maker,
        settings["validation"]["windows"],
        settings["validation"]["tokens"],
        settings["validation"]["seed"],
    )
    batches = Batches(parts["train"], maker, plan)
    log.info(
        "%d programs, %d holes to train on, %d to validate",
        *(len(parts["train"]), len(batches.holes), len(unseen)),
    )
    start = initial_parameters(plan.shape, plan.seed)
    log.info("%.2f million parameters", sum(value.numel() for value in start.values()) / 1e6)
    start = {name: value.to(device) for name, value in start.items()}
    parameters, rows = train(plan, batches, unseen, start, work, workers)
    out.mkdir(parents=True, exist_ok=True)
    export_model(parameters, plan.shape, maker.tokenizer, out)
    return rows


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--settings", type=Path, required=True, help="config/training.yaml")
    parser.add_argument(
        "--changes", required=True, help="settings that differ from those, as a JSON object"
    )
    parser.add_argument("--programs", type=Path, required=True, help="training_programs table")
    parser.add_argument("--tokenizer", type=Path, required=True, help="tokenizer.json")
    parser.add_argument("--device", choices=("cpu", "cuda"), required=True, help="to train on")
    parser.add_argument("--threads", type=int, required=True, help="threads of the CPU")
    parser.add_argument(
        "--workers", type=int, default=0, help="processes that make batches beside the training"
    )
    parser.add_argument("--work", type=Path, required=True, help="folder of the checkpoint")
    parser.add_argument("--out-curve", type=Path, required=True, help="the training_log table")
    parser.add_argument("--out", type=Path, required=True, help="folder of the trained model")
    # Threads that wait must not spin: on a busy machine they would keep each other from working.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    with run_step(parser) as args:
        import torch

        torch.set_num_threads(args.threads)
        settings = read_settings(args.settings, args.changes)
        rows = train_model(
            read_table(args.programs, TRAINING_PROGRAMS).to_pylist(),
            args.tokenizer,
            settings,
            args.device,
            args.workers,
            args.work,
            args.out,
        )
        write_table(args.out_curve, TRAINING_LOG, rows, run_manifest(args))


if __name__ == "__main__":
    main()
