"""The last lines of a run, of numbers that a study wrote."""

import copy

import pytest

from fimscope.files.digests import dump_json
from fimscope.terminal.closing import closing_lines, say_finding
from pages import ROOT
from write_figures import read_studies

pytestmark = pytest.mark.unit


@pytest.fixture(scope="module")
def numbers():
    named = {"config": {"model": {"name": "embedded"}}}
    return read_studies(ROOT / "docs/studies")["embedded"] | named


def test_four_lines_say_what_was_found_and_where_it_is(numbers, tmp_path):
    results = tmp_path / "embedded"
    results.mkdir()
    (results / "figures.json").write_text(dump_json(numbers))
    accuracy, finding, pages, after = closing_lines(results)
    [change] = numbers["changes"]
    assert f"of {change['n']} holes; rename_vars breaks {change['n_broken']} of its" in accuracy
    assert f"mends {change['n_mended']}" in accuracy
    assert accuracy.endswith(f"{change['difference']['verdict']}.")
    restore = next(
        sweep
        for sweep in numbers["experiments"]["patches"]["sweeps"]
        if sweep["condition"] == "restore"
    )
    assert f"of {restore['points'][-1]} (n = {restore['n_pairs']})" in finding
    assert f"{results}/report.html" in pages
    assert pages.endswith("snakemake explorer")
    assert "docs/source.md" in after
    (results / "explorer").mkdir()
    (results / "explorer/index.html").touch()
    assert closing_lines(results)[2].endswith("explorer/index.html")


def test_a_null_is_said_and_so_is_what_was_not_asked(numbers):
    experiments = copy.deepcopy(numbers["experiments"])
    for sweep in experiments["patches"]["sweeps"]:
        sweep["comparison"]["points_above"] = []
    assert say_finding(experiments).startswith("At no point")
    assert "has not asked" in say_finding({})
