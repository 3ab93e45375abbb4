"""What the pages say of sections, benchmarks and the model, in words and numbers of their own."""

import json
import re

import pytest

from fimscope.models.families import FAMILIES
from pages import ROOT

pytestmark = pytest.mark.unit
README = (ROOT / "README.md").read_text("utf-8")
CORE = (ROOT / "benchmarks/results/core.md").read_text("utf-8")


def times_ours(way: str) -> list[float]:
    """The last column of every row of the core's benchmark that begins so."""
    return [float(x) for x in re.findall(rf"(?m)^\| {way} \(.*\| ([\d.]+) \|$", CORE)]


def test_the_first_page_tells_of_every_section():
    index = (ROOT / "docs/index.md").read_text("utf-8")
    sections = (ROOT / "scripts/fimscope/experiments").glob("*/section.py")
    titles = [
        title
        for path in sections
        if path.parent.name != "compare"  # a page of its own
        for title in re.findall(r'(?m)^ +title="(.*)",$', path.read_text("utf-8"))
    ]
    assert len(titles) > 15
    assert [title for title in titles if f"| {title} |" not in index] == []


def test_the_readme_tells_how_long_each_of_its_first_commands_takes():
    [first, *_] = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    [told] = [line for line in README.splitlines() if line.startswith("How long they take")]
    commands = re.findall(r"(?m)^make [\w-]+", first)
    assert len(commands) == 4
    assert [command for command in commands if f"`{command}`" not in told] == []
    unmarked = re.sub("<!--.*?-->", "", told)
    assert re.search(r"`make run` about \d+, `make test` \d+", unmarked)


def test_the_readmes_speeds_are_the_benchmarks():
    forwards = [float(x) for x in re.findall(r"sweep took ([\d.]+) plain forwards", CORE)]
    assert f"for {min(forwards):.1f} to {max(forwards):.1f} plain forwards" in README
    [theirs] = times_ours("TransformerLens [^(]+")
    assert f"{theirs:.0f} times as fast on the same machine" in README
    traces = times_ours("nnsight trace per point")
    assert f"{min(traces):.0f} to {max(traces):.0f} times as fast |" in README


def test_the_readme_counts_the_types_and_the_models_minutes():
    card = json.loads((ROOT / "models/embedded/card.json").read_text("utf-8"))
    assert f"exact in {len(FAMILIES)} types" in README
    assert f"trained in {card['minutes']} minutes on one core" in README
