"""pass@k, estimated from more samples than k."""

from math import prod

from fimscope.errors import UserError


def pass_at_k(n: int, n_correct: int, k: int) -> float:
    """The chance that one of k samples is right, unbiased, from n of which n_correct are right.

    1 - C(n - n_correct, k) / C(n, k) (Chen et al., "Evaluating Large Language Models Trained on
    Code", 2021), as a product that does not overflow.
    """
    if not 0 <= n_correct <= n or not 1 <= k <= n:
        raise UserError(f"pass@{k} of {n_correct} right among {n}: expected 1 <= k <= n samples")
    if n - n_correct < k:
        return 1.0
    return 1.0 - prod(1 - k / i for i in range(n - n_correct + 1, n + 1))
