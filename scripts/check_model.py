"""Check whether a model's folder is what it seems: weights, tokens, logits, places."""

import argparse
from pathlib import Path

from fimscope.models.dtypes import AUTO
from fimscope.prompts.check import check_model
from fimscope.steps.frame import run_step, step_parser


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("folder", type=Path, help="config.json, tokenizer.json, *.safetensors")
    parser.add_argument("--dtype", default=AUTO, help="auto, float32, bfloat16 or float16")
    parser.add_argument("--device", default="cpu", help="cpu, cuda, cuda:1 or auto, all GPUs")
    parser.add_argument("--attention", default="sdpa", help="sdpa or eager")
    parser.add_argument(
        "--trust-remote-code",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="run the Python code that the model's own repository brings",
    )
    with run_step(parser) as args:
        asked = (args.dtype, args.device, args.attention, args.trust_remote_code)
        rows = check_model(args.folder, *asked)
        width = max(len(what) for what, _ in rows)
        print("\n".join(f"{what:{width}}  {found}" for what, found in rows))


if __name__ == "__main__":
    main()
