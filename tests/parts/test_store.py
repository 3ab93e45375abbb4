"""Parts of steps: kept, found, mended, shared out, and the same bytes whatever happened."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch

import cache_activations
import cache_report
import list_attended
import predict_types
import read_lens
import read_prompts
import sample_types
import view_attention
from fimscope.experiments.tables import ANSWERS
from fimscope.inference import prefill
from fimscope.inference.kv_cache import fill_past
from fimscope.interventions.sweep import SweepReadout, sweep_last
from fimscope.parts.formats import BatchRows, BatchTensors, RowsFormat
from fimscope.parts.store import PartStore, Shard, parse_shard
from fimscope.steps.sources import SCRIPTS
from models import random_model, random_prompts
from random_study import RUN, digests, run

RECIPE = {"step": "try", "options": {"a": 1}}
ROWS = RowsFormat(ANSWERS)
ANSWER = {
    "top_ids": [3, 1],
    "top_logprobs": [-0.5, -1.25],
    "gold_rank": 0,
    "gold_logprob": -0.5,
    "completion_ids": [],
}


def store_in(cache: Path, shard: Shard | None = None, **recipe) -> PartStore:
    return PartStore(cache, shard, {**RECIPE, **recipe})


def get(store: PartStore, ingredients=(1, 2)) -> bool:
    """Ask the store for a part; gives whether it had to be made."""
    before = len(store.made)
    assert store.get(list(ingredients), lambda: [ANSWER], ROWS) == [ANSWER]
    return len(store.made) > before


def test_a_part_is_made_once(tmp_path):
    assert get(store_in(tmp_path))
    store = store_in(tmp_path)
    assert not get(store)
    assert not get(store)
    assert len(store.found) == 1
    assert [path.suffix for path in (tmp_path / "try").iterdir()] == [".parquet"]


def test_whatever_changes_is_another_part(tmp_path):
    assert get(store_in(tmp_path))
    assert get(store_in(tmp_path), (2, 1))
    assert get(store_in(tmp_path, options={"a": 2}))
    assert get(store_in(tmp_path, code="other"))
    assert len(list((tmp_path / "try").iterdir())) == 4
    assert not get(store_in(tmp_path))


@pytest.mark.parametrize("damage", ["truncated", "a bit", "empty", "removed"])
def test_a_damaged_part_is_thrown_away_and_made_again(tmp_path, damage, caplog):
    get(store_in(tmp_path))
    [path] = (tmp_path / "try").iterdir()
    content = path.read_bytes()
    middle = len(content) // 2
    damaged = {
        "truncated": content[:-1],
        "a bit": content[:middle] + bytes([content[middle] ^ 4]) + content[middle + 1 :],
        "empty": b"",
    }
    store = store_in(tmp_path)
    if damage == "removed":
        path.unlink()
    else:
        path.write_bytes(damaged[damage])
    with caplog.at_level("WARNING"):
        assert get(store)
    assert (f"{path}: damaged" in caplog.text) == (damage != "removed")
    assert path.read_bytes() == content
    assert not get(store_in(tmp_path))


def test_what_another_run_may_be_spared_is_not_kept(tmp_path):
    store = store_in(tmp_path)
    assert store.get([1], lambda: [ANSWER], ROWS, keep=lambda rows: not rows) == [ANSWER]
    assert not (tmp_path / "try").exists()


def test_tensors_keep_every_bit():
    made = torch.randn(2, 3).bfloat16()
    made[0, 1] = float("nan")
    form = BatchTensors(dict)
    [(n_rows, found)] = form.decode(form.encode([(2, {"x": made[:, 1:]})]))
    assert (n_rows, list(found)) == (2, ["x"])
    assert torch.equal(found["x"].view(torch.int16), made[:, 1:].contiguous().view(torch.int16))


@pytest.mark.process
def test_a_batch_that_was_halved_is_one_part():
    halves = [(2, made_sweep(2)), (1, made_sweep(1))]
    form = BatchTensors(SweepReadout)
    found = form.decode(form.encode(halves))
    assert [n for n, _ in found] == [2, 1]
    for (_, made), (_, kept) in zip(halves, found, strict=True):
        for part in ("patched", "baseline"):
            for name, tensor in vars(getattr(made, part)).items():
                assert torch.equal(tensor, getattr(getattr(kept, part), name))
    rows = BatchRows(ANSWERS)
    assert rows.decode(rows.encode([(2, [ANSWER] * 2), (1, [ANSWER])])) == [(3, [ANSWER] * 3)]


def made_sweep(n_examples: int) -> SweepReadout:
    model, prompts = random_model("gpt2"), random_prompts((5, 4))[:n_examples]
    donors = torch.randn(model.n_points, n_examples, 2, model.d_model)
    wanted = torch.arange(3).repeat(n_examples, 1)
    return sweep_last(model, prompts, donors, wanted)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_part_is_in_one_share(count):
    parts = list(range(20))
    shares = [list(Shard(number, count).of(parts)) for number in range(1, count + 1)]
    assert sorted(part for share in shares for part in share) == parts
    assert max(map(len, shares)) - min(map(len, shares)) <= 1


def test_of_what_every_shard_needs_each_makes_a_share(tmp_path):
    # Both begin before there is any part, and go on turn by turn.
    stores = [store_in(tmp_path, Shard(number, 2)).whole() for number in (1, 2)]
    parts = [store.shard.of(range(5)) for store in stores]
    made: list[list[int]] = [[], []]
    for _ in range(5):
        for store, own, of_store in zip(stores, parts, made, strict=True):
            part = next(own)
            if get(store, (part,)):
                of_store.append(part)
    assert made == [[0, 2, 4], [1, 3]]
    assert [len(store.made | store.found) for store in stores] == [5, 5]


def test_a_shard_as_the_command_line_spells_it():
    assert parse_shard("2/5") == Shard(2, 5)
    for text in ("0/2", "3/2", "2", "a/b", "-1/2", "1/2/3"):
        with pytest.raises(Exception, match="no share such as 2/5"):
            parse_shard(text)


def test_the_cache_is_reported_by_step(tmp_path, monkeypatch, capsys):
    get(store_in(tmp_path))
    get(store_in(tmp_path), (3,))
    [first, second] = sorted((tmp_path / "try").iterdir())
    os.utime(first, (1000, 1000))
    os.utime(second, (5000, 5000))
    [held] = cache_report.held_by_steps(tmp_path, now=10_000)
    assert held == ("try", 2, first.stat().st_size + second.stat().st_size, 5000, 9000)
    assert [cache_report.age(s) for s in (5, 90, 7300, 180_000)] == ["5 s", "2 min", "2 h", "2 d"]
    monkeypatch.setattr(sys, "argv", ["cache_report.py", "--cache", str(tmp_path / "none")])
    cache_report.main()
    assert capsys.readouterr().out == "step  files  size  newest  oldest\n"


# The steps.


def words_of(random_study: Path, *words) -> list[str]:
    return ["--prompts", str(random_study / "prompts.parquet"), *model_words(random_study, *words)]


def model_words(random_study: Path, *words) -> list[str]:
    model = ["--model", random_study / "model", *RUN, "--batch-tokens", 64, "--threads", 1]
    return [str(word) for word in (*model, *words)]


@pytest.mark.node
def test_any_number_of_shards_gives_the_same_bytes(random_study, tmp_path, monkeypatch):
    n_parts, expected = 0, {}
    completions = random_study / "completions.parquet"
    own = [
        *("--original", completions, "--completions", completions),
        *("--max-examples", 100, "--n-samples", 3, "--max-new-tokens", 3),
        *("--temperature", 1.0, "--top-p", 0.95, "--seed", 0),
    ]
    for count in (1, 2, 3):
        common = model_words(random_study, "--cache", tmp_path / f"cache_{count}", *own)
        if count > 1:
            shares = [
                run(sample_types, monkeypatch, *common, "--shard", f"{number}/{count}")
                for number in range(1, count + 1)
            ]
            assert sum(shares) == n_parts
            assert min(shares) > 0
        out = tmp_path / str(count) / "out"
        made = run(sample_types, monkeypatch, *common, "--out", out)
        if count == 1:
            n_parts, expected = made, digests(out)
            assert n_parts > 10
        else:
            assert made == 0
            assert digests(out) == expected


def readers(random_study: Path) -> dict:
    """The steps that read of the prompts' forward, with options of their own."""
    predictions = ["--predictions", random_study / "predictions.parquet", "--broken-by"]
    return {
        predict_types: ["--max-new-tokens", 12],
        cache_activations: ["--positions", "last", "use"],
        read_lens: [*predictions, "--positions", "last", "use"],
        view_attention: [],
        list_attended: [],
    }


