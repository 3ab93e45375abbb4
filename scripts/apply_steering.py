"""Steer: choose point and strength on `select`, then report them once on `test` with controls."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.doses import (
    CHOSEN_KINDS,
    NOTHING,
    Dose,
    choose_some,
    doses_of_all,
    doses_of_kinds,
    stack_doses,
    steer,
    unrelated_tokens,
    windows_of,
)
from fimscope.manifest import run_manifest
from fimscope.models.options import add_model_options, open_model, stop_ids
from fimscope.prompts.encoder import Encoder
from fimscope.settings import Setting, chosen_settings, score_settings
from fimscope.steps import Progress, log, positive, run_step, step_parser
from fimscope.tables import read_table, write_table
from fimscope.typescript import TypeScript
from fimscope.vectors import VectorSet, load_vectors

if TYPE_CHECKING:
    from fimscope.models.load import Model

Row = Mapping[str, Any]

# Held against the mean difference at its own setting: one vector an example.
BASELINES = ("zero", "flipped", "held_out_type")
MANY = ("random", "shuffled", "other_edit")  # kinds that have several vectors for all examples
N_RANDOM_DOSES = 10  # random vectors of the dose curve and of the unrelated tokens


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


def doses_on_test(
    vectors: VectorSet, gold: str, setting: Setting, strengths: Sequence[float]
) -> list[Dose]:
    """What an example gets at the chosen setting of a kind.

    Its own vector at all strengths; for the mean difference also every control at the chosen
    strength, and some of them at all others.
    """
    strengths = sorted({*strengths, setting.strength})
    if setting.kind != "mean_difference":
        return doses_of_kinds(vectors, gold, [setting.kind], strengths)
    others = [strength for strength in strengths if strength != setting.strength]
    doses = doses_of_kinds(vectors, gold, ["mean_difference", "majority_type"], strengths)
    doses += doses_of_kinds(vectors, gold, BASELINES, [setting.strength])
    for kind in MANY:
        doses += doses_of_all(vectors, kind, len(vectors.by_kind[kind]), setting.strength)
    for strength in others:
        doses += doses_of_all(vectors, "random", N_RANDOM_DOSES, strength)
    return doses


def disturb(
    model: "Model",
    recipients: Sequence[Row],
    setting: Setting,
    vectors: VectorSet,
    n_tokens: int,
    seed: int,
    batch_tokens: int,
) -> Iterator[Row]:
    """Rows of the steering_disturbance table: the same addition at tokens that are not the hole.

    A causal model says of a token's successor the same with and without what follows it; so the
    prompt, cut after the token, has it as its last.
    """
    from fimscope.batch import plan_batches, run_batches
    from fimscope.steering import divergence_added

    cut = [(row, token) for row in recipients for token in unrelated_tokens(row, n_tokens, seed)]
    doses = [_doses_elsewhere(vectors, row["gold"], setting) for row, _ in cut]
    kept = [i for i, own in enumerate(doses) if own]

    def run_rows(rows: list[int]) -> Any:
        chosen = [kept[row] for row in rows]
        added = stack_doses(vectors, [doses[i] for i in chosen], setting.points)
        prompts = [cut[i][0]["token_ids"][: cut[i][1] + 1] for i in chosen]
        return divergence_added(model, prompts, [setting.points], added)

    progress = Progress("unrelated tokens", len(kept), "tokens")
    found: dict[int, list[Row]] = {}
    for rows, (divergence, moved) in run_batches(
        run_rows, plan_batches([cut[i][1] + 1 for i in kept], batch_tokens)
    ):
        for i, row in enumerate(rows):
            recipient, token = cut[kept[row]]
            found[row] = [
                {
                    **{key: recipient[key] for key in ("example_id", "edit", "program_id")},
                    "token": token,
                    **vars(dose),
                    "points": list(setting.points),
                    "divergence": float(divergence[0, i, d]),
                    "moved": bool(moved[0, i, d]),
                }
                for d, dose in enumerate(doses[kept[row]])
            ]
        progress.add(len(rows))
    for row in sorted(found):
        yield from found[row]


def _doses_elsewhere(vectors: VectorSet, gold: str, setting: Setting) -> list[Dose]:
    kinds = [setting.kind]
    if setting.kind == "mean_difference":
        kinds += ["zero", "flipped", "majority_type"]
    doses = doses_of_kinds(vectors, gold, kinds, [setting.strength])
    if setting.kind == "mean_difference":
        doses += doses_of_all(vectors, "random", N_RANDOM_DOSES, setting.strength)
    return doses


def complete(
    model: "Model",
    results: Sequence[Row],
    recipients: Sequence[Row],
    encoder: Encoder,
    max_new_tokens: int,
    batch_tokens: int,
) -> list[Row]:
    """Rows of the steering_completions table: each result's first token, continued greedily.

    Only the first token is steered: what follows it is what the model says after it.
    """
    from fimscope.batch import plan_batches, run_batches
    from fimscope.generate import answer

    prompts = {row["example_id"]: row for row in recipients}
    keys = sorted({(row["example_id"], row["predicted_token_id"]) for row in results})
    stops = stop_ids(model)
    starts = {
        key: [*prompts[key[0]]["token_ids"], key[1]]
        for key in keys
        if key[1] not in stops and len(prompts[key[0]]["token_ids"]) < model.max_tokens
    }
    names = list(starts)

    def answer_rows(rows: list[int]) -> Any:
        tokens = [starts[names[row]] for row in rows]
        return answer(model, tokens, [0] * len(rows), max_new_tokens - 1, stops).completions

    texts = {key: "" if key[1] in stops else encoder.decode([key[1]]) for key in keys}
    batches = plan_batches([len(starts[name]) for name in names], batch_tokens)
    for rows, completions in run_batches(answer_rows, batches):
        for row, completion in zip(rows, completions, strict=True):
            key = names[row]
            texts[key] = encoder.decode([key[1], *completion.token_ids])
    with TypeScript() as typescript:
        types = typescript.type_texts([(texts[key], prompts[key[0]]["kind"]) for key in keys])
    typed = dict(zip(keys, types, strict=True))
    rows = []
    for row in results:
        key = (row["example_id"], row["predicted_token_id"])
        rows.append({**row, "completion": texts[key], "completed_type": typed[key]})
    return rows


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
        vectors = load_vectors(args.vectors, rows)
        encoder = Encoder.from_folder(args.model)
        model = open_model(args)

        def some(group: str, outcome: str) -> list[Row]:
            own = [r for r in everyone if (r["group"], r["outcome"]) == (group, outcome)]
            return choose_some(own, args.max_examples, args.seed)

        def run(recipients, windows, doses_of) -> list[Row]:
            return [
                *steer(model, recipients, windows, doses_of, vectors, encoder, args.batch_tokens)
            ]

        selecting = [*some("select", "wrong"), *some("select", "right")]
        results = run(
            selecting,
            windows_of(model.n_points, args.window),
            lambda row: doses_of_kinds(vectors, row["gold"], CHOSEN_KINDS, args.strengths),
        )
        scored = score_settings(results)
        settings = chosen_settings(scored)
        wrong, right = some("test", "wrong"), some("test", "right")
        disturbance: list[Row] = []
        for setting in settings.values():
            log.info("%s: points %s, strength %g", *vars(setting).values())
            found = run(
                [*wrong, *right],
                [setting.points],
                lambda row, s=setting: doses_on_test(vectors, row["gold"], s, args.strengths),
            )
            if setting is not next(iter(settings.values())):
                found = [row for row in found if row["kind"] != NOTHING.kind]
            results += found
            disturbance += disturb(
                model, right, setting, vectors, args.n_tokens, args.seed, args.batch_tokens
            )
        if not settings:
            log.warning("no wrong example of `select` could be steered: nothing is chosen")
        continued = [
            row
            for row in results
            if row["group"] == "test" and row["outcome"] == "wrong"
            if row["kind"] == NOTHING.kind
            or (row["kind"] in settings and row["strength"] == settings[row["kind"]].strength)
        ]
        completions = complete(
            model, continued, wrong, encoder, args.max_new_tokens, args.batch_tokens
        )
        write_table(args.out, "steering_results", results, manifest)
        write_table(args.out_settings, "steering_settings", scored, manifest)
        write_table(args.out_disturbance, "steering_disturbance", disturbance, manifest)
        write_table(args.out_completions, "steering_completions", completions, manifest)
        log.info(
            "%d results of %d examples", len(results), len(selecting) + len(wrong) + len(right)
        )


if __name__ == "__main__":
    main()
