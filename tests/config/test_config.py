"""The config: defaults, presets, and errors that name the key."""

import copy
import json
from collections.abc import Iterator
from functools import reduce
from pathlib import Path

import pytest
import yaml
from jsonschema import Draft202012Validator
from snakemake.cli import parse_config
from snakemake.utils import update_config

from fimscope.config import complete_config, read_layers, read_schema, read_yaml, study_name
from fimscope.errors import UserError
from fimscope.experiments.outcomes import OUTCOMES
from fimscope.experiments.registry import all_experiments
from fimscope.experiments.traces.roles import ROLES
from fimscope.experiments.traces.traced import CONDITIONS
from fimscope.statistics.exact_tests import least_family_p
from fimscope.statistics.significance import is_clearly_significant

ROOT = Path(__file__).parents[2]
NAMES = [experiment.name for experiment in all_experiments().values()]
SCHEMA = read_schema(ROOT / "config" / "schema.yaml", NAMES)
DEFAULT = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
PRESETS = sorted(p for p in (ROOT / "config").glob("*.yaml") if "\nmodel:\n" in p.read_text())


def with_change(change) -> dict:
    config = copy.deepcopy(DEFAULT)
    change(config)
    return config


def test_the_schema_is_a_schema():
    Draft202012Validator.check_schema(SCHEMA)


def keys(schema: dict, *above: str) -> Iterator[tuple[tuple[str, ...], dict]]:
    """Every key of the config with what the schema says of it; a section's come after it."""
    for name, part in schema.get("properties", {}).items():
        yield (*above, name), part
        yield from keys(part, *above, name)


def test_what_a_key_is_by_default_stands_in_one_place():
    """In the default config, in front of the user; in the schema for the rare keys alone."""
    completed = complete_config(DEFAULT, SCHEMA)
    for path, part in keys(SCHEMA):
        given = reduce(lambda found, key: (found or {}).get(key), path, DEFAULT)
        assert given is None or "default" not in part, path
        if "default" in part:
            assert reduce(dict.__getitem__, path, completed) == part["default"]
    rare = {path for path, part in keys(SCHEMA) if "default" in part}
    assert {path[0] for path in rare} == {"model"}


def test_experiments_are_those_of_the_rooms_and_come_in_the_order_of_the_report():
    config = with_change(lambda c: c.update(experiments=["replication", "icl", "lens"]))
    assert complete_config(config, SCHEMA)["experiments"] == ["lens", "icl", "replication"]
    config = with_change(lambda c: c.update(experiments=["lense"]))
    with pytest.raises(UserError, match='experiments.0: "lense" is not one of whole_types, lens'):
        complete_config(config, SCHEMA)


