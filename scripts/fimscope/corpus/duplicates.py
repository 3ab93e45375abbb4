"""Programs that are the same, and programs that are nearly the same."""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np

from fimscope.corpus.components import Components
from fimscope.steps.frame import Progress

TOKEN = re.compile(r"\w+|[^\w\s]")
SHINGLE_TOKENS = 5
# 25 bands of 5 rows make two programs of similarity 0.8 candidates with probability 0.99995.
BANDS, ROWS = 25, 5
# Shingles are permuted this many at a time, which bounds the memory that one program takes.
CHUNK = 16384


def first_alike(program_ids: Sequence[str]) -> list[int]:
    """For each program, the first one of the same bytes (itself if there is none before it)."""
    first: dict[str, int] = {}
    return [first.setdefault(program_id, i) for i, program_id in enumerate(program_ids)]


def near_duplicate_clusters(contents: Sequence[str], threshold: float = 0.8) -> list[int]:
    """For each program, the first one of its near-duplicate cluster.

    Two programs whose Jaccard similarity is `threshold` or more are in one cluster, and so is what
    hangs together through others. Candidates come from MinHash with banding (Broder 1997;
    Leskovec, Rajaraman and Ullman, Mining of Massive Datasets, chapter 3); each is then measured
    exactly, so no two programs are joined by an estimate.
    """
    from datasketch import MinHash, MinHashLSH

    index = MinHashLSH(params=(BANDS, ROWS), num_perm=BANDS * ROWS)
    empty = MinHash(num_perm=BANDS * ROWS, scheme="affine32", hashfunc=int)
    clusters = Components(len(contents))
    cached_shingles = lru_cache(maxsize=512)(lambda i: shingles(contents[i]))
    token_ids: dict[str, int] = {}
    progress = Progress("near-duplicates", len(contents), "programs")
    for i, content in enumerate(contents):
        sketch = empty.copy()
        hashes = _shingle_hashes(content, token_ids)
        for start in range(0, len(hashes), CHUNK):
            sketch.update_batch(hashes[start : start + CHUNK])
        for j in sorted(index.query(sketch)):
            if clusters.find(i) != clusters.find(j) and (
                jaccard(cached_shingles(i), cached_shingles(j)) >= threshold
            ):
                clusters.join(i, j)
        index.insert(i, sketch)
        progress.add()
    return [clusters.find(i) for i in range(len(contents))]


def shingles(content: str) -> frozenset[tuple[str, ...]]:
    """Every run of five tokens (words, and single signs) of a program; all of it if shorter."""
    tokens = TOKEN.findall(content)
    if len(tokens) < SHINGLE_TOKENS:
        return frozenset([tuple(tokens)])
    return frozenset(zip(*(tokens[i:] for i in range(SHINGLE_TOKENS)), strict=False))


def jaccard(one: frozenset, other: frozenset) -> float:
    """The share of what is in either set that is in both; the sets are not empty."""
    common = len(one & other)
    return common / (len(one) + len(other) - common)


def _shingle_hashes(content: str, token_ids: dict[str, int]) -> list[int]:
    """A 32-bit hash of each shingle, each once, from token numbers that `token_ids` gives out."""
    tokens = TOKEN.findall(content)
    ids = [token_ids.setdefault(token, len(token_ids)) for token in tokens]
    numbers = np.array(ids, dtype=np.uint64)
    n = max(len(numbers) - SHINGLE_TOKENS + 1, 1)
    hashes = np.zeros(n, dtype=np.uint64)
    for i in range(min(SHINGLE_TOKENS, len(numbers))):
        hashes = (hashes + numbers[i : i + n] + np.uint64(1)) * np.uint64(0x9E3779B97F4A7C15)
        hashes ^= hashes >> np.uint64(29)
    return np.unique(hashes >> np.uint64(32)).tolist()
