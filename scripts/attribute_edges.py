"""Estimate what every edge of the residual stream brings of an answer (EAP-IG)."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.circuits.runs import STEP, draw_runs, pair_runs
from fimscope.experiments.circuits.tables import CIRCUIT_EDGES, CIRCUIT_RUNS
from fimscope.experiments.groups import read_groups
from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.manifest import run_manifest
from fimscope.files.rejections import REJECTED, check_sum
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_cache_option
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

if TYPE_CHECKING:
    from fimscope.interventions.circuits import EdgeAttribution
    from fimscope.interventions.residual_graph import ResidualGraph
    from fimscope.models.load import Model

Row = Mapping[str, Any]
Prompts = Mapping[tuple[str, str], Sequence[int]]  # (example_id, edit) -> token ids
ANSWERED = ("example_id", "predicted_token_id", "correct")


def attribute_runs(
    runner: BatchRunner,
    graph: "ResidualGraph",
    runs: Sequence[Row],
    prompts: Prompts,
    n_steps: int,
) -> list[Row]:
    """The runs with their logit differences and the estimated effect of every edge."""
    from fimscope.interventions.circuits import EdgeAttribution, attribute_edges

    is_edge = graph.is_edge

    def sides(row: int) -> tuple[Sequence[int], Sequence[int], tuple[int, int]]:
        run = runs[row]
        own, other = (prompts[run["example_id"], run[of]] for of in ("edit", "corrupted_edit"))
        return own, other, (run["target_token_id"], run["foil_token_id"])

    def ask(model: "Model", rows: list[int]) -> "EdgeAttribution":
        own, others, pairs = zip(*map(sides, rows), strict=True)
        return attribute_edges(model, graph, own, others, pairs, n_steps)

    found: list[Row] = [{} for _ in runs]
    batches = runner.plan(run["n_tokens"] for run in runs)
    kept = BatchTensors(EdgeAttribution)
    for rows, attributed in runner.run("attributions", batches, ask, sides, kept):
        for i, row in enumerate(rows):
            found[row] = {
                **runs[row],
                "logit_diff": attributed.difference[i].item(),
                "corrupted_logit_diff": attributed.corrupted[i].item(),
                "effects": attributed.effects[i][is_edge].tolist(),
            }
    return found


def read_edges(
    runner: BatchRunner, runs: Sequence[Row], prompts: Prompts, n_steps: int
) -> tuple[list[Row], list[Row]]:
    """Rows of the runs, with their effects, and of the edges; none of either for a model without.

    The arguments are those of `attribute_runs`.
    """
    from fimscope.interventions.circuits import tokens_at_once
    from fimscope.interventions.residual_graph import NoGraphError, residual_graph

    model = runner.open_model()
    try:
        graph = residual_graph(model)
    except NoGraphError as reason:
        log.warning("no circuit is made: %s", reason)
        return [], []
    fitting = replace(runner, batch_tokens=tokens_at_once(model, graph, runner.batch_tokens))
    return attribute_runs(fitting, graph, runs, prompts, n_steps), edge_rows(graph)


def edge_rows(graph: "ResidualGraph") -> list[Row]:
    """Rows of the table of edges."""
    return [
        {
            "edge": number,
            "writer": str(graph.writers[writer]),
            "writer_block": graph.writers[writer].block,
            "reader": str(graph.readers[reader]),
            "reader_block": graph.readers[reader].block,
        }
        for number, (writer, reader) in enumerate(graph.is_edge.nonzero().tolist())
    ]


def read_answered(prompts: Path, predictions: Path) -> dict[str, Row]:
    """example_id -> what the tables of prompts and of predictions say of one edit's variant."""
    columns = ["example_id", "edit", "program_id", "token_ids", "positions", "regions"]
    answers = read_table(predictions, PREDICTIONS, ANSWERED).to_pylist()
    answer_of = {row["example_id"]: row for row in answers}
    return {
        row["example_id"]: {**row, **answer_of[row["example_id"]]}
        for row in read_table(prompts, PROMPTS, columns).to_pylist()
    }


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument(
        "--prompts", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    parser.add_argument("--predictions", type=Path, nargs=2, required=True, help="of the same")
    add_model_options(parser)
    parser.add_argument("--max-find", type=positive, required=True, help="runs of each outcome")
    parser.add_argument("--max-test", type=positive, required=True, help="the same, of `test`")
    parser.add_argument("--n-steps", type=positive, required=True, help="of the integral")
    parser.add_argument("--seed", type=int, required=True, help="of the runs drawn")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="circuits/runs.parquet")
    parser.add_argument("--out-edges", type=Path, required=True, help="circuits/edges.parquet")
    parser.add_argument("--out-rejected", type=Path, required=True, help="what was left out")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        runner = BatchRunner.of_step(STEP, args, n_steps=args.n_steps)
        originals, variants = map(read_answered, args.prompts, args.predictions)
        groups = read_groups(args.examples)
        paired, rejected = pair_runs(originals, variants, args.seed)
        check_sum(STEP, len(variants), len(paired), len(rejected))
        drawn = draw_runs(paired, groups, args.max_find, args.max_test, args.seed)
        prompts = {
            (row["example_id"], row["edit"]): row["token_ids"]
            for rows in (originals, variants)
            for row in rows.values()
        }
        find, test = ([run for run in drawn if run["part"] == part] for part in ("find", "test"))
        found, edges = read_edges(runner, find, prompts, args.n_steps)
        runner.store.log_counts()
        unread = dict.fromkeys(("logit_diff", "corrupted_logit_diff", "effects"))
        write_table(
            args.out, CIRCUIT_RUNS, [*found, *({**run, **unread} for run in test)], manifest
        )
        write_table(args.out_edges, CIRCUIT_EDGES, edges, manifest)
        write_table(args.out_rejected, REJECTED, rejected, manifest)
        log.info("%d runs of %d pairs, %d edges", len(drawn), len(paired), len(edges))


if __name__ == "__main__":
    main()
