"""Build the explorer: pages of the holes that the model was asked, their answers, their insides."""

from pathlib import Path

from fimscope.explorer.blocks import block_element, block_script, pack
from fimscope.explorer.pages import Parts, folder_page, read_parts, single_page
from fimscope.explorer.study import NEEDED, OPTIONAL, Study, example_blocks, list_variants
from fimscope.files.atomic import replacing, replacing_folder
from fimscope.prompts.encoder import Encoder
from fimscope.report.head import say_study
from fimscope.steps.frame import Progress, log, run_step, step_parser

ROOT = Path(__file__).resolve().parent.parent


def write_explorer(study: Study, name: str, parts: Parts, folder: Path, single: Path) -> None:
    """Write the folder and the single file, each to a temporary name that is renamed at the end."""
    title = f"{name} · fimscope explorer"
    index = pack(list_variants(study, name))
    start, end = single_page(title, parts, index)
    progress = Progress("explorer", len(study.examples), "examples")
    with (
        replacing_folder(folder) as new,
        replacing(single) as page,
        page.open("w", encoding="utf-8") as file,
    ):
        for part in ("lib", "data"):
            (new / part).mkdir()
        _write(new / "index.html", folder_page(title, parts))
        _write(new / "lib/style.css", parts.style)
        _write(new / "lib/licenses.txt", parts.licenses)
        for script, text in parts.scripts.items():
            _write(new / f"lib/{script}.js", text)
        _write(new / "data/index.js", block_script("index", index))
        file.write(start)
        for number, block in example_blocks(study):
            _write(new / f"data/{number}.js", block_script(number, block))
            file.write(block_element(number, block))
            progress.add()
        file.write(end)


def _write(path: Path, text: str) -> None:
    path.write_text(text, encoding="utf-8")


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    for name in NEEDED:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=Path,
            nargs="+",
            required=True,
            help=f"{name}/{{edit}}.parquet",
        )
    for name in OPTIONAL:
        parser.add_argument(
            f"--{name.replace('_', '-')}",
            type=Path,
            nargs="*",
            required=True,
            help=f"{name} tables, where there are any",
        )
    parser.add_argument(
        "--activations", type=Path, help="activations/original, if the study has them"
    )
    parser.add_argument("--model", type=Path, required=True, help="folder of the prepared model")
    parser.add_argument("--model-name", required=True, help="the model's name in the config")
    parser.add_argument("--study", required=True, help="the study's name")
    parser.add_argument(
        "--node-modules",
        type=Path,
        default=ROOT / "node_modules",
        help="where the packages of the page are installed",
    )
    parser.add_argument(
        "--front-end",
        type=Path,
        default=ROOT / "scripts/explorer",
        help="folder of the page's own code",
    )
    parser.add_argument("--out", type=Path, required=True, help="the folder, with index.html in it")
    parser.add_argument("--out-single", type=Path, required=True, help="all of it in one file")
    with run_step(parser) as args:
        parts = read_parts(args.front_end, args.node_modules)
        paths = {name: getattr(args, name) for name in (*NEEDED, *OPTIONAL)}
        study = Study(args.examples, paths, Encoder.from_folder(args.model), args.activations)
        name = say_study(args.model_name, args.study)
        write_explorer(study, name, parts, args.out, args.out_single)
        log.info("%d examples", len(study.examples))


if __name__ == "__main__":
    main()
