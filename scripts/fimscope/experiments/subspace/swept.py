"""Parts of the stream, swept: what each makes the model say, for every step that patches them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from fimscope.experiments.patch.donors import (
    Key,
    TokenIds,
    by_recipient,
    plan_recipients,
)
from fimscope.experiments.patch.measures import Patched, padded, pairs_of_sweep, wanted_ids
from fimscope.experiments.patch.tables import PAIRS, PATCHES
from fimscope.experiments.subspace.bases import Space, arrival_points, fit_space
from fimscope.files.activation_cache import LastResiduals
from fimscope.files.tables import read_table
from fimscope.inference.batching import BatchRunner
from fimscope.parts.formats import BatchTensors, digest

if TYPE_CHECKING:
    from torch import Tensor

    from fimscope.models.load import Model

Row = Mapping[str, Any]


def fit_spaces(
    residuals: LastResiduals, predictions: Sequence[Row], groups: Mapping[str, str], **options: int
) -> list[Space]:
    """A space for each point, of the right examples of `fit`, originals and variants alike.

    options   min_examples, most, n_random, seed
    """
    fitted = [row for row in predictions if row["correct"] and groups[row["example_id"]] == "fit"]
    values = residuals.of([(row["example_id"], row["edit"]) for row in fitted]).float().numpy()
    golds, examples = ([row[key] for row in fitted] for key in ("gold", "example_id"))
    return [fit_space(own, golds, examples, **options) for own in values]


def write_part(spaces: Sequence[Space], row: Row, recipient: "Tensor", donor: "Tensor") -> "Tensor":
    """[point, d_model]: the recipient with the donor's values in the row's part at each point."""
    import torch

    each = zip(spaces, recipient, donor, strict=True)
    return torch.stack([space.written(row["part"], own, other) for space, own, other in each])


def sweep_parts(
    runner: BatchRunner,
    what: str,
    prompts: Mapping[Key, TokenIds],
    rows: Sequence[Row],
    points: Sequence[int],
    value: Callable[[Row], "Tensor"],
) -> Iterator[Patched]:
    """Each row with what it makes the model say at every point; recipient by recipient.

    value   of a row: [point, d_model], what stands in the place of the recipient's last residual

    All rows of one recipient share one prefill of its prompt (`fimscope.interventions.sweep`).
    """
    import torch

    from fimscope.interventions.sweep import SweepReadout, sweep

    groups = by_recipient(rows)
    recipients = list(groups)

    def values(row: int) -> "Tensor":
        return torch.stack([value(own) for own in groups[recipients[row]]], dim=1)

    def ingredients(row: int) -> tuple[Any, ...]:
        own = groups[recipients[row]]
        return prompts[recipients[row]], wanted_ids(own), list(points), digest(values(row))

    def ask(model: "Model", numbers: list[int]) -> SweepReadout:
        keys = [recipients[row] for row in numbers]
        wanted = torch.tensor(padded([wanted_ids(groups[key]) for key in keys]))
        donors = torch.stack([values(row) for row in numbers], dim=1)[:, :, :, None]
        windows, ids = [[point] for point in points], [prompts[key] for key in keys]
        return sweep(model, ids, [[-1]] * len(keys), windows, donors, wanted)

    batches = plan_recipients(runner, prompts, groups, len(points))
    kept = BatchTensors(SweepReadout)
    for numbers, found in runner.run(what, batches, ask, ingredients, kept):
        for i, row in enumerate(numbers):
            own = groups[recipients[row]]
            yield from pairs_of_sweep(found, i, own, wanted_ids(own))


def in_order(swept: Iterator[Patched], rows: Sequence[Row]) -> list[Patched]:
    """In the order of the rows that were swept."""
    places = {id(row): n for n, row in enumerate(rows)}
    return sorted(swept, key=lambda patched: places[id(patched.pair)])


def part_columns(swept: Sequence[Patched], points: Sequence[int]) -> dict[str, list[Any]]:
    """The columns of PART, row by row and point by point."""
    return {
        "point": list(points) * len(swept),
        "rank": [patched.pair["part"].rank for patched in swept for _ in points],
        "draw": [patched.pair["part"].draw for patched in swept for _ in points],
    }


def read_effects(paths: Sequence[Path]) -> list[Row]:
    """The paired donor's rows of patch tables."""
    columns = ["condition", "pair_id", "example_id", "donor_kind", "point"]
    columns += ["donor_logit_diff", "normalised_effect"]
    rows = [row for path in paths for row in read_table(path, PATCHES, columns).to_pylist()]
    return [row for row in rows if row["donor_kind"] == "paired"]


def points_reached(
    effects: Sequence[Row], groups: Mapping[str, str], shares: Sequence[float]
) -> list[int]:
    """The points at which `restore` first reaches so much of its effect, on `fit` and `select`.

    effects   of `read_effects`
    groups    example_id -> fit, select or test
    """
    known = [
        row
        for row in effects
        if row["condition"] == "restore" and groups[row["example_id"]] != "test"
    ]
    return arrival_points(known, shares)


def read_pairs(path: Path, conditions: Sequence[str], groups: Mapping[str, str]) -> list[Row]:
    """The pairs of some conditions with the donor that each is for, with their `group`."""
    return [
        {**row, "group": groups[row["recipient_example_id"]]}
        for row in read_table(path, PAIRS).to_pylist()
        if row["donor_kind"] == "paired" and row["condition"] in conditions
    ]
