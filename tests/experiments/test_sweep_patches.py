"""The sweep of the last token over pairs: recipients in batches, and the table that comes of it."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from fimscope.experiments.patch.donors import (
    LastDonors,
    by_recipient,
    collect_elsewhere,
    plan_recipients,
    random_tokens,
)
from fimscope.experiments.patch.measures import Patched, patch_table, write_conditions
from fimscope.experiments.patch.tables import PATCHES
from fimscope.files.tables import read_table
from fimscope.inference.batching import BatchRunner
from fimscope.inference.residuals import collect
from fimscope.parts.store import UNKEPT
from fimscope.prompts.encoder import Encoder
from models import alone_logits, random_model, random_prompts
from patch_prompts import ORIGINAL, pair_rows
from sweep_patches import sweep_patches
from tokenizers_for_tests import byte_tokenizer

pytestmark = pytest.mark.model

LENGTHS = (9, 12, 7, 10)


def study(model, counts):
    """Prompts, a cache of their last tokens, and pairs of recipients with so many donors each."""
    ids = {(f"e{i}", "original"): ids for i, ids in enumerate(random_prompts(LENGTHS))}
    values = collect(model, list(ids.values()), [[-1]] * len(ids))[:, :, 0]

    class Cached:
        n_points, rows = model.n_points, {key: row for row, key in enumerate(ids)}

        def read(self, point, position):
            return values[point]

    pairs = []
    for recipient, n_donors in enumerate(counts):
        for number, pair in enumerate(pair_rows()[:n_donors]):
            donor = f"e{(recipient + number) % len(ids)}" if pair["donor_example_id"] else None
            named = {
                "pair_id": f"restore-{recipient}",
                "recipient_example_id": f"e{recipient}",
                "recipient_edit": "original",
                "donor_example_id": donor,
                "donor_edit": donor and "original",
            }
            pairs.append({**pair, **named})
    return ids, [Cached()], pairs


def swept_of(model, ids, caches, pairs, batch_tokens=1000):
    runner = BatchRunner(lambda: model, batch_tokens, UNKEPT)
    donors = LastDonors(caches, collect_elsewhere(runner, ids, pairs, 3), 3)
    found = list(sweep_patches(runner, ids, pairs, donors))
    return {(one.pair["pair_id"], one.pair["donor_kind"]): one for one in found}


@pytest.mark.parametrize("name", ["gpt_bigcode", "gemma3_text"])
def test_recipients_with_any_number_of_donors_are_as_alone(name):
    model = random_model(name)
    ids, caches, pairs = study(model, (6, 1, 3, 6))
    together = swept_of(model, ids, caches, pairs)
    assert list(together) != [] and len(together) == len(pairs)
    for key, recipient_pairs in by_recipient(pairs).items():
        alone = swept_of(model, ids, caches, recipient_pairs, batch_tokens=1)
        plain = alone_logits(model.network, ids[key])[-1]
        for name_of, one in alone.items():
            other = together[name_of]
            np.testing.assert_allclose(one.logsumexp, other.logsumexp, atol=1e-4)
            np.testing.assert_array_equal(one.top_ids, other.top_ids)
            for token in ("gold", "foil", "target"):
                np.testing.assert_allclose(one.logits[token], other.logits[token], atol=1e-4)
            assert other.before == pytest.approx(float(plain[4] - plain[9]), abs=1e-4)
            # At the last point a patch makes the donor's own answer.
            if one.pair["donor_kind"] in ("paired", "self", "unrelated"):
                donor = ids[one.pair["donor_example_id"], "original"]
                last = alone_logits(model.network, donor)[-1]
                assert other.logits["foil"][-1] == pytest.approx(float(last[9]), abs=1e-4)
    assert swept_of(model, ids, caches, []) == {}


def test_a_batch_has_recipients_with_as_many_donors():
    model = random_model("gpt2")
    ids, _, pairs = study(model, (6, 1, 3, 6))
    groups = by_recipient(pairs)
    runner = BatchRunner(lambda: model, 1000, UNKEPT)
    assert plan_recipients(runner, ids, groups, 3) == [[3, 0], [2], [1]]
    assert plan_recipients(runner, ids, {}, 3) == []
    # Six copies of each at three places: with the prompts more than a part may have.
    small = replace(runner, part_tokens=20)
    assert plan_recipients(small, ids, groups, 3) == [[3], [0], [2], [1]]


def test_another_tokens_stream_is_that_of_the_whole_prompt():
    model = random_model("llama")
    ids, _, pairs = study(model, (6, 6))
    runner = BatchRunner(lambda: model, 1000, UNKEPT)
    found = collect_elsewhere(runner, ids, pairs, 3)
    assert len(found) == 2
    for key, values in found.items():
        token = random_tokens(3, key, len(ids[key]), [-1])
        whole = collect(model, [ids[key]], [token])[:, 0, 0]
        torch.testing.assert_close(values, whole, atol=1e-4, rtol=0)


def test_the_table_of_patches_by_hand(tmp_path):
    (pair, noise) = (row for row in pair_rows() if row["donor_kind"] in ("paired", "random"))
    logits = {"gold": [1.0, 4.0], "foil": [3.0, 2.0], "target": [1.0, 4.0]}
    logits = {name: np.array(values) for name, values in logits.items()}
    swept = [
        Patched(
            {**row, "donor_token_id": token}, np.array([9, 4]), np.array([5.0, 5.0]), logits, -2.0
        )
        for row, token in ((pair, 4), (noise, None))
    ]
    encoder = Encoder(byte_tokenizer(["a: number"]))
    places = {"point": [0, 1] * 2, "n_points": [1] * 4, "position": ["last"] * 4}
    tables = {}
    for min_gap in (0.5, 9.0):
        table = patch_table(swept, places, {pair["pair_id"]: 2.0}, min_gap, encoder)
        write_conditions(tmp_path, PATCHES, table, ["restore", "break"], {})
        tables[min_gap] = read_table(tmp_path / "restore.parquet", PATCHES).to_pylist()
        assert read_table(tmp_path / "break.parquet", PATCHES).num_rows == 0
    first, second, third, _ = tables[0.5]
    assert [row["point"] for row in tables[0.5]] == [0, 1, 0, 1]
    assert (first["predicted_token_id"], first["to_gold"], first["to_donor"]) == (9, False, False)
    assert (second["predicted_token_id"], second["to_gold"], second["to_donor"]) == (4, True, True)
    assert second["predicted"] == encoder.decode([4]).strip()
    assert third["to_donor"] is None
    assert third["donor_example_id"] is None and first["donor_example_id"] == ORIGINAL[0]
    assert (first["gold_logprob"], first["foil_logprob"]) == (-4.0, -2.0)
    assert (first["logit_diff"], first["recipient_logit_diff"]) == (-2.0, -2.0)
    assert [first["normalised_effect"], second["normalised_effect"]] == [0.0, 1.0]
    assert {row["normalised_effect"] for row in tables[9.0]} == {None}
    nothing = patch_table([], {name: [] for name in places}, {}, 0.5, encoder)
    write_conditions(tmp_path, PATCHES, nothing, ["restore"], {})
    assert read_table(tmp_path / "restore.parquet", PATCHES).num_rows == 0
