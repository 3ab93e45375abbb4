import json
import shutil
from pathlib import Path

import pytest
import yaml

from fimscope.corpus.licenses import is_allowed
from fimscope.errors import UserError
from fimscope.training.corpus import (
    Limits,
    check_pins,
    collect_corpus,
    count_packages,
    read_pins,
    within_bytes,
)
from fimscope.typescript.client import TypeScript

ROOT = Path(__file__).parents[2]
CORPUS = ROOT / "models" / "embedded" / "corpus"

STUDIED = "".join(
    f"export function step{i}(left: number, right{i}: string): boolean {{\n"
    f"  return left > {i} && right{i}.length > left;\n}}\n"
    for i in range(12)
)
OWN = "export const area = (width: number, height?: number): number => width * (height ?? width);\n"


def package(folder, name, license, **files):
    path = folder / "node_modules" / name
    path.mkdir(parents=True)
    about = {"name": name, "version": "1.2.3", "license": license}
    (path / "package.json").write_text(json.dumps(about))
    for stem, text in files.items():
        (path / f"{stem}.ts").write_text(text)
    return f"{name}@1.2.3"


LIMITS = Limits(100_000, 100_000, ["MIT"], {"studied"})


def collect(folder, pins, limits=LIMITS, validation=()):
    with TypeScript() as typescript:
        return collect_corpus(typescript, pins, folder, limits, [STUDIED], validation, seed=1)


@pytest.mark.node
def test_corpus_leaves_out_what_is_near_a_study_program_and_says_why(tmp_path):
    pins = [
        package(tmp_path, "own", "MIT", area=OWN, none="export const one = 1;\n"),
        package(
            tmp_path,
            "near",
            "MIT",
            copied=STUDIED.replace("step3", "stop3"),
            again=OWN,
            broken="export function f(: number {",
        ),
    ]
    programs, rejected = collect(tmp_path, pins, validation={"own"})
    # `own/area` and `near/again` are the same bytes: the first by package and path stays.
    assert [(row["package"], row["path"], row["part"]) for row in programs] == [
        ("near", "again.ts", "train")
    ]
    assert {(row["package"], row["path"]): row["reason"] for row in rejected} == {
        ("near", "broken.ts"): "syntax_error",
        ("near", "copied.ts"): "duplicate",
        ("own", "area.ts"): "duplicate",
        ("own", "none.ts"): "no_annotation",
    }
    [row] = programs
    spans = zip(row["starts"], row["ends"], strict=True)
    assert [row["content"][a:b] for a, b in spans] == ["number", "number", "number"]
    assert count_packages(programs) == [
        {
            "package": "near",
            "version": "1.2.3",
            "license": "MIT",
            "part": "train",
            "n_programs": 1,
            "n_bytes": len(OWN),
            "n_annotations": 3,
        }
    ]


def test_corpus_refuses_a_license_that_is_not_allowed(tmp_path):
    pins = [package(tmp_path, "copyleft", "GPL-3.0-only", area=OWN)]
    with pytest.raises(UserError, match=r"copyleft \(GPL-3\.0-only\)"):
        collect(tmp_path, pins)


def test_corpus_refuses_an_excluded_package():
    with pytest.raises(UserError, match="studied must not be trained on"):
        check_pins(["other@1.0.0", "studied@1.0.0"], {"studied"})
    check_pins(["@scope/studied@1.0.0"], {"studied"})


def test_a_package_is_cut_at_its_bytes():
    rows = [
        {"package": name, "path": f"{i}.ts", "program_id": f"{name}{i}", "n_bytes": 40}
        for name in ("a", "b")
        for i in range(4)
    ]
    kept, rejected = within_bytes(rows, 100, seed=3)
    assert [row["package"] for row in kept] == ["a", "a", "b", "b"]
    assert {row["reason"] for row in rejected} == {"over_package_cap"} and len(rejected) == 4


def test_committed_corpus_holds_no_package_of_the_study_and_none_excluded():
    pins = read_pins(CORPUS)
    study = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())["source"]
    studied = {pin[: pin.rindex("@")] for source in study for pin in source.get("packages", [])}
    settings = yaml.safe_load((ROOT / "config" / "training.yaml").read_text())["corpus"]
    assert studied and len(pins) > 30
    check_pins(pins, {*studied, *settings["excluded"]})
    with pytest.raises(UserError):
        check_pins(pins, {pins[0][: pins[0].rindex("@")]})


def test_committed_lock_pins_the_same_versions_under_allowed_licenses():
    lock = json.loads((CORPUS / "package-lock.json").read_text())["packages"]
    settings = yaml.safe_load((ROOT / "config" / "training.yaml").read_text())["corpus"]
    for pin in read_pins(CORPUS):
        name, version = pin.rsplit("@", 1)
        entry = lock[f"node_modules/{name}"]
        assert entry["version"] == version
        assert entry["integrity"].startswith("sha512-")
        assert "resolved" not in entry
        assert is_allowed(entry["license"], settings["licenses"]), pin


def test_an_installed_version_that_is_not_the_pinned_one_is_refused(tmp_path):
    package(tmp_path, "own", "MIT", area=OWN)
    with pytest.raises(UserError, match=r"own@9\.9\.9 asked for, 1\.2\.3 installed"):
        collect(tmp_path, ["own@9.9.9"])
    shutil.rmtree(tmp_path / "node_modules")
    with pytest.raises(UserError, match="own is not installed"):
        collect(tmp_path, ["own@1.2.3"])
