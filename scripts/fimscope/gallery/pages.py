"""The pages of one study in the gallery: its report and an explorer of a few of its examples."""

import re
import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from fimscope.errors import UserError
from fimscope.experiments.tables import SPLIT
from fimscope.experiments.whole_types.tables import VERDICTS
from fimscope.explorer.blocks import block_element, pack
from fimscope.explorer.grouped import example_column
from fimscope.explorer.pages import Parts, single_page
from fimscope.explorer.payload import outcome
from fimscope.explorer.study import NEEDED, OPTIONAL, Study, example_blocks, list_variants
from fimscope.explorer.whole import longer_splits
from fimscope.files.digests import read_json, read_sealed
from fimscope.files.tables import Table, read_table
from fimscope.gallery.card import Card
from fimscope.gallery.draw import draw_examples
from fimscope.prompts.encoder import Encoder
from fimscope.report.contents import Report, read_report
from fimscope.report.head import say_study
from fimscope.report.page import build_page
from fimscope.studies import Study as Tables
from fimscope.studies import all_places

Row = Mapping[str, Any]
DOCS = "docs"  # the folder of `docs_pages`, beside those of the studies
LED_TO = re.compile(r'explorer\.html#/example/([^"?]+)')
LONGER_SHARE = 3 / 16  # of the examples that are shown, at most, with golds longer than one token
PLAIN_FIGURE = "accuracy.svg"  # the picture of a study without a curve for its first screen


def write_study(results: Path, folder: Path, parts: Parts, n_examples: int) -> Card:
    """Write report.html, explorer.html and a picture of a finished study into a folder.

    results      the study's folder of results, with any of the experiments
    n_examples   in its explorer, of which those to which the report leads are some, and few have
                 longer golds (LONGER_SHARE)
    raises       UserError where the study is not finished
    """
    report, numbers = _read(results)
    figures = {path.name: read_sealed(path) for path in sorted((results / "figures").glob("*.svg"))}
    page = build_page(report, figures, {"explorer.html"}, f"../{DOCS}")
    (folder / "report.html").write_text(page, encoding="utf-8")
    paths, config = table_files(results, numbers["config"]), numbers["config"]
    led_to = {unquote(name) for name in LED_TO.findall(page)}
    outcomes, longer = _outcomes(paths["split"], paths["whole_types"])
    n_tables, seed = _n_tables(paths), config["seed"]
    few = draw_examples(longer, n_tables, led_to, int(LONGER_SHARE * n_examples), seed)
    chosen = [*few, *draw_examples(outcomes, n_tables, led_to, n_examples - len(few), seed)]
    encoder = Encoder.from_folder(results / "model")
    cache = results / "activations/original"
    activations = cache if cache.is_dir() else None
    study = Study(results / "source/examples.parquet", paths, encoder, activations, chosen)
    name = say_study(config["model"]["name"], config.get("study", config["model"]["name"]))
    _write_explorer(folder / "explorer.html", study, name, parts)
    file, caption = _picture(report)
    shutil.copyfile(results / "figures" / file, folder / file)
    return Card(folder.name, report, numbers, (file, caption), study)


def table_files(results: Path, config: Mapping[str, Any]) -> dict[str, list[Path]]:
    """The tables that an explorer takes, by their names there, of the edits of the config."""
    study, places = Tables(results), all_places()
    edits = {"original", *config["edits"]}
    found = {}
    for name, kind in {**NEEDED, **OPTIONAL}.items():
        place = name if name in places else kind.name
        files = study.files(place)
        by_edit = "{edit}" in places[place].path
        found[name] = [path for path in files if not by_edit or path.stem in edits]
    return found


def _read(results: Path) -> tuple[Report, dict[str, Any]]:
    for name in ("report.json", "figures.json"):
        if not (results / name).is_file():
            raise UserError(f"{results}: no {name}; finish the study first, or give another folder")
    return read_report(results / "report.json"), read_json(results / "figures.json")


def _outcomes(
    splits: Iterable[Path], verdicts: Iterable[Path]
) -> tuple[dict[str, set[str]], dict[str, set[str]]]:
    """Example -> the outcomes of its variants: of those in the split, and of those that are not."""
    asked: dict[str, dict[str, Row]] = {}
    for row in _rows(splits, SPLIT):
        asked.setdefault(row["example_id"], {})[row["edit"]] = row
    keys = {(example, edit) for example, rows in asked.items() for edit in rows}
    longer = longer_splits(_rows(verdicts, VERDICTS), keys)
    every, only = (
        {example: set(map(outcome, rows.values())) for example, rows in found.items()}
        for found in (asked, {own: longer[own] for own in longer if own not in asked})
    )
    return every, only


def _rows(paths: Iterable[Path], kind: Table) -> Iterator[Row]:
    return (row for path in paths for row in read_table(path, kind).to_pylist())


def _n_tables(paths: Mapping[str, Iterable[Path]]) -> Counter[str]:
    """Example -> how many of the optional tables have rows of it."""
    found: Counter[str] = Counter()
    for name, kind in OPTIONAL.items():
        key = example_column(kind)
        tables = (read_table(path, kind, [key]) for path in paths[name])
        found.update({example for table in tables for example in table[key].to_pylist()})
    return found


def _write_explorer(path: Path, study: Study, name: str, parts: Parts) -> None:
    index = pack(list_variants(study, name))
    start, end = single_page(f"{name} · fimscope explorer", parts, index)
    with path.open("w", encoding="utf-8") as file:
        file.write(start)
        file.writelines(block_element(number, block) for number, block in example_blocks(study))
        file.write(end)


def _picture(report: Report) -> tuple[str, str]:
    """File and caption of the figure on the report's first screen, else of the accuracy."""
    section = report.first_with_curve
    figures = dict(figure for section in report.sections for figure in section.figures)
    name, caption = section.curve if section else (PLAIN_FIGURE, figures[PLAIN_FIGURE])
    return name.removesuffix(".svg") + ".png", caption


def check_size(folder: Path, most_mb: float) -> None:
    """raises UserError where the files of a folder are larger together than they may be"""
    sizes = {path: path.stat().st_size for path in sorted(folder.rglob("*")) if path.is_file()}
    total = sum(sizes.values())
    if total > 1e6 * most_mb:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:4]
        said = ", ".join(f"{p.relative_to(folder)} {sizes[p] / 1e6:.1f}" for p in largest)
        raise UserError(
            f"the gallery would take {total / 1e6:.1f} MB, and {most_mb:g} are allowed ({said}); "
            "show fewer --examples, or give fewer --studies"
        )
