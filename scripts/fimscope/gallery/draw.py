"""Which examples a small explorer shows."""

from collections import Counter
from collections.abc import Collection, Mapping

from fimscope.steps.seeds import seed_of

STEP = "gallery"


def draw_examples(
    outcomes: Mapping[str, Collection[str]],
    n_tables: Mapping[str, int],
    led_to: Collection[str],
    n: int,
    seed: int,
) -> list[str]:
    """Examples by id, so that every outcome has as many as any other, as far as there are.

    outcomes   example -> the outcomes of its variants
    n_tables   example -> how many of the optional tables have rows of it; of an outcome those of
               which more can be seen come first, among these it is drawn
    led_to     examples to which pages lead: they are among those that are shown
    n          examples, more only where `led_to` has more
    """
    chosen = [example for example in outcomes if example in led_to]
    shown = Counter(outcome for example in chosen for outcome in outcomes[example])
    order = sorted(outcomes, key=lambda name: (-n_tables.get(name, 0), seed_of(seed, STEP, name)))
    left = [example for example in order if example not in led_to]
    while left and len(chosen) < n:
        there = {outcome for example in left for outcome in outcomes[example]}
        rarest = min(sorted(there), key=lambda outcome: shown[outcome])
        example = next(each for each in left if rarest in outcomes[each])
        left.remove(example)
        chosen.append(example)
        shown.update(outcomes[example])
    return chosen
