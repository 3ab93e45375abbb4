"""Where a sweep of positions patches, by hand, and its steps against hooks on the bare network."""

import pytest

from fimscope.errors import MisalignedError
from fimscope.experiments.patch.donors import donor_key, random_tokens
from fimscope.experiments.patch.pairs import first_pairs
from fimscope.experiments.patch.streams import collect_streams
from fimscope.experiments.patch_positions.token_sets import (
    donor_tokens_of,
    find_token_set,
    needed_tokens,
    plan_token_sets,
    plan_windows,
    rows_at,
)
from fimscope.inference.batching import BatchRunner
from fimscope.inference.places import residual
from fimscope.inference.residuals import collect
from fimscope.parts.store import UNKEPT
from fimscope.prompts.alignment import align, has_position, spread_points
from hooks import hooked_logits
from models import alone_logits, random_model
from patch_prompts import KINDS, ORIGINAL, OTHER, VARIANT, pair_rows, prompts
from sweep_components import collect_components, component_places, sweep_components
from sweep_positions import sweep_positions

pytestmark = pytest.mark.model


def test_positions_and_sets_are_aligned_by_name():
    found = prompts()
    assert align("last", found[ORIGINAL], found[VARIANT]) == [(8, 11)]
    assert align("fim", found[ORIGINAL], found[VARIANT]) == [(6, 9), (8, 11)]
    assert align("hole_name", found[ORIGINAL], found[VARIANT]) == [(2, 3)]
    with pytest.raises(MisalignedError, match="no hole_name"):
        align("hole_name", found[OTHER], found[VARIANT])
    assert not has_position("hole_name", found[OTHER])
    assert not has_position("name", found[OTHER])
    assert has_position("name", found[VARIANT])


def test_the_kth_use_goes_onto_the_kth_use():
    found = prompts()
    assert align("name", found[ORIGINAL], found[VARIANT]) == [(2, 3), (4, 6), (7, 10)]
    fewer = {**found[VARIANT], "regions": found[VARIANT]["regions"][:-1]}
    with pytest.raises(MisalignedError, match="2 in one prompt and 1 in the other"):
        align("name", found[ORIGINAL], fewer)


def test_every_kind_of_donor_at_a_position():
    token_set, missing = find_token_set("hole_name", pair_rows(), prompts(), seed=3)
    tokens = {pair["donor_kind"]: donor for pair, donor in token_set.donors}
    assert token_set.tokens == (3,)
    assert (tokens["paired"], tokens["self"], tokens["random"]) == ((2,), (3,), ())
    (elsewhere,) = tokens["random_position"]
    assert elsewhere not in (2, 8)  # neither the position itself nor the last token
    assert [pair["donor_kind"] for pair, _ in missing] == ["unrelated", "other_gold"]
    assert needed_tokens([token_set]) == {ORIGINAL: {2, elsewhere}, VARIANT: {3}}
    assert donor_tokens_of([token_set]) == {"hole_name": [(ORIGINAL, 2)]}


def test_without_the_paired_donor_no_kind_is_patched():
    found = prompts()
    found[ORIGINAL]["positions"].pop()
    token_set, missing = find_token_set("hole_name", pair_rows(), found, seed=3)
    assert token_set is None
    assert len(missing) == len(KINDS)


def test_names_are_aligned_within_one_program_only():
    rows = pair_rows()
    assert [pair["donor_kind"] for pair in rows_at("name", "restore", rows)] == [
        kind for kind in KINDS if kind not in ("unrelated", "other_gold")
    ]
    assert rows_at("name", "same_type", rows) == []
    assert rows_at("fim", "same_type", rows) == rows


def test_random_tokens_are_seeded_and_spare_the_position_and_the_last():
    drawn = {random_tokens(seed, ORIGINAL, 6, [2])[0] for seed in range(60)}
    assert drawn == {0, 1, 3, 4}
    assert random_tokens(1, ORIGINAL, 6, [2]) == random_tokens(1, ORIGINAL, 6, [2])
    assert len(random_tokens(1, ORIGINAL, 6, [2, 3])) == 2
    assert random_tokens(1, ORIGINAL, 1, [0]) == [0]


def test_windows_are_whole_and_stand_where_they_can_show_something():
    points = [0, 2, 4]
    single = ((0,), (2,), (4,))
    assert plan_windows("restore", "last", points, 5, [3]) == single
    assert plan_windows("break", "name", points, 5, [3]) == single
    assert plan_windows("restore", "name", points, 5, [3]) == (*single, (0, 1, 2), (2, 3, 4))


