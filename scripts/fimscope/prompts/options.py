"""How a step makes prompts: its command-line options, the maker by them."""

import argparse
from functools import partial

from fimscope.prompts.encoder import Encoder
from fimscope.prompts.maker import FORMATS, PromptMaker
from fimscope.steps.frame import positive


def add_prompt_options(parser: argparse.ArgumentParser) -> None:
    """--format, --max-tokens and --golds, as `prompt_maker` reads them."""
    parser.add_argument("--format", choices=sorted(FORMATS), required=True, help="prompt format")
    parser.add_argument(
        "--max-tokens", type=positive, required=True, help="longest prompt of an original"
    )
    parser.add_argument(
        "--golds", choices=["single_token", "all"], required=True, help="those that count"
    )


def prompt_maker(args: argparse.Namespace, encoder: Encoder) -> partial[PromptMaker]:
    """The PromptMaker that the options name, but for its `typescript`."""
    format = FORMATS[args.format]
    return partial(PromptMaker, format, encoder, max_tokens=args.max_tokens, golds=args.golds)
