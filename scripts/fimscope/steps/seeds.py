"""What is drawn for each item from a seed and its name, whatever other items there are."""

import hashlib
from array import array
from bisect import bisect_left
from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray


def draw(seed: int, name: str) -> str:
    """A number for `name`, in hexadecimal, as if drawn at random; sort by it for a random order.

    It is the same for every draw of one name. The source's programs and holes are drawn by it, so
    those that are there have small numbers, the smaller the more there were: what is drawn of them
    later is drawn by `seed_of`, with a word of its own.
    """
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


def seed_of(seed: int, *words: str) -> int:
    """A seed of its own for each thing that is drawn, in 0..2**64 - 1."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{'/'.join(words)}".encode()).digest()[:8])


def numbers_of(names: Iterable[str]) -> NDArray[np.uint64]:
    """A number for each name, which tells them apart as well as the names do, in 8 bytes each.

    Two of a million names share theirs with a chance of one in 30 million.
    """
    return np.fromiter((seed_of(0, name) for name in names), np.uint64)


class Names:
    """A set of names of which only the numbers are kept."""

    def __init__(self, names: Iterable[str]):
        self._numbers = array("Q", np.sort(numbers_of(names)).tobytes())

    def __contains__(self, name: str) -> bool:
        number = seed_of(0, name)
        place = bisect_left(self._numbers, number)
        return place < len(self._numbers) and self._numbers[place] == number
