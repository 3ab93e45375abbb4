"""Sweeps of sets of tokens and of components of blocks against hooks on the bare network."""

import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.places import attention_output, head, mlp_output, residual
from fimscope.inference.residuals import collect
from fimscope.interventions import packed
from fimscope.interventions.sweep import sweep, sweep_last, sweep_places, sweep_plain
from hooks import hooked_logits
from models import ARCHITECTURES, alone_logits, random_model, random_prompts

pytestmark = pytest.mark.model


LENGTHS = (9, 12, 5)
SETS = [[1, 4, 6], [0, 3, 11], [2, 2, 4]]  # the last set has but two tokens
WANTED = [4, 9]
IDS = torch.tensor([WANTED] * len(LENGTHS))
COMPONENTS = [head(1, 2), mlp_output(0), attention_output(2), head(0, 0), attention_output(0)]
TOLERANCE = {"atol": 1e-4, "rtol": 0}
architectures = pytest.mark.parametrize("name", ARCHITECTURES)


def set_donors(model, points):
    """[point, example, donor, token, d_model]: the recipient itself, and another prompt."""
    own, other = (collect(model, random_prompts(LENGTHS, s), SETS, points) for s in (0, 1))
    return torch.stack([own, other], dim=2)


@architectures
def test_a_set_of_tokens_equals_hooks_at_each_of_them(name, monkeypatch):
    model, prompts = random_model(name), random_prompts(LENGTHS)
    windows, points = [[0], [1, 2], [2], [model.n_blocks]], [0, 1, 2, model.n_blocks]
    donors = set_donors(model, points)
    swept = sweep(model, prompts, SETS, windows, donors, IDS)
    reference = sweep_plain(model, prompts, SETS, windows, donors)
    torch.testing.assert_close(swept.patched.logits, reference[..., WANTED], **TOLERANCE)
    monkeypatch.setattr(packed, "PASS_BYTES", 1)
    small = sweep(model, prompts, SETS, windows, donors, IDS)
    torch.testing.assert_close(small.patched.logits, swept.patched.logits, **TOLERANCE)
    for row, prompt in enumerate(prompts):
        plain = alone_logits(model.network, prompt)[-1]
        torch.testing.assert_close(swept.baseline.logits[row], plain[WANTED], **TOLERANCE)
        for w, window in enumerate(windows):
            writes = [
                (residual(point), token, donors[points.index(point), row, 1, t])
                for point in window
                for t, token in enumerate(SETS[row])
            ]
            expected = hooked_logits(model, prompt, writes)
            found = swept.patched
            torch.testing.assert_close(found.logits[w, row, 1], expected[WANTED], **TOLERANCE)
            assert found.top_ids[w, row, 1] == expected.argmax()
            assert found.logits[w, row, 0] == pytest.approx(plain[WANTED], abs=1e-4)  # itself


@architectures
def test_all_tokens_at_a_point_give_the_donors_answer(name):
    model = random_model(name)
    (prompt,), (donor,) = random_prompts((7,)), random_prompts((7,), 1)
    whole = [list(range(7))]
    donors = collect(model, [donor], whole)[:, :, None]
    points = [[point] for point in range(model.n_points)]
    swept = sweep(model, [prompt], whole, points, donors, IDS[:1])
    expected = alone_logits(model.network, donor)[-1, WANTED]
    for found in swept.patched.logits[:, 0, 0]:
        torch.testing.assert_close(found, expected, **TOLERANCE)


@architectures
def test_a_window_at_the_last_token_is_its_last_point_and_an_earlier_token_shows_more(name):
    model, prompts = random_model(name), random_prompts(LENGTHS)
    windows = [[0, 1, 2], [2]]
    for token, same in ((-1, True), (1, False)):
        tokens = [[token]] * len(LENGTHS)
        donors = collect(model, random_prompts(LENGTHS, 1), tokens, [0, 1, 2])[:, :, None]
        wide, last = sweep(model, prompts, tokens, windows, donors, IDS).patched.logits
        assert torch.allclose(wide, last, **TOLERANCE) == same


@architectures
def test_components_of_blocks_equal_hooks_on_the_bare_network(name, monkeypatch):
    """At sets of tokens, of which two may be one."""
    model, prompts = random_model(name), random_prompts(LENGTHS)
    generator = torch.Generator().manual_seed(2)
    widths = [model.d_head if place.kind == "head" else model.d_model for place in COMPONENTS]
    donors = {
        place: torch.randn(len(prompts), 2, 3, width, generator=generator)
        for place, width in zip(COMPONENTS, widths, strict=True)
    }
    for values in donors.values():
        values[2, :, 1] = values[2, :, 0]
    swept = sweep_places(model, prompts, SETS, donors, IDS)
    monkeypatch.setattr(packed, "PASS_BYTES", 1)
    small = sweep_places(model, prompts, SETS, donors, IDS)
    torch.testing.assert_close(small.patched.logits, swept.patched.logits, **TOLERANCE)
    for row, prompt in enumerate(prompts):
        plain = alone_logits(model.network, prompt)[-1, WANTED]
        torch.testing.assert_close(swept.baseline.logits[row], plain, **TOLERANCE)
        for p, place in enumerate(COMPONENTS):
            for donor in (0, 1):
                values = donors[place][row, donor]
                writes = [(place, t, v) for t, v in zip(SETS[row], values, strict=True)]
                expected = hooked_logits(model, prompt, writes)[WANTED]
                found = swept.patched.logits[p, row, donor]
                torch.testing.assert_close(found, expected, **TOLERANCE)


def test_misaligned_sets_and_places_are_refused():
    model, prompts = random_model("gpt2"), random_prompts(LENGTHS)
    donors = set_donors(model, [1])
    with pytest.raises(MisalignedError, match="donors of shape"):
        sweep(model, prompts, SETS, [[1], [2]], donors, IDS)
    with pytest.raises(MisalignedError, match="no token 12"):
        sweep(model, prompts, [[1], [12], [2]], [[1]], donors, IDS)
    with pytest.raises(MisalignedError, match="head 0 of block 0: donors of shape"):
        wide = torch.zeros(3, 1, 3, model.d_model)
        sweep_places(model, prompts, SETS, {head(0, 0): wide}, IDS)
    with pytest.raises(UserError, match="block 9: no such place"):
        sweep_places(model, prompts, SETS, {mlp_output(9): wide}, IDS)


def test_the_last_token_as_a_set_is_the_sweep_of_the_last_token():
    model, prompts = random_model("gpt_bigcode"), random_prompts(LENGTHS)
    donors = collect(model, random_prompts(LENGTHS, 1), [[-1]] * 3)  # [point, example, 1, d_model]
    windows = [[point] for point in range(model.n_points)]
    found = sweep(model, prompts, [[-1]] * 3, windows, donors[:, :, None], IDS)
    expected = sweep_last(model, prompts, donors, IDS)
    assert torch.equal(found.patched.logits, expected.patched.logits)