@pytest.mark.parametrize("count", [1, 3])
def test_what_was_read_in_one_forward_gives_the_bytes_of_each_step_alone(
    count, random_study, tmp_path, monkeypatch
):
    def outputs(step, folder) -> list:
        more = ("direct", "heads", "rejected") if step is read_lens else ()
        others = [word for name in more for word in (f"--out-{name}", folder / name)]
        return ["--out", folder / step.__name__, *others]

    forwards = []
    monkeypatch.setattr(
        prefill, "fill_past", lambda *given: forwards.append(given) or fill_past(*given)
    )
    alone, n_forwards = {}, []
    for step, own in readers(random_study).items():
        cache = tmp_path / "alone" / step.__name__
        words = words_of(random_study, *own, "--cache", cache, *outputs(step, tmp_path / "a"))
        forwards.clear()
        run(step, monkeypatch, *words)
        n_forwards.append(len(forwards))
        alone[step] = digests(tmp_path / "a" / step.__name__)
    common = words_of(random_study, "--cache", tmp_path / "cache")
    everything = [*common, "--max-new-tokens", 12, "--positions", "last", "use"]
    everything += ["--last-attention", "--last-heads"]
    forwards.clear()
    for number in range(1, count + 1):
        run(read_prompts, monkeypatch, *everything, "--shard", f"{number}/{count}")
    # The lens has no parts of its own: it finds the activations and the heads.
    assert {*n_forwards} == {len(forwards)}
    assert len(forwards) > 10
    for step, own in readers(random_study).items():
        words = [*common, *own, *outputs(step, tmp_path / "b")]
        assert run(step, monkeypatch, *words) == 0
        assert digests(tmp_path / "b" / step.__name__) == alone[step]
    assert {*n_forwards} == {len(forwards)}