@pytest.mark.parametrize("preset", PRESETS, ids=lambda path: path.stem)
def test_every_preset_over_the_default_is_valid(preset):
    merged = copy.deepcopy(DEFAULT)
    for key, value in yaml.safe_load(preset.read_text()).items():
        merged[key] = {**merged[key], **value} if isinstance(value, dict) else value
    assert complete_config(merged, SCHEMA)["model"]["trust_remote_code"] is False


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            lambda c: c["model"].update(dtype="bf61"),
            'model.dtype: "bf61" is not one of auto, float32, bfloat16, float16',
        ),
        (lambda c: c["model"].update(dtyp="x"), "model.dtyp: unknown key; the nearest valid one is"
         " model.dtype"),
        (lambda c: c.update(sede=1), "sede: unknown key; the nearest valid one is seed"),
        (lambda c: c.pop("source"), "source: this key is missing"),
        (lambda c: c["examples"].pop("per_program"), "examples.per_program: this key is missing"),
        (lambda c: c["source"][0].update(pakages=[]), "the nearest valid one is source.0.packages"),
        (lambda c: c["source"].append({"kind": "git"}), 'source.1.kind: "git" is not one of'),
        (
            lambda c: c["model"].update(sources=[{"hub": "a/b", "revision": "main"}]),
            "model.sources.0.revision: 'main' does not match",
        ),
        (lambda c: c["model"].update(name="../elsewhere"), "model.name"),
        (lambda c: c.update(study="../elsewhere"), "study"),
        (lambda c: c.update(study="cache"), "study"),
        (lambda c: c["model"].update(name="source"), "model.name"),
        (lambda c: c["model"].update(name="compare"), "model.name"),
        (lambda c: c["model"].update(name="a\n"), "model.name"),
        (lambda c: c["model"].update({7: "x"}), "model: the key 7 found; expected a text"),
        (lambda c: c["model"].update({"\x1b]0;a\a": 1}), r"model: the key '\x1b]0;a\x07' found"),
        (
            lambda c: c["source"].append({"kind": "directory", "path": "a", "package": "\x1b[2J"}),
            r"source.1.package: '\x1b[2J' found; expected a text without control characters",
        ),
        (lambda c: c["programs"]["licenses"].append("MIT\x9b31m"), r"'MIT\x9b31m' found"),
        (lambda c: c["sample"].update(temperature=float("nan")), "sample.temperature: nan found"),
        (lambda c: c["source"][0]["packages"].append("\0"), r"source.0.packages.16: '\x00' found"),
        (lambda c: c.update(seed="x"), "seed: 'x' is not of type 'integer'"),
        (lambda c: c.update(model=None), "model: None is not of type 'object'"),
        (lambda c: c["patch"].update(max_pairs=0), "patch.max_pairs: 0 is less than"),
    ],
)  # fmt: skip
def test_errors_name_the_file_the_key_and_what_was_expected(change, message, tmp_path):
    file = tmp_path / "mine.yaml"
    config = with_change(change)
    file.write_text(yaml.safe_dump(config))
    with pytest.raises(UserError) as error:
        complete_config(config, SCHEMA, read_layers([str(file)], [], SCHEMA))
    assert str(error.value).startswith(f"{file}: ")
    assert message in str(error.value)


@pytest.mark.parametrize(
    ("edits", "patched", "message"),
    [
        (["rename_var"], "rename_vars", "edits.0: 'rename_var' is no edit; did you mean"),
        (["rename_types"], "rename_vars", "patch.edit: 'rename_vars' is none of the edits"),
        (["original", "rename_vars"], "rename_vars", "edits: 'original' is one too many"),
        (["rename_vars", "rename_vars@1.0"], "rename_vars", "edits: 'rename_vars' is one too many"),
    ],
)
def test_edits_are_edits_each_once(edits, patched, message):
    config = with_change(lambda c: c.update(edits=edits, patch=c["patch"] | {"edit": patched}))
    with pytest.raises(UserError, match=message):
        complete_config(config, SCHEMA)


def test_edits_come_out_in_their_one_spelling():
    config = with_change(
        lambda c: c.update(
            edits=["rename_types+rename_vars", "rename_vars@0.50"],
            patch=c["patch"] | {"edit": "rename_types+rename_vars"},
        )
    )
    completed = complete_config(config, SCHEMA)
    assert completed["edits"] == ["rename_vars+rename_types", "rename_vars@0.5"]
    assert completed["patch"]["edit"] == "rename_vars+rename_types"


def test_the_error_names_the_last_file_that_holds_the_key(tmp_path):
    base, preset = tmp_path / "base.yaml", tmp_path / "preset.yaml"
    base.write_text(yaml.safe_dump(DEFAULT))
    preset.write_text(yaml.safe_dump({"prompt": {"format": "fimm"}}))
    config = with_change(lambda c: c["prompt"].update(format="fimm"))
    with pytest.raises(UserError, match=r"preset\.yaml: prompt\.format"):
        complete_config(config, SCHEMA, read_layers([str(base), str(preset)], [], SCHEMA))
    config = with_change(lambda c: c.update(seed=-1))
    with pytest.raises(UserError, match=r"base\.yaml: seed"):
        complete_config(config, SCHEMA, read_layers([str(base), str(preset)], [], SCHEMA))


def by_snakemake(*entries: str) -> dict:
    """The default config with what Snakemake makes of `--config`."""
    config = copy.deepcopy(DEFAULT)
    update_config(config, parse_config(entries))
    return config


