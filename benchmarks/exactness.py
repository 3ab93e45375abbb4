"""The core's ways against the plain ones, one prompt and one change a forward, on any device."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from tempfile import TemporaryDirectory

import rivals
import torch
from accelerate import dispatch_model, infer_auto_device_map
from torch import Tensor

from fimscope.errors import UserError
from fimscope.inference.batch import pad_batch
from fimscope.inference.check import TOLERANCE
from fimscope.inference.generate import answer
from fimscope.inference.kv_cache import fill_past
from fimscope.inference.lens import logit_lens
from fimscope.inference.prefill import prefill
from fimscope.inference.readout import Readout, unembed_normed
from fimscope.inference.residuals import collect
from fimscope.inference.sampling import choose_tokens, sample
from fimscope.interventions.addition import sweep_added
from fimscope.interventions.branches import Branch, answer_branches
from fimscope.interventions.circuits import run_circuits
from fimscope.interventions.knockout import answer_without
from fimscope.interventions.residual_graph import residual_graph
from fimscope.interventions.session import Batch
from fimscope.interventions.sweep import sweep, sweep_last, sweep_plain
from fimscope.models.load import Model, wrap_network

LENGTHS = (97, 40, 13, 64)
EARLY = 5  # a token that every prompt has
N_ASKED = 8
FLOAT32_LIMIT = 1e-3
N_SAMPLES, N_NEW, TOP_P = 16, 8, 0.95


@dataclass(frozen=True)
class Compared:
    """How far two ways to the same are apart.

    of          what is compared, such as logits
    difference  the largest; 0 where only choices are compared
    limit       what it may be: `FLOAT32_LIMIT`, or what `check_network` allows of the dtype
    n, others   choices that were compared, first tokens or completions, and how many differ
    gap         where they differ, by how much at most the plain way's first token was ahead
    """

    of: str
    difference: float
    limit: float
    n: int = 0
    others: int = 0
    gap: float = 0.0

    def holds(self, dtype: torch.dtype) -> bool:
        """In float32 no choice may differ; else near ties may fall the other way."""
        return self.difference <= self.limit and (self.others == 0 or dtype != torch.float32)


def random_prompts(model: Model, seed: int = 0, lengths: Sequence[int] = LENGTHS):
    generator = torch.Generator().manual_seed(seed)
    return [torch.randint(1, model.vocab_size, (n,), generator=generator).tolist() for n in lengths]


def asked_of(model: Model) -> Tensor:
    """Token ids [example, token_id] whose logits are compared."""
    generator = torch.Generator().manual_seed(2)
    return torch.randint(model.vocab_size, (len(LENGTHS), N_ASKED), generator=generator)


def limit_of(model: Model, plain: Tensor) -> float:
    if model.dtype == torch.float32:
        return FLOAT32_LIMIT
    return TOLERANCE[model.dtype] * float(plain.float().std())


def compare(model: Model, what: str, top_ids: Tensor, found: Tensor, plain: Tensor, ids: Tensor):
    """First tokens [...] and values at `ids` [..., token_id] against plain ones [..., vocab]."""
    top_ids, found, plain = top_ids.cpu(), found.cpu().float(), plain.cpu().float()
    expected = plain.gather(-1, ids.expand(*plain.shape[:-1], -1))
    if not bool(found.isfinite().all()):
        raise UserError(f"{what} that are not finite")
    others = top_ids != plain.argmax(-1)
    ahead = plain.max(-1).values - plain.gather(-1, top_ids[..., None])[..., 0]
    return Compared(
        what,
        float((found - expected).abs().max()),
        limit_of(model, plain),
        others.numel(),
        int(others.sum()),
        float(ahead.max()),
    )


def compare_whole(model: Model, what: str, found: Tensor, plain: Tensor) -> Compared:
    """[..., vocab] against [..., vocab]."""
    found = found.cpu()
    return compare(model, what, found.argmax(-1), found, plain, torch.arange(found.shape[-1]))


def compare_sweep(model: Model, found: Readout, plain: Tensor) -> Compared:
    """A sweep's readout [window, example, donor] against logits [window, example, donor, vocab]."""
    ids = asked_of(model)[:, None]
    return compare(model, "logits", found.top_ids, found.logits, plain, ids)


# The plain ways.


