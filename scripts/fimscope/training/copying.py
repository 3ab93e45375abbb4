"""Drill in copying: random tokens that come again in the same order.

A type is often a name that stands elsewhere in the program. To go on with it, a model must find
what followed its first token there (induction; Olsson et al. 2022, In-context Learning and
Induction Heads). Code teaches that slowly; a sequence of which nothing but copying tells the
second half teaches it at once.
"""

import numpy as np

from fimscope.training.windows import Window

SHORTEST, LONGEST = 8, 48


def copying_window(
    n_tokens: int, vocab_size: int, n_special: int, rng: np.random.Generator
) -> Window:
    """A run of random tokens over and over; what was not yet shown has no weight in the loss.

    n_special   ids below it are special tokens and are not drawn
    """
    n_run = int(rng.integers(SHORTEST, min(LONGEST, n_tokens // 2) + 1))
    run = rng.integers(n_special, vocab_size, size=n_run)
    ids = np.resize(run, n_tokens).tolist()
    return Window(ids, [0.0] * n_run + [1.0] * (n_tokens - n_run), n_middle=0)
