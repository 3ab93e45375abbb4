"""How often the right type is among the samples of a hole, beside the greedy answer and guesses."""

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from fimscope.errors import UserError
from fimscope.experiments.samples.tables import KS, SAMPLES
from fimscope.experiments.whole_types.numbers import ALL, LONGER, ONE_TOKEN
from fimscope.experiments.whole_types.tables import COMPLETIONS, VERDICTS
from fimscope.experiments.whole_types.verdicts import VERDICTS as GIVEN
from fimscope.files.tables import read_table
from fimscope.statistics.claims import difference_numbers, judge_together, package_numbers
from fimscope.statistics.estimate import Floats
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.pass_at_k import pass_at_k
from fimscope.typescript.tables import VARIANTS

if TYPE_CHECKING:
    from pandas import DataFrame

Row = Mapping[str, Any]
N_TYPES = 8  # gold types that are shown by themselves
FEWEST = 3  # holes of what is shown by itself
GROUPS = ("all", "right", "wrong", "broken")
# Which samples count; from the narrowest to the widest but for the first, which answers.right says.
LEVELS = ("right", "same", "equivalent", "checks", "any")
COUNTED = (*(f"n_{verdict}" for verdict in GIVEN), "n_any", "n_unended", "distinct")
# What samples are held against: guesses by the frequency of types; and half of them copied.
GUESSES = ("chance", "copying")


@dataclass(frozen=True)
class Sampled:
    """The samples of one edit's variants, with the compiler's verdicts on them.

    programs, packages, golds   [variant]
    n_drawn           samples of each variant
    n_passed          [variant, level], of LEVELS: samples that count
    counts            [variant, column], of COUNTED: samples by verdict, and their different types
    one_token         [variant] bool: the gold is of one token
    right, broken     [variant] bool: the greedy answer is right; the original's was, it is not
    chance            [variant] the share of the holes of other packages with the same gold
    shown             [variant] the gold's share of the types that the prompt shows behind a colon;
                      nan where it shows none
    n_unjudged        sampled variants whose greedy answer has no verdict: they are left out
    """

    programs: NDArray[np.str_]
    packages: NDArray[np.str_]
    golds: NDArray[np.str_]
    n_drawn: int
    n_passed: NDArray[np.int64]
    counts: NDArray[np.int64]
    one_token: NDArray[np.bool_]
    right: NDArray[np.bool_]
    broken: NDArray[np.bool_]
    chance: Floats
    shown: Floats
    n_unjudged: int = 0

    def __len__(self) -> int:
        return len(self.golds)

    def take(self, rows: NDArray) -> "Sampled":
        fixed = ("n_drawn", "n_unjudged")
        return Sampled(**{k: v if k in fixed else v[rows] for k, v in vars(self).items()})

    def guessed(self, ks: Sequence[int]) -> dict[str, Floats]:
        """By GUESSES: [variant, k], the probability that one of k guesses is the gold.

        chance    each is a type as often as other packages have it
        copying   each is by even odds such a one, or one of those that the prompt shows
        """
        copied = np.where(np.isnan(self.shown), self.chance, (self.chance + self.shown) / 2)
        of_one = dict(zip(GUESSES, (self.chance, copied), strict=True))
        return {name: 1 - (1 - p[:, None]) ** np.array(ks) for name, p in of_one.items()}

    def groups(self) -> dict[str, "Sampled"]:
        """All variants, and those whose greedy answer is right, wrong, broken."""
        masks = (np.ones(len(self), dtype=bool), self.right, ~self.right, self.broken)
        return {name: self.take(mask) for name, mask in zip(GROUPS, masks, strict=True)}

    def strata(self) -> dict[str, "Sampled"]:
        """All variants, and those by the number of tokens of the gold."""
        masks = (np.ones(len(self), dtype=bool), self.one_token, ~self.one_token)
        names = (ALL, ONE_TOKEN, LONGER)
        return {name: self.take(mask) for name, mask in zip(names, masks, strict=True)}


