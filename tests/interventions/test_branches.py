"""Branches of a prompt against every branch run whole, for every family."""

import pytest
import torch

from fimscope.errors import MisalignedError, UserError
from fimscope.inference.generate import answer
from fimscope.interventions.branches import Branch, answer_branches, first_own, plan_passes
from fimscope.interventions.knockout import answer_without
from models import ARCHITECTURES, random_model, random_prompts

TRUNKS = random_prompts([17, 9, 1])


def branches_of_all() -> list[Branch]:
    """Ends of all lengths, from none shared to all, some with hidden tokens."""
    long, short, one = TRUNKS
    return [
        Branch(0, long),
        Branch(1, short),
        Branch(2, one),
        Branch(0, long[:11]),
        Branch(0, [*long, 5, 6]),
        Branch(0, [*long[:6], 1 + long[6], *long[8:]]),
        Branch(1, [1 + short[0], *short[1:]]),
        Branch(2, [*one, 3, 4]),
        Branch(0, long, [3, 4, 9], "last"),
        Branch(0, long, [3, 4, 9], "later"),
        Branch(0, long, [0, 1], "later"),
        Branch(1, short, [7], "later"),
        Branch(1, short, range(8), "last"),
        Branch(0, [*long[:12], 7, 8, 9], [2, 13], "later"),
    ]


@pytest.mark.model
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_a_branch_says_what_it_says_when_it_is_run_whole(architecture):
    model, branches = random_model(architecture), branches_of_all()
    golds = [7 + i for i in range(len(branches))]
    found = answer_branches(model, TRUNKS, branches, golds, 4, {0})
    for row, (branch, gold) in enumerate(zip(branches, golds, strict=True)):
        prompts = [branch.token_ids]
        alone = (
            answer_without(model, prompts, [branch.hidden], branch.readers, [gold], 4, {0})
            if branch.hidden
            else answer(model, prompts, [gold], 4, {0})
        )
        torch.testing.assert_close(
            found.top_logprobs[row], alone.top_logprobs[0], atol=1e-4, rtol=1e-4
        )
        assert torch.equal(found.top_ids[row], alone.top_ids[0])
        assert found.gold_rank[row] == alone.gold_rank[0]
        assert found.completions[row] == alone.completions[0]


@pytest.mark.model
def test_the_window_ends_a_completion_where_it_ends_one_run_whole():
    model = random_model("gpt2")
    [trunk] = random_prompts([model.max_tokens - 2])
    branches = [Branch(0, [*trunk[:3], 1 + trunk[3], *trunk[4:]]), Branch(0, trunk)]
    found = answer_branches(model, [trunk], branches, [5, 5], 6, set())
    plain = answer(model, [branch.token_ids for branch in branches], [5, 5], 6, set())
    assert found.completions == plain.completions
    assert len(found.completions[0].token_ids) == 2


@pytest.mark.model
def test_only_what_is_not_shared_is_run(monkeypatch):
    from fimscope.interventions import branches as module

    widths = []
    plain = module.run_plain

    def run(model, arguments):
        widths.append(arguments["input_ids"].shape[1])
        return plain(model, arguments)

    monkeypatch.setattr(module, "run_plain", run)
    long = TRUNKS[0]
    branches = [Branch(0, long, [hidden], "last") for hidden in range(8)]
    answer_branches(random_model("llama"), [long], branches, [5] * 8, 0, set())
    assert set(widths) == {1}


def test_the_first_own_token_is_the_first_that_differs_or_is_blind():
    trunk = [1, 2, 3, 4, 5, 6]
    assert first_own(trunk, Branch(0, trunk)) == 5
    assert first_own(trunk, Branch(0, [1, 2, 9, 4])) == 2
    assert first_own(trunk, Branch(0, [1, 2, 3])) == 2
    assert first_own(trunk, Branch(0, [*trunk, 7, 8])) == 6
    assert first_own(trunk, Branch(0, trunk, [1, 2], "last")) == 5
    # Hidden tokens read each other: the first that is blind is the one behind them.
    assert first_own(trunk, Branch(0, trunk, [1, 2, 4], "later")) == 3


def test_a_pass_holds_no_more_than_its_budget():
    starts, lengths = [0, 5, 9, 9, 2, 30], [10, 10, 10, 11, 10, 31]
    passes = plan_passes(starts, lengths, 24)
    assert sorted(row for rows in passes for row in rows) == list(range(6))
    for rows in passes:
        widest = max(starts[row] for row in rows)
        own = max(lengths[row] - starts[row] for row in rows)
        assert len(rows) == 1 or len(rows) * (widest + own) <= 24
    assert passes[0] == [0, 4]


@pytest.mark.model
def test_what_cannot_be_asked_is_refused():
    model, trunk = random_model("gpt2"), TRUNKS[1]
    with pytest.raises(MisalignedError):
        answer_branches(model, [trunk], [Branch(0, trunk, [8], "last")], [1], 0, set())
    with pytest.raises(MisalignedError):
        answer_branches(model, [trunk], [Branch(0, trunk)], [], 0, set())
    with pytest.raises(UserError):
        answer_branches(model, [trunk], [Branch(0, trunk, [1], "first")], [1], 0, set())
