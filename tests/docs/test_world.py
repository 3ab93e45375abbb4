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


def image_steps() -> list[tuple[str, str]]:
    """The steps of the Dockerfile, as instruction and rest."""
    image = (ROOT / "Dockerfile").read_text()
    return re.findall(r"(?m)^([A-Z]+) (.*(?:(?<=\\)\n.*)*)", image)


def test_the_image_sets_up_from_what_is_laid_in_before():
    """Each file that the set-up reads is copied before it runs, and only these are."""
    copied = []
    for instruction, rest in image_steps():
        if instruction == "COPY":
            copied += rest.split()[:-1]
        if "make setup" in rest:
            break
    rules = re.findall(r"(?m)^\S+/\.installed: (.*)", (ROOT / "Makefile").read_text())
    read = {name for rule in rules for name in rule.split() if not name.startswith("$")}
    assert {*copied} == {"Makefile", "setup", "package.json", *read}
    assert all((ROOT / name).exists() for name in copied)


def test_the_image_names_targets_of_make():
    image = (ROOT / "Dockerfile").read_text()
    named = {*re.findall(r"fimscope make ([\w-]+)", image), *re.findall(r"&& make ([\w-]+)", image)}
    assert {"demo", "setup"} <= named <= targets()
    assert ("CMD", '["make", "run"]') in image_steps()


def test_the_image_leaves_out_what_git_ignores_and_nothing_else():
    """A tracked file that were left out would be a change of the checkout in every manifest."""
    ignored = (ROOT / ".dockerignore").read_text().split()
    of_git = (ROOT / ".gitignore").read_text().split()
    assert {line.removeprefix("**/") for line in ignored} == {line.strip("/") for line in of_git}


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
