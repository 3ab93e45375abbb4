"""The sentences of the steering section, made from its numbers by rule."""

from fimscope.experiments.steer import gate_section
from fimscope.experiments.steer.labels import LABELS, MANY, label_words, points_words, shots_words
from fimscope.experiments.steer.settings import MAIN, RANDOMISED
from fimscope.report.format import counted, percent, points_changed, rate
from fimscope.report.markdown import code
from fimscope.statistics.numbers import Numbers
from fimscope.statistics.verdicts import Verdict

SUBJECTS = {
    MAIN: "Of the wrong ones it",
    "held_out_type": "Fitted without the pairs of the example's own type it",
}
SAID_OF_OTHERS = (MAIN, "held_out_type", "random", "shuffled", "majority_type")


def say_steering(numbers: Numbers) -> list[str]:
    """All of them, as far as the study went. numbers of `steering_numbers`"""
    at = {row["kind"]: row for row in numbers["at_setting"]}
    if not numbers["n_pairs"]:
        return ["No example of `fit` is right before the edit and wrong after it: nothing to fit."]
    fit = (
        f"{counted(numbers['n_pairs'], 'pair')} of {counted(numbers['n_pair_programs'], 'program')}"
    )
    if MAIN not in numbers["settings"]:
        return [f"From {fit} a vector was fitted, but `select` has no wrong example to choose by."]
    setting = numbers["settings"][MAIN]
    place = f"{points_words(setting['points'])} with strength {setting['strength']:g}"
    if MAIN not in at or not at[MAIN]["mended"]:
        return [
            f"From {fit} a vector was fitted and {place} chosen, but `test` has no wrong example."
        ]
    sentences = [_say_effect(at[MAIN], fit, place)]
    for own, found in numbers["comparisons"].items():
        if own in at:
            sentences.append(f"{SUBJECTS[own]} mends {_say_comparisons(found)}.")
            sentences.append(_say_net(at[own]))
            if own == MAIN:
                sentences += [_say_many(at[k], found[k]) for k in RANDOMISED if k in found]
            else:
                sentences.append(_say_held_out(found, numbers["n_not_held_out"], at[own]["net"]))
    sentences += _say_least_shown(numbers["comparisons"][MAIN])
    if numbers["favourite"]:
        sentences.append(_say_favourite(numbers["favourite"]))
    if "gold_type" in at and at["gold_type"]["mended"]:
        own = at["gold_type"]["mended"]
        sentences.append(
            f"The oracle, which is told the gold type, mends {rate(own)} of n = {own['n']} "
            f"examples whose type has a vector{_say_moved(at['gold_type']['moved'])}."
        )
    if numbers["types"].get(MAIN):
        sentences.append(_say_checks(numbers["types"]))
    if numbers.get("gates"):
        sentences += gate_section.say_gates(numbers["gates"])
    if numbers.get("in_context"):
        sentences.append(say_in_context(numbers["in_context"]))
    return sentences


def _say_effect(row: Numbers, fit: str, place: str) -> str:
    mended, worsened = row["mended"], row["worsened"]
    text = (
        f"Fitted to {fit} and added at {place}, both chosen on `select`, the mean difference turns "
        f"{rate(mended)} of {mended['n']} wrong test examples right"
    )
    if worsened:
        text += f" and {rate(worsened)} of {worsened['n']} right ones wrong"
    return text + "."


def _say_net(row: Numbers) -> str:
    """What a kind does to the accuracy of all steered examples, right and wrong."""
    net = row["net"]
    words = {
        Verdict.SHOWN: "it makes them better" if net["estimate"] > 0 else "it makes them worse",
        Verdict.SHOWN_ABSENT: "no net change, to within the margin",
        Verdict.UNDECIDED: "undecided",
    }
    return (
        f"Over all {net['n']} steered test examples, right and wrong, accuracy changes by "
        f"{points_changed(net)}: {words[net['verdict']]}."
    )


def _say_comparisons(comparisons: Numbers) -> str:
    """Against which single controls a vector mends more, fewer or as many, or it is undecided."""
    phrases = {
        "more": "more than under {}",
        "fewer": "fewer than under {}",
        Verdict.SHOWN_ABSENT: "as many, to within the margin, as under {}",
        Verdict.UNDECIDED: "a share that is undecided against {}",
    }
    found: dict[str, list[str]] = {key: [] for key in phrases}
    for kind, row in comparisons.items():
        if kind in RANDOMISED:
            continue
        shown = "more" if row["estimate"] > 0 else "fewer"
        found[shown if row["verdict"] == Verdict.SHOWN else row["verdict"]].append(kind)
    said = [phrases[key].format(label_words(kinds)) for key, kinds in found.items() if kinds]
    return "; ".join(said) or "no control was run beside it"


