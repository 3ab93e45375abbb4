"""Run circuits of right, wrong and broken answers in prompts of each kind, and cut single edges."""

import argparse
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimscope.experiments.circuits.chosen import checked_edges, circuit_of, size_of
from fimscope.experiments.circuits.tables import (
    CIRCUIT_CUTS,
    CIRCUIT_EDGES,
    CIRCUIT_FAITHFULNESS,
    CIRCUIT_RUNS,
    RUN_KEY,
)
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.experiments.patch.donors import read_token_ids
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.parts.formats import BatchTensors
from fimscope.parts.store import add_cache_option
from fimscope.steps.frame import log, positive, run_step, step_parser
from fimscope.steps.seeds import seed_of

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.interventions.circuits import CircuitRuns
    from fimscope.interventions.residual_graph import ResidualGraph
    from fimscope.models.load import Model

STEP = "run_circuits"
Row = Mapping[str, Any]
Edges = NDArray[np.int64]


@dataclass(frozen=True)
class Circuit:
    """Edges by number, of whose answers they are, and whether they are kept or cut."""

    circuit: str
    way: str
    share: float
    edges: Edges


@dataclass(frozen=True)
class Sides:
    """A run's prompt and its corrupted one, and target and foil."""

    own: Sequence[int]
    corrupted: Sequence[int]
    token_ids: tuple[int, int]

    def each(self) -> tuple[list[Any], list[Any], list[Any]]:
        """As a batch of one."""
        return [self.own], [self.corrupted], [self.token_ids]


def find_circuits(runs: Sequence[Row], shares: Sequence[float]) -> list[Circuit]:
    """A circuit of each outcome and share, found in the runs that are for that."""
    found = []
    for outcome in OUTCOMES:
        own = [run["effects"] for run in runs if (run["part"], run["outcome"]) == ("find", outcome)]
        if own:
            effects = np.array(own)
            for share in shares:
                edges = circuit_of(effects, size_of(share, effects.shape[1]))
                found.append(Circuit(outcome, "kept", share, edges))
    return found


def circuits_to_run(
    run: Row, found: Sequence[Circuit], shares: Sequence[float], n_edges: int, seed: int
) -> list[Circuit]:
    """What is run of one test run: first all edges; then every circuit, its own outcome's cut as
    well, and of every share random edges of its own."""
    own = [one for one in found if one.circuit == run["outcome"]]
    cut = [Circuit(one.circuit, "cut", one.share, one.edges) for one in own]
    drawn = []
    for share in shares:
        generator = np.random.default_rng(seed_of(seed, STEP, run["example_id"], str(share)))
        edges = generator.choice(n_edges, size_of(share, n_edges), replace=False)
        drawn.append(Circuit("random", "kept", share, np.sort(edges)))
    return [Circuit("all", "kept", 1.0, np.arange(n_edges)), *found, *cut, *drawn]


def kept_edges(graph: "ResidualGraph", circuits: Sequence[Circuit]) -> "Tensor":
    """[1, circuit, writer, reader], as `run_circuits` takes it."""
    import torch

    writers, readers = graph.is_edge.nonzero(as_tuple=True)
    kept = torch.zeros(1, len(circuits), *graph.is_edge.shape)
    for i, circuit in enumerate(circuits):
        chosen = torch.from_numpy(circuit.edges)
        kept[0, i, writers[chosen], readers[chosen]] = 1
        if circuit.way == "cut":
            kept[0, i] = 1 - kept[0, i]
    return kept


