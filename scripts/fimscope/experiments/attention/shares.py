"""How much of the deciding token's attention goes to each kind of region, with the answers."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.attention.tables import ATTENTION_SHARES
from fimscope.experiments.tables import SPLIT
from fimscope.files.tables import read_table
from fimscope.statistics.estimate import Floats

REGION_KINDS = ("declaration", "use", "annotation", "comment", "fim", "rest")
Row = Mapping[str, Any]
Head = tuple[int, int]  # block, head


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
