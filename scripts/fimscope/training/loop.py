"""The training loop: batches drawn from seed and step, log rows, checkpoints, validation."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import save_file
from torch import Tensor
from torch.utils.data import DataLoader

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.steps.frame import Progress, log
from fimscope.training.gradients import DTYPE, Gradients
from fimscope.training.network import Parameters, Shape, forward, logits
from fimscope.training.optimiser import Optimiser, Rates
from fimscope.training.windows import Window, WindowMaker

CHECKPOINT = "checkpoint.safetensors"

Program = Mapping[str, Any]


@dataclass(frozen=True)
class Plan:
    """What a training run does; two runs of one plan on one corpus give the same weights.

    lengths    phases, each with the step that ends it and, by tokens of a window, the share of the
               batches; the last one has no end
    """

    shape: Shape
    rates: Rates
    lengths: Sequence[tuple[float, Mapping[int, float]]]
    batch_tokens: int
    seed: int
    every: int  # steps between two checkpoints, log rows and validations


class Batches:
    """The batch of a step: windows of one length around holes drawn from the training programs.

    A hole is drawn from a package with a probability that grows with the root of the number of
    its holes, so that large packages do not drown the small ones.
    """

    def __init__(self, programs: Sequence[Program], maker: WindowMaker, plan: Plan):
        self.programs, self.maker, self.plan = programs, maker, plan
        self.holes = [(i, k) for i, row in enumerate(programs) for k in range(len(row["starts"]))]
        if not self.holes:
            raise UserError("the training corpus has no annotation; add a package")
        packages = [programs[i]["package"] for i, _ in self.holes]
        counts = {name: packages.count(name) for name in set(packages)}
        chances = np.array([counts[name] ** -0.5 for name in packages])
        self.cumulative = np.cumsum(chances / chances.sum())

    def at(self, step: int) -> list[Window]:
        """The windows of a step: the same for the same seed and step, whatever ran before."""
        rng = np.random.default_rng([self.plan.seed, step])
        phase = next(shares for until, shares in self.plan.lengths if step < until)
        lengths = sorted(phase)
        shares = np.array([phase[n] for n in lengths], dtype=np.float64)
        n_tokens = int(rng.choice(lengths, p=shares / shares.sum()))
        n_windows = self.plan.batch_tokens // n_tokens
        drawn = np.searchsorted(self.cumulative, rng.random(n_windows), side="right")
        windows = []
        for index in np.minimum(drawn, len(self.holes) - 1).tolist():
            i, k = self.holes[index]
            windows.append(self.maker.varied(self.programs[i], k, n_tokens, rng))
        return windows

    def __getitem__(self, step: int) -> tuple[Tensor, Tensor]:
        """The windows of a step as tensors."""
        return padded(self.at(step))


def padded(windows: Sequence[Window]) -> tuple[Tensor, Tensor]:
    """Token ids and weights of windows, [window, token]; padded at the end with weight 0."""
    width = max(len(window.ids) for window in windows)
    ids = torch.zeros(len(windows), width, dtype=torch.long)
    weights = torch.zeros(len(windows), width)
    for row, window in enumerate(windows):
        ids[row, : len(window.ids)] = torch.tensor(window.ids)
        weights[row, : len(window.ids)] = torch.tensor(window.weights)
    return ids, weights


@torch.inference_mode()
def validate(
    parameters: Parameters, shape: Shape, windows: Sequence[Window], batch_tokens: int
) -> dict[str, float]:
    """What the model knows of unseen holes.

    top1, top10   share of one-token types whose token is first, or among the first ten
    exact         share of longer types of which every token, and the end, is first in its place
    middle_loss   mean loss of the middles' tokens, in nats
    """
    n_first = n_ten = n_one = n_exact = n_long = n_tokens = 0
    total = 0.0
    per_batch = max(1, batch_tokens // max(len(window.ids) for window in windows))
    for start in range(0, len(windows), per_batch):
        chosen = windows[start : start + per_batch]
        ids = padded(chosen)[0].to(parameters["wte.weight"].device)
        hidden = forward(parameters, shape, ids, DTYPE)
        for row, window in enumerate(chosen):
            n, middle = len(window.ids), window.n_middle
            scores = logits(parameters, hidden[row, n - middle - 1 : n - 1], DTYPE)
            targets = ids[row, n - middle : n]
            ranks = (scores > scores.gather(-1, targets[:, None])).sum(-1)
            total += float(torch.nn.functional.cross_entropy(scores, targets, reduction="sum"))
            n_tokens += middle
            if middle == 2:
                n_one += 1
                n_first += int(ranks[0] == 0)
                n_ten += int(ranks[0] < 10)
            else:
                n_long += 1
                n_exact += int((ranks == 0).all())
    return {
        "top1": n_first / max(n_one, 1),
        "top10": n_ten / max(n_one, 1),
        "exact": n_exact / max(n_long, 1),
        "middle_loss": total / max(n_tokens, 1),
    }


def train(
    plan: Plan,
    batches: Batches,
    validation: Sequence[Window],
    start: Parameters,
    folder: Path,
    workers: int = 0,
    should_stop: Callable[[int], bool] = lambda step: False,
) -> tuple[Parameters, list[dict[str, float]]]:
    """Train from the folder's checkpoint, or from `start`, to the plan's last step.

    start         parameters, float32, on the device that trains them; they are trained in place
    workers       processes that make the batches beside the training; 0: none, itself
    should_stop   asked after each checkpoint; a run that stops there goes on from it next time
    returns       the parameters, float32, and the rows of the training log
    """
    parameters = start
    optimiser = Optimiser(parameters, plan.rates)
    step, rows = _restore(folder / CHECKPOINT, parameters, optimiser)
    for value in parameters.values():
        value.requires_grad_(True)
    gradients = Gradients(parameters, plan.shape)
    loader = DataLoader(
        batches, batch_size=None, sampler=range(step, plan.rates.steps), num_workers=workers
    )
    progress = Progress("training", plan.rates.steps - step, "steps")
    losses: list[Tensor] = []
    n_tokens = int(rows[-1]["n_tokens"]) if rows else 0
    for ids, weights in loader:
        loss, found = gradients(ids, weights)
        for name, value in parameters.items():
            value.grad = found[name]
        optimiser.update(step)
        losses.append(loss)
        n_tokens += ids.numel()
        step += 1
        progress.add()
        if step % plan.every == 0 or step == plan.rates.steps:
            known = validate(parameters, plan.shape, validation, plan.batch_tokens)
            loss_mean = float(torch.stack(losses).double().mean())
            rows.append({"step": step, "n_tokens": n_tokens, "loss": loss_mean, **known})
            losses = []
            log.info(
                "step %d, %d tokens: loss %.3f; validation top-1 %.3f, top-10 %.3f, "
                "whole types %.3f, loss %.3f",
                *(step, n_tokens, loss_mean, known["top1"], known["top10"]),
                *(known["exact"], known["middle_loss"]),
            )
            _save(folder / CHECKPOINT, parameters, optimiser, step, rows)
            if should_stop(step):
                break
    return {name: value.detach() for name, value in parameters.items()}, rows


def _save(
    path: Path, parameters: Parameters, optimiser: Optimiser, step: int, rows: list[dict]
) -> None:
    tensors = {name: value.detach() for name, value in parameters.items()} | optimiser.state
    with replacing(path) as temporary:
        save_file(tensors, temporary, metadata={"step": str(step), "rows": json.dumps(rows)})


def _restore(
    path: Path, parameters: Parameters, optimiser: Optimiser
) -> tuple[int, list[dict[str, float]]]:
    if not path.is_file():
        return 0, []
    with safe_open(path, framework="pt") as file:
        for name, value in [*parameters.items(), *optimiser.state.items()]:
            value.copy_(file.get_tensor(name))
        metadata = file.metadata()
    log.info("going on from step %s", metadata["step"])
    return int(metadata["step"]), json.loads(metadata["rows"])