def run_one(
    model: "Model", graph: "ResidualGraph", sides: Sides, kept: "Tensor", batch_tokens: int
) -> "CircuitRuns":
    """What `run_circuits` gives of one run, so many circuits at once as fit."""
    from fimscope.interventions.circuits import run_circuits, tokens_at_once

    at_once = max(1, tokens_at_once(model, graph, batch_tokens) // len(sides.own))
    return run_circuits(model, graph, *sides.each(), kept, at_once)


def run_all(
    runner: BatchRunner,
    graph: "ResidualGraph",
    runs: Sequence[Row],
    sides: Sequence[Sides],
    circuits: Sequence[Sequence[Circuit]],
    min_gap: float,
) -> Iterator[Row]:
    """Rows of the table of faithfulness, run by run.

    circuits   [run], those of `circuits_to_run`
    min_gap    least difference of the two runs, in logits, for a normalised effect
    """
    from fimscope.interventions.circuits import CircuitRuns

    def ask(model: "Model", rows: list[int]) -> CircuitRuns:
        [row] = rows
        kept = kept_edges(graph, circuits[row])
        return run_one(model, graph, sides[row], kept, runner.batch_tokens)

    def ingredients(row: int) -> list[Any]:
        asked = [(one.way, one.edges.tolist()) for one in circuits[row]]
        return [*vars(sides[row]).values(), asked]

    batches = [[row] for row in range(len(runs))]
    for [row], found in runner.run(
        "circuits", batches, ask, ingredients, BatchTensors(CircuitRuns)
    ):
        differences, corrupted = found.difference[0].tolist(), found.corrupted.item()
        gap = differences[0] - corrupted
        for circuit, difference in zip(circuits[row], differences, strict=True):
            yield {
                **{name: runs[row][name] for name, *_ in RUN_KEY},
                "circuit": circuit.circuit,
                "way": circuit.way,
                "share": circuit.share,
                "n_edges": len(circuit.edges),
                "logit_diff": difference,
                "effect": (difference - corrupted) / gap if gap >= min_gap else None,
            }


def cut_edges(
    runner: BatchRunner,
    graph: "ResidualGraph",
    runs: Sequence[Row],
    sides: Sequence[Sides],
    edges: Sequence[Row],
    n_checked: int,
    n_steps: int,
) -> Iterator[Row]:
    """Rows of the table of cuts: of each run the edges of `checked_edges`, one at a time."""
    import torch

    from fimscope.interventions.circuits import attribute_edges

    def ask(model: "Model", rows: list[int]) -> dict[str, torch.Tensor]:
        [row] = rows
        attributed = attribute_edges(model, graph, *sides[row].each(), n_steps)
        effects = attributed.effects[0][graph.is_edge]
        chosen = checked_edges(effects.numpy(), n_checked)
        alone = [Circuit("", "cut", 0.0, chosen[i : i + 1]) for i in range(len(chosen))]
        kept = kept_edges(graph, alone)
        found = run_one(model, graph, sides[row], kept, runner.batch_tokens)
        ranks = (-effects.abs()).argsort(stable=True).argsort()
        return {
            "edge": torch.from_numpy(chosen),
            "rank": ranks[chosen],
            "estimated": effects[chosen],
            "exact": found.difference[0] - attributed.difference,
        }

    def ingredients(row: int) -> list[Any]:
        return [*vars(sides[row]).values(), n_checked, n_steps]

    batches = [[row] for row in range(len(runs))]
    for [row], found in runner.run("cuts", batches, ask, ingredients, BatchTensors(dict)):
        columns = {name: found[name].tolist() for name in ("edge", "rank", "estimated", "exact")}
        for values in zip(*columns.values(), strict=True):
            cut = dict(zip(columns, values, strict=True))
            yield {
                **{name: runs[row][name] for name, *_ in RUN_KEY},
                **cut,
                **{name: edges[cut["edge"]][name] for name in ("writer", "reader")},
            }


def try_circuits(
    runner: BatchRunner,
    args: argparse.Namespace,
    runs: Sequence[Row],
    edges: Sequence[Row],
    prompts: Mapping[tuple[str, str], Sequence[int]],
) -> tuple[list[Row], list[Row]]:
    """Rows of faithfulness and of cuts, of the runs that are for testing."""
    from fimscope.interventions.residual_graph import residual_graph

    tests = [run for run in runs if run["part"] == "test"]
    sides = [
        Sides(
            *(prompts[run["example_id"], run[of]] for of in ("edit", "corrupted_edit")),
            (run["target_token_id"], run["foil_token_id"]),
        )
        for run in tests
    ]
    found = find_circuits(runs, args.shares)
    asked = [circuits_to_run(run, found, args.shares, len(edges), args.seed) for run in tests]
    graph = residual_graph(runner.open_model())
    rows = list(run_all(runner, graph, tests, sides, asked, args.min_gap))
    checked = first_of_each(tests, args.max_checked)
    own, own_sides = [tests[row] for row in checked], [sides[row] for row in checked]
    cuts = cut_edges(runner, graph, own, own_sides, edges, args.n_checked, args.n_steps)
    log.info("%d circuits in %d runs", len(found), len(tests))
    return rows, list(cuts)


def first_of_each(runs: Sequence[Row], n: int) -> list[int]:
    """Numbers of the first n runs of each outcome."""
    return [
        row
        for outcome in OUTCOMES
        for row in [i for i, run in enumerate(runs) if run["outcome"] == outcome][:n]
    ]


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--runs", type=Path, required=True, help="circuits/runs.parquet")
    parser.add_argument("--edges", type=Path, required=True, help="circuits/edges.parquet")
    parser.add_argument(
        "--prompts", type=Path, nargs=2, required=True, help="of `original` and of the edit"
    )
    add_model_options(parser)
    parser.add_argument(
        "--shares", type=float, nargs="+", required=True, help="of all edges, of the circuits"
    )
    parser.add_argument("--min-gap", type=float, required=True, help="least gap in logits")
    parser.add_argument("--n-checked", type=positive, required=True, help="edges cut in one run")
    parser.add_argument(
        "--max-checked", type=positive, required=True, help="runs of each outcome with such cuts"
    )
    parser.add_argument("--n-steps", type=positive, required=True, help="of the estimates there")
    parser.add_argument("--seed", type=int, required=True, help="of the random edges")
    add_cache_option(parser)
    parser.add_argument("--out", type=Path, required=True, help="circuits/faithfulness.parquet")
    parser.add_argument("--out-cuts", type=Path, required=True, help="circuits/cuts.parquet")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        runner = BatchRunner.of_step(STEP, args)
        runs = read_table(args.runs, CIRCUIT_RUNS).to_pylist()
        edges = read_table(args.edges, CIRCUIT_EDGES).to_pylist()
        prompts = read_token_ids(args.prompts)
        # Of a model without edges there are runs too, for the paths through its heads.
        rows, cuts = try_circuits(runner, args, runs, edges, prompts) if edges else ([], [])
        write_table(args.out_cuts, CIRCUIT_CUTS, cuts, manifest)
        write_table(args.out, CIRCUIT_FAITHFULNESS, rows, manifest)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
