"""What is drawn for each item from a seed and its name, whatever other items there are."""

import hashlib


def draw(seed: int, name: str) -> str:
    """A number for `name`, in hexadecimal, as if drawn at random; sort by it for a random order."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()


def seed_of(seed: int, *words: str) -> int:
    """A seed of its own for each thing that is drawn, in 0..2**64 - 1."""
    return int.from_bytes(hashlib.sha256(f"{seed}/{'/'.join(words)}".encode()).digest()[:8])