@pytest.mark.parametrize(
    ("entry", "key", "value"),
    [
        ("sample={n: 10}", "sample.n", 10),
        ("sample={'temperature': 0.5}", "sample.temperature", 0.5),
        ("model={device: cpu, threads: 2}", "model.threads", 2),
        ("model={threads: auto}", "model.threads", "auto"),
        ("model={trust_remote_code: true}", "model.trust_remote_code", True),
        ("model={name: 123}", "model.name", "123"),
        ("model={resources: {qos: 7, partition: gpu}}", "model.resources.qos", 7),
        ("new_names={list: null}", "new_names.list", None),
        ("new_names={list: 'null'}", "new_names.list", "null"),
        ("source=[{kind: directory, path: 2024-01-02}]", "source.0.path", "2024-01-02"),
        ("source=[{kind: directory, path: a, license: 0755}]", "source.0.license", "0755"),
        ("circuits={shares: [0.1, 1]}", "circuits.shares", [0.1, 1]),
        ("study=123", "study", "123"),
        ("study='007'", "study", "007"),
        ("seed=3", "seed", 3),
    ],
)
def test_what_the_command_line_says_is_read_as_yaml_would(entry, key, value):
    layers = read_layers([], [entry], SCHEMA)
    found = complete_config(by_snakemake(entry), SCHEMA, layers)
    for part in key.split("."):
        found = found[int(part) if part.isdigit() else part]
    assert found == value
    assert type(found) is type(value)


def test_what_several_entries_say_is_merged_and_the_rest_stays():
    entries = ["sample={n: 10}", "sample={n: 11, max_examples: 3}"]
    config = complete_config(by_snakemake(*entries), SCHEMA, read_layers([], entries, SCHEMA))
    assert config["sample"] == DEFAULT["sample"] | {"n": 11, "max_examples": 3}


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("sample={n: ten}", r"--config: sample\.n: 'ten' is not of type 'integer'"),
        ("sample={ns: 1}", r"--config: sample\.ns: unknown key; .* is sample\.n$"),
        ("study=a/b", "--config: study: 'a/b' does not match"),
        ("edits=[rename_var]", r"--config: edits\.0: 'rename_var' is no edit"),
        ("patch={edit: rename_types}", r"--config: patch\.edit: 'rename_types' is none of"),
        ("sample={temperature: .nan}", r"--config: sample\.temperature: nan found"),
        ("sample={n: 10", r"--config: sample: no YAML \(line 1, column 7: expected ',' or"),
        ("sample={n: 1, n: 2}", "--config: sample: line 1: 'n' stands there a second time"),
        ("sample={n: 2024-99-99}", "--config: sample: no YAML"),
        ("sample=&x [*x]", "--config: sample: more than 100000 values"),
    ],
)
def test_errors_name_the_command_line_where_the_value_is_from_there(entry, message, tmp_path):
    base = tmp_path / "base.yaml"
    base.write_text(yaml.safe_dump(DEFAULT))
    with pytest.raises(UserError, match=message):
        layers = read_layers([str(base)], [entry], SCHEMA)
        complete_config(by_snakemake(entry), SCHEMA, layers)


def test_errors_name_the_file_where_the_command_line_says_something_else(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("sample: {n: ten}")
    config = with_change(lambda c: c["sample"].update(n="ten"))
    layers = read_layers([str(file)], ["sample={max_examples: 3}"], SCHEMA)
    with pytest.raises(UserError, match=r"mine\.yaml: sample\.n: 'ten' is not of type"):
        complete_config(config, SCHEMA, layers)


def nested(opening: str, item: str, closing: str) -> str:
    """YAML in which x9 holds x8 ten times, and so on: 10^9 values in some hundred bytes."""
    lines = ["x0: &x0 {a: b}"]
    for i in range(9):
        items = ", ".join(item.replace("KEY", key) + f"*x{i}" for key in "abcdefghij")
        lines.append(f"x{i + 1}: &x{i + 1} {opening}{items}{closing}")
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text",
    [
        nested("[", "", "]"),
        nested("{", "KEY: ", "}"),
        nested("{<<: [", "", "]}"),
        "x: &x [*x]",
        "x: &x {y: [{z: *x}]}",
    ],
    ids=["lists", "mappings", "merges", "itself", "itself within"],
)
def test_a_config_whose_aliases_stand_for_too_much_is_refused(tmp_path, text):
    file = tmp_path / "bomb.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bomb\.yaml: more than 100000 values once its aliases"):
        complete_config(DEFAULT, SCHEMA, read_layers([str(file)], [], SCHEMA))


