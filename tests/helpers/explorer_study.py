"""A made-up study with every table that the explorer shows, of as many examples as asked for."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from fimscope.experiments.registry import all_tables
from fimscope.files.activation_cache import ActivationWriter
from fimscope.files.tables import write_tables
from tokenizers_for_tests import byte_tokenizer

Row = dict[str, Any]
MOST_TOKENS = 12  # of a completion
SETTINGS = {"max_new_tokens": MOST_TOKENS, "golds": "single_token"}
MANIFEST = {"step": "explorer_study", "settings": SETTINGS}
EDITS = ("original", "rename_vars")
POSITIONS = ("hole_name", "last")
TABLES = (
    "predictions",
    "split",
    "variants",
    "prompts",
    "lens",
    "direct_logits",
    "direct_heads",
    "attention_tokens",
    "attention_shares",
    "samples",
    "sampled_types",
)
WHOLE = {"whole_types": "verdicts", "completions": "completions"}  # option -> table, by edit
CONDITIONS = ("restore", "same_type")
LEFT_OUT = "f" * 16  # a donor that is none of the examples
# What has one table, by its option.
SINGLE = {
    "algorithms": "algorithms",
    "components": "components",
    "icl": "icl",
    "linear_lens": "linear_lens",
    "masking": "masking",
    "patch_positions": "patches",
    "probes": "probes",
    "steering": "steering_results",
    "traces": "traces",
    "whole_pairs": "whole_pairs",
    "whole_patches": "whole_patches",
}
SHOWN = (*SINGLE, *WHOLE)
LONG = "WebGL2RenderingContext"
FIRST = 30  # as many examples are steered and have shares of attention
DONORS = ("paired", "self", "unrelated", "random_position")
TYPES = (
    "number",
    "string",
    "boolean",
    "unknown",
    "void",
    "Date",
    "any",
    "object",
    "never",
    "symbol",
)
HOSTILE = '</script><script>window.owned = 1</script><img src=x onerror="window.owned = 1">'
TOO_CLOSE = f"{4:016x}"  # the example whose donor is so close that no effect is known
HOSTILE_PROGRAM = f"""// {HOSTILE}
export const text = `{HOSTILE}`;
export function escape(text: string, width: number) {{
  return text.padStart(width, "</code></pre>");
}}
"""


@dataclass(frozen=True)
class Size:
    """How large the made-up study is.

    n_longer   examples beside the others, whose golds are longer than the predictions ask
    """

    n_longer: int = 0
    n_points: int = 7
    n_heads: int = 2
    n_tokens: int = 40


class MadeStudy:
    """Writes the tables of a study below a folder, as the pipeline lays them out.

    programs   texts with at least one `name: type` of TYPES; in turn, one example of each hole
    """

    def __init__(self, folder: Path, programs: Sequence[str], n_examples: int, size: Size):
        self.folder, self.size = folder, size
        self.rng = np.random.default_rng(7)
        made = self._examples(programs, n_examples + size.n_longer)
        self.examples = made[:n_examples]
        self.longer = [{**row, "gold": f"{row['gold']}[]"} for row in made[n_examples:]]
        self.tokenizer = byte_tokenizer(programs[:50])

    def write(self) -> None:
        (self.folder / "model").mkdir(parents=True)
        self.tokenizer.save(str(self.folder / "model/tokenizer.json"))
        self._write("examples", "examples", [*self.examples, *self.longer])
        for edit in EDITS:
            variants = [self._variant(example, edit) for example in self.examples]
            longer = [self._variant(example, edit) for example in self.longer]
            self._write("variants", f"variants/{edit}", [*variants, *longer])
            asked = [*variants[:FIRST], *longer]
            self._write("verdicts", f"whole_types/{edit}", map(self._verdict, asked))
            self._write("completions", f"completions/{edit}", map(self._completed, asked))
            prompts = [self._prompt(variant) for variant in variants]
            self._write("prompts", f"prompts/{edit}", prompts)
            predictions = [self._prediction(variant) for variant in variants]
            self._write("predictions", f"predictions/{edit}", predictions)
            self._write("split", f"split/{edit}", map(self._split, predictions))
            self._write("lens", f"lens/{edit}", self._lens(variants))
            self._write("direct_logits", f"direct_logits/{edit}", self._direct(variants))
            self._write("direct_heads", f"direct_heads/{edit}", self._direct_heads(variants))
            sampled = [*variants, *longer[:1]]
            self._write("samples", f"samples/{edit}", map(self._samples, sampled))
            types = [row for variant in sampled for row in self._sampled_types(variant)]
            self._write("sampled_types", f"sampled_types/{edit}", types)
            self._write("attention_tokens", f"attention_tokens/{edit}", self._attention(variants))
            self._write("attention_shares", f"attention_shares/{edit}", self._shares(variants))
        for condition in CONDITIONS:
            self._write("patches", f"patches/{condition}", self._patches(condition))
        for option, name in SINGLE.items():
            self._write(name, f"{option}/{option}", getattr(self, f"_{option}")())
        self._write_activations()

    def options(self, shown: Sequence[str] = SHOWN) -> list[str]:
        """The command line of build_explorer for this study.

        shown   which of SHOWN the study has
        """
        words = ["--examples", str(self.folder / "examples.parquet")]
        words += ["--model", str(self.folder / "model"), "--model-name", "made-up"]
        words += ["--study", "small"]
        for name in TABLES:
            option = f"--{name.replace('_', '-')}"
            words += [option, *(str(self.folder / f"{name}/{edit}.parquet") for edit in EDITS)]
        words += ["--patches", *(str(self.folder / f"patches/{c}.parquet") for c in CONDITIONS)]
        for option in WHOLE:
            paths = [str(self.folder / f"{option}/{edit}.parquet") for edit in EDITS]
            words += [f"--{option.replace('_', '-')}", *(paths if option in shown else [])]
        for option in SINGLE:
            path = self.folder / f"{option}/{option}.parquet"
            words += [f"--{option.replace('_', '-')}", *([str(path)] if option in shown else [])]
        if "linear_lens" in shown:
            words += ["--activations", str(self.folder / "activations/original")]
        return words

    def _write_activations(self) -> None:
        """At the last token of the originals: a direction for each type, with a little noise."""
        golds = [TYPES.index(example["gold"]) for example in self.examples]
        values = torch.eye(len(TYPES))[golds] + 0.01 * torch.rand(
            len(golds), len(TYPES), generator=torch.Generator().manual_seed(1)
        )
        shape = (len(golds), 1, len(TYPES))
        folder = self.folder / "activations/original"
        writer = ActivationWriter(folder, self.size.n_points, shape, "float32")
        writer.put(range(len(golds)), values.expand(self.size.n_points, -1, -1)[:, :, None])
        index = [
            {**example, "edit": "original", "positions": [{"name": "last", "index": 0}]}
            for example in self.examples
        ]
        writer.complete(index, MANIFEST)

    def _write(self, name: str, path: str, rows: Any) -> None:
        write_tables(
            {all_tables()[name]: self.folder / f"{path}.parquet"},
            ((name, row) for row in rows),
            MANIFEST,
        )

    def _examples(self, programs: Sequence[str], n_examples: int) -> list[Row]:
        holes = [
            (number, text, hole)
            for number, text in enumerate(programs)
            for hole in re.finditer(rf"\b(\w+): ({'|'.join(TYPES)})\b", text)
        ]
        return [
            {
                "example_id": f"{i:016x}",
                "program_id": f"p{number:04d}",
                "package": f"package-{number % 7}",
                "path": f"src/file{number}.ts",
                "kind": "parameter" if i % 3 else "return",
                "name": hole[1],
                "gold": hole[2],
                "prefix": text[: hole.start(2)],
                "suffix": text[hole.end(2) :],
                "name_start": hole.start(1),
                "group": ("fit", "select", "test")[i % 3],
            }
            for i in range(n_examples)
            for number, text, hole in [holes[i * 7 % len(holes)]]
        ]

    def _variant(self, example: Row, edit: str) -> Row:
        names = {} if edit == "original" else _new_names(example["prefix"] + example["suffix"])
        return {
            **example,
            "edit": edit,
            "name": names.get(example["name"], example["name"]),
            "prefix": _renamed(example["prefix"], names),
            "suffix": _renamed(example["suffix"], names),
            "renames": [{"old": old, "new": new, "kind": "variable"} for old, new in names.items()],
            "checks": {
                "parses": True,
                "same_errors": True,
                "same_javascript": True,
                "same_text": True,
            },
        }

    def _prompt(self, variant: Row) -> Row:
        text = variant["prefix"][-400:]
        token_ids = self.tokenizer.encode(text).ids[-self.size.n_tokens :]
        token_ids = [1] * (self.size.n_tokens - len(token_ids)) + token_ids
        last = len(token_ids) - 1
        return {
            **variant,
            "text": text,
            "token_ids": token_ids,
            "gold_token_ids": [5],
            "positions": [
                {"name": "hole_name", "index": last - 2},
                {"name": "last", "index": last},
            ],
            "window": "function",
            "n_prompt_truncated": 3,
        }

    def _prediction(self, variant: Row) -> Row:
        n = int(variant["example_id"], 16)
        right = n % 4 != 0 if variant["edit"] == "original" else n % 3 == 0
        foil = HOSTILE if n % 5 == 0 else TYPES[(TYPES.index(variant["gold"]) + 1) % len(TYPES)]
        predicted = variant["gold"] if right else foil
        first = [predicted, foil if right else variant["gold"]]
        top = [f" {text}" for text in (*first, LONG)]  # those without the space are other tokens
        return {
            **variant,
            "n_tokens": self.size.n_tokens,
            "predicted": predicted,
            "completion": f" {predicted}) {{",
            "completed_type": predicted,
            "correct": right,
            "gold_rank": 0 if right else 1,
            "gold_logprob": -0.4 if right else -2.0,
            "top10": _candidates([*top, *first, *TYPES][:10]),
            "n_prompt_truncated": 3,
        }

    def _split(self, prediction: Row) -> Row:
        before = int(prediction["example_id"], 16) % 4 != 0
        edited, right = prediction["edit"] != "original", prediction["correct"]
        return {
            **prediction,
            "outcome": "right" if right else "wrong",
            "broken": edited and before and not right,
            "mended": edited and not before and right,
        }

    def _verdict(self, variant: Row) -> Row:
        """By the number of the example: every third original and every second variant is right.

        Of the fifth the original's type never ends, of the seventh another type is `any`.
        """
        n, is_original = int(variant["example_id"], 16), variant["edit"] == "original"
        told = {"verdict": "fails", "detail": f"line 1: {HOSTILE}", "completed_type": "void"}
        if n % (3 if is_original else 2) == 0:
            told = {"verdict": "equivalent", "completed_type": f"({variant['gold']})"}
        elif is_original and n % 5 == 0:
            told |= {"detail": "the completion has not ended", "completed_type": ""}
        elif is_original and n % 7 == 0:
            told = {"verdict": "checks", "completed_type": "Imported"}
        return {
            **variant,
            "n_gold_tokens": 3 if variant["gold"].endswith("[]") else 1,
            "form": "array",
            "detail": "",
            **told,
            "ended": told["completed_type"] != "",
            "is_any": told["verdict"] == "checks",
            "right": told["verdict"] == "equivalent",
        }

    def _completed(self, variant: Row) -> Row:
        verdict = self._verdict(variant)
        token_ids = self._prompt(variant)["token_ids"]
        return {
            **verdict,
            "gold_token_ids": [5] * verdict["n_gold_tokens"],
            "n_tokens": len(token_ids),
            "token_ids": token_ids,
            "shown_types": [],
            "completion": f" {verdict['completed_type'] or '{ a: { b: '})",
            "n_new_tokens": MOST_TOKENS,
            "type_token_ids": None,
        }

    def _whole_pairs(self) -> Iterator[Row]:
        """Lent to the longer ones, and to every fourth of the first: the second's type."""
        for example in [*self.examples[:FIRST:4], *self.longer]:
            for kind in DONORS:
                yield {
                    **example,
                    "condition": "wrong_to_wrong",
                    "pair_id": f"whole-{example['example_id']}",
                    "recipient_example_id": example["example_id"],
                    "recipient_edit": "rename_vars",
                    "recipient_program_id": example["program_id"],
                    "donor_kind": kind,
                    "donor_example_id": self.examples[1]["example_id"],
                    "donor_edit": "rename_vars",
                    "target": "Map<string, Date>",
                    "target_token_ids": [5, 6, 7],
                    "target_form": "generic",
                    "foil": "void",
                    "foil_token_ids": [8],
                }

    def _whole_patches(self) -> Iterator[Row]:
        """The paired donor has an effect of 1/2 from point 2 on, and turns at 2, 4 and after."""
        nothing = dict.fromkeys(("mean_effect", "token_logprobs"))
        nothing |= dict.fromkeys(("recipient_token_logprobs", "donor_token_logprobs"))
        logprobs = ("target_logprob", "foil_logprob", "logprob_diff", "mean_logprob_diff")
        logprobs += ("recipient_logprob_diff", "donor_logprob_diff")
        for pair in self._whole_pairs():
            is_paired = pair["donor_kind"] == "paired"
            for point in range(self.size.n_points):
                yield {
                    **pair,
                    **nothing,
                    **dict.fromkeys(logprobs, -1.0),
                    "edit": "rename_vars",
                    "point": point,
                    "normalised_effect": None
                    if pair["example_id"] == TOO_CLOSE
                    else 0.5 * (is_paired and point > 1),
                    "turned": is_paired and point > 1 and point != 3,
                }

    def _lens(self, variants: Sequence[Row]) -> Iterator[Row]:
        for variant in variants:
            for position in POSITIONS:
                for point in range(self.size.n_points):
                    words = [TYPES[i] for i in self.rng.permutation(len(TYPES))]
                    rank = words.index(variant["gold"])
                    yield {
                        **variant,
                        "position": position,
                        "point": point,
                        "top10": _candidates([f" {word}" for word in words]),
                        "gold_rank": rank,
                        "gold_logprob": -0.5 - rank,
                        "entropy": 4.0 - 3 * point / self.size.n_points,
                        "divergence": 1 - point / self.size.n_points,
                    }

    def _direct(self, variants: Sequence[Row]) -> Iterator[Row]:
        """Of wrong answers and of what an edit breaks: block 2 is for the gold, 4 for the foil."""
        foil = self.tokenizer.encode("x").ids[0]
        parts = [("embeddings", None, 0.25)]
        parts += [
            ("block", b, {2: 1.5, 4: -0.5}.get(b, 0.0)) for b in range(self.size.n_points - 1)
        ]
        parts += [("biases", None, 0.125)]
        for variant in filter(self._has_foil, variants):
            for part, block, share in parts:
                found = {"part": part, "block": block, "share": share}
                yield {**variant, **found, "foil_token_id": foil}

    def _direct_heads(self, variants: Sequence[Row]) -> Iterator[Row]:
        """The same blocks: head 2.0 is for the gold, 4.1 for the foil."""
        foil = self.tokenizer.encode("x").ids[0]
        parts = [("head", 0), ("head", 1), ("biases", None), ("mlp", None)]
        shares = {2: (1.0, 0.25, 0.125, 0.125), 4: (0.0, -0.75, 0.0, 0.25)}
        for variant in filter(self._has_foil, variants):
            for block in range(self.size.n_points - 1):
                own = shares.get(block, (0.0,) * len(parts))
                for (part, head), share in zip(parts, own, strict=True):
                    found = {"block": block, "part": part, "head": head, "share": share}
                    yield {**variant, **found, "foil_token_id": foil}

    def _has_foil(self, variant: Row) -> bool:
        edits = EDITS if variant["edit"] == "original" else [variant["edit"]]
        return any(not self._prediction({**variant, "edit": e})["correct"] for e in edits)

    def _linear_lens(self) -> Iterator[Row]:
        """Of `test` alone; a fitted map is surer of the gold than one of shuffled pairs."""
        tested = [example for example in self.examples if example["group"] == "test"]
        for edit in EDITS:
            for row in self._lens([self._variant(example, edit) for example in tested]):
                if row["position"] == "last":
                    yield {**row, "map": "fitted", "gold_rank": 0, "gold_logprob": -0.25}
                    yield {**row, "map": "shuffled", "gold_rank": 9, "gold_logprob": -9.0}

    def _samples(self, variant: Row) -> Row:
        few = int(variant["example_id"], 16) == 3
        rates = {"pass_at_1": 0.25, "pass_at_10": 0.8, "pass_at_100": None if few else 1.0}
        counts = {"n_same": 20, "n_equivalent": 5, "n_checks": 30, "n_fails": 45}
        others = {"n_right": 25, "n_any": 10, "n_unended": 4, "distinct": 6, "n_gold_tokens": 1}
        return {**variant, "form": "builtin", "n": 100, **counts, **others, **rates}

    def _sampled_types(self, variant: Row) -> Iterator[Row]:
        """The samples of `_samples`, the commonest first."""
        for spelled, count, verdict, is_any in (
            *(("never[]", 41, "fails", False), (variant["gold"], 20, "same", False)),
            *(("</code><b>Checks</b>", 20, "checks", False), ("any", 10, "checks", True)),
            *((f"({variant['gold']})", 5, "equivalent", False), ("", 4, "fails", False)),
        ):
            told = {"completed_type": spelled, "count": count, "ended": spelled != ""}
            right = verdict in ("same", "equivalent")
            told |= {"verdict": verdict, "is_any": is_any, "right": right}
            yield {**variant, **told}

    def _attention(self, variants: Sequence[Row]) -> Iterator[Row]:
        """Every head looks at the first token, and a little at some others."""
        places = range(1, self.size.n_tokens)
        for variant in variants:
            for block in range(self.size.n_points - 1):
                for head in range(self.size.n_heads):
                    others = self.rng.choice(places, 6, replace=False).tolist()
                    weights = [0.5, *(0.1 / (1 + i) for i in range(6))]
                    looked = {"tokens": [0, *others], "weights": weights}
                    yield {**variant, "block": block, "head": head, **looked}

    def _shares(self, variants: Sequence[Row]) -> Iterator[Row]:
        """No head looks at comments."""
        for variant in variants[:FIRST]:
            for block in range(self.size.n_points - 1):
                for head in range(self.size.n_heads):
                    place = {"block": block, "head": head, "region": "comment"}
                    yield {**variant, **place, "share": 0.0}

    def _patches(self, condition: str) -> Iterator[Row]:
        for example in self.examples[:: 2 if condition == "restore" else 3]:
            donor = (example if condition == "restore" else self.examples[1])["example_id"]
            if condition != "restore" and example["example_id"] == f"{3:016x}":
                donor = LEFT_OUT
            for kind in DONORS:
                for point in range(self.size.n_points):
                    reached = kind == "paired" and point >= self.size.n_points // 2
                    yield {
                        "condition": condition,
                        "pair_id": f"{condition}-{example['example_id']}",
                        "example_id": example["example_id"],
                        "edit": "rename_vars",
                        "donor_kind": kind,
                        "donor_example_id": donor,
                        "point": point,
                        "position": "last",
                        "n_points": 1,
                        "predicted": example["gold"] if reached else "unknown",
                        "predicted_token_id": 5 if reached else 6,
                        "gold_logprob": -0.5 if reached else -3.0,
                        "target_logprob": -0.5 if reached else -3.0,
                        "foil_logprob": -3.0 if reached else -0.5,
                        "logit_diff": 2.0 if reached else -2.0,
                        "normalised_effect": float(reached) + 0.1 * float(self.rng.normal()),
                    }

    def _steering(self) -> Iterator[Row]:
        """Every vector at every point on `select`, on `test` each at points of its own.

        No pair is of these gold types: without theirs, the mean difference is the same vector.
        """
        for example in self.examples[:FIRST]:
            vectors = {
                ("mean_difference", "mean_difference"): [3],
                ("gold_type", f"gold_type/{example['gold']}"): [1],
                ("random", "random/000"): [2],
                ("random", "random/001"): [4, 5],
            }
            points = [[point] for point in range(self.size.n_points)]
            tried = dict.fromkeys(vectors, points)
            if example["group"] == "test":
                tried = {name: [chosen] for name, chosen in vectors.items()}
                tried["held_out_type", "mean_difference"] = [[3]]
            for (kind, name), places in tried.items() if example["group"] != "fit" else ():
                for place in places:
                    for strength in (0.5, 1.0, 2.0):
                        yield {
                            **example,
                            "edit": "rename_vars",
                            "outcome": "wrong",
                            "broken": True,
                            "kind": kind,
                            "vector": name,
                            "points": place,
                            "strength": strength,
                            "predicted": example["gold"],
                            "predicted_token_id": 5,
                            "to_gold": strength == 1.0,
                            "gold_logprob": -strength - place[0] / 10,
                        }

    def _first_patches(self) -> Iterator[Row]:
        first = {example["example_id"] for example in self.examples[:FIRST]}
        return (row for row in self._patches("restore") if row["example_id"] in first)

    def _patch_positions(self) -> Iterator[Row]:
        """The name's window of three points does half of what its points do."""
        for row in self._first_patches():
            if row["donor_kind"] != "self":
                whole = None if row["example_id"] == TOO_CLOSE else row["normalised_effect"]
                half = None if whole is None else 0.5 * whole
                yield {**row, "position": "hole_name", "normalised_effect": whole}
                yield {**row, "position": "name", "n_points": 3, "normalised_effect": half}

    def _components(self) -> Iterator[Row]:
        """Head 1 of block 2 does most, a half; each control a twentieth everywhere."""
        parts = (("attention_output", None), ("mlp_output", None), ("head", 0), ("head", 1))
        for row in self._first_patches():
            block, kind = row["point"], row["donor_kind"]
            if block < self.size.n_points - 1 and kind != "random_position":
                for component, head in parts:
                    strongest = 0.5 if (block, head) == (2, 1) else 0.25 / (1 + block)
                    effect = strongest if kind == "paired" else 0.05
                    effect = None if row["example_id"] == TOO_CLOSE else effect
                    part = {"component": component, "block": block, "head": head}
                    yield {**row, **part, "normalised_effect": effect}

    def _traces(self) -> Iterator[Row]:
        """The fourth of six tokens carries the answer at the middle point."""
        texts = ["<fim_prefix>", "f(", "a\n", "width", ": ", HOSTILE]
        roles = ["format", "rest", "rest", "hole_name", "rest", "last"]
        for example in self.examples[:FIRST:2]:
            for condition, edit in (("restore", "rename_aligned"), ("break", "original")):
                for token, (text, role) in enumerate(zip(texts, roles, strict=True)):
                    for point in (0, 3, 6):
                        effect = 0.75 if (token, point) == (3, 3) else 0.125
                        if role == "last":
                            effect = float(point == 6)
                        elif text == ": ":
                            effect = 0.004  # to two digits it is none
                        place = {"token": token, "text": text, "role": role, "point": point}
                        yield {
                            **example,
                            **place,
                            "condition": condition,
                            "edit": edit,
                            "is_run": token >= 3 and (point < 6 or role == "last"),
                            "predicted": "Date" if effect > 0.5 else "unknown",
                            "to_target": effect > 0.5,
                            "normalised_effect": effect,
                        }

    def _algorithms(self) -> Iterator[Row]:
        """Answers follow the nearest annotation, hang on the name, and do not read the uses."""
        for example in self.examples[:FIRST]:
            for edit in EDITS:
                variant = self._variant(example, edit)
                answer = self._prediction(variant)["predicted"]
                for hypothesis, planted, said in (
                    ("nearest", "Map", "Map"),
                    ("name", "Date", "Set"),
                    ("uses", None, answer),
                ):
                    for is_control in (False, True):
                        predicted = answer if is_control else said
                        yield {
                            **variant,
                            "answer": answer,
                            "hypothesis": hypothesis,
                            "is_control": is_control,
                            "planted": planted,
                            "old": "any",
                            "new": planted or "hidden",
                            "predicted": predicted,
                            "moved": predicted != answer,
                            "follows": planted and predicted == planted,
                        }

    def _masking(self) -> Iterator[Row]:
        """Without its declaration the answer is `never`; comments do what other tokens do."""
        for example in self.examples[:FIRST]:
            prediction = self._prediction(self._variant(example, "rename_vars"))
            plain = {"way": "none", "distractor": "none", "is_control": False, "n_masked": 0}
            yield {**prediction, **plain}
            for way, distractor in (("attention_later", "declaration"), ("text", "comments")):
                for is_control in (False, True):
                    moved = distractor == "comments" or not is_control
                    mask = {"way": way, "distractor": distractor, "is_control": is_control}
                    said = {"predicted": "never", "gold_logprob": -3.0} if moved else {}
                    yield {**prediction, **mask, "n_masked": 4, **said}

    def _icl(self) -> Iterator[Row]:
        """Two draws of two examples of the same type, one of them right."""
        for example in self.examples[:FIRST]:
            variant = self._variant(example, "rename_vars")
            for seed, correct in ((1, True), (2, False)):
                shots = {"choice": "same_type", "n_shots": 2, "seed": seed, "shots": []}
                yield {
                    **variant,
                    **shots,
                    "correct": correct,
                    "predicted": variant["gold"] if correct else "Map",
                    "gold_logprob": float(np.log(0.75 if correct else 0.25)),
                }

    def _probes(self) -> Iterator[Row]:
        """The gold is read from the third point on, the random type at none."""
        for example in self.examples[:FIRST]:
            for edit in EDITS if example["group"] == "test" else ():
                for task, label in (("gold", example["gold"]), ("control", "Map")):
                    for point in range(self.size.n_points):
                        read = label if task == "gold" and point > 1 else "Set"
                        yield {
                            **self._variant(example, edit),
                            **{"task": task, "label": label, "point": point, "probed": read},
                            "name_seen": edit == "original",
                        }


def _candidates(texts: Sequence[str]) -> list[Row]:
    return [{"text": text, "logprob": -0.5 - 0.6 * i} for i, text in enumerate(texts)]


def _new_names(text: str) -> dict[str, str]:
    """A new name for each word that stands behind `const`, `let` or a bracket as a parameter."""
    found = dict.fromkeys(re.findall(r"(?:const |let |\(|, )(\w{2,})(?=[:=,)]| =)", text))
    return {old: f"zu{i}" for i, old in enumerate(list(found)[:40]) if old not in TYPES}


def _renamed(text: str, names: Mapping[str, str]) -> str:
    return re.sub(r"\b\w+\b", lambda word: names.get(word[0], word[0]), text)
