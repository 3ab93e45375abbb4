"""What a mask is said to do, from rows worked out by hand."""

import pytest

from fimscope.experiments.masking.numbers import mask_verdict
from fimscope.statistics.verdicts import Verdict

FAR, NEAR = {"lower": 0.5, "upper": 1.5}, {"lower": -0.01, "upper": 0.01}


def difference(estimate: float) -> dict:
    """A difference that is shown, or for 0 one within the margin."""
    near = {"estimate": 0.0, **NEAR, "adjusted_p": 1.0}
    ends = {key: value - 1 + estimate for key, value in FAR.items()}
    far = {"estimate": estimate, **ends, "adjusted_p": 0.001}
    return {**(far if estimate else near), "n": 60, "n_programs": 60}


@pytest.mark.parametrize(
    ("over_control", "over_plain", "verdict"),
    [
        (1.0, 0.4, Verdict.SHOWN),
        (1.0, -0.4, Verdict.UNDECIDED),  # it lowers the gold, its control more so
        (-1.0, -0.4, Verdict.SHOWN_ABSENT),
        (0.0, 0.0, Verdict.SHOWN_ABSENT),
    ],
)
def test_a_mask_raises_the_gold_where_it_does_so_over_its_control_and_the_prompt(
    over_control, over_plain, verdict
):
    row = {
        **{key: difference(over_control) for key in ("against_control", "accuracy_over_control")},
        **{key: {"estimate": over_plain} for key in ("masked", "accuracy")},
    }
    assert mask_verdict(row, 0.03) is verdict