def read_sampled(
    samples: Path,
    completions: Path,
    verdicts: Path,
    original: Path,
    variants: Path,
    holes: Mapping[str, Row],
) -> Sampled:
    """The tables of one edit, joined: the variants that were sampled.

    completions   of the edit: what their prompts show
    verdicts      on the greedy answers of the edit; original: of the originals
    variants      of the edit, whose golds of any length are what guessing by frequency draws from
    holes         example_id -> the package

    raises   UserError where samples differ in number, or none is of the variants that were judged
    """
    drawn = read_table(samples, SAMPLES).to_pandas()
    columns = ["example_id", "right"]
    answers = read_table(verdicts, VERDICTS, columns).to_pandas()
    before = read_table(original, VERDICTS, columns).to_pandas().set_index("example_id")["right"]
    joined = drawn.merge(answers, on="example_id")
    if len(drawn) and not len(joined):
        raise UserError(f"{samples}: not of the variants of {verdicts}; run sample_types again")
    if joined["n"].nunique() > 1:
        raise UserError(f"{samples}: the number of samples differs; run sample_types again")
    known = read_table(variants, VARIANTS, ["example_id", "program_id", "gold"]).to_pylist()
    chances = gold_chances(
        [{**row, "package": holes[row["example_id"]]["package"]} for row in known]
    )
    columns = ["example_id", "gold", "shown_types"]
    shown = {
        row["example_id"]: shown_share(row["gold"], row["shown_types"])
        for row in read_table(completions, COMPLETIONS, columns).to_pylist()
    }
    right = joined["right"].to_numpy(dtype=bool)
    was = np.array([bool(before.get(name, False)) for name in joined["example_id"]], dtype=bool)
    return Sampled(
        programs=joined["program_id"].to_numpy(dtype=str),
        packages=np.array([holes[name]["package"] for name in joined["example_id"]], dtype=str),
        golds=joined["gold"].to_numpy(dtype=str),
        n_drawn=int(joined["n"].iloc[0]) if len(joined) else 0,
        n_passed=_passed(joined),
        counts=joined[list(COUNTED)].to_numpy(dtype=np.int64),
        one_token=joined["n_gold_tokens"].to_numpy() == 1,
        right=right,
        broken=was & ~right,
        chance=np.array([chances[name] for name in joined["example_id"]], dtype=np.float64),
        shown=np.array([shown[name] for name in joined["example_id"]], dtype=np.float64),
        n_unjudged=len(drawn) - len(joined),
    )


def _passed(rows: "DataFrame") -> NDArray[np.int64]:
    equivalent = rows["n_same"] + rows["n_equivalent"]
    widest = equivalent + rows["n_checks"]
    levels = (rows["n_right"], rows["n_same"], equivalent, widest - rows["n_any"], widest)
    return np.column_stack(levels).astype(np.int64)


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


def shown_share(gold: str, shown_types: Sequence[str]) -> float:
    """The share of the types that a prompt shows that are spelled as the gold; nan of none."""
    return shown_types.count(gold) / len(shown_types) if shown_types else math.nan


