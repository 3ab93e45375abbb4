"""Fit a linear probe of the gold type at every point, with its control task, and test it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fimscope.experiments.probes.fit import choose_probe, common_labels, control_labels
from fimscope.experiments.probes.tables import PROBES
from fimscope.experiments.tables import SPLIT
from fimscope.files.activation_cache import ActivationCache
from fimscope.files.manifest import run_manifest
from fimscope.files.tables import read_table, write_table
from fimscope.steps.frame import Progress, log, positive, run_step, step_parser
from fimscope.typescript.tables import EXAMPLES, VARIANTS

Row = Mapping[str, Any]
TASKS = ("gold", "control")


@dataclass(frozen=True)
class Probed:
    """Examples of one group whose gold is one of the probe's labels.

    rows    [example], each with what the table says of it and `name`
    places  [example], (edit, row of its activation cache)
    """

    rows: list[Row]
    places: list[tuple[str, int]]


def fit_probes(
    groups: Mapping[str, Probed],
    caches: Mapping[str, ActivationCache],
    penalties: Sequence[float],
    min_examples: int,
    seed: int,
) -> list[Row]:
    """Rows of the probes table: what each point's probes say of every example of `test`.

    Fitted on `fit`, right and wrong examples alike, with the penalty that is best on `select`.
    """
    golds, examples = ([row[key] for row in groups["fit"].rows] for key in ("gold", "example_id"))
    labels = common_labels(golds, examples, min_examples)
    kept = {name: _with_label(group, labels) for name, group in groups.items()}
    if len(labels) < 2 or not kept["test"].rows:
        log.warning("%d types with enough examples to fit: no probe", len(labels))
        return []
    truth = {name: _labels(group, labels) for name, group in kept.items()}
    seen = {row["name"] for row in kept["fit"].rows}
    control = {
        name: control_labels(
            [row["name"] for row in group.rows], truth["fit"].tolist(), len(labels), seed
        )
        for name, group in kept.items()
    }
    rows = []
    n_points = next(iter(caches.values())).n_points
    progress = Progress("probes", n_points, "points")
    for point in range(n_points):
        features = _features(kept, caches, point)
        for task, wanted in zip(TASKS, (truth, control), strict=True):
            probe, l2 = choose_probe(
                features["fit"],
                wanted["fit"],
                len(labels),
                penalties,
                features["select"],
                wanted["select"],
            )
            answers = probe.labels(features["test"])
            for row, label, answer in zip(kept["test"].rows, wanted["test"], answers, strict=True):
                keys = ("example_id", "edit", "program_id", "gold", "predicted", "outcome")
                rows.append(
                    {
                        **{key: row[key] for key in keys},
                        "name_seen": row["name"] in seen,
                        "point": point,
                        "task": task,
                        "l2": l2,
                        "label": labels[label],
                        "probed": labels[answer],
                        "correct": bool(label == answer),
                    }
                )
        progress.add()
    return rows


def _with_label(group: Probed, labels: Sequence[str]) -> Probed:
    kept = [i for i, row in enumerate(group.rows) if row["gold"] in labels]
    return Probed([group.rows[i] for i in kept], [group.places[i] for i in kept])


def _labels(group: Probed, labels: Sequence[str]) -> np.ndarray:
    return np.array([labels.index(row["gold"]) for row in group.rows], dtype=np.int64)


def _features(
    groups: Mapping[str, Probed],
    caches: Mapping[str, ActivationCache],
    point: int,
) -> dict[str, np.ndarray]:
    """group -> [example, d_model] float32, of one point at the last token."""
    values = {edit: cache.read(point, "last").float().numpy() for edit, cache in caches.items()}
    width = next(iter(values.values())).shape[1]
    return {
        name: np.array([values[edit][row] for edit, row in group.places]).reshape(-1, width)
        for name, group in groups.items()
    }


def read_groups(
    examples: Sequence[Row],
    splits: Mapping[str, Sequence[Row]],
    names: Mapping[tuple[str, str], str],
    caches: Mapping[str, ActivationCache],
) -> dict[str, Probed]:
    """The answered examples of every edit, by group, in the order of the split tables.

    names  (example_id, edit) -> the name in front of the hole, as that edit has it
    """
    group_of = {row["example_id"]: row["group"] for row in examples}
    found = {group: Probed([], []) for group in ("fit", "select", "test")}
    for edit, rows in splits.items():
        for row in rows:
            key = (row["example_id"], edit)
            group = found[group_of[row["example_id"]]]
            group.rows.append({**row, "name": names[key]})
            group.places.append((edit, caches[edit].rows[key]))
    return found


def main() -> None:
    parser = step_parser(__doc__)
    parser.add_argument("--examples", type=Path, required=True, help="examples.parquet")
    parser.add_argument("--variants", type=Path, nargs="+", required=True, help="for the names")
    parser.add_argument("--splits", type=Path, nargs="+", required=True, help="of the same edits")
    parser.add_argument("--activations", type=Path, required=True, help="folder of the caches")
    parser.add_argument("--l2", type=float, nargs="+", required=True, help="penalties to try")
    parser.add_argument(
        "--min-examples", type=positive, required=True, help="examples of `fit` that a type needs"
    )
    parser.add_argument("--seed", type=int, required=True, help="of the control task")
    parser.add_argument("--out", type=Path, required=True, help="the probes table")
    with run_step(parser) as args:
        manifest = run_manifest(args)
        splits = {path.stem: read_table(path, SPLIT).to_pylist() for path in args.splits}
        names = {
            (row["example_id"], row["edit"]): row["name"]
            for path in args.variants
            for row in read_table(path, VARIANTS, ["example_id", "edit", "name"]).to_pylist()
        }
        caches = {edit: ActivationCache(args.activations / edit) for edit in splits}
        examples = read_table(args.examples, EXAMPLES, ["example_id", "group"]).to_pylist()
        groups = read_groups(examples, splits, names, caches)
        rows = fit_probes(groups, caches, args.l2, args.min_examples, args.seed)
        write_table(args.out, PROBES, rows, manifest)
        log.info("%d rows of %d examples", len(rows), len(groups["test"].rows))


if __name__ == "__main__":
    main()
