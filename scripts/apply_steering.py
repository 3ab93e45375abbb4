"""Steer: choose point and strength on `select`, then report them once on `test` with controls."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from fimscope.experiments.groups import read_groups
from fimscope.experiments.steer.doses import (
    FITTED,
    NOTHING,
    Dose,
    Window,
    doses_elsewhere,
    doses_on_select,
    doses_on_test,
    windows_of,
)
from fimscope.experiments.steer.settings import Setting, chosen_settings, score_settings
from fimscope.experiments.steer.steered import (
    Steered,
    choose_some,
    complete,
    disturb,
    steer,
    steer_each,
)
from fimscope.experiments.steer.tables import (
    STEERING_COMPLETIONS,
    STEERING_DISTURBANCE,
    STEERING_RESULTS,
    STEERING_SETTINGS,
    STEERING_VECTORS,
)
from fimscope.experiments.steer.vectors import load_vectors
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_manifest, read_table, write_table
from fimscope.inference.batching import BatchRunner
from fimscope.models.options import add_model_options
from fimscope.models.prepared import check_sha256, read_prepared
from fimscope.parts.store import add_part_options, exhaust
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.tables import PROMPTS
from fimscope.steps.frame import log, positive, run_step, step_parser

Row = Mapping[str, Any]


def recipients_of(
    prompts: Sequence[Row],
    predictions: Sequence[Row],
    split: Sequence[Row],
    groups: Mapping[str, str],
) -> list[Row]:
    """Variants with their prompt and prediction, in the prompts' order.

    The foil is the wrong prediction; of a right one its own token stands there and is not used.
    Left out is what the first token does not tell: a wrong prediction that starts as the gold does
    (it has no foil), and a right one that starts otherwise.
    """
    predicted = {row["example_id"]: row for row in predictions}
    outcomes = {row["example_id"]: row for row in split}
    found = []
    for prompt in prompts:
        own, outcome = predicted[prompt["example_id"]], outcomes[prompt["example_id"]]
        starts_as_gold = own["predicted_token_id"] == own["gold_token_id"]
        if starts_as_gold != (outcome["outcome"] == "right"):
            continue
        found.append(
            {
                **prompt,
                "gold_token_id": own["gold_token_id"],
                "foil_token_id": own["predicted_token_id"],
                "group": groups[prompt["example_id"]],
                "outcome": outcome["outcome"],
                "broken": outcome["broken"],
            }
        )
    return found


def by_group(rows: Sequence[Row]) -> dict[tuple[str, str], list[Row]]:
    """The rows of select and test by group and outcome, each in its order."""
    keys = [(group, outcome) for group in ("select", "test") for outcome in ("wrong", "right")]
    return {key: [row for row in rows if (row["group"], row["outcome"]) == key] for key in keys}


def steer_select(
    steered: Steered, groups: Mapping[tuple[str, str], Sequence[Row]], options: Mapping[str, Any]
) -> Iterator[Row]:
    """Rows of the steering_results table of `select`: all that is chosen from.

    groups   (group, outcome) -> recipients
    options  strengths, window, n_tokens, max_new_tokens, seed
    """
    return steer(
        steered,
        [*groups["select", "wrong"], *groups["select", "right"]],
        windows_of(steered.prepared.n_blocks + 1, options["window"]),
        lambda row: doses_on_select(steered.vectors, row["gold"], options["strengths"]),
    )


def steer_test(
    steered: Steered,
    groups: Mapping[tuple[str, str], Sequence[Row]],
    options: Mapping[str, Any],
    chosen: Mapping[str, Setting],
) -> Iterator[tuple[str, Row]]:
    """Table and row of `test` at the chosen settings: steering_results or steering_disturbance."""
    if not chosen:
        return
    wrong, right = groups["test", "wrong"], groups["test", "right"]
    for setting in chosen.values():
        log.info("%s: points %s, strength %g", setting.name, setting.points, setting.strength)
    strengths, n_tokens, seed = options["strengths"], options["n_tokens"], options["seed"]

    def doses_of(row: Row) -> dict[Window, list[Dose]]:
        return by_window(
            chosen, lambda own: doses_on_test(steered.vectors, row["gold"], own, strengths)
        )

    def elsewhere_of(row: Row) -> dict[Window, list[Dose]]:
        return by_window(chosen, lambda own: doses_elsewhere(steered.vectors, row["gold"], own))

    found = steer_each(steered, [*wrong, *right], doses_of)
    disturbed = disturb(steered, right, elsewhere_of, n_tokens, seed)
    windows = dict.fromkeys(setting.points for setting in chosen.values())
    for n, points in enumerate(windows):
        for nothing, own in found:
            if n == 0:
                yield "steering_results", nothing
            for row in own[points]:
                yield "steering_results", row
        for own in disturbed:
            for row in own[points]:
                yield "steering_disturbance", row


def by_window(
    chosen: Mapping[str, Setting], doses_at: Callable[[Setting], list[Dose]]
) -> dict[Window, list[Dose]]:
    """The doses of all settings, those of the same points together, in the settings' order."""
    found: dict[Window, list[Dose]] = {}
    for setting in chosen.values():
        found.setdefault(setting.points, []).extend(doses_at(setting))
    return found


