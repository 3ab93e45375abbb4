"""Write the gallery: of each finished study a report and a small explorer, to be committed."""

from pathlib import Path

from fimscope.errors import UserError
from fimscope.explorer.pages import read_parts
from fimscope.files.atomic import replacing_folder
from fimscope.gallery.card import Card, gallery_page
from fimscope.gallery.pages import DOCS, check_size, write_study
from fimscope.report.docs import docs_pages
from fimscope.steps.frame import log, positive, run_step, step_parser

ROOT = Path(__file__).resolve().parent.parent


def write_gallery(
    studies: list[Path], folder: Path, n_examples: int, most_mb: float, root: Path = ROOT
) -> list[Card]:
    """Write index.md, a folder for each study and the docs that their reports lead to.

    studies   folders of results, in the page's order
    root      where docs/, scripts/explorer/ and node_modules/ are
    raises    UserError where one is not finished, two have one name, or all are too large
    """
    names = [study.resolve().name for study in studies]
    if again := {name for name in names if names.count(name) > 1 or name == DOCS}:
        raise UserError(f"--studies: {sorted(again)[0]!r}: a folder of that name is taken already")
    parts = read_parts(root / "scripts/explorer", root / "node_modules")
    cards = []
    with replacing_folder(folder) as new:
        (new / DOCS).mkdir()
        for study, name in zip(studies, names, strict=True):
            (new / name).mkdir()
            card = write_study(study, new / name, parts, n_examples)
            for page, text in docs_pages(card.report, root / "docs").items():
                (new / DOCS / page).write_text(text, encoding="utf-8")
            cards.append(card)
        (new / "index.md").write_text(gallery_page(cards), encoding="utf-8")
        check_size(new, most_mb)
    return cards


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument(
        "--studies", type=Path, nargs="+", required=True, help="folders of results: results/<study>"
    )
    parser.add_argument(
        "--examples", type=positive, default=16, help="in each explorer, as many of every outcome"
    )
    parser.add_argument("--most-mb", type=float, default=10, help="of all files together")
    parser.add_argument("--out", type=Path, required=True, help="the folder, docs/gallery")
    with run_step(parser) as args:
        for card in write_gallery(args.studies, args.out, args.examples, args.most_mb):
            shown, asked = len(card.explorer.examples), card.explorer.n_asked.total()
            log.info("%s: %d of %d examples", card.name, shown, asked)


if __name__ == "__main__":
    main()
