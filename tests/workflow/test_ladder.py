"""A ladder of the small study's model and a tiny rung, through the rules, from training on."""

import json
from pathlib import Path

import pytest
import yaml

from fimscope.experiments.tables import PREDICTIONS
from fimscope.files.rejections import REJECTED
from fimscope.files.tables import read_manifest, read_table, write_table
from fimscope.training.tables import TRAINING_LOG, TRAINING_PACKAGES, TRAINING_PROGRAMS
from fimscope.training.tokenizer import train_tokenizer
from projects import snakemake

TRAINING = Path("results/training")
RUNG = TRAINING / "rungs" / "small"
TEXT = "export function grow(size: number, by?: number): number { return size * (by ?? 2); }\n"
SETTINGS = {
    "seed": 1,
    "tokenizer": {"vocab_size": 400},
    "network": {"n_blocks": 3, "d_model": 16, "n_heads": 2, "n_positions": 128},
    "schedule": {
        **{"steps": 4, "warmup_steps": 1, "steady_until": 2, "every": 2, "batch_tokens": 256},
        **{"muon": 0.006, "decay": 0.1, "adamw": 0.003, "lengths": [{"shares": {64: 1.0}}]},
    },
    "validation": {"seed": 1, "windows": 2, "tokens": 64},
}
CHANGES = {"network": {"n_blocks": 2}, "seed": 2}


def program(package: str, part: str):
    """A program of ten functions, with all their annotations."""
    starts = [place for place in range(len(10 * TEXT)) if (10 * TEXT).startswith("number", place)]
    return {
        **{"program_id": package, "package": package, "version": "1.0.0", "license": "MIT"},
        **{"path": "a.ts", "n_bytes": len(10 * TEXT), "content": 10 * TEXT, "part": part},
        **{"starts": starts, "ends": [start + len("number") for start in starts]},
    }


def collect(project: Path) -> None:
    """What `collect_training` would find, without packages that npm would have to fetch."""
    corpus = project / "models/embedded/corpus"
    (corpus / "node_modules").mkdir(parents=True)
    for name in ("package.json", "package-lock.json", ".npmrc", "node_modules/.package-lock.json"):
        (corpus / name).write_text("{}")
    (project / "config/training.yaml").write_text(yaml.safe_dump(SETTINGS))
    (project / "config/ladder.yaml").write_text(yaml.safe_dump({"small": CHANGES}))
    (project / TRAINING).mkdir()
    programs = [program("widen", "train"), program("lift", "validation")]
    manifest = read_manifest(project / "results/tiny/pairs.parquet")  # as any step's
    for name, kind, rows in (
        ("programs", TRAINING_PROGRAMS, programs),
        ("packages", TRAINING_PACKAGES, []),
        ("rejected", REJECTED, []),
    ):
        write_table(project / TRAINING / f"{name}.parquet", kind, rows, manifest)
    train_tokenizer(programs, 400).save(str(project / TRAINING / "tokenizer.json"))


@pytest.fixture(scope="module")
def ladder(small_study, warm) -> Path:
    collect(small_study)
    words = ("--configfile", "small.yaml", "--", "embedded_ladder")
    snakemake(small_study, *words, variables=warm)
    return small_study


def test_a_rung_is_the_recipe_with_its_own_settings(ladder):
    trained = json.loads((ladder / RUNG / "trained/config.json").read_text())
    assert (trained["n_layer"], trained["n_embd"]) == (2, 16)
    assert [
        row["step"] for row in read_table(ladder / RUNG / "curve.parquet", TRAINING_LOG).to_pylist()
    ] == [2, 4]


def test_the_page_has_every_rung_and_what_their_tables_count(ladder):
    found = json.loads((ladder / "results/ladder/figures.json").read_text())
    assert [(row["name"], row["n_blocks"]) for row in found["rungs"]] == [
        ("tiny", 24),
        ("small", 2),
    ]
    answers = [
        {
            row["example_id"]: row["correct"]
            for row in read_table(
                ladder / folder / "predictions/original.parquet", PREDICTIONS
            ).to_pylist()
        }
        for folder in (Path("results/tiny"), RUNG)
    ]
    assert 0 < found["n"] <= len({*answers[0]} & {*answers[1]})
    page = (ladder / "results/ladder/summary.md").read_text()
    assert "| `tiny` |" in page and "| `small` |" in page


def test_a_finished_ladder_is_not_made_again(ladder):
    said = snakemake(ladder, "-n", "--configfile", "small.yaml", "--", "embedded_ladder").stdout
    assert "Nothing to be done" in said
