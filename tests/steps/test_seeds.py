"""What is drawn of the source's holes later is drawn independently of which holes are there."""

import pytest

import complete_types
import sample_types
from fimscope.experiments.whole_types.asking import draw_examples
from fimscope.steps.seeds import draw

SEED, KEPT = 20240401, 6


def source():
    """The examples of 300 programs, small and large: of each at most KEPT holes, as they are drawn.

    Gives of each of the examples how many holes its program has.
    """
    n_holes = {}
    for program in range(300):
        n = 80 if program % 3 == 0 else KEPT
        names = [f"{program}-{hole}" for hole in range(n)]
        n_holes |= dict.fromkeys(sorted(names, key=lambda name: draw(SEED, name))[:KEPT], n)
    return n_holes


@pytest.mark.parametrize("step", [complete_types.STEP, sample_types.STEP])
def test_a_draw_of_the_examples_takes_programs_of_every_size_alike(step):
    n_holes = source()
    chosen = draw_examples(n_holes, 600, SEED, step)
    of_large = sum(n_holes[name] > KEPT for name in chosen)
    # 200 of 600 expected, of a spread of about 9; by the numbers that chose the holes nearly all.
    assert len(chosen) == 600
    assert 160 < of_large < 240
