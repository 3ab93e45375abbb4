"""A prompt's tokens laid out in lines of a fixed width, with the dull ones left out."""

from collections.abc import Sequence
from dataclasses import dataclass

from fimscope.report.text import visible

LEAST_WEIGHT = 0.02  # a line with less is left out unless it is near the hole
N_NEAR = 4  # lines on either side of the hole's that are always kept


@dataclass(frozen=True)
class Piece:
    """A stretch of one token in a line.

    column   where it starts, in characters
    """

    column: int
    text: str
    weight: float


@dataclass(frozen=True)
class Line:
    """Pieces in order; a line that stands for left-out ones has none, and their number."""

    pieces: list[Piece]
    weight: float
    n_left_out: int = 0


def lay_out(tokens: Sequence[str], weights: Sequence[float], width: int) -> list[Line]:
    """All tokens in lines of at most `width` characters; a line break in a token breaks the line.

    A token's weight stands on each of its pieces and counts for the line where it starts. Control
    characters show as escapes, a token of white space alone as it is.
    """
    lines: list[list[Piece]] = [[]]
    sums = [0.0]
    for token, weight in zip(tokens, weights, strict=True):
        for number, part in enumerate(token.replace("\t", "  ").split("\n")):
            if number:
                lines.append([])
                sums.append(0.0)
            shown = part if part.isspace() or not part else visible(part, max(2, width - 1))
            column = lines[-1][-1].column + len(lines[-1][-1].text) if lines[-1] else 0
            if column and column + len(shown) > width:
                lines.append([])
                sums.append(0.0)
                column = 0
            if not number:
                sums[-1] += weight
            if shown:
                lines[-1].append(Piece(column, shown[:width], weight))
    return [Line(pieces, total) for pieces, total in zip(lines, sums, strict=True)]


def keep_lines(lines: Sequence[Line], hole_line: int) -> list[Line]:
    """The lines near the hole and those with weight; one line stands for each run of the others."""
    kept: list[Line] = []
    for number, line in enumerate(lines):
        if abs(number - hole_line) <= N_NEAR or line.weight >= LEAST_WEIGHT:
            kept.append(line)
        elif kept and kept[-1].n_left_out:
            before = kept[-1]
            kept[-1] = Line([], before.weight + line.weight, before.n_left_out + 1)
        else:
            kept.append(Line([], line.weight, 1))
    return kept
