"""An order drawn from a seed that each item keeps whatever other items there are."""

import hashlib


def draw(seed: int, name: str) -> str:
    """A number for `name`, in hexadecimal, as if drawn at random; sort by it for a random order."""
    return hashlib.sha256(f"{seed}\0{name}".encode()).hexdigest()
