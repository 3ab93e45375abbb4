"""The picture of the stages: what the rules say today."""

import pytest

from projects import ROOT, copy_project, snakemake
from write_stages import MARKED, stages_of_rules, stages_text

pytestmark = pytest.mark.process
TARGETS = ("report", "explorer", "robustness", "replication")


def test_arrows_go_between_files_and_none_follows_from_others():
    graph = "flowchart TB\n\tid0[a1]\n\tid1[a2]\n\tid2[b]\n\tid3[c]\n\tid4[target]\n"
    graph += "\tid0 --> id1\n\tid0 --> id2\n\tid1 --> id3\n\tid2 --> id3\n\tid3 --> id4\n"
    text = stages_text(graph, {"a1": "a", "a2": "a", "b": "b", "c": "c"})
    assert [line.strip() for line in text.splitlines()[2:-1]] == ["a --> b", "b --> c"]


def test_what_comes_after_a_circle_has_an_arrow():
    graph = "\tid0[a]\n\tid1[b]\n\tid2[b2]\n\tid3[a2]\n\tid4[c]\n"
    graph += "\tid0 --> id1\n\tid2 --> id3\n\tid2 --> id4\n\tid3 --> id4\n"
    text = stages_text(graph, {"a": "a", "a2": "a", "b": "b", "b2": "b", "c": "c"})
    assert [line.strip() for line in text.splitlines()[2:-1]] == ["a --> b", "b --> a", "b --> c"]


def test_the_picture_is_up_to_date(tmp_path):
    graph = snakemake(copy_project(tmp_path / "project"), *TARGETS, "--rulegraph", "mermaid-js")
    page = (ROOT / "CONTRIBUTING.md").read_text()
    found = MARKED.search(page)
    text = stages_text(graph.stdout, stages_of_rules(ROOT / "rules"))
    assert found[0] == f"{found[1]}{text}{found[2]}", "see CONTRIBUTING.md for what makes it anew"
    assert f"snakemake {' '.join(TARGETS)} --rulegraph" in page
