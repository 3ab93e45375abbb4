"""How much of the deciding token's attention goes to each kind of region, and who differs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.attention.tables import ATTENTION_SHARES
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import read_table
from fimscope.models.prepared import Prepared
from fimscope.statistics.stats import (
    LEVEL,
    Difference,
    Floats,
    clustered_difference,
    clustered_mean,
    holm,
    sign_test,
)

REGION_KINDS = ("declaration", "use", "annotation", "comment", "fim", "rest")
RIGHT_WRONG, ORIGINAL_BROKEN = "right_minus_wrong", "original_minus_broken"
COMPARISONS = (RIGHT_WRONG, ORIGINAL_BROKEN)
Row = Mapping[str, Any]
Head = tuple[int, int]  # block, head


def all_heads(prepared: Prepared) -> list[Head]:
    """Every head of a model, block by block."""
    return [(block, head) for block in range(prepared.n_blocks) for head in range(prepared.n_heads)]


def region_tokens(prompt: Row) -> NDArray[np.float32]:
    """Which tokens of a prompt are of which kind of region: [token, kind], 0 or 1."""
    found = np.zeros((len(prompt["token_ids"]), len(REGION_KINDS)), dtype=np.float32)
    for region in prompt["regions"]:
        found[region["start"] : region["end"], REGION_KINDS.index(region["kind"])] = 1
    return found


@dataclass(frozen=True)
class Shares:
    """The attention of the last token of one edit's variants, with their answers.

    examples, programs  [variant], example_id ascending
    right, broken       [variant] bool
    heads               [head], block and head
    shares              [variant, head, kind] float64, of its attention; the kinds sum to 1
    tokens              [variant, kind] float64, the kind's share of the prompt's tokens
    """

    examples: NDArray[np.str_]
    programs: NDArray[np.str_]
    right: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    heads: list[Head]
    shares: Floats
    tokens: Floats

    def __len__(self) -> int:
        return len(self.examples)

    def take(self, rows: NDArray) -> "Shares":
        values = {k: v if k == "heads" else v[rows] for k, v in vars(self).items()}
        return Shares(**values)


def read_shares(shares: Path, split: Path) -> Shares:
    """The attention_shares table of one edit with its answers.

    raises   UserError where the split lacks a variant, or a variant lacks a head or region
    """
    frame = read_table(shares, ATTENTION_SHARES).to_pandas()
    outcomes = read_table(split, SPLIT, ["example_id", "outcome", "broken"]).to_pandas()
    outcomes = outcomes.set_index("example_id")
    order = {kind: place for place, kind in enumerate(REGION_KINDS)}
    frame["kind"] = frame["region"].map(order)
    frame = frame.sort_values(["example_id", "block", "head", "kind"], kind="stable")
    heads = sorted(set(zip(frame["block"].tolist(), frame["head"].tolist(), strict=True)))
    examples = frame["example_id"].unique()
    if len(frame) != len(examples) * len(heads) * len(REGION_KINDS):
        raise UserError(f"{shares}: a variant lacks a head or a region; run view_attention again")
    strangers = set(examples) - set(outcomes.index)
    if strangers:
        raise UserError(f"{shares}: example {min(strangers)} is not in {split}; make both again")
    own = outcomes.loc[examples]
    shape = (len(examples), len(heads), len(REGION_KINDS))
    first = frame.iloc[:: max(1, len(heads) * len(REGION_KINDS))]
    counts = frame["n_tokens"].to_numpy(dtype=np.float64).reshape(shape)[:, :1].sum(axis=1)
    return Shares(
        examples=np.asarray(examples, dtype=str),
        programs=first["program_id"].to_numpy(dtype=str),
        right=(own["outcome"] == "right").to_numpy(),
        broken=own["broken"].to_numpy(dtype=bool),
        heads=heads,
        shares=frame["share"].to_numpy(dtype=np.float64).reshape(shape),
        tokens=counts / first["n_prompt_tokens"].to_numpy(dtype=np.float64)[:, None],
    )


def match_shares(originals: Shares, variants: Shares) -> tuple[Shares, Shares]:
    """Each broken variant and its original, in one order."""
    after = variants.take(variants.broken & np.isin(variants.examples, originals.examples))
    return originals.take(np.searchsorted(originals.examples, after.examples)), after


def compare_outcomes(originals: Shares) -> list[Row]:
    """Rows of the attention_differences table: originals answered right minus those wrong."""
    rows: list[Row] = []
    for kind, region in enumerate(REGION_KINDS):
        own = originals.take(originals.tokens[:, kind] > 0)
        if not own.right.any() or own.right.all():
            continue
        values, tokens = own.shares[:, :, kind], own.tokens[:, kind]
        found = clustered_difference(values, own.right, own.programs)
        means = values[own.right].mean(axis=0), values[~own.right].mean(axis=0)
        token_difference = tokens[own.right].mean() - tokens[~own.right].mean()
        rows += _rows(RIGHT_WRONG, region, own, means, found, token_difference)
    return _adjusted(rows)


def compare_pairs(before: Shares, after: Shares) -> list[Row]:
    """Rows of the attention_differences table: originals minus their broken variants.

    The p-values are those of a sign test over programs.
    """
    rows: list[Row] = []
    for kind, region in enumerate(REGION_KINDS):
        both = (before.tokens[:, kind] > 0) & (after.tokens[:, kind] > 0)
        if not both.any():
            continue
        one, other = before.take(both), after.take(both)
        values = one.shares[:, :, kind], other.shares[:, :, kind]
        difference = values[0] - values[1]
        found = clustered_mean(difference, one.programs)
        p = np.array([sign_test(column, one.programs) for column in difference.T])
        means = values[0].mean(axis=0), values[1].mean(axis=0)
        token_difference = (one.tokens[:, kind] - other.tokens[:, kind]).mean()
        signed = Difference(found.estimate, found.lower, found.upper, p)
        rows += _rows(ORIGINAL_BROKEN, region, one, means, signed, token_difference)
    return _adjusted(rows)


def choose_heads(differences: Sequence[Row], n_heads: int) -> list[tuple[Head, str]]:
    """The heads that move most, each with the region in which it does.

    Among pairs, or where there are none among right and wrong answers: those that differ after
    Holm, the largest difference first; then the others by their p.
    """
    own = [row for row in differences if row["comparison"] == ORIGINAL_BROKEN] or differences
    ranked = sorted(
        own,
        key=lambda row: (
            row["adjusted_p"] >= 1 - LEVEL,
            -abs(row["difference"]) if row["adjusted_p"] < 1 - LEVEL else row["p"],
            -abs(row["difference"]),
            row["block"],
            row["head"],
        ),
    )
    chosen: dict[Head, str] = {}
    for row in ranked:
        chosen.setdefault((row["block"], row["head"]), row["region"])
    return list(chosen.items())[:n_heads]


def choose_pair(before: Shares, after: Shares, head: Head, region: str) -> str | None:
    """The example whose difference in a head and region is at the median of the pairs with it."""
    kind, place = REGION_KINDS.index(region), before.heads.index(head)
    both = (before.tokens[:, kind] > 0) & (after.tokens[:, kind] > 0)
    if not both.any():
        return None
    difference = (before.shares - after.shares)[both, place, kind]
    middle = np.argsort(difference, kind="stable")[len(difference) // 2]
    return str(after.examples[both][middle])


def _rows(
    comparison: str,
    region: str,
    own: Shares,
    means: tuple[Floats, Floats],
    found: Difference,
    token_difference: float,
) -> list[Row]:
    return [
        {
            "comparison": comparison,
            "block": block,
            "head": head,
            "region": region,
            "n": len(own),
            "n_programs": len(set(own.programs)),
            "first_share": means[0][i],
            "second_share": means[1][i],
            "difference": found.estimate[i],
            "lower": found.lower[i],
            "upper": found.upper[i],
            "token_difference": token_difference,
            "p": found.p[i],
        }
        for i, (block, head) in enumerate(own.heads)
    ]


def _adjusted(rows: Sequence[Row]) -> list[Row]:
    adjusted = holm([row["p"] for row in rows])
    return [{**row, "adjusted_p": p} for row, p in zip(rows, adjusted, strict=True)]