@torch.inference_mode()
def alone(model: Model, prompt: Sequence[int], mask: Tensor | None = None) -> Tensor:
    """Logits [vocab] behind a prompt, by the bare network."""
    ids = torch.tensor([list(prompt)], device=model.device)
    return model.network(ids, attention_mask=mask, use_cache=False).logits[0, -1].float()


def each_alone(model: Model, prompts: Sequence[Sequence[int]]) -> Tensor:
    return torch.stack([alone(model, prompt) for prompt in prompts]).cpu()


def knocked_out(model: Model, branch: Branch) -> Tensor:
    """Log-probabilities [vocab] behind a prompt whose mask says which token sees which."""
    n = len(branch.token_ids)
    seen = torch.ones(n, n, dtype=torch.bool).tril()
    for query in range(n):
        if query not in branch.hidden and (branch.readers == "later" or query == n - 1):
            seen[query, list(branch.hidden)] = False
    mask = seen[None, None].to(model.device)
    return alone(model, branch.token_ids, mask).log_softmax(-1).cpu()


def added_by_hooks(model: Model, prompts, windows, vectors: Tensor) -> Tensor:
    """Logits [window, example, vector, vocab]; vectors [point, example, vector, d_model]."""
    inputs = pad_batch(model, prompts)
    blocks = model.network.get_submodule(model.family.blocks)
    logits = torch.empty(len(windows), len(prompts), vectors.shape[2], model.vocab_size)
    for w, window in enumerate(windows):
        for v in range(vectors.shape[2]):
            with ExitStack() as hooks:
                for point in window:
                    own = vectors[point, :, v].to(model.device, model.dtype)

                    def add(hidden: Tensor, own: Tensor = own) -> None:
                        hidden[:, -1] += own

                    if point == 0:
                        before = partial(lambda a, _, args: a(args[0]), add)
                        hook = blocks[0].register_forward_pre_hook(before)
                    else:
                        behind = partial(lambda a, _, __, output: a(output), add)
                        hook = blocks[point - 1].register_forward_hook(behind)
                    hooks.callback(hook.remove)
                logits[w, :, v] = rivals.forward(model, inputs)[:, -1].float().cpu()
    return logits


@torch.inference_mode()
def drawn_alone(model: Model, prompt: Sequence[int], seed: int) -> list[list[int]]:
    """Samples of a prompt: each whole, without a cache, at every token."""
    generator = torch.Generator().manual_seed(seed)
    rows = torch.arange(N_SAMPLES, device=model.device)[None]
    drawn = torch.tensor([list(prompt)] * N_SAMPLES, device=model.device)
    for _ in range(N_NEW):
        logits = model.network(drawn, use_cache=False, logits_to_keep=1).logits[:, -1]
        uniform = torch.rand(N_SAMPLES, generator=generator)[None].to(model.device)
        chosen = choose_tokens(logits.float().softmax(-1)[None], rows, uniform, TOP_P)
        drawn = torch.cat([drawn, chosen[0, :, None]], dim=1)
    return drawn[:, len(prompt) :].tolist()


# The comparisons.


def points_of(model: Model) -> list[list[int]]:
    return [[point] for point in range(model.n_points)]


def packed_last(model: Model) -> Compared:
    prompts, last = random_prompts(model), [[-1]] * len(LENGTHS)
    donors = collect(model, random_prompts(model, 1), [[-1, -2]] * len(LENGTHS))
    found = sweep_last(model, prompts, donors, asked_of(model)).patched
    plain = sweep_plain(model, prompts, last, points_of(model), donors[:, :, :, None])
    return compare_sweep(model, found, plain)


def packed_early(model: Model) -> Compared:
    prompts, early = random_prompts(model), [[EARLY]] * len(LENGTHS)
    donors = collect(model, random_prompts(model, 1), early)[:, :, None]
    windows = points_of(model)
    found = sweep(model, prompts, early, windows, donors, asked_of(model)).patched
    return compare_sweep(model, found, sweep_plain(model, prompts, early, windows, donors))


@torch.inference_mode()
def batched(model: Model) -> Compared:
    prompts = random_prompts(model)
    _, hidden = fill_past(model, pad_batch(model, prompts))
    found = unembed_normed(model, hidden)
    return compare_whole(model, "logits", found, each_alone(model, prompts))


