"""The head of the report: what the model is, and what a study of this size can decide."""

from collections.abc import Mapping
from typing import Any

from fimscope.report.format import FEW_PROGRAMS, percent
from fimscope.report.markdown import code
from fimscope.statistics.exact_tests import smallest_shown


def model_lines(model: Mapping[str, Any], name: str, dtype: str) -> list[str]:
    """What the model is and where it is from, in Markdown.

    model   what prepare_model recorded
    dtype   in which it ran
    """
    count = model.get("n_parameters")
    size = f"{count:,} parameters" if count else "an unknown number of parameters"
    source = ", ".join(f"{key} {code(str(value), 80)}" for key, value in model["source"].items())
    revision = f", revision {code(str(model['revision']), 40)}" if model["revision"] else ""
    sentences = [
        f"{code(name)} is a {code(model['family'])} of {model['n_blocks']} blocks, d_model "
        f"{model['d_model']}, with {size}, run in {dtype}. Its weights are from {source}{revision}."
    ]
    quantised = model.get("quantised")
    if quantised:
        sentences.append(
            f"That file holds them as {code(quantised['type'])}, {quantised['bits']:g} bits each "
            "on average; they were dequantised, and are not quite those that were trained."
        )
    return ["## The model", "", " ".join([*sentences, *_say_card(model.get("card"))]), ""]


def _say_card(card: Mapping[str, Any] | None) -> list[str]:
    """How the model was trained, as its makers' card has it."""
    card = card or {}
    sentences = [f"It is {_plain(card['is'])}."] if "is" in card else []
    spent = [f"{card[key]:,} {key}" for key in ("steps", "tokens", "minutes") if key in card]
    if spent:
        where = [_plain(card[key]) for key in ("hardware", "trained_on") if key in card]
        seed = f", from seed {card['seed']}" if "seed" in card else ""
        on = "".join(f", on {place}" for place in where)
        sentences.append(f"It was trained for {', '.join(spent)}{on}{seed}.")
    else:
        sentences.append("How long it was trained is not recorded with its files.")
    if card.get("n_seeds", 1) == 1:
        sentences.append("What is said here is said of these weights, not of another seed's.")
    return sentences


def _plain(text: str) -> str:
    """A text of a card that cannot become markup."""
    return code(text, 200) if any(mark in text for mark in "`*_<[&!|\\") else text


def say_size(n_programs: int) -> str | None:
    """That a study is too small to decide much, None where it is not."""
    if n_programs >= FEW_PROGRAMS:
        return None
    share = smallest_shown(n_programs, 1)
    least = (
        "even one test alone could show no change"
        if share is None
        else f"one test alone shows a change in {percent(share)} of them, all one way, 4 times in 5"
    )
    return (
        f"This study is small: {n_programs} programs, where {least}. Most of its claims will be "
        "undecided; take more programs (`source`, `programs.per_package`) to decide them."
    )
