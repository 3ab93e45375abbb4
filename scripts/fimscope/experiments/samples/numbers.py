"""How often the gold is among the samples of a hole, beside the greedy answer and the top 10."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.accuracy.numbers import TOP
from fimscope.experiments.samples.tables import SAMPLES
from fimscope.experiments.tables import PREDICTIONS, SPLIT
from fimscope.files.tables import read_table
from fimscope.statistics.claims import judged
from fimscope.statistics.clustered import clustered_mean
from fimscope.statistics.estimate import Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers, significant
from fimscope.statistics.pass_at_k import pass_at_k

Row = Mapping[str, Any]
KS = (1, 10, 100)
N_TYPES = 8  # gold types that are shown by themselves
GROUPS = ("all", "right", "wrong", "broken")


@dataclass(frozen=True)
class Sampled:
    """The samples of one edit's variants, with their answers.

    programs, golds   [variant]
    n_drawn           samples of each variant
    n_correct         [variant]
    right, broken     [variant] bool: the greedy answer is the gold; the original's was, it is not
    in_top            [variant] bool: the gold is among the ten likeliest first tokens
    chance            [variant] the share of the holes of other packages with the same gold
    """

    programs: NDArray[np.str_]
    golds: NDArray[np.str_]
    n_drawn: int
    n_correct: NDArray[np.int64]
    right: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    in_top: NDArray[np.bool_]
    chance: Floats

    def __len__(self) -> int:
        return len(self.golds)

    def take(self, rows: NDArray) -> "Sampled":
        values = {k: v if k == "n_drawn" else v[rows] for k, v in vars(self).items()}
        return Sampled(**values)

    def groups(self) -> dict[str, "Sampled"]:
        """All variants, and those whose greedy answer is right, wrong, broken."""
        masks = (np.ones(len(self), dtype=bool), self.right, ~self.right, self.broken)
        return {name: self.take(mask) for name, mask in zip(GROUPS, masks, strict=True)}


def read_sampled(
    samples: Path, predictions: Path, split: Path, holes: Mapping[str, Row]
) -> Sampled:
    """The tables of one edit, joined: the variants that were sampled.

    raises   UserError where a sampled variant has no answer, or samples differ in number
    """
    drawn = read_table(samples, SAMPLES).to_pandas()
    answers = read_table(
        predictions, PREDICTIONS, ["example_id", "program_id", "gold", "correct", "gold_rank"]
    ).to_pandas()
    known = [
        {**row, "package": holes[row["example_id"]]["package"]}
        for row in answers[["example_id", "program_id", "gold"]].to_dict("records")
    ]
    chances = gold_chances(known)
    answers = answers[["example_id", "correct", "gold_rank"]]
    outcomes = read_table(split, SPLIT, ["example_id", "broken"]).to_pandas()
    joined = drawn.merge(answers, on="example_id").merge(outcomes, on="example_id")
    if len(drawn) != len(joined):
        raise UserError(f"{samples}: not of the variants of {predictions}; run sample_types again")
    if joined["n"].nunique() > 1:
        raise UserError(f"{samples}: the number of samples differs; run sample_types again")
    programs = joined["program_id"].to_numpy(dtype=str)
    golds = joined["gold"].to_numpy(dtype=str)
    return Sampled(
        programs=programs,
        golds=golds,
        n_drawn=int(joined["n"].iloc[0]) if len(joined) else 0,
        n_correct=joined["n_correct"].to_numpy(dtype=np.int64),
        right=joined["correct"].to_numpy(dtype=bool),
        broken=joined["broken"].to_numpy(dtype=bool),
        in_top=joined["gold_rank"].to_numpy() < TOP,
        chance=np.array([chances[name] for name in joined["example_id"]], dtype=np.float64),
    )


def gold_chances(holes: Sequence[Row]) -> dict[str, float]:
    """By example_id the share of other packages' golds that are the hole's own.

    What guessing by the frequency of types would do. Where all holes are of one package, each
    program counts as one.

    holes   rows with example_id, package, program_id and gold
    """
    unit = "package" if len({hole["package"] for hole in holes}) > 1 else "program_id"
    total = Counter(hole["gold"] for hole in holes)
    own: dict[str, Counter[str]] = defaultdict(Counter)
    for hole in holes:
        own[hole[unit]][hole["gold"]] += 1
    chances = {}
    for hole in holes:
        here, gold = own[hole[unit]], hole["gold"]
        n_others = len(holes) - here.total()
        chances[hole["example_id"]] = (total[gold] - here[gold]) / n_others if n_others else 0.0
    return chances


def sampled_numbers(sampled: Sampled, margin: float) -> Numbers:
    """Rates over variants, each with its 95% interval clustered by program.

    pass_at_k     for k of KS up to the number drawn, and their curve over k in `curve`
    greedy        the greedy answer is the gold; top10: the gold is among the ten likeliest tokens
    chance_at_k   the same by drawing types as often as other packages have them
    found         share of variants with the gold among all samples; above_chance: minus the chance
                  of it, with a t test clustered by program and its verdict

    margin   within which of 0 a difference of such rates counts as none
    """
    if not len(sampled):
        return {"n": 0, "n_programs": 0}
    n = sampled.n_drawn
    ks = [k for k in KS if k <= n]
    over = sorted({k for k in (1, 2, 5, 10, 20, 50, 100, n) if k <= n})
    passed = np.array([[pass_at_k(n, int(c), k) for k in over] for c in sampled.n_correct])
    guessed = 1 - (1 - sampled.chance[:, None]) ** np.array(over)
    columns = [sampled.right, sampled.in_top, sampled.n_correct > 0]
    stacked = np.column_stack([passed, guessed, *columns])
    found = Clustered.of(stacked, sampled.programs).rate()
    rates = [found[column].numbers() for column in range(stacked.shape[1])]
    width = len(over)
    # No sign test: against a chance near 1 nearly every difference has one sign, and means nothing.
    difference = (passed - guessed)[:, -1:]
    _, p = clustered_mean(difference, sampled.programs)
    above = Clustered.of(difference, sampled.programs).difference()
    return {
        "n": len(sampled),
        "n_programs": found.n_programs,
        "n_drawn": n,
        **{f"pass_at_{k}": rates[over.index(k)] for k in ks},
        **{f"chance_at_{k}": rates[width + over.index(k)] for k in ks},
        **dict(zip(("greedy", "top10", "found"), rates[2 * width :], strict=False)),
        "n_found": int((sampled.n_correct > 0).sum()),
        "n_top10": int(sampled.in_top.sum()),
        "above_chance": judged({**above[0].numbers(), "p": significant(p[0])}, margin),
        "curve": {"k": over, "passed": rates[:width], "chance": rates[width : 2 * width]},
    }


def sample_numbers(edits: Mapping[str, Sampled], margin: float) -> Numbers:
    """The numbers of the samples section: by edit and outcome, by gold type of the originals."""
    originals = edits["original"]
    counts = Counter(originals.golds.tolist())
    ranked = sorted(counts, key=lambda gold: (-counts[gold], gold))[:N_TYPES]
    rest = ~np.isin(originals.golds, ranked)
    types = [{"gold": gold, "rows": originals.golds == gold} for gold in ranked]
    types += [{"gold": None, "rows": rest}] if rest.any() else []
    return {
        "edits": {
            edit: {
                name: sampled_numbers(group, margin)
                for name, group in sampled.groups().items()
                if not (edit == "original" and name == "broken")
            }
            for edit, sampled in edits.items()
        },
        "types": [
            {"gold": row["gold"], **sampled_numbers(originals.take(row["rows"]), margin)}
            for row in types
        ],
    }
