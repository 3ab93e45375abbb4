"""Variants that do not mean the same, each made so that one algorithm alone would answer otherwise.

A type is planted where the algorithm looks, or what it reads is hidden; the control does the same
to what it does not read. The compiler parses each; none is type-checked, as all may be wrong.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache, cached_property, partial
from typing import Any

import numpy as np

from fimscope.experiments.algorithms.hypotheses import HIDDEN, LITERALS, PLANTED, PLANTED_AS
from fimscope.experiments.algorithms.names import NamesOfKind, NamesOfType
from fimscope.experiments.answers import same_type
from fimscope.experiments.masking.distractors import draw_rest, tokens_of
from fimscope.prompts.aligned_names import WORD
from fimscope.prompts.maker import PromptMaker
from fimscope.prompts.prompt import Unfit
from fimscope.prompts.regions import name_tokens
from fimscope.report.format import counted
from fimscope.steps.seeds import seed_of
from fimscope.typescript.client import TypeScript
from fimscope.typescript.edit_names import ALIGNED
from fimscope.typescript.results import LabelledSpan, TypeScriptError

Row = Mapping[str, Any]
Place = LabelledSpan
# What stands there, what shall, and the variant with the change.
Change = tuple[str, str, Row]


@dataclass(frozen=True)
class Sight:
    """A variant as its prompt shows it, and the type that is planted in it.

    variant   a row of the variants table
    text      of its prompt
    answer    the model's to it
    planted   neither the answer nor the gold
    telling   a name that tells the planted type; None where that is not planted as a name
    own       one that tells the answer's own type; None where there is none
    """

    typescript: TypeScript
    variant: Row
    text: str
    answer: str
    planted: str
    telling: str | None
    own: str | None

    @cached_property
    def annotations(self) -> list[Place]:
        """Those that the prompt shows, the nearest to the hole first."""
        parts = self._parts
        spans = self.typescript.regions(*parts, self.variant["name_start"])
        return self._shown(span for span in spans if span.kind == "annotation")

    @cached_property
    def values(self) -> list[Place]:
        """Defaults, initialisers and returned values that the prompt shows, the nearest first."""
        return self._shown(self.typescript.values(*self._parts))

    @property
    def _parts(self) -> tuple[str, str, str]:
        return self.variant["prefix"], self.variant["gold"], self.variant["suffix"]

    @cached_property
    def shown(self) -> tuple[int, int]:
        """How many characters before the hole and behind it the prompt shows."""
        before, _, after = self.text.partition("<hole>")
        prefix, _, suffix = self._parts
        bare = prefix.rstrip()  # some prompts end before the white space
        n_before = _n_shared(before.rstrip()[::-1], bare[::-1])
        return n_before + len(prefix) - len(bare), _n_shared(after, suffix)

    def _shown(self, spans: Iterator[Place] | Sequence[Place]) -> list[Place]:
        n_before, n_after = self.shown
        first = len(self.variant["prefix"]) - n_before
        seen = (
            span
            for span in spans
            if (span.start >= first if span.part == "prefix" else span.end <= n_after)
        )
        return sorted(seen, key=self.distance)

    def distance(self, span: Place) -> int:
        """Characters between a span and the hole."""
        if span.part == "suffix":
            return span.start
        return len(self.variant["prefix"]) - span.end

    @cached_property
    def named(self) -> Sequence[Place]:
        """Where the hole's name stands: its declaration and its uses."""
        places = self.typescript.places(*self._parts, self.variant["name_start"])
        return [places.declaration, *places.uses] if places.declaration else places.uses

    def text_of(self, span: Place) -> str:
        return self.variant[span.part][span.start : span.end]

    def change(self, spans: Sequence[Place], new: str) -> Change:
        """The variant with a text in the place of each span."""
        old = ", ".join(dict.fromkeys(map(self.text_of, spans)))
        return old, new, replaced(self.variant, spans, new)


def replaced(variant: Row, spans: Sequence[Place], text: str) -> Row:
    """A variant with a text in the place of each span; none overlaps another, nor the gold."""
    parts = {part: variant[part] for part in ("prefix", "suffix")}
    name_start, name = variant["name_start"], variant["name"]
    for span in sorted(spans, key=lambda span: span.start, reverse=True):
        whole = parts[span.part]
        parts[span.part] = whole[: span.start] + text + whole[span.end :]
        if span.part == "prefix" and span.end <= variant["name_start"]:
            name_start += len(text) - (span.end - span.start)
        elif span.part == "prefix" and span.start == variant["name_start"]:
            name = text
    return {**variant, **parts, "name_start": name_start, "name": name}


