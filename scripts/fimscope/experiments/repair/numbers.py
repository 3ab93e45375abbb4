"""What taking out mends and spoils, as plain values ready for JSON."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from fimscope.statistics.claims import judge_together
from fimscope.statistics.intervals import Clustered
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.paired import paired_numbers, paired_rates

if TYPE_CHECKING:
    from pandas import DataFrame, Series

CAUSES = ("copied annotation", "planted name", "new names")
WAYS = ("found", "other", "random", "all")
CONTROLS = ("other", "random")  # `all` is no control: its heads hold the found ones
SETTING = ("n_heads", "point", "rank")


def repair_numbers(tables: Sequence[pa.Table], heads: pa.Table, margin: float) -> Numbers:
    """All numbers of the section, of `test`.

    tables   repair_copies and repair_names
    heads    the repair_heads table
    margin   within which of 0 a difference of shares counts as none

    causes   a row a cause of CAUSES that was asked (`_cause_numbers`); Holm over the tests of the
             net of all, and over those of what is moved
    heads    the first of the heads by their weight: block, head, weight; and n, of `fit`
    """
    frame = pa.concat_tables(tables, promote_options="default").to_pandas()
    frame["recipient"] = frame["example_id"] + "/" + frame["edit"] + "/" + frame["outcome"]
    plain = frame[frame["way"] == "none"].set_index(["cause", "recipient"])
    before = plain.reindex(frame.set_index(["cause", "recipient"]).index)
    frame["moved"] = (
        frame["predicted_token_id"].to_numpy() != before["predicted_token_id"].to_numpy()
    ).astype(float)
    frame["gain"] = frame["gold_logprob"].to_numpy(float) - before["gold_logprob"].to_numpy(float)
    frame["change"] = frame["to_gold"].astype(float) - (frame["outcome"] == "right")
    causes = [
        _cause_numbers(cause, own)
        for cause in CAUSES
        if len(own := frame[frame["cause"] == cause]) and (own["group"] == "test").any()
    ]
    for measure in ("net", "moved"):
        judge_together([test for own in causes for test in own[measure].values()], margin)
    ranked = heads.to_pylist()
    return {
        "causes": causes,
        "heads": [{key: row[key] for key in ("block", "head", "weight")} for row in ranked],
        "n_fit": ranked[0]["n"] if ranked else 0,
    }


def _cause_numbers(cause: str, frame: "DataFrame") -> Numbers:
    """One cause of wrong answers.

    setting      n_heads; or point and rank: chosen on `select`, of n_selected recipients
    n_wrong, n_right, n_programs   of `test`
    ways         way -> mended and moved (of the wrong), spoilt (of the right), net (of both), and
                 gain: mean rise of the gold's log-probability in the wrong, nats; of random ones
                 the mean over the draws
    net          rival -> change of accuracy: beside `none`, and found minus each control, on the
                 recipients that have both
    moved        control -> share that is moved to any other answer, found minus control
    """
    test = frame[frame["group"] == "test"]
    recipients = test[test["way"] == "none"].set_index("recipient")
    means = {
        way: own.groupby("recipient")[["change", "moved", "gain"]].mean()
        for way in WAYS
        if len(own := test[test["way"] == way])
    }
    found = means["found"]
    programs = recipients["program_id"]

    def beside(column: str, control: str) -> Numbers:
        shared = found.index.intersection(means[control].index).sort_values()
        difference = (found[column].loc[shared] - means[control][column].loc[shared]).to_numpy()
        return paired_rates(difference, programs.loc[shared].tolist())

    controls = [control for control in CONTROLS if control in means]
    nothing = found["change"].sort_index()
    first = test[test["way"] == "found"].iloc[0]
    return {
        "cause": cause,
        "setting": {key: int(first[key]) for key in SETTING if first[key] == first[key]},
        "n_selected": int(frame.loc[frame["group"] == "select", "recipient"].nunique()),
        "n_wrong": int((recipients["outcome"] == "wrong").sum()),
        "n_right": int((recipients["outcome"] == "right").sum()),
        "n_programs": int(programs.nunique()),
        "ways": {way: _way_numbers(own, recipients) for way, own in means.items()},
        "net": {
            "none": paired_rates(nothing.to_numpy(), programs.loc[nothing.index].tolist()),
            **{control: beside("change", control) for control in controls},
        },
        "moved": {control: beside("moved", control) for control in controls},
    }


def _way_numbers(means: "DataFrame", recipients: "DataFrame") -> Numbers:
    outcome = recipients["outcome"].loc[means.index]
    wrong, right = (means[outcome == own].sort_index() for own in ("wrong", "right"))
    programs = recipients["program_id"]

    def rate(values: "Series") -> Numbers | None:
        if not len(values):
            return None
        return Clustered.of(values.to_numpy(), programs.loc[values.index].tolist()).rate().numbers()

    both = means["change"].sort_index()
    return {
        "mended": rate(wrong["change"]),
        "moved": rate(wrong["moved"]),
        "spoilt": rate(-right["change"]),
        "net": Clustered.of(both.to_numpy(), programs.loc[both.index].tolist())
        .difference()
        .numbers(),
        "gain": paired_numbers(
            wrong["gain"].to_numpy(np.float64), programs.loc[wrong.index].tolist()
        ),
    }
