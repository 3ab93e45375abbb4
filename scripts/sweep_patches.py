"""Patch donors into recipients at every residual point, at the last token, for all conditions."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.prompts.encoder import Encoder
from fimscope.rejections import check_sum
from fimscope.steps import Progress, log, run_step, step_parser
from fimscope.store import ActivationCache
from fimscope.tables import read_table, write_table

if TYPE_CHECKING:
    import torch

    from fimscope.models.load import Model

Row = Mapping[str, Any]
Key = tuple[str, str]  # example_id, edit


class Donors:
    """The residual stream at the last token of every cached prompt, and random ones beside it."""

    def __init__(self, caches: Sequence[ActivationCache], seed: int):
        import torch

        self.seed = seed
        self._rows: dict[Key, tuple[int, int]] = {}
        for i, cache in enumerate(caches):
            self._rows.update({key: (i, row) for key, row in cache.rows.items()})
        self._values = [
            torch.stack([cache.read(point, "last") for point in range(cache.n_points)])
            for cache in caches
        ]

    def of(self, pair: Row) -> "torch.Tensor":
        """The donor of a row of the pairs table: [point, d_model].

        `random` is a direction drawn anew at each point, of the recipient's own norm there.
        """
        recipient = (pair["recipient_example_id"], pair["recipient_edit"])
        if pair["donor_kind"] == "random":
            return self._random_like(self._cached(recipient), pair["pair_id"])
        return self._cached((pair["donor_example_id"], pair["donor_edit"]))

    def _cached(self, key: Key) -> "torch.Tensor":
        cache, row = self._rows[key]
        return self._values[cache][:, row]

    def _random_like(self, values: "torch.Tensor", name: str) -> "torch.Tensor":
        import torch

        digest = hashlib.sha256(f"{self.seed}/{name}".encode()).digest()
        rng = np.random.default_rng(int.from_bytes(digest[:8]))
        noise = torch.from_numpy(rng.standard_normal(tuple(values.shape))).float()
        norms = values.float().norm(dim=-1, keepdim=True)
        return (noise / noise.norm(dim=-1, keepdim=True) * norms).to(values.dtype)


def sweep_patches(
    model: "Model",
    prompts: Mapping[Key, Sequence[int]],
    pairs: Sequence[Row],
    donors: Donors,
    batch_tokens: int,
) -> Iterator[tuple[Row, Row]]:
    """Each row of the pairs table with what its patch makes the model say, at every point.

    All pairs of one recipient, of whatever condition, share one prefill of its prompt.
    """
    import torch

    from fimscope.batch import plan_batches, run_batches
    from fimscope.sweep import sweep_last

    groups: dict[Key, list[Row]] = {}
    for pair in pairs:
        groups.setdefault((pair["recipient_example_id"], pair["recipient_edit"]), []).append(pair)
    recipients = list(groups)

    def sweep_rows(rows: list[int]) -> Any:
        keys = [recipients[row] for row in rows]
        wanted = _padded([_token_ids(groups[key]) for key in keys])
        values = _padded([[donors.of(pair) for pair in groups[key]] for key in keys])
        stacked = torch.stack([torch.stack(row, dim=1) for row in values], dim=1)
        return wanted, sweep_last(
            model, [prompts[key] for key in keys], stacked, torch.tensor(wanted)
        )

    progress = Progress("patches", len(pairs) * model.n_points, "patches")
    batches = plan_batches([len(prompts[key]) for key in recipients], batch_tokens)
    for rows, (wanted, sweep) in run_batches(sweep_rows, batches):
        for i, row in enumerate(rows):
            for d, pair in enumerate(groups[recipients[row]]):
                column = {token: wanted[i].index(token) for token in _token_ids([pair])}
                logits = {t: sweep.patched.logits[:, i, d, c].tolist() for t, c in column.items()}
                yield (
                    pair,
                    {
                        "top_ids": sweep.patched.top_ids[:, i, d].tolist(),
                        "logsumexp": sweep.patched.logsumexp[:, i, d].tolist(),
                        "logits": logits,
                        "baseline": {
                            t: float(sweep.baseline.logits[i, c]) for t, c in column.items()
                        },
                    },
                )
                progress.add(model.n_points)


def patch_rows(swept: Sequence[tuple[Row, Row]], min_gap: float, encoder: Encoder) -> list[Row]:
    """Rows of the patches table: one a pair and point.

    The logit difference is target minus foil. A patch at the last point makes the donor's own
    output, so the paired donor's own difference stands in the sweep itself. The normalised effect
    is 0 at the recipient's difference and 1 at the paired donor's (Heimersheim & Nanda 2404.15255);
    it is null where the two are nearer than min_gap.
    """
    donor_diffs = {
        pair["pair_id"]: _logit_diffs(pair, found["logits"])[-1]
        for pair, found in swept
        if pair["donor_kind"] == "paired"
    }
    rows = []
    for pair, found in swept:
        before = (
            found["baseline"][pair["target_token_id"]] - (found["baseline"][pair["foil_token_id"]])
        )
        donor = donor_diffs[pair["pair_id"]]
        for point, diff in enumerate(_logit_diffs(pair, found["logits"])):
            top = found["top_ids"][point]
            logits = {token: values[point] for token, values in found["logits"].items()}
            rows.append(
                {
                    "condition": pair["condition"],
                    "pair_id": pair["pair_id"],
                    "example_id": pair["recipient_example_id"],
                    "edit": pair["recipient_edit"],
                    "program_id": pair["recipient_program_id"],
                    "donor_kind": pair["donor_kind"],
                    "donor_example_id": pair["donor_example_id"],
                    "point": point,
                    "position": "last",
                    "predicted": encoder.decode([top]).strip(),
                    "predicted_token_id": top,
                    "to_gold": top == pair["gold_token_id"],
                    "to_donor": _same(top, pair["donor_token_id"]),
                    "gold_logprob": logits[pair["gold_token_id"]] - found["logsumexp"][point],
                    "foil_logprob": logits[pair["foil_token_id"]] - found["logsumexp"][point],
                    "logit_diff": diff,
                    "recipient_logit_diff": before,
                    "donor_logit_diff": donor,
                    "normalised_effect": (
                        (diff - before) / (donor - before)
                        if abs(donor - before) >= min_gap
                        else None
                    ),
                }
            )
    return rows


def _logit_diffs(pair: Row, logits: Mapping[int, Sequence[float]]) -> list[float]:
    target, foil = logits[pair["target_token_id"]], logits[pair["foil_token_id"]]
    return [a - b for a, b in zip(target, foil, strict=True)]


def _same(token: int, donor_token: int | None) -> bool | None:
    return None if donor_token is None else token == donor_token


def _token_ids(pairs: Sequence[Row]) -> list[int]:
    names = ("target_token_id", "foil_token_id", "gold_token_id")
    return sorted({pair[name] for pair in pairs for name in names})


def _padded(rows: list[list[Any]]) -> list[list[Any]]:
    """Rows of one length: the shorter ones repeat their last element."""
    width = max(map(len, rows))
    return [[*row, *[row[-1]] * (width - len(row))] for row in rows]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--pairs", type=Path, required=True, help="pairs.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts of the recipients")
    parser.add_argument("--activations", type=Path, nargs="+", required=True, help="cache folders")
    add_model_options(parser)
    parser.add_argument("--min-gap", type=float, default=0.5, help="least gap in logits")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="folder of a table per condition")
    parser.add_argument("--conditions", nargs="+", required=True, help="a table for each of them")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        pairs = read_table(args.pairs, "pairs").to_pylist()
        prompts = {
            (row["example_id"], row["edit"]): row["token_ids"]
            for row in read_table(args.prompts, "prompts").to_pylist()
        }
        donors = Donors([ActivationCache(folder) for folder in args.activations], args.seed)
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)
        order = {(pair["pair_id"], pair["donor_kind"]): n for n, pair in enumerate(pairs)}
        swept = sorted(
            sweep_patches(model, prompts, pairs, donors, args.batch_tokens),
            key=lambda item: order[item[0]["pair_id"], item[0]["donor_kind"]],
        )
        check_sum("sweep_patches", len(pairs), len(swept), 0)
        rows = patch_rows(swept, args.min_gap, encoder)
        for condition in args.conditions:
            chosen = [row for row in rows if row["condition"] == condition]
            write_table(args.out / f"{condition}.parquet", "patches", chosen, manifest)
            log.info("%s: %d patches", condition, len(chosen))


if __name__ == "__main__":
    main()
