"""What a study costs: measured on the embedded model, estimated for larger ones by their FLOPs.

python benchmarks/cost.py --figures results/embedded/figures.json
"""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "scripts"))

from fimscope.files.digests import read_json
from fimscope.steps.frame import positive, run_step, step_parser

# blocks, width, heads, inner width, as the models' own config.json has them
SIZES = {
    "StarCoderBase-1b": (24, 2048, 16, 8192),
    "StarCoderBase-7b": (42, 4096, 32, 16384),
    "StarCoderBase-15b": (40, 6144, 48, 24576),
}
GPU_FLOPS = 312e12  # of an A100 in bfloat16, by its data sheet
USED = 0.3  # the share of them that a forward is assumed to reach
# Steps of the model whose work the config bounds, and those whose work grows with the examples.
BOUNDED = (
    *("complete_types", "sample_types", "sweep_whole_types", "sweep_patches", "sweep_positions"),
    *("trace_tokens", "sweep_components", "attribute_edges", "run_circuits", "patch_paths"),
    *("sweep_subspace", "learn_subspaces", "plant_types", "repair_copies", "repair_names"),
    *("apply_steering", "compare_icl", "mask_distractors", "view_heads", "read_lens_tokens"),
)
GROWING = ("read_prompts", "predict_types", "cache_activations", "read_lens", "view_attention")
LEAST = 0.01  # of all seconds: the other steps have one row together


@dataclass(frozen=True)
class Shape:
    """A model of random weights that take no memory, with what `flops` asks of a model."""

    sizes: tuple[int, int, int, int]
    vocab_size: int

    @cached_property
    def network(self) -> Any:
        import torch
        from transformers import GPTBigCodeConfig, GPTBigCodeForCausalLM

        n_blocks, width, n_heads, inner = self.sizes
        config = GPTBigCodeConfig(
            vocab_size=self.vocab_size,
            n_positions=8192,
            n_layer=n_blocks,
            n_embd=width,
            n_head=n_heads,
            n_inner=inner,
            bos_token_id=0,
            eos_token_id=0,
        )
        with torch.device("meta"):
            return GPTBigCodeForCausalLM(config)

    @property
    def family(self) -> Any:
        from fimscope.models.families import find_family

        return find_family("gpt_bigcode", "")

    @property
    def n_blocks(self) -> int:
        return self.sizes[0]

    @property
    def n_points(self) -> int:
        return self.sizes[0] + 1

    @property
    def d_model(self) -> int:
        return self.sizes[1]

    @property
    def n_heads(self) -> int:
        return self.sizes[2]

    @property
    def d_head(self) -> int:
        return self.sizes[1] // self.sizes[2]


def step_seconds(figures: dict[str, Any]) -> dict[str, float]:
    """Wall seconds of every step, its jobs together."""
    seconds: dict[str, float] = {}
    for job in figures["timings"]["steps"]:
        step = job["step"].split("/")[0]
        seconds[step] = seconds.get(step, 0.0) + job["wall_s"]
    return seconds


def step_rows(seconds: dict[str, float], once: float) -> Iterator[str]:
    """The dearest steps first, each that has its share of LEAST; `once` is all prompts once."""
    total = sum(seconds.values())
    dear = {step: own for step, own in seconds.items() if own >= LEAST * total}
    for step, own in sorted(dear.items(), key=lambda pair: -pair[1]):
        forwards = f"{own / once:.1f}" if step in GROWING + BOUNDED else ""
        grows = "" if not forwards else "yes" if step in GROWING else "no: the config bounds it"
        yield f"| `{step}` | {own:.0f} | {own / total:.0%} | {forwards} | {grows} |"
    rest = total - sum(dear.values())
    n_rest = len(seconds) - len(dear)
    yield f"| {n_rest} others together | {rest:.0f} | {rest / total:.0%} | | |"


def page(figures: dict[str, Any], n: int, n_tokens: int, n_positions: int) -> str:
    from flops import forward_flops

    seconds = step_seconds(figures)
    timings = figures["timings"]
    n_prompts = sum(row["n"] for row in figures["accuracy"])
    # The step that does the one forward of each prompt is the measure of the others.
    forward = seconds["read_prompts"] / n_prompts
    lines = [
        "# What a study costs",
        "",
        "Written by `python benchmarks/cost.py`.",
        "",
        "## Measured",
        "",
        f"The default study with the embedded model, {n_prompts} prompts of at most "
        f"{figures['config']['prompt']['max_tokens']} tokens, on two cores: "
        f"{sum(seconds.values()):.0f} s in all. One forward of a prompt, with its answer and all "
        f"that is kept of it, took {1000 * forward:.1f} ms. Loading libraries and the model took "
        f"{timings['loading_s'] / timings['wall_s']:.0%} of all seconds. The most memory of a step "
        f"was {timings['peak_mb'] / 1000:.1f} GB. In forwards, a step costs:",
        "",
        "| step | seconds | share of all | forwards, for each prompt | grows with the examples |",
        "|---|---:|---:|---:|---|",
        *step_rows(seconds, forward * n_prompts),
    ]
    per_prompt = sum(seconds.get(step, 0.0) for step in GROWING) / forward / n_prompts
    bounded = sum(seconds.get(step, 0.0) for step in BOUNDED) / forward
    work = 2 * n * per_prompt + bounded
    lines += [
        "",
        "## Estimated",
        "",
        f"{n:,} examples under `original` and one edit, prompts of {n_tokens} tokens, the default "
        f"experiments: {work:,.0f} forwards by the table above. FLOPs of a forward by the model's "
        f"shape (`benchmarks/flops.py`); GPU hours at {USED:.0%} of the {GPU_FLOPS / 1e12:.0f} "
        "TFLOP/s that an A100 does in bfloat16. Not measured: no model of this size was run. The "
        "compiler's steps and the plots come on top, on CPUs, by their own measurements "
        "(`edits.md`, `scale.md`); so does loading, once a job.",
        "",
        "| model | FLOPs of a forward | GPU hours | weights, bfloat16 | activations on disk |",
        "|---|---:|---:|---:|---:|",
    ]
    for name, sizes in SIZES.items():
        shape = Shape(sizes, 49152)
        flops = forward_flops(shape, n_tokens, 1)
        hours = work * flops / (GPU_FLOPS * USED) / 3600
        weights = 2 * sum(weight.numel() for weight in shape.network.parameters())
        disk = 2 * n * shape.n_points * n_positions * shape.d_model * 2
        lines.append(
            f"| {name} | {flops:.1e} | {hours:.1f} | {weights / 1e9:.0f} GB | {disk / 1e9:.0f} GB |"
        )
    lines += [
        "",
        f"Activations: {n_positions} positions at every point, two bytes a number, both edits; as "
        "much again in the cache of parts until it is cleared.",
    ]
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--figures", type=Path, default=ROOT / "results/embedded/figures.json")
    parser.add_argument("--examples", type=positive, default=10_000)
    parser.add_argument("--tokens", type=positive, default=1024)
    parser.add_argument("--positions", type=positive, default=7)
    parser.add_argument("--out", type=Path, default=ROOT / "benchmarks/results/cost.md")
    with run_step(parser) as args:
        text = page(read_json(args.figures), args.examples, args.tokens, args.positions)
        args.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
