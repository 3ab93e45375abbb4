"""Build the report as one HTML page that needs nothing else."""

from pathlib import Path

from fimscope.files.atomic import replacing, replacing_folder
from fimscope.files.digests import read_sealed
from fimscope.report.contents import read_report
from fimscope.report.docs import docs_pages
from fimscope.report.page import build_page
from fimscope.steps.frame import run_step, step_parser


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--report", type=Path, required=True, help="report.json")
    parser.add_argument("--figures-folder", type=Path, required=True, help="folder of the SVGs")
    parser.add_argument("--docs", type=Path, required=True, help="the folder docs/")
    parser.add_argument("--out", type=Path, required=True, help="the page, report.html")
    parser.add_argument(
        "--out-docs", type=Path, required=True, help="folder beside it: the docs that it leads to"
    )
    with run_step(parser) as args:
        figures = {
            path.name: read_sealed(path) for path in sorted(args.figures_folder.glob("*.svg"))
        }
        folder = args.out.parent
        files = {
            path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()
        }
        report = read_report(args.report)
        page = build_page(report, figures, files, args.out_docs.name)
        with replacing_folder(args.out_docs) as docs:
            for name, text in docs_pages(report, args.docs).items():
                (docs / name).write_text(text, encoding="utf-8")
        with replacing(args.out) as temporary:
            temporary.write_text(page, encoding="utf-8")


if __name__ == "__main__":
    main()
