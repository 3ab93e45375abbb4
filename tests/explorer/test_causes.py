"""Why an answer is what it is: what counts as what, and the sentence made of it."""

from pathlib import Path

import numpy as np
import pytest
import torch

from fimscope.experiments.algorithms.hypotheses import HYPOTHESES, READ
from fimscope.experiments.icl.choices import CHOICES
from fimscope.experiments.masking.ways import WAYS
from fimscope.experiments.patch.pairs import CONDITIONS, DONOR_KINDS
from fimscope.experiments.traces.roles import ROLES
from fimscope.explorer import causes, verdict
from fimscope.explorer.alike import Alike, directions
from fimscope.explorer.terms import all_terms
from fimscope.files.activation_cache import ActivationCache, ActivationWriter


def change(hypothesis, *said, planted="Map", with_control=True):
    """Rows of the algorithms table: what is said in the change, and in the control; before: any."""
    return [
        {
            "hypothesis": hypothesis,
            "is_control": is_control,
            "planted": planted,
            "old": "a",
            "new": "b",
            "answer": "any",
            "predicted": text,
            "moved": text != "any",
            "follows": text == planted,
        }
        for is_control, text in zip((False, True), said, strict=False)
    ]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        (("Map", "any"), "follows"),
        (("Map", "Set"), "follows"),  # the control moves it, but not to the planted type
        (("Map", "Map"), "both"),
        (("Set", "any"), "moves"),
        (("Set", "Date"), "both"),
        (("any", "any"), "stays"),
        (("any", "Set"), "stays"),
        (("Map",), "unheld"),
    ],
)
def test_a_change_counts_beside_its_control_alone(said, found):
    [entry] = causes.changes(change("name", *said))
    assert entry["found"] == found
    assert (entry["control"] is None) == (len(said) == 1)


def mask(way, distractor, *said):
    return [
        {"way": way, "distractor": distractor, "is_control": is_control, "n_masked": 3}
        | {"predicted": text, "gold_logprob": -1.0}
        for is_control, text in zip((False, True), said, strict=False)
    ]


PLAIN = mask("none", "none", "any")


def patches(condition, paired, **controls):
    """Rows of the patches table of one pair; the target is 1, at every point a token id."""
    return [
        {"condition": condition, "donor_kind": kind, "point": point, "predicted_token_id": said}
        | {"predicted": {1: "number", 2: "any"}[said]}
        for kind, ids in {"paired": paired, **controls}.items()
        for point, said in enumerate(ids)
    ]


def sentence(changes=(), masks=(), rows=()):
    pieces = verdict.verdict(causes.changes(changes), causes.masks([*PLAIN, *masks]), rows, [])
    assert len(pieces) % 2
    return "".join(f"`{text}`" if i % 2 else text for i, text in enumerate(pieces))


def test_what_nothing_was_tried_of_says_so():
    said = "Not tested: no change, mask or patch with a control was made of this variant."
    assert sentence() == said
    unheld = change("nearest", "Map") + change("name", "any")
    assert sentence(unheld, mask("text", "comments", "Set")) == said


def test_an_answer_that_copies_one_that_hangs_on_a_name_and_one_that_neither():
    copies = change("nearest", "Map", "any") + change("name", "any", "any")
    assert sentence(copies) == (
        "It follows the nearest annotation: with `Map` planted there it says so, in the "
        "control it does not."
    )
    both = change("name", "void", "any", planted="void")
    both += change("values", "number", "any", planted="number")
    assert sentence(both) == (
        "It follows the hole's name and the default or the returned values: with `void` and "
        "`number` planted there it says so, in the control it does not."
    )
    hangs = change("name", "Set", "any") + change("uses", "Date", "any", planted=None)
    assert sentence(hangs) == (
        "It hangs on the hole's name and the uses of the name: changed or hidden, the answer is "
        "`Set` and `Date`, and in the control it stays."
    )
    neither = change("nearest", "Set", "Set") + change("name", "any", "any")
    assert sentence(neither) == (
        "Changing the nearest annotation or the hole's name does no more to it than the control."
    )
    assert sentence(neither + change("uses", "Set")) == sentence(neither)  # has no control


def test_what_a_sentence_names_is_a_list_with_one_word_before_the_last():
    names = ("nearest", "alike", "name")
    neither = [row for name in names for row in change(name, "any", "any")]
    assert sentence(neither) == (
        "Changing the nearest annotation, an annotation that reads like it or the hole's name "
        "does no more to it than the control."
    )
    answers = zip(names, ("Set", "Date", "never"), strict=True)
    hangs = [row for name, text in answers for row in change(name, text, "any")]
    assert sentence(hangs) == (
        "It hangs on the nearest annotation, an annotation that reads like it and the hole's "
        "name: changed or hidden, the answer is `Set`, `Date` and `never`, and in the control it "
        "stays."
    )
    masked = ("annotation", "comment", "use", "declaration")
    moved = [row for one in masked for row in mask("attention_last", one, "Map", "any")]
    assert sentence(masks=moved).endswith(
        "; masks of the uses of the name and the name where it is declared change it too."
    )


def test_masks_that_change_an_answer_are_named_each_once():
    moved = [
        *mask("text", "comments", "Set", "any"),
        *mask("attention_last", "comment", "Date", "any"),
        *mask("attention_later", "use", "Map", "any"),
        *mask("attention_later", "declaration", "Map", "any"),
        *mask("text", "siblings", "Map", "Map"),
    ]
    assert sentence(masks=moved) == (
        "Without the comments it says `Set`; with the uses of the name hidden from all later "
        "tokens it says `Map`; masks of the name where it is declared change it too."
    )
    assert sentence(masks=mask("text", "comments", "Set", "Set")) == (
        "The one mask does not do more to it than as many other tokens masked."
    )


