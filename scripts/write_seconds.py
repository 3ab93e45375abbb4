"""Write what each kind of step takes in a whole study, by which a first run tells the time left."""

from pathlib import Path

from fimscope.files.atomic import replacing
from fimscope.files.digests import dump_json
from fimscope.report.timings import timing_numbers
from fimscope.steps.frame import run_step, step_parser
from fimscope.terminal.plan import SECONDS, seconds_by_kind


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--results", type=Path, required=True, help="results/NAME of a study that has ended"
    )
    parser.add_argument("--out", type=Path, default=SECONDS, help="JSON: kind of step -> seconds")
    with run_step(parser) as args:
        steps = timing_numbers([args.results / "benchmarks"], [])["steps"]
        with replacing(args.out) as temporary:
            temporary.write_text(dump_json(seconds_by_kind(steps)), encoding="utf-8")


if __name__ == "__main__":
    main()
