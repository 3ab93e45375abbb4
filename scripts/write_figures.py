"""Write the figures of README, cards and docs from the numbers of the studies they speak of."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from fimscope.errors import UserError
from fimscope.files.atomic import replacing
from fimscope.files.digests import read_json
from fimscope.report.figures import fill_figures
from fimscope.steps.frame import log, run_step, step_parser

RESULTS = ("figures.json", "quality.json")  # of write_summary, of measure_quality
# What pages do not speak of, and what stands in the numbers too; of the timings, single steps.
LEFT_OUT = ("manifest", "config", "model", "funnel", "experiments", "timings")


def study_text(numbers: Mapping[str, Any], name: str) -> str:
    """A study's numbers as they are committed: a line for each part, without LEFT_OUT.

    numbers   of one of RESULTS
    """
    run = numbers["manifest"]
    parts = {
        "provenance": f"the tables of the study {name}, fimscope {run['fimscope']}, "
        f"commit {run['git'].get('commit')}",
        **{key: value for key, value in numbers.items() if key not in LEFT_OUT},
        **{f"experiments.{key}": own for key, own in numbers.get("experiments", {}).items()},
    }
    if "timings" in numbers:
        totals = {key: value for key, value in numbers["timings"].items() if key != "steps"}
        parts["timings"] = totals
    lines = [f"{json.dumps(key)}: {_compact(value)}" for key, value in sorted(parts.items())]
    return "{\n" + ",\n".join(lines) + "\n}\n"


def read_studies(folder: Path) -> dict[str, Any]:
    """The committed numbers of every study, by its name, with _ for what is no letter or digit;
    experiments by their names."""
    studies = {}
    for path in sorted(folder.glob("*.json")):
        try:
            parts = json.loads(path.read_text("utf-8"))
        except ValueError as error:
            raise UserError(f"{path}: not JSON ({error}); make it again") from None
        numbers: dict[str, Any] = {"experiments": {}}
        for key, value in parts.items():
            *where, last = key.split(".", 1)
            (numbers[where[0]] if where else numbers)[last] = value
        studies[re.sub(r"\W", "_", path.stem)] = numbers
    return studies


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"), sort_keys=True, ensure_ascii=False)


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--studies", type=Path, required=True, help="folder of committed numbers")
    parser.add_argument(
        "--results",
        type=Path,
        nargs="*",
        default=[],
        help="results folders of new runs; those of studies that are committed are taken in first",
    )
    parser.add_argument(
        "--macros", type=Path, nargs="+", required=True, help="Jinja macros for the pages"
    )
    parser.add_argument("--pages", type=Path, nargs="+", required=True, help="Markdown, in place")
    with run_step(parser) as args:
        for folder in args.results:
            study = args.studies / f"{folder.name}.json"
            found = [folder / name for name in RESULTS if (folder / name).is_file()]
            if study.is_file() and found:
                text = study_text(read_json(found[0]), folder.name)
                with replacing(study) as temporary:
                    temporary.write_text(text, encoding="utf-8")
                log.info("%s: taken from %s", study, folder)
        studies = read_studies(args.studies)
        macros = "\n".join(path.read_text("utf-8") for path in args.macros)
        for page in args.pages:
            text = page.read_text("utf-8")
            filled = fill_figures(text, studies, str(page), macros)
            if filled != text:
                with replacing(page) as temporary:
                    temporary.write_text(filled, encoding="utf-8")
                log.info("%s: written", page)


if __name__ == "__main__":
    main()
