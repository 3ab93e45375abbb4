"""The table of programs."""

import pyarrow as pa

from fimscope.files.tables import Table

PROGRAMS = Table(
    "programs",
    [
        ("program_id", pa.string(), "sha256 of the file's bytes"),
        ("package", pa.string()),
        ("version", pa.string()),
        ("license", pa.string()),
        ("path", pa.string()),
        ("n_bytes", pa.int64()),
        ("cluster", pa.string(), "the near-duplicate cluster, named by its first program"),
        ("content", pa.string()),
    ],
    place="{study}/source/programs.parquet",
    row="a program",
)
