"""What other places read of the project: citation, catalog, integration, image, issue forms."""

import re

import pytest
import yaml

import fimscope
from pages import ROOT

pytestmark = pytest.mark.unit


def read(name: str):
    return yaml.safe_load((ROOT / name).read_text())


def targets() -> set[str]:
    return set(re.findall(r"(?m)^([\w-]+):", (ROOT / "Makefile").read_text()))


def test_the_citation_is_of_this_version_and_licence():
    citation = read("CITATION.cff")
    assert citation["version"] == fimscope.__version__
    assert citation["license"] == "Apache-2.0"
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    [work] = citation["references"]
    cited = (ROOT / "scripts/fimscope/report/references.bib").read_text()
    assert work["url"].removeprefix("https://arxiv.org/abs/") in cited
    assert work["title"] in cited.replace("{", "").replace("}", "")


def test_the_integration_runs_the_two_commands():
    jobs = read(".github/workflows/ci.yml")["jobs"]
    commands = [step["run"] for job in jobs.values() for step in job["steps"] if "run" in step]
    assert commands == ["make test", "make run"]


def test_the_image_is_the_set_up_and_lays_in_nothing_of_this_machine():
    image = (ROOT / "Dockerfile").read_text()
    commands = re.findall(r"make (\w+)", image)
    assert "setup" in commands
    assert set(commands) <= targets()
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    assert {".venv", "**/node_modules", "results/*"} <= set(ignored)


def test_the_catalog_knows_how_it_is_deployed():
    usage = read(".snakemake-workflow-catalog.yml")["usage"]
    assert usage["software-stack-deployment"]["conda"] == (
        (ROOT / "rules/envs/steps.yaml").is_file()
    )


@pytest.mark.parametrize("form", sorted((ROOT / ".github/ISSUE_TEMPLATE").glob("[!c]*.yml")))
def test_an_issue_form_is_one(form):
    content = yaml.safe_load(form.read_text())
    assert content["name"]
    assert content["description"]
    for part in content["body"]:
        assert part["type"] in ("input", "textarea")
        assert part["id"]
        assert part["attributes"]["label"]
