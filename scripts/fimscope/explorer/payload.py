"""What the page of one example shows, as small as it goes: numbers rounded, texts said once."""

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from fimscope.explorer.alignment import changes, utf16_length
from fimscope.explorer.pieces import Decode
from fimscope.typescript.results import KEPT

N_SAMPLED_TYPES = 8  # of a variant, the commonest
LENS_DIGITS = 4  # of probabilities, the bulk of a page; a percentage shows three at most
N_DIRECT_HEADS = 8  # of an example that are named in its direct logit attribution

Row = Mapping[str, Any]
Json = Any


class Texts:
    """Texts by number, each kept once."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def number(self, text: str | None) -> int | None:
        return None if text is None else self.numbers.setdefault(text, len(self.numbers))

    def all(self) -> list[str]:
        return list(self.numbers)


def rounded(value: float | None, digits: int) -> float | None:
    """A number of few digits, that the screen rounds again; None for what is no number.

    digits   behind the point, more than are shown. The last one never becomes a 0 or a 5: what lies
             beside a tie of fewer digits still does, so the screen shows what it would show of the
             value itself (Boldo & Melquiond 2008, IEEE Transactions on Computers 57: to odd, and in
             decimals round-05up of Python's `decimal`)
    """
    if value is None or value != value:
        return None
    scaled = value * 10**digits
    whole = math.trunc(scaled)
    if whole != scaled and whole % 5 == 0:
        whole += 1 if scaled > 0 else -1
    return whole / 10**digits


def probability(logprob: float | None, digits: int = 6) -> float | None:
    """The probability of a log-probability, rounded."""
    return None if logprob is None else rounded(math.exp(logprob), digits)


def program_text(variant: Row) -> str:
    """The whole program of a variant, its gold type in the hole."""
    return variant["prefix"] + variant["gold"] + variant["suffix"]


def source(variant: Row) -> dict[str, Json]:
    """The original program: text, and where its hole is, in UTF-16 units."""
    start = utf16_length(variant["prefix"])
    return {
        "text": program_text(variant),
        "hole": [start, start + utf16_length(variant["gold"])],
    }


def edited_source(original: Row, variant: Row) -> dict[str, Json]:
    """What an edit made of a program: the changes, where the hole now is, what was renamed."""
    listed = [r for r in variant["renames"] or [] if r["kind"] != KEPT]
    renames = {(r["old"], r["new"], r["kind"]): None for r in listed}
    names: dict[str, str] = {}
    for old, new, _ in renames:
        names.setdefault(new, old)
    start = utf16_length(variant["prefix"])
    return {
        "changes": changes(program_text(original), program_text(variant), names),
        "hole": [start, start + utf16_length(variant["gold"])],
        "renames": list(map(list, renames)),
    }


def answer(prediction: Row, split: Row, cut_at: int | None = None) -> dict[str, Json]:
    """What the model said of a variant.

    cut_at   the number of tokens at which its completion was cut; None: it came to its end
    """
    return {
        "outcome": outcome(split),
        "gold": prediction["gold"],
        "predicted": prediction["predicted"],
        "completion": prediction["completion"],
        "cut_at": cut_at,
        "gold_rank": prediction["gold_rank"],
        "gold_probability": probability(prediction["gold_logprob"]),
        "n_tokens": prediction["n_tokens"],
        "n_prompt_truncated": prediction["n_prompt_truncated"],
        "top10": [[c["text"], probability(c["logprob"])] for c in prediction["top10"] or []],
    }


def outcome(split: Row) -> str:
    """right | wrong | broken | mended: the last two for what an edit changed."""
    if split["broken"]:
        return "broken"
    return "mended" if split["mended"] else split["outcome"]


def prompt(row: Row, pieces: Sequence[str]) -> dict[str, Json]:
    """The tokens of a prompt, and the positions that have a name."""
    return {
        "pieces": list(pieces),
        "window": row["window"],
        "positions": {p["name"]: p["index"] for p in row["positions"]},
    }


def lens(rows: Iterable[Row]) -> dict[str, Json] | None:
    """The logit lens of a variant: by position a list over points; None without rows.

    texts   the tokens that appear; `top` names them by number, with probabilities beside
    """
    texts = Texts()
    positions: dict[str, list[Json]] = {}
    for row in sorted(rows, key=lambda row: row["point"]):
        top = row["top10"] or []
        positions.setdefault(row["position"], []).append(
            {
                "point": row["point"],
                "top": [texts.number(c["text"]) for c in top],
                "probabilities": [probability(c["logprob"], LENS_DIGITS) for c in top],
                "gold_rank": row["gold_rank"],
                "gold_probability": probability(row["gold_logprob"], LENS_DIGITS),
                "entropy": rounded(row["entropy"], 2),
                "divergence": rounded(row.get("divergence"), 2),
            }
        )
    columns = {name: _columns(points) for name, points in positions.items()}
    return {"texts": texts.all(), "positions": columns} if columns else None


def linear_lens(rows: Iterable[Row]) -> list[Row]:
    """Rows of the linear lens as those of the lens, at a position of its own: `last_linear`."""
    return [{**row, "position": "last_linear"} for row in rows if row["map"] == "fitted"]


def direct(rows: Sequence[Row], parts: Sequence[Row], decode: Decode) -> dict[str, Json] | None:
    """What each part of the last residual brings of gold less foil; None where it is not known.

    rows    of the direct_logits table, of one variant: embeddings, blocks in order, biases
    parts   of the direct_heads table, of the same
    """
    shares = [row["share"] for row in rows]
    if not shares or None in shares:
        return None
    return {
        "foil": decode((rows[0]["foil_token_id"],)),
        "parts": [row["part"] if row["block"] is None else row["block"] for row in rows],
        "shares": [rounded(share, 4) for share in shares],
        "difference": rounded(sum(shares), 4),
        "heads": _direct_heads(parts),
    }


def _direct_heads(parts: Sequence[Row]) -> dict[str, Json] | None:
    """The heads that bring most, either way, and the sums of the other parts of all blocks."""
    shares = [part["share"] for part in parts]
    if not shares or None in shares:
        return None
    heads = [part for part in parts if part["part"] == "head"]
    heads.sort(key=lambda part: -abs(part["share"]))

    def total(own: Iterable[Row]) -> float | None:
        return rounded(sum(part["share"] for part in own), 4)

    return {
        "top": [[h["block"], h["head"], rounded(h["share"], 4)] for h in heads[:N_DIRECT_HEADS]],
        "n_others": len(heads[N_DIRECT_HEADS:]),
        "others": total(heads[N_DIRECT_HEADS:]),
        "biases": total(part for part in parts if part["part"] == "biases"),
        "mlps": total(part for part in parts if part["part"] == "mlp"),
    }


def pairs(rows: Iterable[Row]) -> list[Json]:
    """The patch curves of a recipient: one entry a pair, in it one curve a donor and place.

    A place is a position, or a set of them, and how many points are patched together.
    """
    found: dict[str, dict[str, Json]] = {}
    for row in rows:
        entry = found.setdefault(
            row["pair_id"], {"condition": row["condition"], "donor": None, "curves": {}}
        )
        if row["donor_kind"] == "paired":
            entry["donor"] = row["donor_example_id"]
        key = (row["donor_kind"], row["position"], row["n_points"])
        entry["curves"].setdefault(key, []).append(row)
    return [
        {
            "condition": entry["condition"],
            "donor": entry["donor"],
            "curves": [_curve(*key, rows=r) for key, r in entry["curves"].items()],
        }
        for entry in found.values()
    ]


def _curve(kind: str, position: str, n_points: int, rows: list[Row]) -> dict[str, Json]:
    texts = Texts()
    rows = sorted(rows, key=lambda row: row["point"])
    return {
        "kind": kind,
        "position": position,
        "n_points": n_points,
        "points": [row["point"] for row in rows],
        "effects": [rounded(row["normalised_effect"], 4) for row in rows],
        "logit_diffs": [rounded(row["logit_diff"], 3) for row in rows],
        "gold_logprobs": [rounded(row["gold_logprob"], 3) for row in rows],
        "predicted": [texts.number(row["predicted"]) for row in rows],
        "texts": texts.all(),
        **({} if kind != "paired" else _both(rows)),
    }


def _both(rows: list[Row]) -> dict[str, Json]:
    return {
        f"{name}s": [rounded(row[name], 3) for row in rows]
        for name in ("target_logprob", "foil_logprob")
    }


def heads(rows: Iterable[Row]) -> list[Json]:
    """What each head looks at most: [block, head, [token, per mille, token, per mille, ...]]."""
    return [
        [row["block"], row["head"], _interleaved(row["tokens"], row["weights"])] for row in rows
    ]


def _interleaved(tokens: Sequence[int], weights: Sequence[float]) -> list[int]:
    pairs = zip(tokens, weights, strict=True)
    return [number for token, weight in pairs for number in (token, round(1000 * weight))]


def shares(rows: Iterable[Row]) -> dict[str, Json]:
    """By region the share of every head's attention that falls on it: [block, head, share]."""
    found: dict[str, list[Json]] = {}
    for row in rows:
        place = [row["block"], row["head"], rounded(row["share"], 4)]
        found.setdefault(row["region"], []).append(place)
    return found


def steering(rows: Iterable[Row]) -> list[Json]:
    """What steering did to a variant: one entry a vector and set of points, over strengths."""
    found: dict[tuple[str, str, tuple[int, ...]], list[Row]] = {}
    for row in rows:
        key = (row["kind"] or "none", row["vector"] or "", tuple(row["points"] or ()))
        found.setdefault(key, []).append(row)
    return [
        {
            "kind": kind,
            "vector": vector,
            "points": list(points),
            "strengths": [row["strength"] for row in doses],
            "predicted": [row["predicted"] for row in doses],
            "to_gold": [row["to_gold"] for row in doses],
            "gold_probabilities": [probability(row["gold_logprob"]) for row in doses],
        }
        for (kind, vector, points), doses in sorted(found.items())
    ]


def samples(rows: Sequence[Row], types: Sequence[Row]) -> dict[str, Json] | None:
    """What sampling gave of a variant; None where it was not sampled.

    types   rows of the sampled types, the commonest first: `types` has the first of them, as
            [type, samples, verdict, whether it is right, whether it is `any` to the compiler]
    """
    if not rows:
        return None
    counts = ("n_right", "n_same", "n_equivalent", "n_checks", "n_any", "n_fails", "n_unended")
    names = ("n", *counts, "pass_at_1", "pass_at_10", "pass_at_100", "distinct")
    return {
        **{name: rounded(rows[0].get(name), 4) for name in names},
        "types": [
            [*(row[name] for name in ("completed_type", "count", "verdict", "right", "is_any"))]
            for row in [row for row in types if row["ended"]][:N_SAMPLED_TYPES]
        ],
    }


def _columns(rows: list[dict[str, Json]]) -> dict[str, list[Json]]:
    return {name: [row[name] for row in rows] for name in rows[0]}