def plant_nearest(sight: Sight) -> tuple[Change, Change]:
    """The nearest annotation; the control is the next nearest."""
    others = [span for span in sight.annotations if sight.text_of(span) != sight.planted]
    nearest, next_nearest, *_ = _at_least(2, others, "annotations")
    return sight.change([nearest], sight.planted), sight.change([next_nearest], sight.planted)


def plant_alike(sight: Sight) -> tuple[Change, Change]:
    """All annotations that read like the answer; the control is as many others, as far away."""
    spans = [span for span in sight.annotations if sight.text_of(span) != sight.planted]
    alike = [span for span in spans if same_type(sight.text_of(span), sight.answer)]
    _at_least(1, alike, "annotations that read like the answer")
    others = [span for span in spans if span not in alike]
    control = _as_far(sight, alike, others, "other annotations")
    return sight.change(alike, sight.planted), sight.change(control, sight.planted)


def plant_name(sight: Sight) -> tuple[Change, Change]:
    """The hole's name; the control is another variable, used about as often, with the same name."""
    variant = sight.variant
    old, new = variant["name"], sight.telling
    parts = sight._parts
    counts = {
        name: _n_uses(sight.text, name)
        for name in sight.typescript.alignable_names("".join(parts), True)
    }
    wanted = counts.pop(old, _n_uses(sight.text, old))
    others = sorted(
        (name for name, n in counts.items() if n), key=lambda name: abs(counts[name] - wanted)
    )
    [other, *_] = _at_least(1, others, "other variables")
    edited = sight.typescript.edit(ALIGNED, *parts, variant["name_start"], 0, True, {other: new})
    return sight.change(sight.named, new), (other, new, {**variant, **vars(edited)})


def plant_type_of_name(sight: Sight) -> tuple[Change, Change]:
    """As `plant_name`; the control is a name of the answer's own type in the same place."""
    if sight.own is None:
        raise Unfit("no_telling_name", f"`fit` has none of {sight.answer} new to the program")
    return sight.change(sight.named, sight.telling), sight.change(sight.named, sight.own)


def plant_values(sight: Sight) -> tuple[Change, Change]:
    """The hole's default or returned values; the control is as many other values, as far away."""
    own = _at_least(1, [s for s in sight.values if s.kind == "own"], "default or returned values")
    others = [span for span in sight.values if span.kind == "other"]
    control = _as_far(sight, own, others, "other values")
    literal = LITERALS[sight.planted]
    return sight.change(own, literal), sight.change(control, literal)


PLANTERS: Mapping[str, Callable[[Sight], tuple[Change, Change]]] = {
    "nearest": plant_nearest,
    "alike": plant_alike,
    "name": plant_name,
    "type_of_name": plant_type_of_name,
    "values": plant_values,
}


def plant_all(maker: PromptMaker, prompt: Row, names: NamesOfKind, seed: int) -> Iterator[Row]:
    """Two rows of planted_parts for each hypothesis, the change and its control, in their order.

    prompt   a row of the prompts table with `original` and `variant`, their variants, and the
             model's `answer`
    names    of `telling_names`
    """
    sight_of = cache(partial(_sight_of, maker, prompt, _new_names(prompt, names), seed))
    for hypothesis in PLANTED:
        try:
            sight = sight_of(PLANTED_AS[hypothesis])
            changes = PLANTERS[hypothesis](sight)
            rows = [
                {
                    **{"hypothesis": hypothesis, "planted": sight.planted, "old": old, "new": new},
                    **_tokens_of(maker, prompt, changed),
                }
                for old, new, changed in changes
            ]
        except (Unfit, TypeScriptError) as error:
            why = {"hypothesis": hypothesis, "reason": error.reason, "detail": str(error)}
            rows = [why, why]
        yield from _with_control(rows)
    for hypothesis in HIDDEN:
        yield from _with_control(hide_uses(prompt, hypothesis, seed))


