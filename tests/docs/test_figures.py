"""The figures of README and cards are those of the committed studies."""

import re
from pathlib import Path

import pytest

from fimscope.errors import UserError
from fimscope.files.digests import dump_json
from fimscope.report.figures import MARKED, fill_figures, row, unmarked
from write_figures import read_studies, study_text

ROOT = Path(__file__).parents[2]
STUDIES = read_studies(ROOT / "docs/studies")
MACROS = {
    page: (ROOT / "docs" / file).read_text("utf-8")
    for page, file in (("README.md", "figures.j2"), ("docs/findings.md", "findings.j2"))
}
PAGES = re.search(r"^PAGES = (.*)$", (ROOT / "Makefile").read_text("utf-8"), re.M)[1].split()
RATE = {"estimate": 0.5, "lower": 0.25, "upper": 0.75}
EMBEDDED = STUDIES["embedded"]


@pytest.mark.parametrize("page", PAGES)
def test_every_figure_is_the_studies(page):
    text = (ROOT / page).read_text("utf-8")
    assert fill_figures(text, STUDIES, page, "\n".join(MACROS.values())) == text


def test_readme_can_be_read_as_text():
    """Its marks call macros; what these say is in their file alone."""
    templates = [found[2] for found in MARKED.finditer((ROOT / "README.md").read_text("utf-8"))]
    assert all(re.fullmatch(r"\{\{ \w+\(\) \}\}", template) for template in templates)


@pytest.mark.parametrize("page", MACROS)
def test_every_macro_is_called(page):
    text = (ROOT / page).read_text("utf-8")
    calls = [found[2] for found in MARKED.finditer(text)] + [MACROS[page]]
    called = set(re.findall(r"\{\{ (\w+)\(", " ".join(calls)))
    assert set(re.findall(r"\{% macro (\w+)\(", MACROS[page])) <= called


def test_no_interval_of_readme_is_typed():
    typed = unmarked((ROOT / "README.md").read_text("utf-8"))
    assert not re.findall(r"[\d%s] \([-+\d.]+ to [-+\d.]+\)", typed)


def test_the_cards_measures_are_those_that_the_step_puts_into_it():
    measured = (ROOT / "models/embedded/measured.md").read_text("utf-8")
    card = (ROOT / "models/embedded/README.md").read_text("utf-8")
    assert fill_figures(measured, STUDIES, "measured.md").strip() in card


def test_every_study_says_where_it_is_from():
    assert all(len(study["provenance"]) > 20 for study in STUDIES.values())


def test_a_figure_is_written_from_its_study():
    page = 'a <!-- figure: {{ rate(row(one.accuracy, edit="x").right) }} -->old<!-- end --> b'
    filled = fill_figures(page, {"one": {"accuracy": [{"edit": "x", "right": RATE}]}}, "page")
    assert filled == page.replace("old", "50.0% (25.0 to 75.0)")
    assert fill_figures(filled, {"one": {"accuracy": [{"edit": "x", "right": RATE}]}}, "") == filled


def test_a_figure_is_written_by_a_macro_whose_lines_are_joined():
    macros = "{% set of = one.n %}{% macro said() %}\n{{ of }} of\n  {{ of + 1 }}\n{% endmacro %}"
    page = "a <!-- figure: {{ said() }} -->old<!-- end --> b"
    assert fill_figures(page, {"one": {"n": 3}}, "page", macros) == page.replace("old", "3 of 4")
    with pytest.raises(UserError, match=r"page: \{\{ said\(\) \}\}: .*missing"):
        fill_figures(page, {"one": {"n": 3}}, "page", macros.replace("of + 1", "missing"))
    with pytest.raises(UserError, match=r"the macros of page: .*'one' is undefined"):
        fill_figures(page, {}, "page", macros)


@pytest.mark.parametrize(
    "template",
    [
        "{{ one.nothing.more }}",
        '{{ row(one.accuracy, edit="y") }}',
        "{{ rate(one.accuracy) }}",
        "{{ unknown }}",
        "{{ open",
    ],
)
def test_a_mark_without_its_numbers_is_named(template):
    page = f"<!-- figure: {template} -->old<!-- end -->"
    with pytest.raises(UserError, match=r"page\.md: " + re.escape(template)):
        fill_figures(page, {"one": {"accuracy": [{"edit": "x"}]}}, "page.md")


