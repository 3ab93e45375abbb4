"""Which model a step runs, and how: its command-line options, the model opened by them."""

import argparse
import os
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from fimscope.models.prepared import check_hashes, read_prepared
from fimscope.steps.frame import log

if TYPE_CHECKING:
    from fimscope.models.load import Model


def add_model_options(parser: argparse.ArgumentParser) -> None:
    """--model, --dtype, --device, --attention and --threads, as `open_model` reads them."""
    parser.add_argument("--model", type=Path, required=True, help="folder of the prepared model")
    parser.add_argument("--dtype", required=True, help="float32, bfloat16 or float16")
    parser.add_argument("--device", required=True, help="cpu, cuda, cuda:1 or auto, all GPUs")
    parser.add_argument("--attention", required=True, help="sdpa or eager")
    parser.add_argument("--threads", type=int, help="threads of the CPU; default: torch's choice")
    parser.add_argument(
        "--batch-tokens", type=int, required=True, help="padded tokens in one batch, at most"
    )
    parser.add_argument("--trust-remote-code", action="store_true", help="run the model's own code")


def open_model(args: argparse.Namespace) -> "Model":
    """The model that the options name, ready to run.

    raises UserError that names the file where one of its files is missing, truncated or changed
    """
    return model_opener(args)()


def model_opener(args: argparse.Namespace) -> Callable[[], "Model"]:
    """Gives the model that the options name, opened when it is first asked for.

    A step that finds all its parts in the cache never asks, and imports no more than they need.
    Called before anything imports torch.
    """
    # Threads that spin while they wait make a shared machine several times slower; OpenMP reads
    # this when torch is imported.
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Large tensors of huge pages, which the system clears at a fraction of the time of small ones;
    # torch reads this when it makes its first tensor.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")

    @cache
    def opened() -> "Model":
        check_hashes(read_prepared(args.model))
        started = time.monotonic()
        import torch
        from transformers.utils.logging import disable_progress_bar

        from fimscope.models.load import load_model

        disable_progress_bar()  # the steps tell their progress themselves
        if args.threads is not None:
            torch.set_num_threads(args.threads)
        model = load_model(
            args.model, args.dtype, args.device, args.attention, args.trust_remote_code
        )
        # write_summary reads this line: imports and loading are what many small jobs would waste.
        log.info("loading took %.1f s", time.monotonic() - started)
        log.info("%s, %d blocks, on %s", args.model, model.n_blocks, args.device)
        return model

    return opened


def stop_ids(model: "Model") -> set[int]:
    """The tokens by which the model says that its completion has ended.

    Beside those that its makers name, every control token: Qwen2.5-Coder ends a middle with
    `<|fim_pad|>`, and no type holds one.
    """
    end = model.network.generation_config.eos_token_id
    named = set(end if isinstance(end, list) else [] if end is None else [end])
    added = model.nnsight.tokenizer.added_tokens_decoder
    return named | {token_id for token_id, token in added.items() if token.special}
