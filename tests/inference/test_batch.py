"""Batches: planned under a budget, padded, halved where the memory does not suffice."""

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from fimscope.errors import UserError
from fimscope.inference.batch import pad_batch
from fimscope.inference.batching import plan_batches, run_batch
from models import random_model

pytestmark = pytest.mark.model


@given(
    st.lists(st.tuples(st.integers(1, 50), st.integers(1, 50), st.integers(0, 90)), max_size=40),
    st.integers(1, 200),
    st.booleans(),
    st.integers(1, 300),
)
def test_plan_holds_every_row_once_under_the_budgets(rows, budget, has_other, most):
    lengths, like, copied = ([row[i] for row in rows] for i in range(3))
    batches = plan_batches(lengths, budget, like if has_other else (), copied, most)
    assert sorted(row for rows in batches for row in rows) == list(range(len(lengths)))
    for rows in batches:
        longest = max(lengths[row] for row in rows)
        work = sum(lengths[row] + copied[row] for row in rows)
        assert (len(rows) * longest <= budget and work <= most) or len(rows) == 1


def test_a_part_ends_where_its_copies_are_too_many():
    # Prompts of 8, 8, 4 and 3 tokens with 10 copied ones each.
    assert plan_batches([3, 8, 4, 8], 16, copied=[10] * 4) == [[1, 3], [2, 0]]
    assert plan_batches([3, 8, 4, 8], 16, copied=[10] * 4, most=27) == [[1], [3], [2, 0]]


def test_plan_puts_like_lengths_together():
    assert plan_batches([3, 8, 4, 8], 16) == [[1, 3], [2, 0]]
    assert plan_batches([3, 8, 4, 8], 16, like=[2, 1, 5, 4]) == [[2, 3], [0, 1]]


def test_padding_counts_positions_from_the_first_token():
    inputs = pad_batch(random_model("gpt2"), [[7, 8, 9], [5]])
    assert inputs.token_ids.tolist() == [[7, 8, 9], [0, 0, 5]]
    assert inputs.mask.tolist() == [[1, 1, 1], [0, 0, 1]]
    assert inputs.positions.tolist() == [[0, 1, 2], [0, 0, 0]]


@pytest.mark.parametrize("prompt", [[], [1] * 65])
def test_prompt_outside_the_window_is_refused(prompt):
    with pytest.raises(UserError, match="prompt 1 of the batch"):
        pad_batch(random_model("gpt2"), [[1], prompt])


def test_batch_that_does_not_fit_is_halved():
    sizes = []

    def run(rows):
        sizes.append(len(rows))
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return sum(rows)

    assert list(run_batch(run, [0, 1, 2, 3, 4])) == [([0, 1], 1), ([2], 2), ([3, 4], 7)]
    assert sizes == [5, 2, 3, 1, 2]


def test_allocation_that_really_fails_is_halved():
    def run(rows):
        return torch.empty(2**62 if len(rows) > 1 else 1, dtype=torch.uint8).numel()

    assert list(run_batch(run, [4, 2])) == [([4], 1), ([2], 1)]


def test_failed_allocation_inside_a_trace_is_seen_as_one():
    model = random_model("gpt2")

    def run(rows):
        inputs = pad_batch(model, [[1, 2]] * len(rows))
        with torch.inference_mode(), model.nnsight.trace(**inputs.forward_arguments()) as tracer:
            hidden = model.residual(1)
            if len(rows) > 1:
                torch.empty(2**62, dtype=torch.uint8)
            found = hidden.save()
            tracer.stop()
        return len(found)

    assert list(run_batch(run, [0, 1])) == [([0], 1), ([1], 1)]


def test_single_row_that_does_not_fit_is_named():
    def run(rows):
        raise torch.OutOfMemoryError("CUDA out of memory")

    with pytest.raises(UserError, match="row 3 alone"):
        list(run_batch(run, [3]))


def test_other_errors_pass_through():
    with pytest.raises(RuntimeError, match="size"):
        list(run_batch(lambda rows: torch.zeros(2) @ torch.zeros(3), [0]))
