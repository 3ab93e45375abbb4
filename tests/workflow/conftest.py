"""The small study that many tests look at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml

from fimscope.experiments.registry import all_tables
from fimscope.files.tables import read_table
from projects import FILES, THREADS, copy_project, snakemake, teach, write_sources
from warm_python import in_bash, warm_python


@pytest.fixture(scope="session")
def warm(tmp_path_factory) -> Iterator[dict[str, str]]:
    """For the studies that are made to be looked at; what tests a step has a Python of its own."""
    environment = {**os.environ, **THREADS}
    with warm_python(tmp_path_factory.mktemp("warm"), environment) as python:
        yield {**THREADS, **in_bash(python)}


@pytest.fixture(scope="session")
def small_study(tmp_path_factory, warm) -> Path:
    """A project whose whole DAG has run, on real programs and a model of 24 blocks."""
    project = copy_project(tmp_path_factory.mktemp("workflow") / "project with spaces")
    write_sources(project)
    config = {
        "study": "tiny",
        "source": [
            {"kind": "directory", "path": f"raw/{package}", "package": package} for package in FILES
        ],
        "examples": {"per_program": 12},
        "edits": ["rename_vars", "rename_types+rename_vars@0.5+delete_annotations"],
        "model": {
            "name": "tiny",
            "sources": [{"folder": "tiny model"}],
            "dtype": "float32",
            "device": "cpu",
            "attention": "sdpa",
        },
        "prompt": {"format": "fim", "max_tokens": 96},
        "activations": {
            "positions": [
                "last",
                "hole_name",
                "declaration",
                "use",
                "fim_prefix",
                "fim_suffix",
                "fim_middle",
            ]
        },
        "experiments": ["patches", "patch_positions", "components"],
        "statistics": {"draws": 200},
        "patch": {"max_pairs_positions": 3, "max_points_positions": 3, "max_pairs_components": 4},
        "steer": {"n_random": 2, "n_shuffled": 2, "max_examples": 20},
        "subspace": {
            **{"min_examples": 2, "n_random": 1, "max_examples": 4},
            **{"learned_ranks": [1], "max_fit": 4, "n_steps": 2},
        },
        "probe": {"min_examples": 2},
        "answers": {"max_examples": 40, "max_new_tokens": 24},
        "sample": {"n": 10, "max_examples": 12},
        "predict": {"batch_tokens": 500},
        "shards": {"check_types": 2, "read_prompts": 2, "apply_steering": 2},
    }
    (project / "small.yaml").write_text(yaml.safe_dump(config))
    variants = ["original", "rename_vars"]
    snakemake(
        project,
        "--configfile",
        "small.yaml",
        *("--", *(f"results/tiny/source/variants/{edit}.parquet" for edit in variants)),
        variables=warm,
    )
    teach(project)
    snakemake(project, "--configfile", "small.yaml", variables=warm)
    return project


@pytest.fixture(scope="session")
def tables(small_study) -> Callable[[Path | str, str], list[dict]]:
    """Rows of a table of the small study: its path in the project, and what kind it is."""

    def read(path: Path | str, name: str) -> list[dict]:
        return read_table(small_study / path, all_tables()[name]).to_pylist()

    return read
