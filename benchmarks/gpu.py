"""The model core on a GPU: whether it is exact there, how fast, in how much memory.

    python benchmarks/gpu.py                     # one GPU, some four minutes
    python benchmarks/gpu.py --device cpu --small --out gpu.md   # every line of it, on a CPU

Writes the table after every part; a part that fails is a row with its error, and the exit status
is 1.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator
from functools import partial
from importlib.metadata import version
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))

import core
import rivals
from exactness import CHECKS, ON_CPU, Compared
from flops import forward_flops
from timing import Timing, Way, machine, table, time_ways
from transformers import GPTBigCodeConfig

from fimscope.inference.batch import pad_batch
from fimscope.inference.residuals import collect
from fimscope.interventions import packed
from fimscope.interventions.circuits import attribute_edges
from fimscope.interventions.residual_graph import residual_graph
from fimscope.interventions.sweep import sweep, sweep_last
from fimscope.models.load import DTYPES, Model, load_model
from fimscope.steps.frame import log, run_step, step_parser

EMBEDDED = HERE.parent / "models" / "embedded"
PARTS = ("exactness", "rates")
# StarCoderBase-1b's shape, and one that a CPU runs in no time.
WHOLE, SMALL = (
    GPTBigCodeConfig(
        vocab_size=vocab_size,
        n_positions=n_positions,
        n_embd=n_embd,
        n_head=n_head,
        n_layer=n_layer,
        bos_token_id=0,
        eos_token_id=0,
    )
    for vocab_size, n_positions, n_embd, n_head, n_layer in (
        (49152, 8192, 2048, 16, 24),
        (1000, 512, 64, 4, 4),
    )
)
# Tokens and examples of a batch: few, which the CPU that starts the kernels bounds, and many.
SIZES = ((128, 4), (512, 2), (1024, 1), (128, 64), (512, 16), (1024, 8))
SMALL_SIZES = ((16, 2), (32, 2))


class Table:
    """The lines so far, in a file that is whole after every part."""

    def __init__(self, path: Path):
        self.path, self.lines, self.n_failed = path, list[str](), 0

    def add(self, *lines: str) -> None:
        self.lines += lines
        log.info("%s", "\n".join(lines))
        self.path.parent.mkdir(parents=True, exist_ok=True)
        self.path.write_text("\n".join(self.lines).rstrip() + "\n", encoding="utf-8")

    def part(self, title: str, make: Callable[[], list[str]]) -> None:
        """The lines that `make` gives, or its error."""
        started = time.monotonic()
        try:
            lines = make()
        except Exception as error:
            log.exception("%s", title)
            lines = [f"**{title}: failed**: {_one_line(error)}", ""]
            self.n_failed += 1
        self.add(*lines)
        log.info("%s took %.1f s", title, time.monotonic() - started)

    def row(self, title: str, dtype: torch.dtype, compare: Callable[[], Compared]) -> None:
        started = time.monotonic()
        try:
            found = compare()
            holds = found.holds(dtype)
            choices = f"{found.others} of {found.n}" if found.n else ""
            gap = f"{found.gap:.1g}" if found.others and found.gap else ""
            numbers = f"{found.of} | {found.difference:.1e} | {found.limit:.1e} | {choices} | {gap}"
        except Exception as error:
            log.exception("%s", title)
            holds, numbers = False, f"{_one_line(error)} | | | | "
        self.n_failed += not holds
        seconds = time.monotonic() - started
        self.add(f"| {title} | {numbers} | {seconds:.1f} | {'yes' if holds else '**no**'} |")


def _one_line(error: Exception) -> str:
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return words[:300].replace("|", "\\|")


def models(args: argparse.Namespace) -> Iterator[tuple[str, Model]]:
    """Each model in each dtype, one at a time on the device."""
    config = SMALL if args.small else WHOLE
    for dtype in ("float32", "bfloat16"):
        yield f"the embedded model, {dtype}", load_model(EMBEDDED, dtype, args.device, "sdpa")
        name = f"random gpt_bigcode of {config.n_layer} blocks, d_model {config.n_embd}, {dtype}"
        yield name, peaked(core.random_model(config, DTYPES[dtype], args.device))


def peaked(model: Model) -> Model:
    """The model with larger embeddings, which are its unembedding too.

    Of weights as they are drawn the logits are nearly flat, and every choice is of near ties.
    """
    with torch.inference_mode():
        model.network.get_submodule(model.family.embedding).weight.mul_(4)
    return model


def add_exactness(found: Table, name: str, model: Model) -> None:
    found.add(
        f"### {name}",
        "",
        "| way: plain way | of | largest difference | limit | first differs | by at most | s "
        "| holds |",
        "|---|---|---:|---:|---:|---:|---:|---|",
    )
    checks = CHECKS | (ON_CPU if model.dtype == torch.float32 else {})
    for title, compare in checks.items():
        found.row(title, model.dtype, partial(compare, model))
    found.add("")


def matrix_rates(device: torch.device, n: int, repeats: int) -> dict[torch.dtype, float]:
    """FLOPs a second of an n x n x n product in each dtype."""
    rates = {}
    for dtype in (torch.float32, torch.bfloat16):
        a, b = (torch.randn(n, n, device=device, dtype=dtype) for _ in range(2))

        def run(a: torch.Tensor = a, b: torch.Tensor = b) -> None:
            for _ in range(10):
                a @ b

        seconds = time_ways({"product": Way(run)}, repeats, device)["product"].seconds
        rates[dtype] = 10 * 2 * n**3 / seconds
    return rates


def forward_rates(model: Model, sizes, rate: float, repeats: int) -> list[str]:
    lines = [
        "### Plain forwards, with the logits of the last token",
        "",
        "| tokens x examples | forwards/s | prompts/s | tokens/s | share of the matrix rate "
        "| peak, GB |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for n_tokens, n_examples in sizes:
        inputs = pad_batch(model, core.random_prompts(model, [n_tokens] * n_examples))
        ways = {"forward": Way(partial(_some_forwards, model, inputs))}
        timing = time_ways(ways, repeats, model.device)["forward"]
        a_second = FORWARDS / timing.seconds
        share = forward_flops(model, n_tokens, n_examples) * a_second / rate
        lines.append(
            f"| {n_tokens} x {n_examples} | {a_second:.3g} | {a_second * n_examples:.3g} "
            f"| {a_second * n_examples * n_tokens:.3g} | {share:.2%} | {_gb(timing)} |"
        )
    return [*lines, ""]


FORWARDS = 4  # of one timing: the device is waited for once


def _some_forwards(model: Model, inputs) -> None:
    for _ in range(FORWARDS):
        rivals.forward(model, inputs)


def _gb(timing: Timing) -> str:
    return "" if timing.peak is None else f"{timing.peak / 1e9:.2f}"


def time_attribution(model: Model, n_tokens: int, n_examples: int, repeats: int) -> list[str]:
    prompts, others = (core.random_prompts(model, [n_tokens] * n_examples, seed) for seed in (0, 1))
    graph, pairs = residual_graph(model), [(1, 2)] * n_examples
    inputs = pad_batch(model, prompts)
    ways = {
        "plain forward": Way(lambda: rivals.forward(model, inputs)),
        "attribution": Way(lambda: attribute_edges(model, graph, prompts, others, pairs)),
    }
    timings = time_ways(ways, repeats, model.device)
    title = f"Attribution of all edges, {n_tokens} x {n_examples} tokens"
    return table(title, timings, "attribution")


def time_passes(model: Model, n_tokens: int, n_examples: int, repeats: int) -> list[str]:
    """Sweeps under several sizes of a pass: what the constants of `packed` should be here."""
    n_donors = 8
    prompts = core.random_prompts(model, [n_tokens] * n_examples)
    last, middle = [[-1]] * n_examples, [[n_tokens // 2]]
    donors = collect(model, prompts, last)[:, :, 0]
    many = donors[:, :, None].expand(-1, -1, n_donors, -1)
    at_middle = collect(model, prompts[:1], middle)[:, :, None] * 0.5
    ids = torch.zeros(n_examples, 1, dtype=torch.long)
    windows = [[point] for point in range(model.n_points)]
    lines = [
        f"### Sizes of a pass, {n_tokens} tokens: seconds",
        "",
        f"| tokens of a pass, of a row at least | last token of {n_examples} prompts, {n_donors} "
        "donors | peak, GB | middle token of one prompt | peak, GB |",
        "|---|---:|---:|---:|---:|",
    ]
    before = packed.LEAST_TOKENS_OF_A_PASS, packed.LEAST_TOKENS_OF_A_ROW
    try:
        for sizes in ((512, 64), (2048, 256), (8192, 1024), (32768, 4096)):
            packed.LEAST_TOKENS_OF_A_PASS, packed.LEAST_TOKENS_OF_A_ROW = sizes
            ways = {
                "last": Way(lambda: sweep_last(model, prompts, many, ids)),
                "middle": Way(
                    lambda: sweep(model, prompts[:1], middle, windows, at_middle, ids[:1])
                ),
            }
            timings = time_ways(ways, repeats, model.device).values()
            shown = " | ".join(f"{timing.seconds:.3g} | {_gb(timing)}" for timing in timings)
            lines.append(f"| {sizes[0]}, {sizes[1]} | {shown} |")
    finally:
        packed.LEAST_TOKENS_OF_A_PASS, packed.LEAST_TOKENS_OF_A_ROW = before
    return [*lines, ""]


def add_rates(found: Table, args: argparse.Namespace, device: torch.device) -> None:
    rates: dict[torch.dtype, float] = {}

    def measure() -> list[str]:
        n = 256 if args.small else 8192
        rates.update(matrix_rates(device, n, args.repeats))
        shown = " and ".join(f"{rate / 1e12:.3g} TFLOP/s in {d}" for d, rate in rates.items())
        return [f"A matrix product of {n} x {n} x {n}: {shown.replace('torch.', '')}.", ""]

    found.part("matrix rate", measure)
    config = SMALL if args.small else WHOLE
    sizes = SMALL_SIZES if args.small else SIZES
    for dtype in (torch.bfloat16, torch.float32):
        model = core.random_model(config, dtype, args.device)
        name = str(dtype).removeprefix("torch.")
        found.add(f"## Rates in {name}", "")
        found.part(
            "forwards", lambda m=model, d=dtype: forward_rates(m, sizes, rates[d], args.repeats)
        )
        for what in (core.time_sweep, core.time_collection, core.time_reading):
            # In float32 the largest alone.
            for size in sizes if dtype == torch.bfloat16 else sizes[-1:]:
                found.part(f"{what.__name__} {size}", partial(what, model, *size, args.repeats))
        length, n_examples = sizes[-2]
        found.part("samples", partial(core.time_samples, model, length, args.repeats))
        found.part("attribution", partial(time_attribution, model, *sizes[-2], args.repeats))
        if dtype == torch.bfloat16:
            found.part("passes", partial(time_passes, model, length, n_examples, args.repeats))


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--device", default="cuda", help="cuda, cuda:1, or cpu for a rehearsal")
    parser.add_argument("--small", action="store_true", help="a small model in place of the 1b")
    parser.add_argument("--parts", nargs="+", default=list(PARTS), choices=PARTS, help="of it")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each whole way")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "gpu.md", help="the table")
    with run_step(parser) as args:
        torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = False
        device = torch.device(args.device)
        found = Table(args.out)
        found.add(
            "# The model core on a GPU",
            "",
            f"Written by `python benchmarks/gpu.py`. {machine(device, torch.get_num_threads())}; "
            f"torch {version('torch')}, transformers {version('transformers')}, nnsight "
            f"{version('nnsight')}; TF32 off. Prompts and the larger model's weights are random. "
            f"Seconds are the least of {args.repeats} runs.",
            "",
        )
        if "exactness" in args.parts:
            found.add("## Exactness", "")
            for name, model in models(args):
                add_exactness(found, name, model)
        if "rates" in args.parts:
            add_rates(found, args, device)
        if found.n_failed:
            log.error("%d rows of %s do not hold", found.n_failed, args.out)
            sys.exit(1)


if __name__ == "__main__":
    main()
