"""The gallery of a small study: its pages, their links, their size."""

import json
import re
from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from explorer_study import HOSTILE_PROGRAM, MadeStudy, Size
from fimscope.errors import UserError
from fimscope.explorer.study import NEEDED, OPTIONAL
from fimscope.files.digests import dump_json, sealed
from fimscope.gallery.pages import table_files
from fimscope.report.contents import write_report
from fimscope.report.head import say_size
from gallery_links import dead_links, shown_examples
from report_page import SECTION, report_of
from write_gallery import write_gallery

pytestmark = pytest.mark.node
PLACES = {"examples.parquet": "source/examples.parquet", "variants": "source/variants"}
PLACES |= {"attention_shares": "attention"}
PLACES |= {"linear_lens/linear_lens.parquet": "linear_lens.parquet", "whole_types": "verdicts"}
PLACES |= {"whole_patches/whole_patches.parquet": "whole_patches/patches.parquet"}
PLACES |= {"whole_pairs/whole_pairs.parquet": "whole_patches/pairs.parquet"}
N_LONGER = 9  # examples of the study whose golds are longer
RATE = {"estimate": 0.5, "lower": 0.25, "upper": 0.75}
LED_TO = f"{7:016x}"  # an example to which a figure leads
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink">'
    f'<a xlink:href="../explorer.html#/example/{LED_TO}?edit=original"><text>x</text></a></svg>'
)


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> Path:
    """The results of a study of two programs, in the pipeline's places."""
    folder = tmp_path_factory.mktemp("results") / "made"
    size = Size(n_points=3, n_tokens=24, n_longer=N_LONGER)
    MadeStudy(folder, [HOSTILE_PROGRAM], n_examples=24, size=size).write()
    for own, place in PLACES.items():
        (folder / place).parent.mkdir(exist_ok=True)
        (folder / own).rename(folder / place)
    report = replace(report_of(SECTION), warning=say_size(1))
    write_report(folder / "report.json", report, {})
    (folder / "figures").mkdir()
    for name in ("curve", "test", "accuracy"):
        (folder / f"figures/{name}.svg").write_text(sealed(SVG), encoding="utf-8")
        (folder / f"figures/{name}.png").write_bytes(b"a picture")
    original = {"edit": "original", "n": 24, "n_programs": 1, "right": RATE}
    difference = {"estimate": -0.25, "lower": -0.5, "upper": -0.125, "verdict": "shown"}
    numbers = {
        "accuracy": [original, {**original, "edit": "rename_vars"}],
        "changes": [{"edit": "rename_vars", "difference": difference}],
        "config": {"model": {"name": "m"}, "study": "made", "edits": ["rename_vars"], "seed": 0},
        "manifest": {"fimscope": "1.2", "git": {"commit": "a" * 40}},
        "timings": {"wall_s": 120},
    }
    (folder / "figures.json").write_text(dump_json(numbers), encoding="utf-8")
    return folder


def files_of(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*.*")}


def test_a_study_has_a_card_a_report_and_some_examples_and_every_link_leads_there(study, tmp_path):
    write_gallery([study], tmp_path / "gallery", n_examples=6, most_mb=10)
    assert dead_links(tmp_path / "gallery") == []
    page, report, explorer = (
        (tmp_path / "gallery" / name).read_text("utf-8")
        for name in ("index.md", "made/report.html", "made/explorer.html")
    )
    shown = shown_examples(explorer)
    assert len(shown) == 6 and LED_TO in shown and LED_TO in report
    for said in (
        "The explorer shows 5 of the 24 examples that the model was asked, and 1 of the 9 with ",
        f"**{say_size(1)}**",
        "of all 1, 0 shown, 0 shown absent, 1 undecided",
        "- *undecided*: [it fails](made/report.html#what-a-test-does): +1.0 (-1.0 to +3.0)",
        "| `rename_vars` | 24 | 1 | 50.0% (25.0 to 75.0) | -25.0 points (-50.0 to -12.5), shown |",
        "![A curve.](made/curve.png)",
        "fimscope 1.2, commit aaaaaaaaaaaa;",
    ):
        assert said in page
    assert "../docs/method.html" in report and "summary.md" not in report


def test_few_of_the_examples_have_longer_golds_of_every_outcome(study, tmp_path):
    write_gallery([study], tmp_path / "gallery", n_examples=16, most_mb=10)
    explorer = (tmp_path / "gallery/made/explorer.html").read_text("utf-8")
    shown = shown_examples(explorer)
    longer = [name for name in shown if int(name, 16) >= 24]
    assert len(shown) == 16 and len(longer) == 3
    verdicts = pd.concat(map(pd.read_parquet, (study / "verdicts").glob("*")))
    chosen = verdicts[verdicts["example_id"].isin(longer)]
    right = chosen.pivot(index="example_id", columns="edit", values="right")
    told = set(zip(right["original"], right["rename_vars"], strict=True))
    assert {(True, False), (False, True)} <= told  # broken and mended, of right and wrong ones


def test_the_same_study_gives_the_same_bytes_and_what_is_too_large_changes_nothing(study, tmp_path):
    write_gallery([study], tmp_path / "gallery", n_examples=4, most_mb=10)
    files = files_of(tmp_path)
    write_gallery([study], tmp_path / "gallery", n_examples=4, most_mb=10)
    assert files_of(tmp_path) == files and len(files) == 7
    too_large = r"would take 0\.\d MB, and 0\.5 are allowed \(made/explorer.html 0\..*; show fewer"
    with pytest.raises(UserError, match=too_large):
        write_gallery([study], tmp_path / "gallery", n_examples=4, most_mb=0.5)
    assert files_of(tmp_path) == files


def test_a_study_that_is_not_finished_or_given_twice_is_refused(study, tmp_path):
    with pytest.raises(UserError, match="no report.json; finish the study first"):
        write_gallery([study / "model"], tmp_path / "gallery", n_examples=4, most_mb=10)
    with pytest.raises(UserError, match="'made': a folder of that name is taken already"):
        write_gallery([study, study], tmp_path / "gallery", n_examples=4, most_mb=10)


def test_a_study_may_have_any_of_the_experiments(study, tmp_path):
    few = tmp_path / "few"
    few.mkdir()
    for name in ("source", "predictions", "split", "prompts", "model", "figures", "figures.json"):
        (few / name).symlink_to(study / name)
    section = replace(SECTION, curve=None, figures=[("accuracy.svg", "Right ones.")])
    write_report(few / "report.json", report_of(section), {})
    found = table_files(few, json.loads((few / "figures.json").read_text())["config"])
    assert [name for name, paths in found.items() if paths and name in OPTIONAL] == []
    write_gallery([few], tmp_path / "gallery", n_examples=4, most_mb=10)
    assert dead_links(tmp_path / "gallery") == []
    assert "![Right ones.](few/accuracy.png)" in (tmp_path / "gallery/index.md").read_text()


def test_all_tables_that_the_study_has_are_found_but_for_edits_that_it_no_longer_has(study):
    config = json.loads((study / "figures.json").read_text())["config"]
    found = table_files(study, config)
    has = ("lens", "linear_lens", "attention_shares", "patches", "samples", "whole_types")
    has += ("completions", "whole_patches", "whole_pairs")
    assert [name for name in (*NEEDED, *has) if not found[name]] == []
    fewer = table_files(study, {**config, "edits": []})
    assert [path.stem for path in fewer["predictions"]] == ["original"]
    assert not re.search("rename_vars", " ".join(map(str, fewer["lens"])))