def test_a_row_is_the_only_one_of_its_kind():
    rows = [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    assert row(rows, a=1, b=2) is rows[1]
    with pytest.raises(LookupError):
        row(rows, a=1)


def test_a_study_is_read_as_it_was_written(tmp_path):
    numbers = {
        "accuracy": [{"edit": "x", "right": RATE}],
        "changes": [],
        "wrong_answers": [],
        "experiments": {"patches": {"sweeps": []}},
        "timings": {"wall_s": 1, "steps": [{"step": "a", "wall_s": 1}]},
        "manifest": {"fimscope": "1", "git": {"commit": "a" * 40}},
    }
    (tmp_path / "a-study-1.5b.json").write_text(study_text(numbers, "a-study-1.5b"))
    ((name, found),) = read_studies(tmp_path).items()
    assert name == "a_study_1_5b"
    assert found["accuracy"] == numbers["accuracy"]
    assert found["experiments"] == numbers["experiments"]
    assert "a" * 40 in found["provenance"]
    assert found["timings"] == {"wall_s": 1}
    assert dump_json({"a": found}) == dump_json({"a": read_studies(tmp_path)["a_study_1_5b"]})


def test_what_findings_says_in_words_of_other_models_is_so():
    """Of docs/findings.md: where one of these changes, its paragraphs are to be written anew."""
    qwen = STUDIES["qwen2_5_coder_1_5b"]["experiments"]
    name, alike, broken = (
        [
            row(of["algorithms"]["changes"], edit=edit, hypothesis=hypothesis, outcome=outcome)
            for of in (qwen, EMBEDDED["experiments"])
        ]
        for edit, hypothesis, outcome in (
            ("original", "name", "all"),
            ("original", "alike", "all"),
            ("rename_vars", "name", "broken"),
        )
    )

    def verdicts(rows, measure):
        return [each[measure]["over_control"]["verdict"] for each in rows]

    assert verdicts(name, "moved") == ["shown", "shown"]
    assert verdicts(name, "follows") == ["shown", "undecided"]
    assert verdicts(alike, "moved") == verdicts(alike, "follows") == ["undecided"] * 2
    assert verdicts(broken, "moved") == ["shown", "undecided"]
    wrong = row(qwen["patches"]["sweeps"], condition="wrong_to_wrong")
    assert wrong["effect_comparison"]["points_above"] == [25, 26, 27, 28]
    assert min(wrong["comparison"]["points_above"]) == 21
    restored = {
        name: row(STUDIES[name]["experiments"]["patches"]["sweeps"], condition="restore")
        for name in ("gemma_3_270m", "embedded", "qwen2_5_coder_1_5b")
    }
    depths = [s["half_of_effect"]["half_at"] / s["points"][-1] for s in restored.values()]
    assert depths == sorted(depths)
    pairs = [sweep["n_pairs"] for sweep in restored.values()]
    assert min(pairs) == pairs[0]


def test_what_readme_calls_shown_and_undecided_is_so():
    """What its paragraphs say in words: where a verdict changes, they are to be written anew."""
    change = row(EMBEDDED["changes"], edit="rename_vars")
    original = row(EMBEDDED["accuracy"], edit="original")
    gains = row(original["baselines"], baseline="name")["gain"].values()
    steering = EMBEDDED["experiments"]["steering"]
    vector, held_out = (
        row(steering["at_setting"], kind=kind) for kind in ("mean_difference", "held_out_type")
    )
    shown = [change["difference"], change["packages"], row(change["strata"], stratum="parameter")]
    shown += [*gains, row(steering["at_setting"], kind="gold_type")["net"]]
    samples = EMBEDDED["experiments"]["samples"]["edits"]
    masks = EMBEDDED["experiments"]["masking"]["masks"]
    undecided = [
        row(change["strata"], stratum="return"),
        EMBEDDED["experiments"]["patches"]["same_type_and_wrong_to_wrong"],
        steering["comparisons"]["mean_difference"]["random"],
        vector["net"],
        held_out["net"],
        *[beside["none"] for beside in steering["gates"]["beside"].values()],
        *[each for of in samples.values() for each in of["wrong"]["above"].values()],
        *[cause["net"]["none"] for cause in EMBEDDED["experiments"]["repair"]["causes"]],
    ]
    assert {each["verdict"] for each in shown} == {"shown"}
    assert {each["verdict"] for each in undecided} == {"undecided"}
    assert change["difference"]["upper"] < 0
    assert {
        (mask["outcome"], mask["distractor"]) for mask in masks if mask["verdict"] == "shown"
    } == {("broken", "declaration")}
    right = row(masks, outcome="right", way="attention_last", distractor="declaration")
    harm = right["accuracy_over_control"]
    assert harm["upper"] < 0 and harm["adjusted_p"] < 0.05
    assert EMBEDDED["experiments"]["probes"]["constant"]["points_above"] == []
    positions = EMBEDDED["experiments"]["patch_positions"]["sweeps"]
    name = row(positions, condition="restore", position="hole_name", n_points=1)
    assert name["comparison"]["points_above"] == name["points"][: name["points"].index(16) + 1]
