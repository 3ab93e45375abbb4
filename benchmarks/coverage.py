"""How often the intervals of 95% hold the truth, in simulated studies whose truth is known.

    python benchmarks/coverage.py && python benchmarks/docs.py

A program has one to six holes, and a share of the variance lies between programs: the intra-program
correlation. A hole that is right or wrong is drawn by its program's own rate, which has a beta
distribution over programs. An edit breaks a fifth of the right answers and mends a fifth of the
wrong ones; the shares of broken, mended and unchanged have a Dirichlet distribution over programs.
An effect is whole in a share of the recipients and none in the others, with noise; or it has a
gamma distribution, of skewness 1.6. Studies are columns of `Clustered.of`, as are points.
"""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from numpy.random import Generator
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.statistics.intervals import Clustered

SEED = 15
FEW = (5, 8, 12)  # programs of which only that the ends are sane is asked
N_PROGRAMS = (20, 50, 100, 330)
CORRELATIONS = (0.1, 0.3)
RATES = (0.1, 0.5, 0.9)
SIZES = (1, 2, 3, 4, 5, 6)  # holes of a program, each as frequent
CHANGED = 0.2  # of the right answers broken, of the wrong ones mended
NOISE = 0.15  # of an effect
SHAPE = 1.5  # of the gamma distribution
AT_ONCE = 250  # studies that share the sizes of their programs

# values [row, study] and the truth
Simulated = tuple[NDArray[np.float64], float]


def simulate_rate(
    generator: Generator, programs: NDArray, rate: float, correlation: float, n: int
) -> Simulated:
    """Holes that are right or wrong."""
    total = (1 - correlation) / correlation
    own = generator.beta(rate * total, (1 - rate) * total, size=(programs[-1] + 1, n))
    return (generator.random((len(programs), n)) < own[programs]).astype(float), rate


def simulate_change(
    generator: Generator, programs: NDArray, rate: float, correlation: float, n: int
) -> Simulated:
    """-1 where a right answer breaks, 1 where a wrong one is mended; `rate` is that before."""
    broken, mended = CHANGED * rate, CHANGED * (1 - rate)
    weights = np.array([broken, mended, 1 - broken - mended]) * (1 - correlation) / correlation
    own = generator.standard_gamma(weights, size=(programs[-1] + 1, n, 3))
    own /= own.sum(axis=-1, keepdims=True)
    drawn = generator.random((len(programs), n))
    falls, changes = own[programs, :, 0], own[programs, :, :2].sum(axis=-1)
    return np.where(drawn < falls, -1.0, np.where(drawn < changes, 1.0, 0.0)), mended - broken


def simulate_effect(
    generator: Generator, programs: NDArray, rate: float, correlation: float, n: int
) -> Simulated:
    """1 in a share of the recipients and 0 in the others, with noise."""
    values, _ = simulate_rate(generator, programs, rate, correlation, n)
    return values + generator.normal(0, NOISE, size=values.shape), rate


def simulate_skewed(
    generator: Generator, programs: NDArray, rate: float, correlation: float, n: int
) -> Simulated:
    """Gamma over programs plus gamma over rows, each with its part of the variance of 1."""
    parts = [
        np.sqrt(share / SHAPE) * generator.standard_gamma(SHAPE, size=(size, n))
        for share, size in ((correlation, programs[-1] + 1), (1 - correlation, len(programs)))
    ]
    truth = SHAPE * (np.sqrt(correlation / SHAPE) + np.sqrt((1 - correlation) / SHAPE))
    return parts[0][programs] + parts[1], float(truth)


# what is estimated -> how it is simulated, its interval, and the rates for which that is done
KINDS: dict[str, tuple[Callable[..., Simulated], Callable, tuple[float, ...]]] = {
    "rate": (simulate_rate, Clustered.rate, RATES),
    "difference of paired rates": (simulate_change, Clustered.difference, RATES),
    "mean effect, whole or none": (simulate_effect, Clustered.mean, RATES),
    "mean effect, skewed": (simulate_skewed, Clustered.mean, (0.5,)),
}


def coverage(
    kind: str, n_programs: int, rate: float, correlation: float, n_studies: int, seed: int = SEED
) -> float:
    """The share of simulated studies whose interval holds the truth."""
    simulate, interval, _ = KINDS[kind]
    generator = np.random.default_rng(seed)
    held = []
    while len(held) * AT_ONCE < n_studies:
        sizes = generator.choice(SIZES, size=n_programs)
        programs = np.repeat(np.arange(n_programs), sizes)
        values, truth = simulate(generator, programs, rate, correlation, AT_ONCE)
        found = interval(Clustered.of(values, programs))
        held.append(((found.lower <= truth) & (truth <= found.upper)).mean())
    return float(np.mean(held))


def table(n_studies: int) -> Iterator[str]:
    """Lines of Markdown: a row a kind, correlation and rate; a column a number of programs."""
    yield (
        "| interval of a | correlation | rate | "
        + " | ".join(f"{n} programs" for n in FEW + N_PROGRAMS)
        + " |"
    )
    yield "|---|---|---|" + "---|" * len(FEW + N_PROGRAMS)
    for kind, (_, _, rates) in KINDS.items():
        for correlation in CORRELATIONS:
            for rate in rates:
                cells = [
                    f"{100 * coverage(kind, n, rate, correlation, n_studies):.1f}"
                    for n in FEW + N_PROGRAMS
                ]
                named = f"{rate:g}" if len(rates) > 1 else ""
                yield f"| {kind} | {correlation:g} | {named} | {' | '.join(cells)} |"


if __name__ == "__main__":
    n_studies = 4000
    lines = [
        "# Coverage",
        "",
        f"Percent of {n_studies} simulated studies whose interval of 95% holds the truth "
        "(`python benchmarks/coverage.py`).",
        "",
        *table(n_studies),
    ]
    (ROOT / "benchmarks/results/coverage.md").write_text("\n".join(lines) + "\n", encoding="utf-8")
