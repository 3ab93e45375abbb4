"""What a manifest says is held against what a step would get today."""

import json

import pytest

from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.files.manifest import run_manifest
from fimscope.files.provenance import manifest_of, options_in, spelled, why_outdated
from fimscope.files.tables import write_table
from fimscope.steps.frame import step_parser

MANIFEST = {
    "settings": {
        "seed": 0,
        "strengths": [0.5, 1.0],
        "dtype": "float32",
        "trust_remote_code": False,
    },
    "inputs": {"prompts": ["a", "b"]},
}


@pytest.mark.parametrize(
    "command",
    [
        "--seed 0 --strengths 0.5 1 --dtype float32",
        "--dtype float32 --seed 0.0",
        "--flag",
        "--threads 4",  # which the manifest does not record
        "",
    ],
)
def test_what_would_be_made_alike_is_up_to_date(command):
    assert why_outdated(MANIFEST, options_in(command), {"a", "b", "c"}) is None


@pytest.mark.parametrize(
    ("command", "told"),
    [
        ("--seed 1", "--seed 0, where the study has 1"),
        ("--strengths 0.5 2", "--strengths 0.5 1, where the study has 0.5 2"),
        ("--dtype bfloat16", "--dtype float32, where the study has bfloat16"),
    ],
)
def test_another_option_is_named_with_both_values(command, told):
    assert why_outdated(MANIFEST, options_in(command), {"a", "b"}) == f"made with {told}"


def test_a_flag_that_is_given_and_one_that_is_not_differ():
    given, absent = {"settings": {"flag": True}}, {"settings": {"flag": False}}
    for words, same, other, told in (
        (options_in("--flag")["flag"], given, absent, "off, where the study has on"),
        (spelled(""), absent, given, "on, where the study has off"),
    ):
        assert why_outdated(same, {"flag": words}, ()) is None
        assert why_outdated(other, {"flag": words}, ()) == f"made with --flag {told}"


def test_an_input_that_is_no_more_is_named():
    assert why_outdated(MANIFEST, {}, {"a"}) == "made from other prompts than there are"


@pytest.mark.process  # a manifest asks git
def test_options_of_rules_are_spelled_as_argparse_reads_them(tmp_path):
    parser = step_parser("a step")
    parser.add_argument("--n-shots", type=int, nargs="+")
    parser.add_argument("--level", type=float)
    words = ["--n-shots", "1", "2", "--level", "1"]
    settings = run_manifest(parser.parse_args(words))["settings"]
    own = {"n_shots": spelled([1, 2]), "level": spelled(1)}
    assert options_in(" ".join(words)) == own == {name: spelled(settings[name]) for name in own}


def test_the_manifest_of_every_kind_of_file(tmp_path):
    write_table(tmp_path / "a.parquet", FUNNEL, [], MANIFEST)
    (tmp_path / "a.json").write_text(json.dumps({"title": "x", "manifest": MANIFEST}))
    (tmp_path / "b.json").write_text(json.dumps(MANIFEST))
    for name in ("a.parquet", "a.json", "b.json"):
        assert manifest_of(tmp_path / name) == MANIFEST
    (tmp_path / "c.parquet").write_bytes(b"damaged")
    (tmp_path / "c.json").write_bytes(b"[")
    (tmp_path / "d.json").write_bytes(b"[]")
    for name in ("c.parquet", "c.json", "d.json", "e.svg"):
        assert manifest_of(tmp_path / name) is None


@pytest.mark.process  # a manifest asks git
def test_a_folder_is_recorded_by_its_record_and_threads_not_at_all(tmp_path):
    (tmp_path / "prepared.json").write_text("{}")
    parser = step_parser("a step")
    parser.add_argument("--threads", type=int)
    parser.add_argument("--model", type=type(tmp_path))
    manifests = [
        run_manifest(parser.parse_args(["--model", str(tmp_path), "--threads", n])) for n in "14"
    ]
    assert manifests[0] == manifests[1]
    (tmp_path / "prepared.json").write_text("{ }")
    other = run_manifest(parser.parse_args(["--model", str(tmp_path)]))
    assert other["inputs"]["model"] != manifests[0]["inputs"]["model"]
