"""Write what each kind of step takes in a whole study, by which a first run tells the time left."""

from pathlib import Path

from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json, read_json
from fimscope.steps.frame import run_step, step_parser
from fimscope.terminal.plan import SECONDS, seconds_by_kind


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--figures", type=Path, required=True, help="figures.json of the study")
    parser.add_argument("--out", type=Path, default=SECONDS, help="JSON: kind of step -> seconds")
    with run_step(parser) as args:
        seconds = seconds_by_kind(read_json(args.figures)["timings"]["steps"])
        with replacing(args.out) as temporary:
            temporary.write_text(dump_json(seconds), encoding="utf-8")


if __name__ == "__main__":
    main()
