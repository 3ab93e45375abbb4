"""Steps that look inside the model: killed anywhere or shared out, they give the same bytes."""

from functools import partial
from pathlib import Path

import numpy as np
import pytest

import apply_steering
import list_attended
import mask_distractors
import sweep_components
import sweep_positions
import view_attention
from distractor_row import ROW
from fimscope.experiments.registry import all_tables
from fimscope.experiments.steer.vectors import Vector, VectorSet, save_vectors, vector_rows
from fimscope.files.digests import file_sha256
from fimscope.files.tables import write_table
from fimscope.inference.batching import BatchRunner
from fimscope.parts.store import UNKEPT, WHOLE, PartStore
from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.typescript.pool import TypeScriptPool
from models import random_model, random_prompts
from patch_prompts import LENGTHS, pair_rows, prompts
from random_study import RUN, digests, run
from tokenizers_for_tests import byte_tokenizer

pytestmark = pytest.mark.model


N = 6  # of every prompt of tests/helpers/patch_prompts.py
SWEEPS = (sweep_positions, sweep_components, apply_steering)
STEPS = (*SWEEPS, view_attention, list_attended)


class Killed(BaseException):
    pass


def table(path: Path, name: str, rows: list[dict], **manifest: str) -> None:
    """Write a table of a schema; columns that a row lacks are null."""
    filled = [{**dict.fromkeys(all_tables()[name].schema.names), **row} for row in rows]
    write_table(path, all_tables()[name], filled, manifest)


@pytest.fixture(scope="module")
def inside(random_study, tmp_path_factory) -> Path:
    """Prompts of the study's model, pairs of them, answers, and vectors to steer by."""
    folder = tmp_path_factory.mktemp("inside")
    rows, pairs = [], []
    for i in range(N):
        ids = dict(zip(prompts(), random_prompts(LENGTHS, seed=i), strict=True))
        rows += [
            {**prompt, "token_ids": ids[key], "example_id": f"{key[0]}{i}", "edit": key[1]}
            for key, prompt in prompts().items()
        ]
        pairs += [
            {
                **pair,
                "pair_id": f"restore-{i}",
                "recipient_example_id": f"a{i}",
                "donor_example_id": pair["donor_example_id"] and f"{pair['donor_example_id']}{i}",
            }
            for pair in pair_rows()
        ]
    same = {"program_id": "A", "kind": "parameter", "gold": "number", "gold_token_ids": [4]}
    rows = [{**row, **same} for row in rows]
    table(folder / "prompts.parquet", "prompts", rows)
    table(folder / "pairs.parquet", "pairs", pairs)
    steered = [row for row in rows if row["edit"] == "rename_vars"]
    table(folder / "steered.parquet", "prompts", steered)
    for i, row in enumerate(steered):
        row["group"] = "select" if i < N // 2 else "test"
        row["predicted_token_id"], row["gold_token_id"] = (4, 4) if i % 3 == 0 else (9, 4)
        row["outcome"], row["broken"] = ("right", False) if i % 3 == 0 else ("wrong", True)
    for name in ("examples", "predictions", "split"):
        columns = all_tables()[name].schema.names
        own = [{key: row[key] for key in columns if key in row} for row in steered]
        table(folder / f"{name}.parquet", name, own)
    rng = np.random.default_rng(0)
    names = {
        "mean_difference": "mean_difference",
        "gold_type/number": "gold_type",
        "random/0": "random",
        "random/1": "random",
        "zero": "zero",
    }
    vectors = VectorSet(
        [
            Vector(name, kind, None, rng.standard_normal((4, 32)).astype(np.float32), 3, 3)
            for name, kind in names.items()
        ],
        np.ones(4, dtype=np.float32),
    )
    save_vectors(folder / "vectors.safetensors", vectors)
    sha256 = file_sha256(folder / "vectors.safetensors")
    table(folder / "vectors.parquet", "steering_vectors", vector_rows(vectors), vectors=sha256)
    return folder


def command(step, random_study, inside) -> list[str]:
    """The step's command line, but for its cache, its shard and its outputs."""
    named = {name: inside / f"{name}.parquet" for name in ("prompts", "pairs", "steered")}
    pairs = ["--prompts", named["prompts"], "--pairs", named["pairs"], "--conditions", "restore"]
    pairs += ["--max-pairs", 120, "--min-gap", 0.5, "--seed", 0]
    looks = ["--prompts", named["prompts"]]
    own = {
        sweep_positions: [
            *pairs,
            *("--positions", "last", "hole_name", "fim", "name"),
            *("--max-points", 2, "--windows", 2),
        ],
        sweep_components: pairs,
        apply_steering: [
            *("--prompts", named["steered"], "--examples", inside / "examples.parquet"),
            *("--predictions", inside / "predictions.parquet"),
            *("--split", inside / "split.parquet", "--vectors", inside / "vectors.safetensors"),
            *("--vectors-table", inside / "vectors.parquet", "--strengths", 0.5, 2),
            *("--window", 2, "--max-new-tokens", 3, "--max-examples", 150, "--n-tokens", 2),
            *("--seed", 0),
        ],
        view_attention: looks,
        list_attended: looks,
    }
    model = ["--model", random_study / "model", *RUN, "--threads", 1, "--batch-tokens", 16]
    return [*model, *own[step]]


