"""The tables of this experiment."""

import pyarrow as pa

from fimscope.files.columns import VARIANT_KEY
from fimscope.files.tables import Table

RUN_KEY = [
    *VARIANT_KEY,
    ("program_id", pa.string()),
    ("outcome", pa.string(), "right | wrong, of an original; broken, of a variant"),
]
CIRCUIT_RUNS = Table(
    "circuit_runs",
    [
        *RUN_KEY,
        ("corrupted_edit", pa.string(), "of the same example: what cut edges take"),
        ("part", pa.string(), "find: circuits are chosen on it | test: they are run on it"),
        ("n_tokens", pa.int32()),
        ("n_changed", pa.int32(), "tokens that differ from the corrupted prompt's"),
        ("target_token_id", pa.int32(), "what the prompt is answered with"),
        ("foil_token_id", pa.int32(), "what the corrupted prompt is answered with"),
        ("logit_diff", pa.float32(), "target minus foil; null on test"),
        ("corrupted_logit_diff", pa.float32(), "the same in the corrupted run; null on test"),
        (
            "effects",
            pa.list_(pa.float32()),
            "by edge of circuits/edges.parquet: estimated change of logit_diff when it is cut; "
            "null on test",
        ),
    ],
    place="{study}/circuits/runs.parquet",
    row="a prompt beside its corrupted one",
)
CIRCUIT_EDGES = Table(
    "circuit_edges",
    [
        ("edge", pa.int32(), "its number; in the order of what is written, then of what reads"),
        ("writer", pa.string(), "embedding, head BLOCK.HEAD or mlp BLOCK"),
        ("writer_block", pa.int32(), "0 of the embedding"),
        ("reader", pa.string(), "query, key or value BLOCK.HEAD, mlp BLOCK, or logits"),
        ("reader_block", pa.int32(), "of the logits the number of blocks"),
    ],
    place="{study}/circuits/edges.parquet",
    row="an edge from what is written into the residual stream to what reads of it later",
)
CIRCUIT_FAITHFULNESS = Table(
    "circuit_faithfulness",
    [
        *RUN_KEY,
        ("circuit", pa.string(), "of whose answers: right, wrong, broken; random, all"),
        ("way", pa.string(), "kept: all other edges are cut | cut: these edges alone are cut"),
        ("share", pa.float64(), "of all edges that the circuit has"),
        ("n_edges", pa.int32()),
        ("logit_diff", pa.float32(), "target minus foil"),
        (
            "effect",
            pa.float32(),
            "normalised: 0 corrupted run, 1 own run; null under the least gap",
        ),
    ],
    place="{study}/circuits/faithfulness.parquet",
    row="a test run of a prompt with a circuit",
)
CIRCUIT_CUTS = Table(
    "circuit_cuts",
    [
        *RUN_KEY,
        ("edge", pa.int32()),
        ("writer", pa.string()),
        ("reader", pa.string()),
        ("rank", pa.int32(), "in this run, by the estimate's size; 0 is first"),
        ("estimated", pa.float32(), "change of the logit difference when the edge is cut"),
        ("exact", pa.float32(), "the same, of a run in which it is cut (path patching)"),
    ],
    place="{study}/circuits/cuts.parquet",
    row="an edge that was cut alone in a test run",
)
CIRCUIT_PATHS = Table(
    "circuit_paths",
    [
        *RUN_KEY,
        ("start", pa.string(), "name: the hole's name | others: as many other changed tokens"),
        ("n_tokens", pa.int32(), "that the paths start from"),
        ("block", pa.int32()),
        ("head", pa.int32()),
        ("logit_diff", pa.float32(), "target minus foil, where this path alone is patched"),
        ("effect", pa.float32(), "normalised: 0 own run, 1 the corrupted; null under the gap"),
    ],
    place="{study}/circuits/paths.parquet",
    row="a path from some tokens through a head to the last token, in a test run",
)
