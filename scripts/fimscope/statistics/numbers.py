"""Numbers as they stand in JSON: rounded, so that equal runs print alike."""

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Numbers = dict[str, Any]
INTERVAL = ("estimate", "lower", "upper")  # keys of an estimate with its interval


def number(value: ArrayLike) -> Any:
    """A float at six decimals, None where it is not finite; of an array [...], lists of these."""
    if np.ndim(value):
        return [number(own) for own in value]
    return round(float(value), 6) + 0.0 if math.isfinite(value) else None


def significant(p: ArrayLike) -> Any:
    """A p-value at four significant digits; of an array [...], lists of these."""
    return [significant(own) for own in p] if np.ndim(p) else float(f"{p:.4g}")
