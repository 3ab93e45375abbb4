"""The house itself: lint, format, dry runs of every preset, one set of pins."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from projects import ROOT, copy_project, snakemake

pytestmark = pytest.mark.process


PRESETS = sorted(p.name for p in (ROOT / "config").glob("*.yaml") if "\nmodel:\n" in p.read_text())
BIN = Path(sys.executable).parent


def run(*words: str) -> None:
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("ruff", "check", "."),
        ("ruff", "format", "--check", "."),
        ("snakefmt", "--check", "Snakefile", "rules"),
        ("snakemake", "--lint"),
    ],
    ids=" ".join,
)
def test_linters_and_formatters(words):
    run(str(BIN / words[0]), *words[1:])


@pytest.mark.parametrize("preset", PRESETS)
def test_a_dry_run_of_every_preset_reaches_the_report(tmp_path, preset):
    project = copy_project(tmp_path / "project")
    output = snakemake(project, "-n", "--configfile", f"config/{preset}").stdout
    assert "build_report" in output


def test_targets_that_a_user_would_name(tmp_path):
    targets = "predictions activations lens attention samples patches patch_positions components"
    targets += " steering probes icl masking robustness replication explorer report"
    project = copy_project(tmp_path / "project")
    jobs = snakemake(project, "-n", "--quiet", "rules", "--", *targets.split()).stdout.split()
    assert set(targets.split()) <= set(jobs)


def test_comparing_models_before_any_has_run_says_what_to_do(tmp_path):
    project = copy_project(tmp_path / "project")
    done = snakemake(project, "--", "compare", check=False)
    assert done.returncode != 0
    assert "run one first: snakemake --configfile config/<model>.yaml" in done.stdout
    assert "Traceback" not in done.stdout


def test_nothing_starts_the_threads_of_arrow_that_can_abort_a_process():
    starts = re.compile(r"pq\.read_table\(|read_parquet\(|pc\.field\(")
    for path in (ROOT / "scripts").rglob("*.py"):
        assert not starts.search(path.read_text()), path


def test_the_rule_the_script_and_the_log_have_one_name():
    for path in (ROOT / "rules").glob("*.smk"):
        rule = None
        for line in path.read_text().splitlines():
            if line.startswith("rule "):
                rule = line.removeprefix("rule ").rstrip(":")
            if "logs/" in line:
                assert f"logs/{rule}" in line
            if "python scripts/" in line:
                assert f"scripts/{rule}.py" in line
                assert (ROOT / "scripts" / f"{rule}.py").is_file()


def rules() -> dict[str, str]:
    """The text of every rule, by name."""
    texts = [path.read_text() for path in (ROOT / "rules").glob("*.smk")]
    return dict(re.findall(r"(?ms)^rule (\w+):\n(.*?)(?=^\S|\Z)", "".join(texts)))


def test_every_job_asks_a_cluster_for_memory_and_time_that_grow():
    for name, text in rules().items():
        if "    shell:" in text:
            given = "_RESOURCES," in text or (
                "mem_mb=growing(" in text and "runtime=growing(" in text
            )
            assert given, f"{name}: resources: **SMALL_RESOURCES, **MODEL_RESOURCES or growing(...)"


def test_the_slurm_profile_groups_the_small_rules_and_no_others():
    profile = yaml.safe_load((ROOT / "profiles/slurm/config.yaml").read_text())
    assert set(profile["groups"]) <= set(rules())
    alone = {"fit_probes", "compare_models", "write_model_card"}  # slower, or a target of its own
    for name, text in rules().items():
        if "SMALL_RESOURCES" in text and "localrule: True" not in text:
            assert name in profile["groups"] or name in alone, f"{name}: a group of the profile"
    assert set(profile["group-components"]) <= set(profile["groups"].values())
    assert isinstance(yaml.safe_load((ROOT / "profiles/slurm/site.yaml").read_text()), dict)


def test_the_pins_stand_in_one_place():
    assert "-r requirements.txt" in (ROOT / "environment.yml").read_text()
    project = (ROOT / "pyproject.toml").read_text()
    files = [path.name for path in ROOT.glob("requirements*.txt")]
    assert "requirements.txt" in files
    for file in files:
        assert f'file = ["{file}"]' in project
    lock = (ROOT / "package-lock.json").read_text()
    assert '"integrity": "sha512-' in lock
    assert '"resolved"' not in lock
