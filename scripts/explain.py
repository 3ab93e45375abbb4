"""Ask a model for the type in the hole of a snippet, and show what its answer comes from."""

import argparse
import sys
from pathlib import Path

from fimscope.errors import UserError
from fimscope.steps.frame import log, positive, run_step, step_parser


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "snippet",
        nargs="?",
        default="-",
        help="TypeScript with <hole> in the place of one type of a function's signature, or a file "
        "of it; -: from the standard input",
    )
    parser.add_argument(
        "--model",
        default="embedded",
        help="a preset of config/, a folder, a GGUF file, or organisation/name of the hub",
    )
    parser.add_argument(
        "--rename",
        action=argparse.BooleanOptionalAction,
        default=False,
        help="ask also with other names, and patch back what they break",
    )
    parser.add_argument("--max-tokens", type=positive, help="of the prompt; default: at most 1024")
    parser.add_argument("--dtype", help="float32, bfloat16, float16 or auto; default: the preset's")
    parser.add_argument("--device", help="cpu, cuda, cuda:1 or auto, all GPUs")
    parser.add_argument("--out", type=Path, help="write it as an HTML page, too")
    with run_step(parser) as args:
        if args.snippet == "-" and sys.stdin.isatty():
            raise UserError("snippet: none given; give a text or a file with <hole> in it")
        from fimscope.snippets.explanation import explain

        explanation = explain(
            sys.stdin.read() if args.snippet == "-" else args.snippet,
            args.model,
            rename=args.rename,
            max_tokens=args.max_tokens,
            dtype=args.dtype,
            device=args.device,
        )
        print(explanation)
        if args.out:
            explanation.write(args.out)
            log.info("%s", args.out)


if __name__ == "__main__":
    main()
