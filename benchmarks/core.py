"""Time the model core against the plain ways to do the same, and write the table of results."""

import argparse
import sys
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import torch

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "scripts"))

import rivals
from flops import forward_flops, sweep_flops
from timing import Way, machine, table, time_ways
from transformers import AutoModelForCausalLM, GPT2Config, GPTBigCodeConfig

from fimscope.inference.batch import pad_batch
from fimscope.inference.batching import plan_batches
from fimscope.inference.generate import answer, answer_past
from fimscope.inference.lens import lens_of, logit_lens
from fimscope.inference.prefill import prefill
from fimscope.inference.residuals import collect
from fimscope.inference.sampling import sample
from fimscope.interventions.sweep import sweep, sweep_last, sweep_plain
from fimscope.interventions.whole_answers import sweep_whole
from fimscope.models.families import FAMILIES
from fimscope.models.load import DTYPES, Model, wrap_network
from fimscope.steps.frame import log, run_step, step_parser

NO_STOPS: tuple[int, ...] = ()
N_SAMPLES, N_NEW = 100, 16


def random_model(config, dtype: torch.dtype, device: str) -> Model:
    torch.manual_seed(0)
    with torch.device(device):  # a billion random numbers take a CPU long
        network = AutoModelForCausalLM.from_config(config, dtype=dtype)
    return wrap_network(network, FAMILIES[config.model_type])


def random_prompts(model: Model, lengths: list[int], seed: int = 0) -> list[list[int]]:
    generator = torch.Generator().manual_seed(seed)
    return [
        torch.randint(1, model.vocab_size, (length,), generator=generator).tolist()
        for length in lengths
    ]