def completions(model: Model) -> Compared:
    prompts = random_prompts(model)
    found = answer(model, prompts, [1] * len(prompts), N_NEW, ()).completions
    others = 0
    for prompt, completion in zip(prompts, found, strict=True):
        tokens = list(prompt)
        for _ in range(N_NEW):
            tokens.append(int(alone(model, tokens).argmax()))
        others += tokens[len(prompt) :] != completion.token_ids
    return Compared("completions", 0.0, 0.0, len(prompts), others)


def lens_at_the_end(model: Model) -> Compared:
    prompts, ids = random_prompts(model), asked_of(model)
    lens = logit_lens(model, prompts, [[-1]] * len(prompts), ids.tolist())
    plain = each_alone(model, prompts).log_softmax(-1)
    top, found = lens.top_ids[-1, :, 0, 0], lens.logprob[-1, :, 0]
    return compare(model, "log-probabilities", top, found, plain, ids)


def attention_rows(model: Model) -> Compared:
    prompts = random_prompts(model)
    found = prefill(model, prompts, patterns=True).patterns
    largest = 0.0
    for prompt, pattern in zip(prompts, found, strict=True):
        rows = rivals.eager_last_rows(model, pad_batch(model, [prompt]))
        plain = torch.cat([block[0] for block in rows]).float()
        largest = max(largest, float((pattern - plain).abs().max()))
    limit = FLOAT32_LIMIT if model.dtype == torch.float32 else TOLERANCE[model.dtype]
    return Compared("weights", largest, limit)


def branches_of(prompts: Sequence[Sequence[int]]) -> list[Branch]:
    first, second, *_ = prompts
    return [
        Branch(0, first),
        Branch(0, first[:30]),
        Branch(0, [*first[:50], 3, *first[51:]]),
        Branch(0, first, [10, 11, 40], "last"),
        Branch(0, first, [10, 11, 40], "later"),
        Branch(1, [*second, 5, 6]),
        Branch(1, second, range(20), "later"),
    ]


def masked_branches(model: Model) -> Compared:
    prompts = random_prompts(model)
    branches = branches_of(prompts)
    golds = [1] * len(branches)
    found = answer_branches(model, prompts, branches, golds, 0, (), model.vocab_size)
    plain = torch.stack([knocked_out(model, branch) for branch in branches])
    return compare(
        model, "log-probabilities", found.top_ids[:, 0], found.top_logprobs, plain, found.top_ids
    )


def knockout(model: Model) -> Compared:
    prompts = random_prompts(model)
    hidden = [[3, 4, 50], [0, 1, 20], [], range(30)]
    found = []
    for readers in ("last", "later"):
        answers = answer_without(model, prompts, hidden, readers, [1] * 4, 0, (), model.vocab_size)
        each = enumerate(zip(prompts, hidden, strict=True))
        rows = [Branch(i, prompt, own, readers) for i, (prompt, own) in each]
        plain = torch.stack([knocked_out(model, row) for row in rows])
        ids, logprobs = answers.top_ids, answers.top_logprobs
        found.append(compare(model, "log-probabilities", ids[:, 0], logprobs, plain, ids))
    return max(found, key=lambda compared: compared.difference)


def steering(model: Model) -> Compared:
    prompts = random_prompts(model)
    middle = model.n_blocks // 2
    windows = [[0], [middle], [middle, middle + 1], [model.n_blocks]]
    generator = torch.Generator().manual_seed(0)
    shape = (model.n_points, len(prompts), 2, model.d_model)
    vectors = torch.randn(shape, generator=generator) * model.embedding_spread
    points = sorted({point for window in windows for point in window})
    found = sweep_added(model, prompts, windows, vectors[points], asked_of(model)).patched
    return compare_sweep(model, found, added_by_hooks(model, prompts, windows, vectors))


def sampling(model: Model) -> Compared:
    prompts, seeds = random_prompts(model), list(range(len(LENGTHS)))
    found = sample(model, prompts, seeds, N_SAMPLES, N_NEW, (), top_p=TOP_P)
    plain = [drawn_alone(model, *pair) for pair in zip(prompts, seeds, strict=True)]
    others = sum(
        one.token_ids != other
        for own, each in zip(found, plain, strict=True)
        for one, other in zip(own, each, strict=True)
    )
    return Compared("samples", 0.0, 0.0, len(prompts) * N_SAMPLES, others)


