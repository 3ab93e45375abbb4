"""What an explanation shows, in sentences: the same in the terminal and on the page."""

from typing import TYPE_CHECKING

from fimscope.report.format import counted, percent
from fimscope.report.text import visible
from fimscope.snippets.readings import Lens, Reading
from fimscope.snippets.renaming import N_RANDOM, Patch, Renaming

if TYPE_CHECKING:
    from fimscope.snippets.explanation import Explanation

REGIONS = {
    "declaration": "the name's declaration",
    "use": "its uses",
    "annotation": "other annotations",
    "comment": "comments",
    "fim": "what the format adds",
    "rest": "the rest of the program",
}

TIE = 0.8  # of the answer's probability, from which on a second one is nearly as likely


def say_answer(explanation: "Explanation") -> str:
    """What the model says, and of what."""
    snippet, said = explanation.snippet, explanation.original
    of = "parameter" if snippet.kind == "parameter" else "return of"
    whole = f"; it goes on to {_said(said.type)}" if said.type not in ("", said.answer) else ""
    return (
        f"{visible(explanation.model, 60)} says {_said(said.answer)} for the {of} "
        f"{_said(snippet.name)}, with a probability of {percent(said.probability)}{whole}."
    )


def say_tie(reading: Reading) -> str:
    """That a second answer is nearly as likely as the first; nothing where none is."""
    (_, first), (text, second) = reading.top[:2]
    return (
        f"{_said(text.strip())} is nearly as likely, with {percent(second)}: the two are all but "
        "tied, and little decides between them."
        if second >= TIE * first
        else ""
    )


def say_window(reading: Reading) -> str:
    """That the prompt does not show all of the program; nothing where it does."""
    return (
        "The prompt shows the program through a window of "
        f"{counted(len(reading.token_ids), 'token')}; "
        f"left out of it: {counted(reading.n_hidden, 'token')}."
        if reading.n_hidden
        else ""
    )


def say_lens(lens: Lens) -> str:
    """What the lens is, and from which point on the answer is there."""
    return (
        "Lens: what each point of the residual stream would say if it ended there. "
        f"{say_arrival(lens)}"
    )


def say_arrival(lens: Lens) -> str:
    """From which point on the answer is first, and how likely it is there."""
    _, probability = lens.top[lens.arrival][-1]
    return (
        f"Behind the last token the model's answer is first from point {lens.arrival} of "
        f"{len(lens.top) - 1} on, there with {percent(probability)}."
    )


def say_attention(reading: Reading) -> str:
    """Over what the shares are."""
    blocks, heads, _ = reading.attention.weights.shape
    return (
        f"Attention of the last token, mean of {counted(blocks * heads, 'head')}. It shows what "
        "is read, not what is used."
    )


def say_renaming(renaming: Renaming, original: Reading) -> str:
    """How often other names change the answer."""
    n, n_changed = len(renaming.draws), sum(draw.changed for draw in renaming.draws)
    return (
        f"Other names for every variable: {n_changed} of {counted(n, 'draw')} of meaningless names "
        f"change{'s' * (n_changed == 1)} the answer {_said(original.answer)}."
    )


def say_alone(renaming: Renaming) -> str:
    """Which single name the answer hangs on, of how many that is known, and if all do the same."""
    breaking = [each.name for each in renaming.alone if 2 * each.n_changed >= each.n_draws]
    some = [each.name for each in renaming.alone if 0 < 2 * each.n_changed < each.n_draws]
    n, n_tried = len(renaming.names), len(renaming.alone)
    tried = "" if n_tried == n else f", {n_tried} of {n} tried"
    found = [f"the answer hangs on {', '.join(map(_said, breaking))}"] if breaking else []
    if breaking and 2 * sum(draw.changed for draw in renaming.draws) < len(renaming.draws):
        found.append("renamed together with all the others, it mostly stays")
    if some:
        found.append(f"fewer than half of the draws change it for {', '.join(map(_said, some))}")
    n_draws = sum(each.n_draws for each in renaming.alone)
    return (
        f"One name alone, in {n_draws} draws of one name each{tried}: "
        f"{'; '.join(found) or 'none changes the answer'}."
    )


def say_variant(renaming: Renaming) -> str:
    """What the model says of the draw that is looked at."""
    said = renaming.reading
    return (
        f"The first draw that changes it; there it says {_said(said.answer)}, with a probability "
        f"of {percent(said.probability)}:"
    )


def say_nothing_to_patch(original: Reading) -> str:
    """Why there is no patch."""
    return (
        f"No draw that renames all names changes the answer {_said(original.answer)}: there is "
        "nothing to bring back."
    )


def say_patch(patch: Patch, renaming: Renaming, original: Reading) -> list[str]:
    """Where the original's residual brings its answer back, and what the effect is."""
    return [
        "Patch: the last token of the renamed program takes the original's residual, at one point "
        f"at a time. {_say_half(patch)}{_say_back(patch, renaming, original)}",
        f"Effect, on the logit of {_said(original.answer)} minus that of "
        f"{_said(renaming.reading.answer)}: 0 is the renamed program's own, 1 the original's, "
        "which the last point gives by construction. Beside it, how many of "
        f"{N_RANDOM} random vectors, as long as the residual, bring the answer back, and what the "
        f"lens shows without a patch: the probability of {_said(original.answer)} at that point of "
        "the program as given and of the renamed one.",
    ]


def _say_half(patch: Patch) -> str:
    """From which point on the effect is a half; nothing where there is no effect."""
    last = len(patch.effect) - 1
    return (
        ""
        if patch.half is None
        else f"From point {patch.half} of {last} on the effect is a half or more. "
    )


def _say_back(patch: Patch, renaming: Renaming, original: Reading) -> str:
    """From which point on the answer is back; how little that takes, where it is little."""
    said, asked = _said(renaming.reading.answer), _said(original.answer)
    if patch.back is None:
        return f"{asked} is never first."
    back = f"{asked} is first from point {patch.back} on"
    if patch.half is None or patch.back >= patch.half:
        return f"{back}."
    before = percent(renaming.reading.lens.probability[-1])
    return (
        f"{back}, where an effect of {patch.effect[patch.back]:.2f} is enough: the renamed program "
        f"gives it {before} by itself, and {said} {percent(renaming.reading.probability)}."
    )


def _said(text: str) -> str:
    return f"`{visible(text, 40)}`"