def apply_steering(
    steered: Steered, groups: Mapping[tuple[str, str], Sequence[Row]], options: Mapping[str, Any]
) -> dict[str, list[Row]]:
    """Rows of the tables steering_results, _settings, _disturbance and _completions, by name."""
    results = list(steer_select(steered, groups, options))
    scored = score_settings(results)
    chosen = chosen_settings(scored)
    if not chosen:
        log.warning("no wrong example of `select` could be steered: nothing is chosen")
    tables = {"steering_results": results, "steering_settings": scored, "steering_disturbance": []}
    for name, row in steer_test(steered, groups, options, chosen):
        tables[name].append(row)
    completed = [row for row in results if _is_completed(row, chosen)]
    tables["steering_completions"] = complete(
        steered, completed, groups["test", "wrong"], options["max_new_tokens"]
    )
    return tables


def make_shard(
    steered: Steered,
    groups: Mapping[tuple[str, str], Sequence[Row]],
    options: Mapping[str, Any],
    group: str,
) -> None:
    """Have the parts of the runner's shard made: of `select`, or then of `test`."""
    if group == "select":
        exhaust(steer_select(steered, groups, options))
        return
    whole = replace(steered, runner=steered.runner.whole())
    chosen = chosen_settings(score_settings(list(steer_select(whole, groups, options))))
    exhaust(steer_test(steered, groups, options, chosen))


def _is_completed(row: Row, chosen: Mapping[str, Setting]) -> bool:
    """A wrong example of `test` without steering, or with a fitted vector as chosen for it."""
    if (row["group"], row["outcome"]) != ("test", "wrong"):
        return False
    if row["kind"] == NOTHING.kind:
        return True
    return row["kind"] in FITTED and row["strength"] == chosen[row["kind"]].strength


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts of the edit")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions of the edit")
    parser.add_argument("--split", type=Path, required=True, help="split of the edit")
    parser.add_argument("--vectors", type=Path, required=True, help="vectors.safetensors")
    parser.add_argument("--vectors-table", type=Path, required=True, help="its table")
    add_model_options(parser)
    parser.add_argument(
        "--strengths",
        type=float,
        nargs="+",
        required=True,
        help="in units of the residual's mean norm at the point",
    )
    parser.add_argument("--window", type=positive, required=True, help="points of a window")
    parser.add_argument(
        "--max-examples", type=positive, required=True, help="right and wrong ones of each group"
    )
    parser.add_argument(
        "--n-tokens", type=positive, required=True, help="unrelated tokens of a prompt"
    )
    parser.add_argument(
        "--max-new-tokens", type=positive, required=True, help="of a completed type"
    )
    parser.add_argument(
        "--seed", type=int, required=True, help="of the examples and the tokens that are drawn"
    )
    add_part_options(
        parser,
        out="the steering_results table",
        out_settings="what select chose from",
        out_disturbance="unrelated tokens",
        out_completions="completed types",
    )
    parser.add_argument(
        "--group",
        choices=["select", "test"],
        default="select",
        help="what a shard has its share of; `test` is for when all of `select` has been made",
    )
    with run_step(parser) as args:
        groups = read_groups(args.examples)
        everyone = recipients_of(
            read_table(args.prompts, PROMPTS).to_pylist(),
            read_table(args.predictions, PREDICTIONS).to_pylist(),
            read_table(args.split, SPLIT).to_pylist(),
            groups,
        )
        rows = read_table(args.vectors_table, STEERING_VECTORS).to_pylist()
        expected = read_manifest(args.vectors_table)["vectors"]
        check_sha256(args.vectors, expected, "delete it and run again")
        vectors = load_vectors(args.vectors, rows)
        encoder = Encoder.from_folder(args.model)

        picked = {
            key: choose_some(own, args.max_examples, args.seed)
            for key, own in by_group(everyone).items()
        }
        runner = BatchRunner.of_step("apply_steering", args)
        steered = Steered(runner, read_prepared(args.model), encoder, vectors)
        names = ("strengths", "window", "n_tokens", "max_new_tokens", "seed")
        options = {name: getattr(args, name) for name in names}
        if args.shard is None:
            tables, manifest = apply_steering(steered, picked, options), run_manifest(args)
            paths = {
                STEERING_RESULTS: args.out,
                STEERING_SETTINGS: args.out_settings,
                STEERING_DISTURBANCE: args.out_disturbance,
                STEERING_COMPLETIONS: args.out_completions,
            }
            for kind, path in paths.items():
                write_table(path, kind, tables[kind.name], manifest)
                log.info("%s: %d rows", kind.name, len(tables[kind.name]))
        else:
            make_shard(steered, picked, options, args.group)
        runner.store.log_counts()


if __name__ == "__main__":
    main()