@pytest.mark.parametrize(
    ("n_points", "at_most", "expected"),
    [(25, 9, list(range(0, 25, 3))), (4, 9, [0, 1, 2, 3]), (4, 2, [0, 3]), (25, 1, [0, 24])],
)
def test_points_are_spread_over_all(n_points, at_most, expected):
    assert spread_points(n_points, at_most) == expected


def test_first_pairs_are_whole():
    rows = [*pair_rows("restore", 3), *pair_rows("break", 1), *pair_rows("other_type", 1)]
    kept = first_pairs(rows, ["restore", "break"], 2)
    names = [name for name in ("restore-0", "restore-1", "break-0") for _ in KINDS]
    assert [pair["pair_id"] for pair in kept] == names


@pytest.mark.parametrize("name", ["gpt_bigcode", "llama"])
def test_a_sweep_of_positions_equals_hooks_on_the_bare_network(name):
    model, table = random_model(name), prompts()
    ids = {key: row["token_ids"] for key, row in table.items()}

    def plan(condition, position):
        return plan_windows(condition, position, [0, 2], model.n_points, [2])

    positions = ["last", "hole_name", "fim", "name"]
    token_sets, rejected, n_rows = plan_token_sets(pair_rows(), table, positions, plan, seed=3)
    found = [token_set for alike in token_sets.values() for token_set in alike]
    assert [row["reason"] for row in rejected] == ["position_missing"] * 2  # OTHER has no hole_name
    runner = BatchRunner(lambda: model, 64, UNKEPT)
    streams = collect_streams(runner, ids, needed_tokens(found), {ORIGINAL: {4}})
    donor = alone_logits(model.network, ids[ORIGINAL])[-1]
    assert streams[ORIGINAL].logits == {4: pytest.approx(float(donor[4]), abs=1e-4)}
    swept = list(sweep_positions(runner, ids, token_sets, streams, 3))
    assert len(swept) == n_rows - len(rejected) == 6 + 4 + 6 + 4
    plain = alone_logits(model.network, ids[VARIANT])[-1]
    for position, windows, patched in swept:
        assert patched.before == pytest.approx(float(plain[4] - plain[9]), abs=1e-4)
        kind = patched.pair["donor_kind"]
        assert len(patched.top_ids) == len(windows)
        for number, window in enumerate(windows):
            if kind == "self":
                found = patched.logits["target"][number]
                assert found == pytest.approx(float(plain[4]), abs=1e-4)
            if kind == "paired":
                aligned = align(position, table[ORIGINAL], table[VARIANT])
                own = [[token for token, _ in aligned]]
                values = collect(model, [ids[ORIGINAL]], own)[:, 0]
                writes = [
                    (residual(point), token, values[point, t])
                    for point in window
                    for t, (_, token) in enumerate(aligned)
                ]
                expected = hooked_logits(model, ids[VARIANT], writes)
                found = patched.logits["foil"][number]
                assert found == pytest.approx(float(expected[9]), abs=1e-4)
                assert patched.top_ids[number] == int(expected.argmax())


@pytest.mark.parametrize("name", ["gpt_bigcode", "llama"])
def test_a_sweep_of_components_equals_hooks_on_the_bare_network(name):
    model = random_model(name)
    ids = {key: row["token_ids"] for key, row in prompts().items()}
    rows = [pair for pair in pair_rows() if pair["donor_kind"] != "random_position"]
    places = component_places(model)
    assert len(places) == model.n_blocks * (2 + model.n_heads)
    runner = BatchRunner(lambda: model, 64, UNKEPT)
    components = collect_components(runner, ids, rows, places)
    assert list(sweep_components(runner, ids, [], {}, places, 3)) == []
    swept = list(sweep_components(runner, ids, rows, components, places, 3))
    assert [patched.pair["donor_kind"] for patched in swept] == [r["donor_kind"] for r in rows]
    plain = alone_logits(model.network, ids[VARIANT])[-1]
    for patched in swept:
        key = donor_key(patched.pair)
        for place, found in zip(places, patched.logits["target"], strict=True):
            if patched.pair["donor_kind"] == "self":
                assert found == pytest.approx(float(plain[4]), abs=1e-4)
            elif key is not None:
                write = (place, -1, components[key].values[place])
                expected = hooked_logits(model, ids[VARIANT], [write])
                assert found == pytest.approx(float(expected[4]), abs=1e-4)