def _say_many(row: Numbers, beside: Numbers) -> str:
    """What the vectors of a kind of RANDOMISED do, and what the mean difference does beside them.

    row      of `at_setting`
    beside   of `comparisons`
    """
    spoiled = f", spoil {rate(row['worsened'])} of the right ones" if row["worsened"] else ""
    low, high = (f"{100 * beside[key]:+z.1f}" for key in ("lowest", "highest"))
    return (
        f"The {beside['n_vectors']} {MANY[row['kind']]}, each at its own setting, mend "
        f"{rate(row['mended'])} of the wrong ones{spoiled} and change accuracy by "
        f"{100 * beside['mean']:+z.1f} points on average (each: {low} to {high}); "
        f"{_as_good(row['kind'], beside)}."
    )


def _as_good(kind: str, beside: Numbers) -> str:
    return (
        f"{beside['n_as_good']} of {beside['n_vectors']} {MANY[kind]} do as well or better for "
        f"accuracy, and that it does more than another draw would is {beside['verdict']}"
    )


def _say_as_good(comparisons: Numbers) -> str:
    return "; ".join(
        _as_good(kind, comparisons[kind]) for kind in RANDOMISED if kind in comparisons
    )


def _say_held_out(comparisons: Numbers, n_not_held_out: int, net: Numbers) -> str:
    """What the vector without the gold's type does beside many, and for how many it is that."""
    said = _say_as_good(comparisons)
    return (
        f"For {n_not_held_out} of these {net['n']} no pair has the gold: there it is the mean "
        f"difference itself. {said or 'No random vector was run beside it'}."
    )


def _say_least_shown(comparisons: Numbers) -> list[str]:
    """The least that the vectors of RANDOMISED can show, as few as they are."""
    said = [
        f"{100 * row['least_shown']:.1f} points above the mean of {row['n_vectors']} {MANY[kind]}"
        for kind, row in comparisons.items()
        if kind in RANDOMISED
    ]
    if not said:
        return []
    return [
        f"In this family of tests a change of accuracy is shown from {' and '.join(said)} on; more "
        "vectors would show less (`steer.n_random`, `steer.n_shuffled`)."
    ]


def _say_moved(moved: Numbers | None) -> str:
    """What a vector does to tokens that it has nothing to do with."""
    if not moved:
        return ""
    return f", and moves {rate(moved)} of n = {moved['n']} unrelated tokens to another next one"


def _say_favourite(found: Numbers) -> str:
    """How much of the mean difference's effect is one type."""
    mended = found["mended"]
    shares = [f"{LABELS[kind]} {rate(mended[kind])}" for kind in SAID_OF_OTHERS if kind in mended]
    text = (
        f"{found['n']} of {found['n_wrong']} steered answers are {code(found['type'])}, "
        f"{found['n_unsteered']} without steering"
    )
    if not shares:
        return f"{text}; every wrong example has that gold."
    own = found["comparisons"][MAIN]
    many = _say_as_good(own)
    return (
        f"{text}. Of the {found['n_others']} wrong examples with another gold are mended: "
        f"{', '.join(shares)}; the mean difference there: {_say_comparisons(own)}"
        + (f"; of all with another gold, right and wrong: {many}." if many else ".")
    )


def _say_checks(types: Numbers) -> str:
    own, plain = types[MAIN], types.get("none")

    def share(row: Numbers) -> str:
        return f"{percent((row['exact'] + row['typechecks']) / row['n'])}"

    text = f"With the mean difference {share(own)} of the completed types check in their program"
    return text + (f", without it {share(plain)}." if plain and plain["n"] else ".")


def say_in_context(numbers: Numbers) -> str:
    own, *others = numbers["rows"]
    if not own["broken_mended"]:
        return "No broken test example was both steered and asked with solved examples."
    shares = [f"{shots_words(row)}, {rate(row['broken_mended'])}" for row in others]
    n_select = numbers["n_select"]
    how = f"choice and number are the best of `select` (n = {n_select})"
    return (
        f"Of the n = {own['broken_mended']['n']} broken test examples that were asked with solved "
        f"examples in the prompt too, the mean difference mends {rate(own['broken_mended'])}; "
        f"{'; '.join(shares)}; {how if n_select else '`select` has none to choose by'}."
    )