def edges(model: Model) -> Compared:
    """With every edge cut a run is the other one."""
    prompts, others = random_prompts(model), random_prompts(model, 1)
    graph = residual_graph(model)
    none = torch.zeros(len(prompts), 1, *graph.is_edge.shape)
    found = run_circuits(model, graph, prompts, others, [(4, 9)] * len(prompts), none)
    plain = each_alone(model, others)
    difference = float((found.difference[:, 0] - (plain[:, 4] - plain[:, 9])).abs().max())
    return Compared("logit differences", difference, limit_of(model, plain))


def named_session(model: Model) -> Compared:
    """Collect, patch and add by name, with every kind of reading behind it."""
    prompts, middle = random_prompts(model), model.n_blocks // 2
    donors = Batch(model, random_prompts(model, 1)).collect("last", layers=[middle])
    patched = Batch(model, prompts).patch(donors, layers=[middle])
    [values] = donors.values.values()
    last = [[-1]] * len(prompts)
    plain = sweep_plain(model, prompts, last, [[middle + 1]], values[None, :, None])
    direction = torch.ones(model.d_model)
    edited = (
        patched.add(direction, "last", layers=middle).add_noise(EARLY, layers=0).zero(1, layers=0)
    )
    for read in (edited.generate, lambda: edited.sample(2), lambda: edited.answers()):
        read()
    return compare_whole(model, "logits", patched.logits, plain[0, :, 0])


def as_on_the_cpu(model: Model) -> Compared:
    """The packed sweep here against the packed sweep of the same weights on the CPU."""
    return _as_another(model, wrap_network(deepcopy(model.network).to("cpu"), model.family))


def split(model: Model) -> Compared:
    """A model of which the device holds one half, as device `auto` splits it, against the whole."""
    with TemporaryDirectory() as folder:
        network = deepcopy(model.network).to("cpu")  # whence accelerate brings each its part
        parts = _halves(network, model)
        network = dispatch_model(
            network,
            parts,
            main_device="cpu" if model.device.type == "cpu" else None,
            offload_dir=folder,
            skip_keys=network._skip_keys_device_placement,
        )
        if len(set(parts.values())) < 2:
            raise UserError(f"not split: {set(parts.values())}")
        return _as_another(model, wrap_network(network, model.family))


def _halves(network: torch.nn.Module, model: Model) -> dict[str, int | str]:
    n_bytes = sum(weight.nbytes for weight in network.parameters())
    here = "cpu" if model.device.type == "cpu" else model.device.index or 0
    memory = {here: n_bytes * 6 // 10, "disk" if here == "cpu" else "cpu": 10**12}
    whole = network._no_split_modules
    return infer_auto_device_map(network, max_memory=memory, no_split_module_classes=whole)


def _as_another(model: Model, other: Model) -> Compared:
    prompts, ids = random_prompts(model), asked_of(model)
    donors = collect(model, random_prompts(model, 1), [[-1]] * len(prompts))
    one, two = (sweep_last(each, prompts, donors, ids) for each in (model, other))
    logits = [torch.cat([s.patched.logits[:, :, 0], s.baseline.logits[None]]) for s in (one, two)]
    first = [torch.cat([s.patched.top_ids[:, :, 0], s.baseline.top_ids[None]]) for s in (one, two)]
    difference = float((logits[0] - logits[1]).abs().max())
    others = int((first[0] != first[1]).sum())
    return Compared("logits", difference, limit_of(model, logits[1]), first[0].numel(), others)


CHECKS: dict[str, Callable[[Model], Compared]] = {
    "packed sweep of the last token: a forward for each patch": packed_last,
    f"packed sweep of token {EARLY}: a forward for each patch": packed_early,
    "padded batch: each prompt alone": batched,
    f"{N_NEW} greedy tokens: each alone, no cache": completions,
    "lens at the last point: the network's own answer": lens_at_the_end,
    "attention of the last token: eager, alone": attention_rows,
    "branches with hidden tokens: each whole, its mask by hand": masked_branches,
    "knockout: each alone, its mask by hand": knockout,
    "steering: vectors added by hooks": steering,
    f"{N_SAMPLES} samples of {N_NEW} tokens: each whole, no cache": sampling,
    "every edge cut: the other run": edges,
    "patch by name: a trace": named_session,
    "split, the device holds a part: whole": split,
}
# Asked of float32 only: a CPU without bfloat16 in hardware would take minutes.
ON_CPU: dict[str, Callable[[Model], Compared]] = {"packed sweep here: on the CPU": as_on_the_cpu}