def test_aliases_and_json_are_read_as_they_stand(tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("a: &a [1, {b: 2}]\nc: {<<: &m {d: *a}, e: 3}\nf: *m\n")
    part = [1, {"b": 2}]
    assert read_yaml(file) == {"a": part, "c": {"d": part, "e": 3}, "f": {"d": part}}
    file.write_text('{\n\t"seed": 1\n}')  # a tab, which YAML has not
    assert read_yaml(file) == {"seed": 1}
    file.write_text("")
    assert read_yaml(file) is None


@pytest.mark.parametrize(
    "text", ["a: [", "[" * 20_000, "{a: " * 20_000, "a: !!python/name:os.system"]
)
def test_a_config_that_is_no_yaml_is_named(tmp_path, text):
    (tmp_path / "odd.yaml").write_text(text)
    with pytest.raises(UserError, match=r"odd\.yaml: (no YAML|values within values)"):
        read_yaml(tmp_path / "odd.yaml")


def test_a_key_that_stands_twice_is_refused_as_the_first_would_go_unsaid(tmp_path):
    file = tmp_path / "twice.yaml"
    file.write_text("a: {n: 1}\nb:\n  n: 1\n  m: 2\n'1': 3\n1: 4\n")
    assert read_yaml(file) == {"a": {"n": 1}, "b": {"n": 1, "m": 2}, "1": 3, 1: 4}
    file.write_text("a: {n: 1}\nb:\n  n: 1\n  m: 2\n  n: 3\n")
    with pytest.raises(UserError, match=r"twice\.yaml: line 5: 'n' stands there a second time"):
        read_yaml(file)
    file.write_text('{"a": {"n": 1}, "b": {"n": 1, "m": 2, "n": 3}}')
    with pytest.raises(UserError, match=r"twice\.yaml: 'n' stands there twice"):
        read_yaml(file)


def test_a_study_has_the_name_that_its_config_gives_it_or_that_of_its_files():
    assert study_name(DEFAULT, SCHEMA, []) == "embedded"
    assert study_name(DEFAULT, SCHEMA, ["/there/my own.yaml"]) == "my-own"
    assert study_name(DEFAULT, SCHEMA, ["config/a-1b.yaml", "source.yaml"]) == "a-1b-source"
    assert study_name({**DEFAULT, "study": "named"}, SCHEMA, ["mine.yaml"]) == "named"


@pytest.mark.parametrize("file", ["source.yaml", "config/cache.json", "\u540d.yaml", "a" * 101])
def test_a_file_whose_name_makes_none_is_asked_to_name_the_study(file):
    with pytest.raises(UserError, match="study: this key is missing"):
        study_name(DEFAULT, SCHEMA, [file])


def test_whole_sizes_are_the_default_studys():
    whole = yaml.safe_load((ROOT / "config" / "whole.yaml").read_text())
    of_a_gpu = {key: whole.pop(key) for key in ("model", "predict", "shards")}
    assert of_a_gpu["model"]["device"] == "cuda"
    assert whole.pop("experiments") == DEFAULT["experiments"]
    for key, sizes in whole.items():
        assert sizes.items() <= DEFAULT[key].items(), key
    smaller = yaml.safe_load((ROOT / "config" / "qwen2.5-coder-1.5b.yaml").read_text())
    for key in smaller.keys() & whole.keys():
        assert smaller[key].keys() <= whole[key].keys(), f"{key}: a size of the preset stays"


def test_the_default_sizes_are_enough_for_their_tests():
    """With as many programs as may be drawn, all changed one way, each family shows something."""
    circuits, traces = DEFAULT["circuits"], DEFAULT["traces"]
    network = json.loads((ROOT / "models/embedded/config.json").read_text())
    first, end = (round(depth * network["n_layer"]) for depth in circuits["depths"])
    n, n_test = len(OUTCOMES), circuits["max_test"]
    families = {
        # each outcome's own circuit beside the others', at each size
        "differences": (n_test, n * (n - 1) * len(circuits["shares"])),
        "paths": (n * n_test, network["n_head"] * (end - first)),
        "traces": (traces["max_pairs"], len(CONDITIONS) * len(ROLES) * traces["max_points"]),
    }
    for name, (n_programs, n_tests) in families.items():
        assert is_clearly_significant(least_family_p(n_programs, n_tests)), name
