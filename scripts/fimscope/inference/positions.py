"""Positions in prompts and points in a model, as they are asked for, checked."""

from collections.abc import Sequence

from fimscope.errors import MisalignedError, UserError


def token_indices(
    prompts: Sequence[Sequence[int]], positions: Sequence[Sequence[int]]
) -> list[list[int]]:
    """Token indices from 0 for token indices that may count from the end; both [example, position].

    raises MisalignedError where a prompt lacks a position, or their numbers differ
    """
    counts = sorted({len(row) for row in positions})
    if len(positions) != len(prompts) or len(counts) > 1:
        raise MisalignedError(
            f"positions for {len(positions)} prompts, {counts} in each, and {len(prompts)} prompts "
            "found; expected as many positions for every prompt"
        )
    for row, (prompt, indices) in enumerate(zip(prompts, positions, strict=True)):
        for index in indices:
            if not -len(prompt) <= index < len(prompt):
                raise MisalignedError(
                    f"prompt {row} of the batch has {len(prompt)} tokens and no token {index}"
                )
    return [
        [index % len(prompt) for index in indices]
        for prompt, indices in zip(prompts, positions, strict=True)
    ]


def check_points(n_blocks: int, points: Sequence[int] | None) -> list[int]:
    """The points asked for, all of 0..n_blocks by default.

    raises UserError unless they ascend, as a forward passes them
    """
    chosen = list(range(n_blocks + 1)) if points is None else list(points)
    inside = all(0 <= point <= n_blocks for point in chosen)
    if not chosen or chosen != sorted(set(chosen)) or not inside:
        raise UserError(f"points: {chosen} found; expected one or more of 0..{n_blocks}, ascending")
    return chosen