def test_only_what_is_asked_for_is_read(random_study, tmp_path, monkeypatch):
    def made(*words) -> int:
        common = words_of(random_study, "--cache", tmp_path / "cache", "--max-new-tokens", 12)
        return run(read_prompts, monkeypatch, *common, *words)

    n_batches = made()
    assert made() == 0
    assert made("--positions", "last") == n_batches
    assert made("--positions", "last", "--last-attention") == 2 * n_batches
    assert made("--positions", "last", "--last-attention") == 0


def test_a_setting_changes_the_parts_that_it_changes(random_study, tmp_path, monkeypatch):
    def made(*words) -> int:
        common = words_of(random_study, "--cache", tmp_path / "cache")
        return run(read_prompts, monkeypatch, *common, "--max-new-tokens", 12, *words)

    n_parts = made()
    assert made() == 0
    assert made("--log", tmp_path / "log") == 0
    assert made("--max-new-tokens", 3) == n_parts
    assert made("--dtype", "bfloat16") == n_parts
    assert made("--attention", "eager") == n_parts
    # Without the shortest prompt only the last batch is another one.
    assert made("--prompts", random_study / "fewer.parquet") == 1
    assert made() == 0


def test_a_killed_step_goes_on_where_it_was(random_study, tmp_path, monkeypatch):
    # A part for each prompt.
    common = words_of(random_study, "--positions", "last", "--batch-tokens", 1)
    n_parts = run(
        cache_activations, monkeypatch, *common, "--cache", tmp_path / "a", "--out", tmp_path / "b"
    )
    cache = tmp_path / "cache/read_prompts"
    wanted = random.randrange(1, n_parts // 2)
    script = [sys.executable, SCRIPTS / "cache_activations.py", *common]
    process = subprocess.Popen(
        [*script, "--cache", tmp_path / "cache", "--out", tmp_path / "out"],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stderr=subprocess.DEVNULL,
    )
    while len(list(cache.glob("[!.]*"))) < wanted:
        assert process.poll() is None
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    assert not (tmp_path / "out").exists()
    n_finished = len(list(cache.glob("[!.]*")))
    assert wanted <= n_finished < n_parts
    words = ["--cache", tmp_path / "cache", "--out", tmp_path / "out"]
    assert run(cache_activations, monkeypatch, *common, *words) == n_parts - n_finished
    assert digests(tmp_path / "out") == digests(tmp_path / "b")
