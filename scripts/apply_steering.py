"""Steer: choose point and strength on `select`, then report them once on `test` with controls."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from fimscope.doses import CHOSEN_KINDS, NOTHING, doses_of_kinds, doses_on_test, windows_of
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model
from fimscope.models.prepared import check_sha256
from fimscope.prompts.encoder import Encoder
from fimscope.settings import Setting, chosen_settings, score_settings
from fimscope.steered import Steered, choose_some, complete, disturb, steer
from fimscope.steps import log, positive, run_step, step_parser
from fimscope.tables import read_manifest, read_table, write_table
from fimscope.vectors import load_vectors

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


def apply_steering(
    steered: Steered, groups: Mapping[tuple[str, str], Sequence[Row]], settings: Mapping[str, Any]
) -> dict[str, list[Row]]:
    """Rows of the tables steering_results, _settings, _disturbance and _completions, by name.

    groups    (group, outcome) -> recipients
    settings  strengths, window, n_tokens, max_new_tokens, seed
    """
    windows = windows_of(steered.model.n_points, settings["window"])
    strengths, vectors = settings["strengths"], steered.vectors
    results = list(
        steer(
            steered,
            [*groups["select", "wrong"], *groups["select", "right"]],
            windows,
            lambda row: doses_of_kinds(vectors, row["gold"], CHOSEN_KINDS, strengths),
        )
    )
    scored = score_settings(results)
    chosen = chosen_settings(scored)
    if not chosen:
        log.warning("no wrong example of `select` could be steered: nothing is chosen")
    wrong, right = groups["test", "wrong"], groups["test", "right"]
    disturbance: list[Row] = []
    for n, setting in enumerate(chosen.values()):
        log.info("%s: points %s, strength %g", *vars(setting).values())
        found = steer(
            steered,
            [*wrong, *right],
            [setting.points],
            lambda row, s=setting: doses_on_test(vectors, row["gold"], s, strengths),
        )
        # The answer without steering comes with every run; it is kept once.
        results += [row for row in found if n == 0 or row["kind"] != NOTHING.kind]
        disturbance += disturb(steered, right, setting, settings["n_tokens"], settings["seed"])
    completed = [row for row in results if _is_completed(row, chosen)]
    return {
        "steering_results": results,
        "steering_settings": scored,
        "steering_disturbance": disturbance,
        "steering_completions": complete(steered, completed, wrong, settings["max_new_tokens"]),
    }


def _is_completed(row: Row, chosen: Mapping[str, Setting]) -> bool:
    """A wrong example of `test` without steering, or with a vector at its own chosen strength."""
    if (row["group"], row["outcome"]) != ("test", "wrong"):
        return False
    setting = chosen.get(row["kind"])
    own = setting is not None and row["strength"] == setting.strength
    return own or row["kind"] == NOTHING.kind


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--prompts", type=Path, required=True, help="prompts of the edit")
    parser.add_argument("--predictions", type=Path, required=True, help="predictions of the edit")
    parser.add_argument("--split", type=Path, required=True, help="split of the edit")
    parser.add_argument("--vectors", type=Path, required=True, help="vectors.safetensors")
    parser.add_argument("--vectors-table", type=Path, required=True, help="its table")
    add_model_options(parser)
    parser.add_argument("--strengths", type=float, nargs="+", required=True)
    parser.add_argument("--window", type=positive, default=4, help="points of a window")
    parser.add_argument(
        "--max-examples", type=positive, default=150, help="right and wrong ones of each group"
    )
    parser.add_argument("--n-tokens", type=positive, default=2, help="unrelated tokens of a prompt")
    parser.add_argument("--max-new-tokens", type=positive, default=12, help="of a completed type")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True, help="the steering_results table")
    parser.add_argument("--out-settings", type=Path, required=True, help="what select chose from")
    parser.add_argument("--out-disturbance", type=Path, required=True, help="unrelated tokens")
    parser.add_argument("--out-completions", type=Path, required=True, help="completed types")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        groups = {
            row["example_id"]: row["group"]
            for row in read_table(args.examples, "examples", ["example_id", "group"]).to_pylist()
        }
        everyone = recipients_of(
            read_table(args.prompts, "prompts").to_pylist(),
            read_table(args.predictions, "predictions").to_pylist(),
            read_table(args.split, "split").to_pylist(),
            groups,
        )
        rows = read_table(args.vectors_table, "steering_vectors").to_pylist()
        expected = read_manifest(args.vectors_table)["vectors"]
        check_sha256(args.vectors, expected, "delete it and run again")
        vectors = load_vectors(args.vectors, rows)
        encoder = Encoder.from_folder(args.model)

        picked = {
            key: choose_some(own, args.max_examples, args.seed)
            for key, own in by_group(everyone).items()
        }
        steered = Steered(open_model(args), encoder, vectors, args.batch_tokens)
        names = ("strengths", "window", "n_tokens", "max_new_tokens", "seed")
        tables = apply_steering(steered, picked, {name: getattr(args, name) for name in names})
        paths = (args.out, args.out_settings, args.out_disturbance, args.out_completions)
        for path, (name, table) in zip(paths, tables.items(), strict=True):
            write_table(path, name, table, manifest)
            log.info("%s: %d rows", name, len(table))


if __name__ == "__main__":
    main()
