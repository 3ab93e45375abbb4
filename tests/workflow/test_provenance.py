"""Results without Snakemake's records: what was made otherwise is made again, and nothing else."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest

from projects import snakemake

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def copied(small_study, tmp_path_factory) -> Path:
    """The small study in another folder, without what Snakemake knew of it."""
    project = tmp_path_factory.mktemp("copied") / "project"
    left = shutil.ignore_patterns(".snakemake", "cache", "__pycache__")
    shutil.copytree(small_study, project, symlinks=True, ignore=left)
    return project


def planned(project: Path, *words: str) -> set[str]:
    """The steps that would run."""
    done = snakemake(project, "-n", "--configfile", "small.yaml", *words)
    return set(re.findall(r"^(\w+) +[1-9][0-9]*$", done.stdout, re.MULTILINE)) - {"all", "total"}


@pytest.mark.parametrize("triggers", [(), ("--rerun-triggers", "mtime")], ids=["all", "mtime"])
def test_the_same_config_makes_nothing(copied, triggers):
    assert planned(copied, *triggers) == set()


def test_results_from_when_studies_shared_a_source_are_moved_and_nothing_is_made_again(copied):
    shutil.move(copied / "results/tiny/source", copied / "results/source")
    refused = snakemake(copied, "-n", "--configfile", "small.yaml", check=False)
    assert refused.returncode
    commands = refused.stdout.partition("nothing is lost: ")[2]
    subprocess.run(["bash", "-ec", commands], cwd=copied, check=True)
    assert (copied / "results/tiny/source/programs.parquet").is_file()
    assert planned(copied) == set()


@pytest.mark.parametrize(
    ("key", "first", "not_there"),
    [
        ("seed: 1", "collect_programs", "prepare_model"),
        ("new_names: {exported: true}", "edit_examples", "make_examples"),
        ("model: {dtype: bfloat16}", "predict_types", "build_prompts"),
        ("prompt: {max_tokens: 90}", "build_prompts", "prepare_model"),
        ("predict: {max_new_tokens: 11}", "predict_types", "prepare_model"),
        ("activations: {positions: [last]}", "cache_activations", "predict_types"),
        ("statistics: {draws: 300}", "plot_patches", "sweep_patches"),
        ("patch: {min_gap: 0.7}", "sweep_patches", "pair_examples"),
    ],
)
def test_another_config_makes_again_what_it_changes(copied, key, first, not_there):
    (copied / "changed.yaml").write_text(key)
    steps = planned(copied, "changed.yaml", "--rerun-triggers", "mtime")
    assert first in steps
    assert not_there not in steps
    assert "write_summary" in steps


def test_a_table_of_another_run_in_the_place_of_one_is_not_taken(copied):
    pairs, other = copied / "results/tiny/pairs.parquet", copied / "results/tiny/pairs.old"
    shutil.copy2(pairs, other)
    try:
        table = copied / "results/tiny/predictions/original.parquet"
        shutil.copy2(copied / "results/tiny/predictions/rename_vars.parquet", table)
        assert "pair_examples" in planned(copied, "--rerun-triggers", "mtime")
    finally:
        shutil.copy2(other, pairs)