def hide_uses(prompt: Row, hypothesis: str, seed: int) -> list[Row]:
    """Two rows of planted_parts: all uses of the name hidden, and as many other tokens."""
    try:
        uses = tokens_of(prompt, "use")
        hidden = uses, draw_rest(prompt, len(uses), seed, hypothesis)
    except Unfit as error:
        return [{"hypothesis": hypothesis, "reason": error.reason, "detail": str(error)}] * 2
    name = prompt["variant"]["name"]
    old = f"{counted(len(uses), 'token')} of {name}", f"{counted(len(uses), 'other token')}"
    return [
        {
            **{"hypothesis": hypothesis, "old": what, "new": "hidden", "hidden": tokens},
            "token_ids": prompt["token_ids"],
        }
        for what, tokens in zip(old, hidden, strict=True)
    ]


def _with_control(rows: Sequence[Row]) -> Iterator[Row]:
    for row, is_control in zip(rows, (False, True), strict=True):
        yield {**row, "is_control": is_control}


def _tokens_of(maker: PromptMaker, prompt: Row, changed: Row) -> Row:
    """`token_ids` and `name_tokens` of the prompt with a change."""
    planted = {**changed, "edit": f"{changed['edit']}+planted"}
    made = maker.make(prompt["original"], planted)
    if made.token_ids == prompt["token_ids"]:
        raise Unfit("nothing_to_edit", "the prompt does not show the change")
    return {"token_ids": made.token_ids, "name_tokens": name_tokens(made.regions)}


def _new_names(prompt: Row, names: NamesOfKind) -> NamesOfType:
    """The telling names for the prompt's kind of hole that its program has not."""
    variant = prompt["variant"]
    taken = set(WORD.findall(variant["prefix"] + variant["suffix"]))
    of_type = names.get(prompt["kind"], {})
    return {each: [name for name in own if name not in taken] for each, own in of_type.items()}


def _sight_of(
    maker: PromptMaker, prompt: Row, names: NamesOfType, seed: int, planted_as: str
) -> Sight:
    """The variant in sight, with a type drawn for it: if may be one that none in sight is.

    A name is drawn of all that tell a type, seen or not: of many names each is planted seldom.
    """
    types = [
        each
        for each in (LITERALS if planted_as == "value" else names)
        if not same_type(each, prompt["answer"])
        and not same_type(each, prompt["gold"])
        and (maker.golds == "all" or maker.encoder.count(each) == 1)
    ]
    random = np.random.default_rng(seed_of(seed, "algorithms", prompt["example_id"]))
    own = [name for each in names if same_type(each, prompt["answer"]) for name in names[each]]
    sight = partial(Sight, maker.typescript, prompt["variant"], prompt["text"], prompt["answer"])
    if planted_as == "name":
        telling = [(each, name) for each in types for name in names[each]]
        if not telling:
            raise Unfit("no_telling_name", "`fit` has none of another type new to the program")
        planted, name = telling[random.integers(len(telling))]
        return sight(planted, name, str(random.choice(own)) if own else None)
    _at_least(1, types, "other types")
    blank = sight("", None, None)
    seen = set(map(blank.text_of, blank.annotations))
    unseen = [each for each in types if each not in seen]
    return replace(blank, planted=str(random.choice(unseen or types)))


def _as_far(
    sight: Sight, spans: Sequence[Place], others: Sequence[Place], what: str
) -> list[Place]:
    """As many others as spans, each the one whose distance is nearest to a span's own."""
    left = list(_at_least(len(spans), others, what))
    found = []
    for span in spans:
        wanted = sight.distance(span)
        found.append(min(left, key=lambda other: abs(sight.distance(other) - wanted)))
        left.remove(found[-1])
    return found


def _at_least(n: int, found: Sequence[Any], what: str) -> Sequence[Any]:
    if len(found) < n:
        raise Unfit("nothing_to_edit", f"{n} {what} asked for, the prompt shows {len(found)}")
    return found


def _n_shared(one: str, other: str) -> int:
    """How many first characters two texts share."""
    pairs = enumerate(zip(one, other, strict=False))
    return next((i for i, (a, b) in pairs if a != b), min(len(one), len(other)))


def _n_uses(text: str, name: str) -> int:
    return len(re.findall(rf"(?<![\w$]){re.escape(name)}(?![\w$])", text))
