"""Hide the annotation that an answer copies from the heads that read it, and ask again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.circuits.chosen import size_of
from fimscope.experiments.groups import read_groups
from fimscope.experiments.patch.donors import read_prompts
from fimscope.experiments.repair.copies import Head, copied_tokens, random_heads, rank_heads
from fimscope.experiments.repair.repaired import (
    Way,
    best_setting,
    draw_most,
    outcome_of,
    repaired_rows,
)
from fimscope.experiments.repair.tables import REPAIR_COPIES, REPAIR_HEADS
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import read_prepared
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_cache_option
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.interventions.head_knockout import Hiding
    from fimscope.models.load import Model

STEP = "repair_copies"
CAUSE = "copied annotation"
Row = Mapping[str, Any]


def copying_recipients(
    prompts: Sequence[Row], groups: Mapping[str, str], encoder: Encoder
) -> list[Row]:
    """The prompts whose answer is spelled as an annotation that they show.

    prompts   rows of prompts and of predictions, as one
    groups    example_id -> fit, select or test
    returns   each with its `group`, `outcome`, and the tokens `copied` and `others` of
              `copied_tokens`
    """
    found = []
    for row in prompts:
        outcome = outcome_of(row)
        copied, others = copied_tokens(row, row["predicted"], encoder.decode)
        if outcome and copied:
            own = {"group": groups[row["example_id"]], "outcome": outcome, "cause": CAUSE}
            found.append({**row, **own, "copied": copied, "others": others})
    return found


def weigh_heads(runner: BatchRunner, recipients: Sequence[Row], heads: Sequence[Head]) -> list[Row]:
    """Rows of the repair_heads table: how much of its attention the last token gives to what the
    answers of these recipients copy."""
    import torch

    from fimscope.inference.attention import attention_patterns

    weights: dict[int, list[float]] = {}

    def ask(model: "Model", rows: list[int]) -> "dict[str, Tensor]":
        prompts = [recipients[row]["token_ids"] for row in rows]
        patterns = attention_patterns(model, prompts, [[-1]] * len(rows), heads)
        each = zip(rows, patterns, strict=True)
        sums = [own[:, 0, recipients[row]["copied"]].float().sum(-1) for row, own in each]
        return {"weights": torch.stack(sums)}

    def ingredients(row: int) -> list[Any]:
        return [recipients[row]["token_ids"], recipients[row]["copied"]]

    batches = runner.plan(len(row["token_ids"]) for row in recipients)
    for rows, found in runner.run("attention", batches, ask, ingredients, BatchTensors(dict)):
        weights.update(zip(rows, found["weights"].tolist(), strict=True))
    return rank_heads([weights[row] for row in sorted(weights)], heads) if weights else []


def hide_copies(
    runner: BatchRunner,
    recipients: Sequence[Row],
    ways: Mapping[Way, Sequence[Head]],
    encoder: Encoder,
) -> list[Row]:
    """Rows of the repair_copies table: every recipient with nothing hidden, then in every way.

    ways   the heads of each; `other` hides the other annotations, where there are any, all the
           rest the copied ones
    """
    import torch

    from fimscope.interventions.head_knockout import Hiding, sweep_hidden
    from fimscope.interventions.sweep import SweepReadout

    def hidings(row: int) -> "list[Hiding]":
        tokens = recipients[row]
        return [
            Hiding(heads, tokens["others" if way.way == "other" else "copied"])
            for way, heads in ways.items()
        ]

    def ask(model: "Model", rows: list[int]) -> SweepReadout:
        prompts = [recipients[row]["token_ids"] for row in rows]
        wanted = torch.tensor([[recipients[row]["gold_token_id"]] for row in rows])
        return sweep_hidden(model, prompts, [hidings(row) for row in rows], wanted)

    def ingredients(row: int) -> list[Any]:
        own = recipients[row]
        return [
            *(own["token_ids"], own["gold_token_id"]),
            *([list(hiding.heads), list(hiding.tokens)] for hiding in hidings(row)),
        ]

    batches = runner.plan(len(row["token_ids"]) for row in recipients)
    rows_of: dict[int, list[Row]] = {}
    kept = BatchTensors(SweepReadout)
    for rows, found in runner.run("hidden annotations", batches, ask, ingredients, kept):
        for i, row in enumerate(rows):
            rows_of[row] = [
                made
                for made in repaired_rows(found, i, recipients[row], ways, encoder)
                if made["way"] != "other" or recipients[row]["others"]
            ]
    return [made for row in sorted(rows_of) for made in rows_of[row]]


def ways_of_select(heads: Sequence[Head], shares: Sequence[float]) -> dict[Way, Sequence[Head]]:
    """The first heads, each of these shares of all of them."""
    counts = sorted({size_of(share, len(heads)) for share in shares})
    return {Way("found", n_heads=n): heads[:n] for n in counts}


def ways_of_test(
    heads: Sequence[Head], n: int, n_random: int, seed: int
) -> dict[Way, Sequence[Head]]:
    """The first n heads, and what stands beside them."""
    found = heads[:n]
    return {
        Way("found", n_heads=n): found,
        Way("other", n_heads=n): found,
        **{
            Way("random", n_heads=n, draw=draw): random_heads(heads, n, draw, seed)
            for draw in range(n_random)
        },
        Way("all", n_heads=len(heads)): heads,
    }


def repair_copies(
    runner: BatchRunner,
    recipients: Sequence[Row],
    every: Sequence[Head],
    shares: Sequence[float],
    n_random: int,
    seed: int,
    encoder: Encoder,
) -> tuple[list[Row], list[Row]]:
    """Rows of the repair_copies and of the repair_heads table: heads are ranked on `fit`, how many
    is chosen on `select`, and these are tried on `test`; none where no answer of `fit` copies.

    every   the model's heads
    """
    fit, select, test = (
        [row for row in recipients if row["group"] == group] for group in ("fit", "select", "test")
    )
    ranked = weigh_heads(runner, fit, every)
    heads = [(row["block"], row["head"]) for row in ranked]
    if not heads:
        return [], []
    rows = hide_copies(runner, select, ways_of_select(heads, shares), encoder)
    n = best_setting(rows, lambda row: row["n_heads"])
    if n is not None:
        log.info("%d heads", n)
        rows += hide_copies(runner, test, ways_of_test(heads, n, n_random, seed), encoder)
    return rows, ranked


def main() -> None:
    parser = step_parser(__doc__)
    two = {"type": Path, "nargs": "+", "required": True}
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", **two, help="of `original` and of the edit")
    parser.add_argument("--predictions", **two, help="of the same two")
    add_model_options(parser)
    parser.add_argument(
        "--shares", type=float, nargs="+", required=True, help="of all heads, tried on `select`"
    )
    parser.add_argument("--n-random", type=positive, required=True, help="draws of random heads")
    parser.add_argument(
        "--max-examples",
        type=positive,
        required=True,
        help="right and wrong ones of each edit and group",
    )
    parser.add_argument("--seed", type=int, required=True, help="of examples and random heads")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="repair/copies.parquet")
    parser.add_argument("--out-heads", type=Path, required=True, help="repair/heads.parquet")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        runner = BatchRunner.of_step(STEP, args)
        groups = read_groups(args.examples)
        prompts = read_prompts(args.prompts)
        joined = [
            {**row, **prompts[row["example_id"], row["edit"]]}
            for path in args.predictions
            for row in read_table(path, PREDICTIONS).to_pylist()
        ]
        encoder = Encoder.from_folder(args.model)
        recipients = draw_most(
            copying_recipients(joined, groups, encoder), args.max_examples, args.seed
        )
        every = read_prepared(args.model).heads
        rows, ranked = repair_copies(
            runner, recipients, every, args.shares, args.n_random, args.seed, encoder
        )
        runner.store.log_counts()
        write_table(args.out, REPAIR_COPIES, rows, manifest)
        write_table(args.out_heads, REPAIR_HEADS, ranked, manifest)
        log.info("%d answers that copy", len(recipients))


if __name__ == "__main__":
    main()