def sampled_numbers(sampled: Sampled) -> Numbers:
    """Rates over variants, each with its 95% interval clustered by program.

    n_verdicts    of all samples those of each verdict
    n_any         of the samples that check; n_unended: of those that fail
    n_types       different types of each variant, all variants together: so many were judged
    greedy        the greedy answer is right
    pass_at_k     one of k samples is right, for k of KS up to the number drawn; by_level: the same
                  of each of LEVELS; their curves over k in `curve`
    chance_at_k, copying_at_k   one of k guesses is the gold, by GUESSES
    found         share of variants with the gold, spelled alike, among all samples
    above         of GUESSES: found minus as many guesses, with a t test clustered by program;
                  `packages` is the same with the package as the unit
    n_without_chance   variants whose gold no other package has; n_shown: those whose gold the
                  prompt shows
    found_right   share of variants with a right type among all samples
    """
    if not len(sampled):
        return {"n": 0, "n_programs": 0}
    n = sampled.n_drawn
    ks = [k for k in KS if k <= n]
    over = sorted({k for k in (1, 2, 5, 10, 20, 50, 100, n) if k <= n})
    passed = {level: _pass_at(n, sampled.n_passed[:, i], over) for i, level in enumerate(LEVELS)}
    guessed = sampled.guessed(over)
    found = Clustered.of(
        np.column_stack([sampled.right, *passed.values(), *guessed.values()]), sampled.programs
    ).rate()
    names = (*LEVELS, *GUESSES)
    rates = [found[column].numbers() for column in range(1 + len(names) * len(over))]
    greedy = rates.pop(0)
    curves = {name: rates[i * len(over) : (i + 1) * len(over)] for i, name in enumerate(names)}
    at = {name: {k: curve[over.index(k)] for k in ks} for name, curve in curves.items()}
    # No sign test: against a chance near 1 nearly every difference has one sign, and means nothing.
    above = {
        name: _difference((passed["same"] - own)[:, -1], sampled) for name, own in guessed.items()
    }
    total = dict(zip(COUNTED, sampled.counts.sum(axis=0).tolist(), strict=True))
    return {
        "n": len(sampled),
        "n_programs": found.n_programs,
        "n_drawn": n,
        "n_verdicts": {verdict: total[f"n_{verdict}"] for verdict in GIVEN},
        "n_any": total["n_any"],
        "n_unended": total["n_unended"],
        "n_types": total["distinct"],
        "greedy": greedy,
        **{f"pass_at_{k}": at["right"][k] for k in ks},
        **{f"{name}_at_{k}": at[name][k] for name in GUESSES for k in ks},
        "by_level": {level: {f"pass_at_{k}": at[level][k] for k in ks} for level in LEVELS},
        "found": curves["same"][-1],
        "found_right": curves["right"][-1],
        "n_found": int((sampled.n_passed[:, LEVELS.index("same")] > 0).sum()),
        "n_found_right": int((sampled.n_passed[:, LEVELS.index("right")] > 0).sum()),
        "n_without_chance": int((sampled.chance == 0).sum()),
        "n_shown": int((sampled.shown > 0).sum()),
        "above": above,
        "curve": {"k": over, **curves},
    }


def _difference(values: Floats, sampled: Sampled) -> Numbers:
    return {
        **difference_numbers(values, sampled.programs),
        "packages": package_numbers(values, sampled.packages),
    }


def _pass_at(n: int, n_passed: NDArray[np.int64], ks: Sequence[int]) -> Floats:
    """[variant, k]"""
    known = {int(c): [pass_at_k(n, int(c), k) for k in ks] for c in np.unique(n_passed)}
    return np.array([known[int(c)] for c in n_passed])


def sample_numbers(edits: Mapping[str, Sampled], margin: float) -> Numbers:
    """The numbers of the samples section.

    edits        edit -> group of GROUPS -> `sampled_numbers`, over all golds; of `wrong` with the
                 verdicts of `above`
    strata       edit -> golds of one token, and longer ones -> group -> the same
    types        by gold type of the originals
    n_unjudged   edit -> sampled variants whose greedy answer has no verdict

    margin   within which of 0 a difference of such rates counts as none
    """
    originals = edits["original"]
    counts = Counter(originals.golds.tolist())
    several = [gold for gold, n in counts.items() if n >= FEWEST]
    ranked = sorted(several, key=lambda gold: (-counts[gold], gold))[:N_TYPES]
    rest = ~np.isin(originals.golds, ranked)
    types = [{"gold": gold, "rows": originals.golds == gold} for gold in ranked]
    types += [{"gold": None, "rows": rest}] if rest.any() else []
    strata = {
        edit: {
            stratum: {
                name: sampled_numbers(group)
                for name, group in of_stratum.groups().items()
                if not (edit == "original" and name == "broken")
            }
            for stratum, of_stratum in sampled.strata().items()
        }
        for edit, sampled in edits.items()
    }
    groups = {edit: own.pop(ALL) for edit, own in strata.items()}
    # What is claimed of every edit beside both guesses is one family, over packages another.
    wrong = [row for own in groups.values() for row in own["wrong"].get("above", {}).values()]
    judge_together(wrong, margin)
    judge_together([row["packages"] for row in wrong], margin)
    return {
        "edits": groups,
        "strata": strata,
        "types": [
            {"gold": row["gold"], **sampled_numbers(originals.take(row["rows"]))} for row in types
        ],
        "n_unjudged": {edit: sampled.n_unjudged for edit, sampled in edits.items()},
    }
