"""A small made-up study with a known answer, as the tables that the last steps read."""

from pathlib import Path

import numpy as np
import pyarrow as pa

from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.patch.tables import PAIRS
from fimscope.experiments.registry import all_tables
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.digests import dump_json
from fimscope.files.tables import read_table, write_table
from fimscope.typescript.tables import EXAMPLES

HOSTILE = (
    "</script><script>alert(1)</script>",
    "$\\frac{1}{0$",
    "a\nb\x00",
    "``|`x`|",
    "![x](http://example.invalid/x.svg)",
    "<img src=x onerror=alert(1)>",
    "",
)
MANIFEST = {"step": "synthetic"}
N_PACKAGES = 4
N_PROGRAMS, N_POINTS, RISE = 20, 7, 3  # the type enters at point RISE
GOLD_TOKEN, FOIL_TOKEN = 5, 7
AGAINST = ("mlp_output", 3)  # works against the donor's answer


def predictions_table(answers, edit="original", n_programs=4) -> pa.Table:
    """Predictions in memory: answers are (gold, predicted, correct); programs in turn."""
    return pa.Table.from_pylist(
        [
            {
                "example_id": f"e{i:03d}",
                "edit": edit,
                "program_id": f"p{i % n_programs:02d}",
                "kind": "return" if i % 5 == 0 else "parameter",
                "gold": gold,
                "predicted": predicted,
                "correct": correct,
                "gold_rank": 0 if correct else 5 + 10 * (i % 2),
            }
            for i, (gold, predicted, correct) in enumerate(answers)
        ]
    )


def example_rows(predictions) -> list[dict]:
    """Rows of the examples table of predictions: programs in N_PACKAGES packages, one name."""
    return [
        {
            **{key: row[key] for key in ("example_id", "program_id", "kind", "gold")},
            "package": f"k{int(row['program_id'][1:]) % N_PACKAGES}",
            "name": "x",
        }
        for row in predictions
    ]


def write_study(folder: Path, answers: dict[str, list[tuple[str, str, bool]]]) -> None:
    """Every table, a benchmark, a log and model.json below a folder.

    answers   edit -> (gold, predicted, correct) of the examples, in one order for all edits
    """
    before = [correct for _, _, correct in answers["original"]]
    for edit, rows in answers.items():
        predictions = predictions_table(rows, edit, N_PROGRAMS).to_pylist()
        split = [
            {
                **{key: row[key] for key in ("example_id", "edit", "program_id", "kind", "gold")},
                "predicted": row["predicted"],
                "outcome": "right" if row["correct"] else "wrong",
                "broken": was and not row["correct"],
                "mended": not was and row["correct"],
            }
            for row, was in zip(predictions, before, strict=True)
        ]
        n = len(rows)
        stages = {
            "programs": 30,
            "holes": n + 30,
            "variants": n + 20,
            "verified": n + 5,
            "answered": n,
            "right": sum(correct for _, _, correct in rows),
            "broken": sum(row["broken"] for row in split),
        }
        funnel = [
            {"edit": edit, "stage": stage, "n_programs": min(count, N_PROGRAMS), "n_rows": count}
            for stage, count in stages.items()
        ]
        write_table(folder / f"predictions/{edit}.parquet", PREDICTIONS, predictions, MANIFEST)
        write_table(folder / f"split/{edit}.parquet", SPLIT, split, MANIFEST)
        write_table(folder / f"funnel/{edit}.parquet", FUNNEL, funnel, MANIFEST)
        if edit == "original":
            examples = example_rows(predictions)
            write_table(folder / "examples.parquet", EXAMPLES, examples, MANIFEST)

    (folder / "benchmarks/predict_types").mkdir(parents=True)
    (folder / "benchmarks/predict_types/original.tsv").write_text(
        "s\th:m:s\tmax_rss\n40.0\t0:00:40\t1500.5\n", encoding="utf-8"
    )
    (folder / "benchmarks/split_examples.tsv").write_text(
        "s\th:m:s\tmax_rss\n0.5\t0:00:00\tNA\n", encoding="utf-8"
    )
    (folder / "logs/predict_types").mkdir(parents=True)
    (folder / "logs/predict_types/original.log").write_text(
        "08:00:00 predict_types: loading took 8.1 s\n", encoding="utf-8"
    )
    model = {
        "n_blocks": N_POINTS - 1,
        "d_model": 8,
        "family": "gpt_bigcode",
        "revision": "0" * 40,
        "source": {"hub": HOSTILE[0]},
        "tried": [{"reason": "offline"}],
    }
    (folder / "model.json").write_text(dump_json(model), encoding="utf-8")


