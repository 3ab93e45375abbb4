"""Linear probes of cached activations, and the control task that they are held against."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from fimscope.steps.seeds import seed_of

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

MAX_STEPS = 200  # of the optimiser


@dataclass(frozen=True)
class Probe:
    """A linear classifier: the highest of (x - centre) / scale @ weights + bias.

    weights  [feature, label]
    bias     [label]
    centre   [feature]
    scale    [feature]
    """

    weights: Floats
    bias: Floats
    centre: Floats
    scale: Floats

    def labels(self, features: NDArray) -> Labels:
        """[example, feature] -> the label of each, [example]; the first of equal ones."""
        return self.scores(features).argmax(axis=1)

    def scores(self, features: NDArray) -> Floats:
        """[example, feature] -> the logit of each label, [example, label]."""
        return (features - self.centre) / self.scale @ self.weights + self.bias


def fit_probe(
    features: NDArray, labels: Labels, n_labels: int, l2: float, start: Probe | None = None
) -> Probe:
    """Multinomial logistic regression, by L-BFGS.

    features  [example, feature]; standardised by their own mean and standard deviation
    labels    [example], 0..n_labels-1
    l2        the penalty: mean cross-entropy in nats + l2 / 2 * the weights' squared norm
    start     a probe of the same features to start from; the optimum is the same
    raises    ValueError without examples
    """
    from scipy.optimize import minimize

    features = np.asarray(features, dtype=np.float64)
    if len(features) == 0 or len(features) != len(labels):
        raise ValueError(f"{len(labels)} labels for features {features.shape}")
    centre, scale = features.mean(axis=0), features.std(axis=0)
    scale = np.where(scale > 1e-8, scale, 1.0)
    standard = (features - centre) / scale
    n_features = standard.shape[1]
    wanted = np.eye(n_labels)[labels]

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat[:-n_labels].reshape(n_features, n_labels)
        scores = standard @ weights + flat[-n_labels:]
        scores -= scores.max(axis=1, keepdims=True)
        logprobs = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
        error = (np.exp(logprobs) - wanted) / len(labels)
        gradient = standard.T @ error + l2 * weights
        value = -(wanted * logprobs).sum() / len(labels) + l2 / 2 * (weights**2).sum()
        return value, np.concatenate([gradient.ravel(), error.sum(axis=0)])

    first = np.zeros((n_features + 1) * n_labels)
    if start is not None:
        first = np.concatenate([start.weights.ravel(), start.bias])
    found = minimize(
        loss, first, jac=True, method="L-BFGS-B", options={"maxiter": MAX_STEPS, "gtol": 1e-4}
    ).x
    return Probe(found[:-n_labels].reshape(n_features, n_labels), found[-n_labels:], centre, scale)


def choose_probe(
    features: NDArray,
    labels: Labels,
    n_labels: int,
    penalties: Sequence[float],
    select_features: NDArray,
    select_labels: Labels,
) -> tuple[Probe, float]:
    """The probe of the penalty that is right oftenest on `select`, and that penalty.

    Of equally good ones, and where `select` has no example, the strongest penalty.
    """
    best: tuple[float, Probe, float] | None = None
    probe = None
    for l2 in sorted(penalties, reverse=True):
        probe = fit_probe(features, labels, n_labels, l2, probe)
        right = probe.labels(select_features) == select_labels if len(select_labels) else 0.0
        accuracy = float(np.mean(right))
        if best is None or accuracy > best[0]:
            best = (accuracy, probe, l2)
    _, probe, l2 = best
    return probe, l2


def common_labels(golds: Sequence[str], examples: Sequence[str], min_examples: int) -> list[str]:
    """The gold types of at least so many examples, sorted: the labels of a probe.

    golds, examples   [row]; an example counts once for its type, in however many variants
    """
    counts = Counter(gold for gold, _ in set(zip(golds, examples, strict=True)))
    return sorted(gold for gold, n in counts.items() if n >= min_examples)


def control_labels(names: Sequence[str], labels: Sequence[int], n_labels: int, seed: int) -> Labels:
    """The control task: every name has a label drawn at random, as often each as among `labels`.

    names    [example], any examples; the same name always has the same label
    labels   the true labels of the fit group, whose shares are kept

    As the control tasks of Hewitt & Liang (1909.03368): only a probe that learns the names by heart
    is right, so what it reaches tells its capacity, and the true task's accuracy beyond it
    (selectivity) what the activations hold.
    """
    edges = np.cumsum(np.bincount(labels, minlength=n_labels) / max(len(labels), 1))
    return np.array([_draw(edges, name, seed) for name in names], dtype=np.int64)


def _draw(edges: Floats, name: str, seed: int) -> int:
    draw = seed_of(seed, "control", name) / 2**64
    return int(min(np.searchsorted(edges, draw, side="right"), len(edges) - 1))