def some_points(model: Model) -> list[int]:
    """Points that stand for all in the slow ways: every point costs them one whole forward."""
    return [0, model.n_blocks // 2, model.n_blocks]


def time_sweep(model: Model, n_tokens: int, n_examples: int, repeats: int) -> list[str]:
    prompts = random_prompts(model, [n_tokens] * n_examples)
    inputs, last = pad_batch(model, prompts), [[-1]] * n_examples
    donors = collect(model, random_prompts(model, [n_tokens] * n_examples, 1), last)[:, :, 0]
    ids = torch.zeros(n_examples, 2, dtype=torch.long)
    points = some_points(model)
    share = len(points) / model.n_points
    on_device = donors.to(model.device)
    timings = time_ways(
        {
            "plain forward": Way(lambda: rivals.forward(model, inputs)),
            "packed sweep": Way(lambda: sweep_last(model, prompts, donors[:, :, None], ids)),
            "hook per point": Way(
                lambda: rivals.sweep_hooks(model, inputs, on_device, points), share
            ),
            "nnsight trace per point": Way(
                lambda: rivals.sweep_nnsight(model, inputs, on_device, points, 1), share
            ),
            "nnsight trace per point, logits everywhere": Way(
                lambda: rivals.sweep_nnsight(model, inputs, on_device, points, 0), share
            ),
        },
        repeats,
        model.device,
    )
    least = sweep_flops(model, n_tokens, n_examples) / forward_flops(model, n_tokens, n_examples)
    ratio = timings["packed sweep"].seconds / timings["plain forward"].seconds
    return table(
        f"Sweep of the last token over {model.n_points} points, {n_tokens} x {n_examples} tokens",
        timings,
        "packed sweep",
        f"The packed sweep took {ratio:.2f} plain forwards; by its FLOPs it needs {least:.2f}.",
    )


def time_whole_types(
    model: Model, n_tokens: int, n_examples: int, n_type: int, repeats: int
) -> list[str]:
    prompts = random_prompts(model, [n_tokens] * n_examples)
    types = [random_prompts(model, [n_type] * n_examples, seed) for seed in (2, 3)]
    inputs, last = pad_batch(model, prompts), [[-1]] * n_examples
    others = random_prompts(model, [n_tokens] * n_examples, 1)
    donors = collect(model, others, last)[:, :, None]
    windows = [[point] for point in range(model.n_points)]
    points, forwards = some_points(model)[:1], 2 * n_type

    def one_by_one() -> None:
        """A forward for each point, and each token of the two types behind those before it."""
        for own in types:
            for place in range(n_type):
                longer = [[*ids, *one[:place]] for ids, one in zip(prompts, own, strict=True)]
                at = [[n_tokens - 1]] * n_examples
                sweep_plain(model, longer, at, [points], donors[points])

    timings = time_ways(
        {
            "plain forward": Way(lambda: rivals.forward(model, inputs)),
            "packed sweep of whole types": Way(
                lambda: sweep_whole(model, prompts, last, windows, donors, types)
            ),
            "forward per point and token": Way(one_by_one, len(points) / model.n_points),
        },
        repeats,
        model.device,
    )
    # Each copy runs the last token and all of both types but their last tokens.
    least = sweep_flops(model, n_tokens, n_examples, forwards - 1, forwards)
    least /= forward_flops(model, n_tokens, n_examples)
    ratio = timings["packed sweep of whole types"].seconds / timings["plain forward"].seconds
    return table(
        f"Sweep of the last token over {model.n_points} points, two types of {n_type} tokens, "
        f"{n_tokens} x {n_examples} tokens",
        timings,
        "packed sweep of whole types",
        f"Whole types took {ratio:.2f} plain forwards; by their FLOPs they need {least:.2f}.",
    )


def time_position(model: Model, n_tokens: int, position: int, repeats: int) -> list[str]:
    (prompt,) = random_prompts(model, [n_tokens])
    donors = collect(model, [prompt], [[position]])[:, :, None] * 0.5
    ids = torch.zeros(1, 2, dtype=torch.long)
    points = some_points(model)
    windows = [[point] for point in range(model.n_points)]
    some = [[point] for point in points]
    timings = time_ways(
        {
            "packed sweep": Way(lambda: sweep(model, [prompt], [[position]], windows, donors, ids)),
            "forward per point": Way(
                lambda: sweep_plain(model, [prompt], [[position]], some, donors[points]),
                len(points) / model.n_points,
            ),
        },
        repeats,
        model.device,
    )
    title = f"Sweep of token {position} of {n_tokens} over {model.n_points} points"
    return table(title, timings, "packed sweep")


def time_collection(model: Model, n_tokens: int, n_examples: int, repeats: int) -> list[str]:
    prompts = random_prompts(model, [n_tokens] * n_examples)
    inputs, last = pad_batch(model, prompts), [[-1]] * n_examples
    timings = time_ways(
        {
            "plain forward": Way(lambda: rivals.forward(model, inputs)),
            "collect": Way(lambda: collect(model, prompts, last)),
            "plain hooks": Way(lambda: rivals.collect_hooks(model, inputs)),
        },
        repeats,
        model.device,
    )
    title = f"Collection of the last token at {model.n_points} points, {n_tokens} x {n_examples}"
    return table(title, timings, "collect")


def time_reading(model: Model, n_tokens: int, n_examples: int, repeats: int) -> list[str]:
    prompts = random_prompts(model, [n_tokens] * n_examples)
    inputs = pad_batch(model, prompts)
    last, golds = [[-1]] * n_examples, [1] * n_examples
    asked = torch.zeros(n_examples, 1, 2, dtype=torch.long)

    def together() -> None:
        found = prefill(model, prompts, last, patterns=True)
        answer_past(model, found.past, found.hidden, golds, N_NEW, NO_STOPS)
        lens_of(model, found.residuals, found.residuals[-1], asked)

    def one_by_one() -> None:
        answer(model, prompts, golds, N_NEW, NO_STOPS)
        collect(model, prompts, last)
        logit_lens(model, prompts, last, asked[:, 0].tolist())
        rivals.eager_last_rows(model, inputs)

    timings = time_ways(
        {
            "plain forward": Way(lambda: rivals.forward(model, inputs)),
            "all of one forward": Way(together),
            "a forward each": Way(one_by_one),
            "answers alone": Way(lambda: answer(model, prompts, golds, N_NEW, NO_STOPS)),
        },
        repeats,
        model.device,
    )
    plain = timings["plain forward"].seconds
    title = (
        f"Answers of {N_NEW} tokens, and of the last token activations and lens at "
        f"{model.n_points} points and attention in all heads, {n_tokens} x {n_examples} tokens"
    )
    ratios = [
        f"{timings[way].seconds / plain:.2f}" for way in ("all of one forward", "a forward each")
    ]
    note = (
        f"In plain forwards a prompt: {ratios[0]} of one forward, {ratios[1]} with a forward each."
    )
    return table(title, timings, "all of one forward", note)


def time_batches(model: Model, repeats: int) -> list[str]:
    generator = torch.Generator().manual_seed(0)
    # Lengths of real programs have a long tail.
    lengths = (torch.randn(32, generator=generator) * 0.8 + 4.6).exp().clamp(16, 1000).int()
    prompts, budget = random_prompts(model, lengths.tolist()), 2048
    sorted_batches = plan_batches([len(prompt) for prompt in prompts], budget)
    size = -(-len(prompts) // len(sorted_batches))
    naive = [list(range(i, min(i + size, len(prompts)))) for i in range(0, len(prompts), size)]

    def run(batches: list[list[int]]) -> None:
        for rows in batches:
            rivals.forward(model, pad_batch(model, [prompts[row] for row in rows]))

    timings = time_ways(
        {
            "sorted by length, under a token budget": Way(lambda: run(sorted_batches)),
            "in the order given, as many batches": Way(lambda: run(naive)),
        },
        repeats,
        model.device,
    )
    title = "32 prompts of 16 to 1000 tokens in batches"
    return table(title, timings, "sorted by length, under a token budget")


def time_samples(model: Model, n_tokens: int, repeats: int) -> list[str]:
    (prompt,) = random_prompts(model, [n_tokens])
    timings = time_ways(
        {
            "packed samples": Way(lambda: sample(model, [prompt], [0], N_SAMPLES, N_NEW, NO_STOPS)),
            "one prefill, repeated for each sample": Way(
                lambda: rivals.generate_repeated(model, prompt, N_NEW, N_SAMPLES)
            ),
            "generate, one at a time": Way(
                lambda: rivals.generate_alone(model, prompt, N_NEW, 1, 2), 2 / N_SAMPLES
            ),
            "generate with num_return_sequences=10": Way(
                lambda: rivals.generate_alone(model, prompt, N_NEW, 10, 1), 10 / N_SAMPLES
            ),
        },
        repeats,
        model.device,
    )
    title = f"{N_SAMPLES} samples of {N_NEW} tokens behind {n_tokens}"
    return table(title, timings, "packed samples")


def time_transformer_lens(dtype: torch.dtype, device: str, repeats: int) -> list[str]:
    model = random_model(GPT2Config(), dtype, device)
    prompts, donor_prompts = (random_prompts(model, [128] * 4, seed) for seed in (0, 1))
    inputs, donor_inputs = pad_batch(model, prompts), pad_batch(model, donor_prompts)
    donors = collect(model, donor_prompts, [[-1]] * 4)
    ids = torch.zeros(4, 1, dtype=torch.long)
    lens_sweep = rivals.transformer_lens_sweep(model, inputs, donor_inputs)
    # TransformerLens has no point behind the last block.
    points = [0, model.n_blocks // 2, model.n_blocks - 1]
    ways = {
        "plain forward": Way(lambda: rivals.forward(model, inputs)),
        "packed sweep": Way(lambda: sweep_last(model, prompts, donors, ids)),
    }
    note = "TransformerLens is not installed: `pip install transformer-lens` adds its row."
    if lens_sweep is not None:
        ours = sweep_last(model, prompts, donors, ids).patched.logits[points, :, 0, 0].sum(1)
        difference = (lens_sweep(points).cpu() - ours).abs().max()
        name = f"TransformerLens {version('transformer-lens')}"
        ways[name] = Way(lambda: lens_sweep(points), len(points) / model.n_points)
        note = f"Largest difference of the two sweeps' logits: {difference:.1g}."
    title = "Sweep of the last token, GPT-2's shape, 128 x 4 tokens"
    return table(title, time_ways(ways, repeats, model.device), "packed sweep", note)


def run_benchmarks(args: argparse.Namespace) -> Iterator[list[str]]:
    dtype = DTYPES[args.dtype]
    config = GPTBigCodeConfig(
        vocab_size=49152,
        n_positions=2048,
        n_embd=args.d_model,
        n_head=args.d_model // 64,
        n_layer=args.n_blocks,
    )
    model = random_model(config, dtype, args.device)
    yield [
        "# Benchmarks of the model core",
        "",
        f"Written by `python benchmarks/core.py`. {machine(model.device, args.threads)}; "
        f"{args.dtype}, torch {version('torch')}, transformers {version('transformers')}, "
        f"nnsight {version('nnsight')}. Random gpt_bigcode with {model.n_blocks} blocks, "
        f"d_model {model.d_model}, {model.n_heads} heads, vocabulary {model.vocab_size}, unless "
        f"another shape is named. The least of {args.repeats} runs, the ways taken in turns; a way "
        "that is marked ran for a part of the points or samples, and its seconds are scaled up.",
        "",
    ]
    for n_tokens, n_examples in ((128, 4), (512, 2), (1024, 1)):
        yield time_sweep(model, n_tokens, n_examples, args.repeats)
    yield time_whole_types(model, 512, 2, 4, args.repeats)
    for position in (480, 256, 0):
        yield time_position(model, 512, position, args.repeats)
    yield time_collection(model, 512, 2, args.repeats)
    for n_tokens, n_examples in ((128, 8), (512, 2)):
        yield time_reading(model, n_tokens, n_examples, args.repeats)
    yield time_batches(model, args.repeats)
    yield time_samples(model, 512, args.repeats)
    yield time_transformer_lens(dtype, args.device, args.repeats)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--n-blocks", type=int, default=24, help="blocks of the random model")
    parser.add_argument("--d-model", type=int, default=512, help="its width; heads are 64 wide")
    parser.add_argument("--dtype", default="float32", choices=list(DTYPES), help="of the weights")
    parser.add_argument("--device", default="cpu", help="cpu, cuda or cuda:1")
    parser.add_argument("--threads", type=int, default=1, help="threads of the CPU")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each whole way")
    parser.add_argument("--out", type=Path, default=HERE / "results" / "core.md", help="the table")
    with run_step(parser) as args:
        torch.set_num_threads(args.threads)
        lines: list[str] = []
        for part in run_benchmarks(args):
            lines += part
            log.info("%s", "\n".join(part))
            args.out.write_text("\n".join(lines).rstrip() + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
