"""What the trained model is good for: accuracy with intervals, and which of its blocks do work."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from fimscope.inference.batching import plan_batches
from fimscope.inference.generate import answer
from fimscope.models.load import Model
from fimscope.statistics.bootstrap import Bootstrap, middle
from fimscope.steps.frame import Progress

Row = Mapping[str, Any]


def package_mean(
    values: NDArray, packages: Sequence[str], programs: Sequence[str], bootstrap: Bootstrap
) -> dict[str, float]:
    """The mean over packages of their own means, and its 95% interval over resampled programs.

    values   [row]; packages and programs are those of each row

    A draw that takes no program of a package averages over the others.
    """
    package_names, package = np.unique(np.asarray(packages, dtype=str), return_inverse=True)
    program_names, program = np.unique(np.asarray(programs, dtype=str), return_inverse=True)
    n_packages, n_programs = len(package_names), len(program_names)
    owner = np.zeros(n_programs, dtype=np.int64)
    owner[program] = package
    sums = np.bincount(program, weights=np.asarray(values, dtype=np.float64), minlength=n_programs)
    counts = np.bincount(program, minlength=n_programs).astype(np.float64)
    belongs = np.eye(n_packages)[owner]

    def mean(weights: NDArray) -> NDArray:
        total, n = weights * sums @ belongs, weights * counts @ belongs
        with np.errstate(invalid="ignore"):
            return np.nanmean(total / np.where(n > 0, n, np.nan), axis=-1)

    ends = middle(np.concatenate([mean(weights) for weights in bootstrap.weights(n_programs)]))
    return {
        "estimate": float(mean(np.ones(n_programs))),
        "lower": float(ends.lower),
        "upper": float(ends.upper),
    }


def commonest_share(golds: Sequence[str], packages: Sequence[str]) -> float:
    """What always answering the commonest gold would score, averaged over packages."""
    [(commonest, _)] = Counter(golds).most_common(1)
    by_package: dict[str, list[bool]] = {}
    for gold, package in zip(golds, packages, strict=True):
        by_package.setdefault(package, []).append(gold == commonest)
    return float(np.mean([np.mean(own) for own in by_package.values()]))


def first_tokens(model: Model, prompts: Sequence[Row], batch_tokens: int) -> NDArray[np.int64]:
    """The token that the model puts first after each prompt, [prompt]."""
    found = np.zeros(len(prompts), dtype=np.int64)
    for rows in plan_batches([len(prompt["token_ids"]) for prompt in prompts], batch_tokens):
        answers = answer(
            model,
            [prompts[row]["token_ids"] for row in rows],
            [prompts[row]["gold_token_ids"][0] for row in rows],
            max_new_tokens=0,
            stop_ids=set(),
            n_top=1,
        )
        found[rows] = answers.top_ids[:, 0].numpy()
    return found


def removal_effects(
    model: Model, prompts: Sequence[Row], whole: float, batch_tokens: int
) -> list[float]:
    """By how much top-1 on the prompts' first gold token falls when a block is the identity.

    whole     top-1 of the whole model
    returns   [block]; negative where the model is better without it
    """
    golds = np.array([prompt["gold_token_ids"][0] for prompt in prompts])

    def top1() -> float:
        return float((first_tokens(model, prompts, batch_tokens) == golds).mean())

    modules = model.network.get_submodule(model.family.blocks)
    progress = Progress("blocks removed", len(modules), "blocks")
    effects = []
    for module in modules:
        handle = module.register_forward_hook(_pass_through, with_kwargs=True)
        try:
            effects.append(whole - top1())
        finally:
            handle.remove()
        progress.add()
    return effects


def _pass_through(
    module: torch.nn.Module, args: tuple, kwargs: Mapping[str, Any], output: Any
) -> Any:
    entered = args[0] if args else kwargs["hidden_states"]
    return (entered, *output[1:]) if isinstance(output, tuple) else entered


def share(values: Sequence[Any], holds: Callable[[Any], bool] = bool) -> float:
    """The share of the values for which it holds; 0 of none."""
    return sum(map(holds, values)) / max(len(values), 1)
