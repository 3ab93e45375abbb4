"""Read the logit lens at every point and named position, and what blocks and heads bring."""

from collections.abc import Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.errors import UserError
from fimscope.experiments.activations import activations_reading
from fimscope.experiments.foils import choose_foils
from fimscope.experiments.lens.readings import PointLens, heads_reading, lens_table
from fimscope.experiments.lens.tables import DIRECT_HEADS, DIRECT_LOGITS, LENS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.activation_cache import TENSOR, find_positions
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum, rejection
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.readings import STEP, keep_readings, read
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, run_step, step_parser

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]
PREDICTED = ["example_id", "correct", "predicted_token_id", "gold_token_id"]


def read_lenses(
    runner: BatchRunner,
    prompts: Sequence[Row],
    foils: Mapping[str, int],
    positions: Sequence[str],
) -> tuple[list[PointLens], list[Row], list[Row]]:
    """The readings of each prompt in turn, position by position; direct_logits; direct_heads.

    positions   with `last` among them, where the answer is

    The ranks are those of the gold's first token and of the foil, at whatever position. A position
    that a prompt lacks has no reading.
    """
    import torch

    last = list(positions).index("last")
    found: list[list[PointLens]] = [[] for _ in prompts]
    direct: list[list[Row]] = [[] for _ in prompts]
    by_head: list[list[Row]] = [[] for _ in prompts]
    of_points, of_heads = activations_reading(prompts, positions), heads_reading(prompts)
    keep_readings(runner, prompts, [of_points, of_heads])  # of one forward
    heads_of = (
        own for _, batch in read(runner, prompts, of_heads) for own in batch["heads"].unbind(1)
    )
    for rows, activations in read(runner, prompts, of_points):
        chosen = [prompts[row] for row in rows]
        model, values = runner.open_model(), activations[TENSOR]
        of_batch = lens_batch(model, values, chosen, foils, list(positions))
        heads = torch.stack(list(islice(heads_of, len(rows))), dim=1)  # in the same order
        parts = direct_batch(model, values[:, :, last], heads, chosen, foils)
        for row, own, own_parts in zip(rows, of_batch, parts, strict=True):
            found[row], (direct[row], by_head[row]) = own, own_parts
    return (
        [reading for group in found for reading in group],
        [share for group in direct for share in group],
        [share for group in by_head for share in group],
    )


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


def direct_batch(
    model: "Model",
    values: "Tensor",
    heads: "Tensor",
    prompts: Sequence[Row],
    foils: Mapping[str, int],
) -> list[tuple[list[Row], list[Row]]]:
    """Each prompt's rows of direct_logits and of direct_heads; none where it has no foil.

    values   [point, prompt, d_model], at the last token
    heads    [block, prompt, head, d_head], there
    """
    import torch

    from fimscope.inference.direct import direct_heads, direct_logits

    asked = [row for row, prompt in enumerate(prompts) if prompt["example_id"] in foils]
    found: list[tuple[list[Row], list[Row]]] = [([], []) for _ in prompts]
    if not asked:
        return found
    pairs = [(p["gold_token_ids"][0], foils[p["example_id"]]) for p in (prompts[i] for i in asked)]
    token_ids = torch.tensor(pairs)
    shares = direct_logits(model, values[:, asked], token_ids)
    attention = direct_heads(model, heads[:, asked], values[-1, asked], token_ids)
    mlps = shares[1:-1] - attention.sum(1)
    of_blocks = torch.cat([attention, mlps[:, None]], dim=1)
    for place, row in enumerate(asked):
        foil = foils[prompts[row]["example_id"]]
        found[row] = (
            direct_rows(prompts[row], foil, shares[:, place].numpy()),
            head_rows(prompts[row], foil, of_blocks[:, :, place].numpy()),
        )
    return found


def direct_rows(prompt: Row, foil: int, shares: "NDArray") -> list[Row]:
    """shares   [point + 1]: the embeddings', every block's, that of the biases; null is NaN"""
    parts = [("embeddings", None), *(("block", block) for block in range(len(shares) - 2))]
    key = {**variant_key(prompt), "foil_token_id": foil}
    return [
        {**key, "part": part, "block": block, "share": known(share)}
        for (part, block), share in zip([*parts, ("biases", None)], shares.tolist(), strict=True)
    ]


def head_rows(prompt: Row, foil: int, shares: "NDArray") -> list[Row]:
    """shares   [block, head + 2]: the heads', that of their biases, the MLP's; null is NaN"""
    key = {**variant_key(prompt), "foil_token_id": foil}
    parts = [*(("head", head) for head in range(shares.shape[1] - 2)), ("biases", None)]
    return [
        {**key, "block": block, "part": part, "head": head, "share": known(share)}
        for block, own in enumerate(shares.tolist())
        for (part, head), share in zip([*parts, ("mlp", None)], own, strict=True)
    ]


def variant_key(prompt: Row) -> Row:
    return {name: prompt[name] for name in ("example_id", "edit", "program_id")}


def known(share: float) -> float | None:
    return None if share != share else share


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
    parser.add_argument("--positions", nargs="+", required=True, help="named positions, `last` too")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="the lens table")
    parser.add_argument("--out-direct", type=Path, required=True, help="the direct_logits table")
    parser.add_argument("--out-heads", type=Path, required=True, help="the direct_heads table")
    parser.add_argument("--out-rejected", type=Path, required=True, help="positions left out")
    with run_step(parser) as args:
        if "last" not in args.positions:
            raise UserError("--positions: no `last`, the token where the answer is; name it too")
        runner = BatchRunner.of_step(STEP, args)
        prompts = read_table(args.prompts, PROMPTS).to_pylist()
        predictions, *others = (
            read_table(path, PREDICTIONS, PREDICTED).to_pylist()
            for path in (args.predictions, *args.broken_by)
        )
        foils = choose_foils(predictions, others)
        readings, direct, by_head = read_lenses(runner, prompts, foils, args.positions)
        runner.store.log_counts()
        manifest = run_manifest(args)
        encoder = Encoder.from_folder(args.model)
        n_points = read_prepared(args.model).n_blocks + 1
        rejected = missing_positions(prompts, args.positions)
        n_asked = len(prompts) * len(args.positions)
        check_sum("read_lens", n_asked, len(readings), len(rejected))
        write_table(args.out, LENS, lens_table(readings, n_points, encoder), manifest)
        write_table(args.out_direct, DIRECT_LOGITS, direct, manifest)
        write_table(args.out_heads, DIRECT_HEADS, by_head, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d positions at %d points", len(readings), n_points)


if __name__ == "__main__":
    main()