def outputs(step, folder: Path) -> list[str]:
    names = {
        sweep_positions: ("out", "out-rejected"),
        apply_steering: ("out", "out-settings", "out-disturbance", "out-completions"),
    }
    return [
        word for name in names.get(step, ("out",)) for word in (f"--{name}", folder / "t" / name)
    ]


def written(folder: Path) -> dict[str, str]:
    return {p.parent.name + p.name: digests(p)[p.name] for p in folder.rglob("*") if p.is_file()}


def killed_after(n: int, monkeypatch, work) -> None:
    """Do the work, and be killed when so many parts have been written."""
    write, n_written = PartStore._write, [0]

    def write_or_die(store, *part):
        if n_written[0] == n:
            raise Killed
        n_written[0] += 1
        write(store, *part)

    with monkeypatch.context() as patch:
        patch.setattr(PartStore, "_write", write_or_die)
        with pytest.raises(Killed):
            work()


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step.__name__)
def test_killed_in_the_middle_a_step_goes_on_from_its_last_part(
    step, random_study, inside, tmp_path, monkeypatch
):
    words = command(step, random_study, inside)
    undisturbed = ["--cache", tmp_path / "a", *outputs(step, tmp_path / "undisturbed")]
    n_parts = run(step, monkeypatch, *words, *undisturbed)
    assert n_parts >= 10
    again = ["--cache", tmp_path / "b", *outputs(step, tmp_path / "again")]
    for n_finished in (1, n_parts // 2):
        killed_after(n_finished, monkeypatch, lambda: run(step, monkeypatch, *words, *again))
        assert not (tmp_path / "again").exists()
    assert run(step, monkeypatch, *words, *again) == n_parts - 1 - n_parts // 2
    assert written(tmp_path / "again") == written(tmp_path / "undisturbed")
    assert run(step, monkeypatch, *words, *again) == 0


@pytest.mark.parametrize("step", SWEEPS, ids=lambda step: step.__name__)
def test_shards_of_a_sweep_give_the_bytes_of_one(step, random_study, inside, tmp_path, monkeypatch):
    words = command(step, random_study, inside)
    one = ["--cache", tmp_path / "1", *outputs(step, tmp_path / "one")]
    n_parts = run(step, monkeypatch, *words, *one)
    rounds = [["--group", group] for group in ("select", "test")]
    for count in (2, 3):
        common = [*words, "--cache", tmp_path / str(count)]
        made = [
            run(step, monkeypatch, *common, *own, "--shard", f"{number}/{count}")
            for own in (rounds if step is apply_steering else [[]])
            for number in range(1, count + 1)
        ]
        assert min(made) > 0
        out = tmp_path / f"of_{count}"
        left = run(step, monkeypatch, *common, *outputs(step, out))
        # What steering makes the model complete is asked last, by the job that writes the tables.
        assert (left > 0) == (step is apply_steering)
        assert sum(made) + left == n_parts
        assert written(out) == written(tmp_path / "one")


def test_masks_in_the_text_are_kept(tmp_path):
    encoder = Encoder(byte_tokenizer([ROW["prefix"] + ROW["suffix"]] * 3))
    make = partial(PromptMaker, FORMATS["fim"], encoder, max_tokens=400, golds="all")
    prompt = {
        "outcome": "right",
        "regions": [{"kind": "rest", "start": 0, "end": 300}],
        "token_ids": list(range(1, 61)) * 5,
        "gold_token_ids": [4, 9],
    }
    recipients = [
        {**ROW, **prompt, "original": ROW, "variant": ROW, "example_id": f"e{i}", "program_id": i}
        for i in range(2)
    ]
    with TypeScriptPool(1) as pool:

        def rows_and_store():
            store = PartStore(tmp_path, WHOLE, {"step": "try"})
            return list(mask_distractors.mask_in_text(pool, make, recipients, 1, store)), store

        masked, _ = rows_and_store()
        assert len(masked) == 2 * 2 * len(mask_distractors.TEXT)
        next(tmp_path.glob("try/*")).unlink()
        again, store = rows_and_store()
    assert again == masked
    assert (len(store.made), len(store.found)) == (1, 1)


def test_answers_to_masked_prompts_are_kept(tmp_path, monkeypatch):
    model = random_model("gpt_bigcode")
    same = {"edit": "original", "program_id": "p", "kind": "parameter", "gold": "number"}
    plain = [
        {**same, **mask_distractors.PLAIN, "outcome": "right", "example_id": f"e{i}"}
        | {"token_ids": [i, 5, 7, 9], "gold_token_ids": [4]}
        for i in range(1, 4)
    ]
    ways = mask_distractors.READERS
    hidden = [{**row, "way": way, "hidden": [1]} for row in plain for way in ways]
    encoder = Encoder(byte_tokenizer(["0"] * 3))

    def answers(store) -> list[dict]:
        runner = BatchRunner(lambda: model, 4, store)
        return mask_distractors.ask_masked(runner, plain, [*plain, *hidden], encoder, 3)

    def store() -> PartStore:
        return PartStore(tmp_path, WHOLE, {"step": "try"})

    # A part is all that is asked of one prompt.
    killed_after(2, monkeypatch, lambda: answers(store()))
    rest = store()
    assert answers(rest) == answers(UNKEPT)
    assert (len(rest.made), len(rest.found)) == (1, 2)