def test_a_donor_turns_an_answer_from_the_point_on_that_none_behind_it_takes_back():
    rows = patches("restore", [2, 1, 2, 1, 1, 1], self=[2] * 6, random=[1, 1, 2, 1, 2, 1])
    assert sentence(rows=rows) == (
        "The original's residual brings back `number` from point 3 of 5 on, the controls there in "
        "1 of 2 patches."
    )
    late = patches("break", [2, 2, 1], unrelated=[2, 2, 2])
    assert sentence(rows=late) == (
        "Its broken variant's residual makes it `number` at no point before the last, 2, where the "
        "patch hands over the answer."
    )
    both = patches("wrong_to_wrong", [1, 1, 1]) + rows
    assert "lent" not in sentence(rows=both)  # the telling condition alone
    assert sentence(rows=patches("lent_type", [2, 1, 1])).startswith("A lent residual makes it ")


def test_every_name_that_a_page_shows_has_a_meaning():
    terms = all_terms()
    assert set(HYPOTHESES) == set(terms["changes"]) == set(READ)
    masked = {name for names in WAYS.values() for name in names}
    assert {*WAYS, *masked} <= set(terms["masks"])
    assert masked == set(verdict.MASKED) and set(WAYS) == set(verdict.WAY)
    assert set(DONOR_KINDS) == set(terms["donors"])
    assert set(verdict.DONOR) <= set(CONDITIONS) and set(verdict.DONOR) <= set(terms["given"])
    assert set(ROLES) == set(terms["roles"]) and {"none", *CHOICES} == set(terms["choices"])
    found = {causes.FOLLOWS, causes.MOVES, causes.BOTH, causes.STAYS, causes.UNHELD}
    assert found <= set(terms["found"])
    from fimscope.explorer.study import OPTIONAL

    assert {"components", "masking", "traces", "algorithms", "icl"} <= set(OPTIONAL)


def test_a_trace_keeps_what_was_run_and_what_its_target_is():
    rows = [
        {"condition": "break", "edit": "original", "token": token, "point": point}
        | {"text": "xy"[token], "role": "last" if token else "use", "is_run": bool(token or point)}
        | {"predicted": "Map" if token and point else "any", "to_target": bool(token and point)}
        | {"normalised_effect": token * point / 4}
        for point in (4, 0)
        for token in (1, 0)
    ]
    [trace] = causes.traces(rows)
    assert trace["tokens"] == [["x", "use"], ["y", "last"]] and trace["points"] == [0, 4]
    assert trace["effects"] == [[None, 0.0], [0.0, 1.0]] and trace["target"] == "Map"
    said = [[trace["texts"][number] for number in own] for own in trace["predicted"]]
    assert said == [["any", "any"], ["any", "Map"]]


def test_solved_examples_are_a_rate_over_draws():
    rows = [
        {"choice": "random", "n_shots": 2, "correct": correct, "predicted": said}
        | {"gold_logprob": float(np.log(share))}
        for correct, said, share in ((True, "Map", 0.8), (False, "Set", 0.2), (True, "Map", 0.5))
    ]
    [entry] = causes.shots(rows)
    assert (entry["n"], entry["n_correct"], entry["probability"]) == (3, 2, 0.5)
    assert entry["predicted"] == ["Map", "Set"]


def holes(*rows):
    names = ("example_id", "name", "kind", "program_id")
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_holes_of_the_same_name_come_first_then_those_that_are_alike_inside(tmp_path: Path):
    examples = holes(
        ("a", "width", "parameter", "p"),
        ("b", "width", "parameter", "p"),  # of the same program
        ("c", "width", "return", "q"),  # of another kind
        ("d", "width", "parameter", "q"),
        ("e", "label", "parameter", "q"),
        ("f", "height", "parameter", "r"),
    )
    residuals = [[1, 0], [1, 0], [1, 0], [-1, 0.1], [0, 1], [0.9, 0.1]]
    values = torch.tensor(residuals)[None, :, None].expand(3, -1, -1, -1)
    writer = ActivationWriter(tmp_path, 3, (6, 1, 2), "float32")
    writer.put(range(6), values)
    places = [{"name": "last", "index": 0}]
    writer.complete([{**row, "edit": "original", "positions": places} for row in examples], {})
    units = directions(ActivationCache(tmp_path), examples)
    alike = Alike(examples, units).of(0)
    assert [(number, same) for number, same, _ in alike] == [(3, True), (5, False)]
    centred = np.array(residuals) - np.mean(residuals, axis=0)
    [first, other] = centred[[0, 5]]
    expected = first @ other / np.linalg.norm(first) / np.linalg.norm(other)
    assert alike[1][2] == pytest.approx(expected, abs=0.006)
    assert Alike(examples, None).of(0) == [(3, True, None)]


def test_a_list_of_holes_that_is_empty_says_why():
    examples = holes(
        ("a", "width", "parameter", "p"), ("b", "width", "return", "q"), ("c", "on", "return", "r")
    )
    none = "None: of the 3 holes of this explorer, none of the same kind in another program has "
    units = np.array([[1.0, 0], [1, 0], [0, 1]], np.float32)
    alike = Alike(examples, units)
    assert alike.of(0) == [] and alike.note(0) == f"{none}this name, nor a cosine above 0.1."
    alone = "The study has cached no residuals: holes are compared by name alone."
    assert Alike(examples, None).note(0) == f"{none}this name. {alone}"
    unread = Alike(examples, np.array([[0.0, 0], [1, 0], [0.9, 0.1]], np.float32))
    assert "The study has no residual of this hole" in unread.note(0)
    assert unread.of(1) and unread.note(1) == ""
