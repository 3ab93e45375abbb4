"""The head of the report: what the model is, and what a study of this size can decide."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from fimscope.report.format import counted
from fimscope.report.markdown import code
from fimscope.statistics.exact_tests import smallest_shown

LEAST_CHANGE = 0.1  # a share of programs; a study that shows none so small is a small one


def say_study(model: str, study: str) -> str:
    """What a page is about: the model, and the study where that has a name of its own."""
    return model if study == model else f"{model} (study {study})"


def say_model(model: Mapping[str, Any], name: str, dtype: str) -> str:
    """What the model is, in Markdown.

    model   what prepare_model recorded
    dtype   in which it ran
    """
    count = model.get("n_parameters")
    size = f"{count:,} parameters" if count else "an unknown number of parameters"
    sentences = [
        f"{code(name)} is a {code(model['family'])} of {counted(model['n_blocks'], 'block')}, "
        f"d_model {model['d_model']}, with {size}, run in {dtype}."
    ]
    card = model.get("card") or {}
    if "is" in card:
        sentences.append(f"It is {_plain(card['is'])}.")
    quantised = model.get("quantised")
    if quantised:
        sentences.append(
            f"Its file holds them as {code(quantised['type'])}, {quantised['bits']:g} bits each "
            "on average; they were dequantised, and are not quite those that were trained."
        )
    return " ".join(sentences)


def say_origin(model: Mapping[str, Any]) -> str:
    """Where the model is from and how it was trained, as its makers' card has it, in Markdown."""
    source = ", ".join(f"{key} {code(str(value), 80)}" for key, value in model["source"].items())
    revision = f", revision {code(str(model['revision']), 40)}" if model["revision"] else ""
    sentences = [f"Its weights are from {source}{revision}."]
    card = model.get("card") or {}
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
    return " ".join(sentences)


def _plain(text: str) -> str:
    """A text of a card that cannot become markup."""
    return code(text, 200) if any(mark in text for mark in "`*_<[&!|\\") else text


def say_asked(edits: Sequence[str]) -> str:
    """What the study asked, in two sentences of Markdown; `original` is the first of the edits."""
    under = "".join(f", under {code(edit)}" for edit in edits[1:])
    return (
        "From real TypeScript programs one type annotation is taken out (the **hole**), and the "
        "model says which type stood there (the **gold**): as the program is, and edited so that "
        f"it means the same{under}. How often is it right, what do the edits break, and where in "
        "the model, by which parts and how is the type decided?"
    )


def say_size(n_programs: int) -> str:
    """That a study is too small to decide much; nothing where it is not."""
    share = smallest_shown(n_programs, 1)
    if share is not None and share <= LEAST_CHANGE:
        return ""
    programs = counted(n_programs, "program")
    found = (
        f"{programs}, too few to show any change, whatever the answers are."
        if share is None
        else f"{programs}. A change is likely to be found only where it goes the same way in "
        f"{math.ceil(share * n_programs)} of them or more."
    )
    return (
        f"This study is small: {found} It shows what there is to be asked; most of its claims will "
        "be undecided. To decide them, take more programs (`source`, `programs.per_package`)."
    )
