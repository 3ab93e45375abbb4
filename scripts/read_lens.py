"""Read the logit lens: what the model would say at every point, at the named positions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.activations import activations_reading
from fimscope.experiments.foils import choose_foils
from fimscope.experiments.lens.tables import LENS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import TENSOR, find_positions
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, read
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.prompts.token_texts import candidate_lists
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]
PREDICTED = ["example_id", "correct", "predicted_token_id", "gold_token_id"]


@dataclass(frozen=True)
class PointLens:
    """The lens at one named position of one prompt, at every point.

    measures   name -> [point], or [point, top] for top_ids and top_logprobs
    """

    prompt: Row
    position: str
    foil: int | None
    measures: dict[str, NDArray]


def read_lenses(
    runner: BatchRunner,
    prompts: Sequence[Row],
    foils: Mapping[str, int],
    positions: Sequence[str],
) -> list[PointLens]:
    """The readings of each prompt in turn, position by position.

    The ranks are those of the gold's first token and of the foil, at whatever position. A position
    that a prompt lacks has no reading.
    """
    found: list[list[PointLens]] = [[] for _ in prompts]
    for rows, activations in read(runner, prompts, activations_reading(prompts, positions)):
        chosen = [prompts[row] for row in rows]
        of_batch = lens_batch(
            runner.open_model(), activations[TENSOR], chosen, foils, list(positions)
        )
        for row, own in zip(rows, of_batch, strict=True):
            found[row] = own
    return [reading for group in found for reading in group]


def lens_batch(
    model: "Model",
    values: "Tensor",
    prompts: Sequence[Row],
    foils: Mapping[str, int],
    positions: Sequence[str],
) -> list[list[PointLens]]:
    """Each prompt's readings, of its activations.

    values   [point, prompt, position, d_model]
    """
    import torch

    from fimscope.inference.lens import lens_of

    indices = [find_positions(prompt, positions) for prompt in prompts]
    # Two names of one token have one lens.
    places = {
        (row, index): p
        for row, own in enumerate(indices)
        for p, index in enumerate(own)
        if index is not None
    }
    rows, own_positions = [row for row, _ in places], list(places.values())
    golds = [prompt["gold_token_ids"][0] for prompt in prompts]
    asked = [[golds[row], foils.get(prompts[row]["example_id"], golds[row])] for row in rows]
    residuals = values[:, rows, own_positions, None]
    lens = lens_of(model, residuals, residuals[-1], torch.tensor(asked)[:, None])
    arrays = {name: tensor[:, :, 0].numpy() for name, tensor in vars(lens).items()}
    slots = {place: slot for slot, place in enumerate(places)}
    return [
        [
            PointLens(
                prompt,
                name,
                foils.get(prompt["example_id"]),
                {key: array[:, slots[row, index]] for key, array in arrays.items()},
            )
            for name, index in zip(positions, indices[row], strict=True)
            if index is not None
        ]
        for row, prompt in enumerate(prompts)
    ]


def lens_table(readings: Sequence[PointLens], n_points: int, encoder: Encoder) -> pa.Table:
    """The lens table: reading by reading, every point."""

    def column(name: str) -> NDArray:
        found = [reading.measures[name] for reading in readings]
        return np.concatenate(found) if found else np.zeros((0, 2))

    def repeated(values: list[Any], type_: pa.DataType) -> pa.Array:
        places = np.repeat(np.arange(len(readings)), n_points)
        return pa.array(values, type_).take(pa.array(places))

    rank, logprob = column("rank"), column("logprob")
    foil = repeated([reading.foil for reading in readings], pa.int32())
    no_foil = foil.is_null().to_numpy(zero_copy_only=False)
    columns = {
        **{
            key: repeated([reading.prompt[key] for reading in readings], pa.string())
            for key in ("example_id", "edit", "program_id")
        },
        "position": repeated([reading.position for reading in readings], pa.string()),
        "point": np.tile(np.arange(n_points, dtype=np.int32), len(readings)),
        "top10": candidate_lists(
            column("top_ids").astype(np.int64), column("top_logprobs"), encoder
        ),
        "gold_rank": rank[:, 0],
        "gold_logprob": logprob[:, 0],
        "foil_token_id": foil,
        "foil_rank": pa.array(rank[:, 1].astype(np.int32), mask=no_foil),
        "foil_logprob": pa.array(logprob[:, 1].astype(np.float32), mask=no_foil),
        **{name: column(name).reshape(-1) for name in ("final_rank", "entropy", "divergence")},
    }
    return pa.table(columns)


def missing_positions(prompts: Sequence[Row], positions: Sequence[str]) -> list[Row]:
    """Rows of the rejected table: one for each position that a prompt lacks."""
    return [
        rejection(
            "read_lens",
            "position_missing",
            name,
            example_id=prompt["example_id"],
            edit=prompt["edit"],
        )
        for prompt in prompts
        for name in positions
        if name not in {p["name"] for p in prompt["positions"]}
    ]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--prompts", type=Path, required=True, help="prompts/{edit}.parquet")
    parser.add_argument("--predictions", type=Path, required=True, help="of the same edit")
    parser.add_argument(
        "--broken-by",
        type=Path,
        nargs="*",
        required=True,
        help="predictions of the edits whose wrong answers are the foils of right ones",
    )
    add_model_options(parser)
    parser.add_argument("--positions", nargs="+", required=True, help="named positions")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the lens table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="positions left out")
    with run_step(parser) as args:
        runner = BatchRunner.of_step(STEP, args)
        prompts = read_table(args.prompts, PROMPTS).to_pylist()
        predictions, *others = (
            read_table(path, PREDICTIONS, PREDICTED).to_pylist()
            for path in (args.predictions, *args.broken_by)
        )
        foils = choose_foils(predictions, others)
        readings = read_lenses(runner, prompts, foils, args.positions)
        runner.store.log_counts()
        manifest = run_manifest(args)
        encoder = Encoder.from_folder(args.model)
        n_points = read_prepared(args.model).n_blocks + 1
        rejected = missing_positions(prompts, args.positions)
        n_asked = len(prompts) * len(args.positions)
        check_sum("read_lens", n_asked, len(readings), len(rejected))
        write_table(args.out, LENS, lens_table(readings, n_points, encoder), manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d positions at %d points", len(readings), n_points)


if __name__ == "__main__":
    main()