def patch_rows(condition: str, rise: int, seed: int, n_pairs: int = 40) -> list[dict]:
    """Rows of the patches table: paired 0.8 from point `rise` on, controls 0, noise of 0.2.

    `self` is exactly 0. The first pair's gap is too small: it has no normalised effect.
    """
    noise = np.random.default_rng(seed)
    rows = []
    for i in range(n_pairs):
        for kind in ("paired", "self", "unrelated", "random"):
            for point in range(N_POINTS):
                reached = kind == "paired" and point >= rise
                effect = 0.0 if kind == "self" else 0.8 * reached + noise.normal(0, 0.2)
                rows.append(
                    {
                        "condition": condition,
                        "pair_id": f"{condition}-e{i:03d}",
                        "example_id": f"e{i:03d}",
                        "edit": "rename_vars",
                        "program_id": f"p{i % N_PROGRAMS:02d}",
                        "donor_kind": kind,
                        "point": point,
                        "n_points": 1,
                        "position": "last",
                        "predicted_token_id": GOLD_TOKEN if reached else FOIL_TOKEN,
                        "to_gold": reached,
                        "to_donor": kind == "self" or reached,
                        "normalised_effect": None if i == 0 else effect,
                    }
                )
    return rows


def component_rows(condition: str, chosen: tuple[int, int], seed: int = 3) -> list[dict]:
    """Rows of the components table of 4 blocks of 2 heads: one head of one block has an effect of
    0.5, and the last block's MLP one of -0.4."""
    rows = []
    noise = np.random.default_rng(seed)
    parts = [("attention_output", b, None) for b in range(4)]
    parts += [("mlp_output", b, None) for b in range(4)]
    parts += [("head", b, h) for b in range(4) for h in range(2)]
    for row in patch_rows(condition, rise=N_POINTS, seed=seed):
        if row["point"] == 0:
            for component, block, head in parts:
                own = 0.5 * ((block, head) == chosen) - 0.4 * ((component, block) == AGAINST)
                moved = noise.normal(0, 0.05) + own * (row["donor_kind"] == "paired")
                moved = 0.0 if row["donor_kind"] == "self" else moved
                rows.append(
                    {
                        **{key: row[key] for key in row if key not in ("point", "position")},
                        "component": component,
                        "block": block,
                        "head": head,
                        "normalised_effect": None if row["normalised_effect"] is None else moved,
                    }
                )
    return rows


def pair_rows(patches: list[dict]) -> list[dict]:
    """The pairs table that these patches came from."""
    pairs = {(row["pair_id"], row["donor_kind"]): row for row in patches}
    return [
        {
            "condition": row["condition"],
            "pair_id": row["pair_id"],
            "recipient_example_id": row["example_id"],
            "recipient_program_id": row["program_id"],
            "donor_kind": row["donor_kind"],
            "target_token_id": GOLD_TOKEN,
            "foil_token_id": FOIL_TOKEN,
        }
        for row in pairs.values()
    ]


def write_sweep(folder: Path, rows: list[dict], name: str = "patches") -> tuple[Path, pa.Table]:
    """One table of patches and the pairs table it came from, read back."""
    path = folder / f"{rows[0]['condition']}.parquet"
    write_table(path, all_tables()[name], rows, MANIFEST)
    write_table(folder / "pairs.parquet", PAIRS, pair_rows(rows), MANIFEST)
    return path, read_table(folder / "pairs.parquet", PAIRS)
