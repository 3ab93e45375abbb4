"""Numbers as they stand in JSON: rounded, so that equal runs print alike."""

import math
from typing import Any

Numbers = dict[str, Any]
INTERVAL = ("estimate", "lower", "upper")  # keys of an estimate with its interval


def number(value: float) -> float | None:
    """A float at six decimals, so that equal runs print alike; None where it is not finite."""
    return round(float(value), 6) + 0.0 if math.isfinite(value) else None


def significant(p: float) -> float:
    """A p-value at four significant digits."""
    return float(f"{p:.4g}")
