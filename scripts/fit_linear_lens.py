"""Fit a linear map from every point to the last one on `fit`, and read the lens through it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from fimscope.experiments.groups import read_groups
from fimscope.experiments.lens.linear import choose_map, squares
from fimscope.experiments.lens.readings import PointLens, lens_table
from fimscope.experiments.lens.tables import LENS, LINEAR_LENS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import ActivationCache, LastResiduals
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.encoder import Encoder
from fimscope.statistics.estimate import Floats
from fimscope.steps.frame import Progress, log, run_step, step_parser
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]
MAPS = ("fitted", "shuffled")


@dataclass(frozen=True)
class Mapped:
    """What one kind of map makes of the prompts of `test` at every point.

    residuals   [point, prompt, d_model] float64, in the place of the last point's
    l2          [point], the penalty that was chosen
    error       [point, prompt], squared distance from the last point's residuals
    spread      [prompt], squared distance of those from the mean of `fit`
    """

    residuals: Floats
    l2: Floats
    error: Floats
    spread: Floats


def fit_linear_lens(
    residuals: NDArray,
    names: Sequence[str],
    penalties: Sequence[float],
    seed: int,
    *groups: NDArray,
) -> dict[str, Mapped]:
    """The maps of every point, fitted on `fit` with the penalty that is best on `select`.

    residuals   [point, prompt, d_model], at the last token
    names       [prompt], by which the pairs are shuffled
    groups      the prompts of `fit`, `select` and `test`: [n], places among the prompts

    The shuffled maps are made in the same way, where the residual of a point is everywhere that of
    another prompt of the same group: what they say knows nothing of its prompt.
    """
    fit, select, test = groups
    last = residuals[-1].astype(np.float64)
    others = np.arange(len(names))
    for group in groups:
        order = sorted(group, key=lambda place: seed_of(seed, "fit_linear_lens", names[place]))
        others[order] = np.roll(order, 1)
    spread = squares(last[test], last[fit].mean(axis=0))
    found: dict[str, list[tuple[Floats, float]]] = {kind: [] for kind in MAPS}
    progress = Progress("maps", len(residuals), "points")
    for values in residuals:
        for kind, own in zip(MAPS, (values, values[others]), strict=True):
            linear, l2 = choose_map(own[fit], last[fit], penalties, own[select], last[select])
            found[kind].append((linear(own[test]), l2))
        progress.add()
    return {
        kind: Mapped(
            np.stack([mapped for mapped, _ in own]),
            np.array([l2 for _, l2 in own]),
            np.stack([squares(mapped, last[test]) for mapped, _ in own]),
            spread,
        )
        for kind, own in found.items()
    }


def linear_table(
    model: "Model",
    maps: Mapping[str, Mapped],
    last: NDArray,
    prompts: Sequence[Row],
    encoder: Encoder,
) -> pa.Table:
    """The linear_lens table, map by map and prompt by prompt.

    last      [prompt, d_model], the last point's residuals as the model left them
    prompts   of `test`: example_id, edit, program_id, gold_token_id, foil_token_id
    """
    import torch

    from fimscope.inference.lens import lens_of

    golds = [row["gold_token_id"] for row in prompts]
    foils = [row["foil_token_id"] for row in prompts]
    asked = [
        [gold, gold if foil is None else foil] for gold, foil in zip(golds, foils, strict=True)
    ]
    final = torch.from_numpy(last)[:, None].to(model.dtype)
    pieces = []
    for kind, mapped in maps.items():
        residuals = torch.from_numpy(mapped.residuals)[:, :, None].to(model.dtype)
        lens = lens_of(model, residuals, final, torch.tensor(asked)[:, None])
        arrays = {name: tensor[:, :, 0].numpy() for name, tensor in vars(lens).items()}
        readings = [
            PointLens(row, "last", foils[i], {key: array[:, i] for key, array in arrays.items()})
            for i, row in enumerate(prompts)
        ]
        own = lens_table(readings, len(residuals), encoder)
        for name, column in (
            ("map", pa.array([kind] * len(own))),
            ("l2", np.tile(mapped.l2, len(prompts))),
            ("error", mapped.error.T.reshape(-1)),
            ("spread", np.repeat(mapped.spread, len(residuals))),
        ):
            own = own.append_column(name, pa.array(column))
        pieces.append(own)
    return pa.concat_tables(pieces)


def read_prompts(
    examples: Path, lenses: Sequence[Path], predictions: Sequence[Path]
) -> list[dict[str, Any]]:
    """The prompts of all edits with group, gold and foil, in the order of the lens tables."""
    groups = read_groups(examples)
    found = []
    for lens, path in zip(lenses, predictions, strict=True):
        golds = {
            row["example_id"]: row["gold_token_id"]
            for row in read_table(path, PREDICTIONS, ["example_id", "gold_token_id"]).to_pylist()
        }
        keys = ["example_id", "edit", "program_id", "position", "point", "foil_token_id"]
        found += [
            {**row, "group": groups[row["example_id"]], "gold_token_id": golds[row["example_id"]]}
            for row in read_table(lens, LENS, keys).to_pylist()
            if (row["position"], row["point"]) == ("last", 0)
        ]
    return found


def main() -> None:
    parser = step_parser(__doc__)
    many = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--lens", **many, help="lens tables of `original` and of the edit")
    parser.add_argument("--predictions", **many, help="of the same two, in this order")
    parser.add_argument("--activations", type=Path, required=True, help="folder of the caches")
    add_model_options(parser)
    parser.add_argument("--l2", type=float, nargs="+", required=True, help="penalties to try")
    parser.add_argument("--seed", type=int, required=True, help="of the shuffled pairs")
    parser.add_argument("--out", type=Path, required=True, help="the linear_lens table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        prompts = read_prompts(args.examples, args.lens, args.predictions)
        fit, select, test = (
            np.array([i for i, row in enumerate(prompts) if row["group"] == group], dtype=np.int64)
            for group in ("fit", "select", "test")
        )
        if not len(fit) or not len(test):
            log.warning("%d prompts of fit and %d of test: no map", len(fit), len(test))
            write_table(args.out, LINEAR_LENS, [], manifest)
            return
        model = open_model(args)
        edits = dict.fromkeys(row["edit"] for row in prompts)
        caches = [ActivationCache(args.activations / edit) for edit in edits]
        keys = [(row["example_id"], row["edit"]) for row in prompts]
        residuals = LastResiduals(caches, range(caches[0].n_points)).of(keys).float().numpy()
        names = [f"{row['example_id']}/{row['edit']}" for row in prompts]
        maps = fit_linear_lens(residuals, names, args.l2, args.seed, fit, select, test)
        tested = [prompts[i] for i in test]
        encoder = Encoder.from_folder(args.model)
        table = linear_table(model, maps, residuals[-1, test], tested, encoder)
        write_table(args.out, LINEAR_LENS, table, manifest)
        log.info("%d prompts at %d points", len(tested), len(residuals))


if __name__ == "__main__":
    main()
