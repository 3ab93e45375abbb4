"""Check whether a model's folder is what it seems: weights, tokens, logits, places."""

import argparse
from pathlib import Path

from fimscope.models.dtypes import AUTO
from fimscope.prompts.check import check_tokens
from fimscope.prompts.encoder import Encoder
from fimscope.steps.frame import run_step, step_parser


def check_model(
    folder: Path, dtype: str, device: str, attention: str, trust_remote_code: bool = False
) -> list[tuple[str, str]]:
    """What was checked of a model's folder and what was found, a row each.

    dtype, device, attention   as of `load_model`
    raises UserError, one sentence of what is wrong and what to do
    """
    from fimscope.inference.check import check_network
    from fimscope.models.load import load_model

    model = load_model(folder, dtype, device, attention, trust_remote_code)
    return [
        ("weights", "each has its place, and none is missing"),
        *check_tokens(Encoder.from_folder(folder), model.vocab_size, folder),
        *check_network(model),
    ]


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
