"""The tables of the embedded model."""

import pyarrow as pa

from fimscope.files.tables import Table

TRAINING_PROGRAMS = Table(
    "training_programs",
    [
        ("program_id", pa.string()),
        ("package", pa.string()),
        ("version", pa.string()),
        ("license", pa.string()),
        ("path", pa.string()),
        ("n_bytes", pa.int64()),
        ("content", pa.string()),
        ("part", pa.string(), "train | validation"),
        ("starts", pa.list_(pa.int64()), "code points of its annotations"),
        ("ends", pa.list_(pa.int64())),
    ],
    place="training/programs.parquet",
    row="a program of the embedded model's corpus",
)
TRAINING_PACKAGES = Table(
    "training_packages",
    [
        ("package", pa.string()),
        ("version", pa.string()),
        ("license", pa.string()),
        ("part", pa.string()),
        ("n_programs", pa.int64()),
        ("n_bytes", pa.int64()),
        ("n_annotations", pa.int64()),
    ],
    place="training/packages.parquet",
    row="a package of that corpus",
)
TRAINING_LOG = Table(
    "training_log",
    [
        ("step", pa.int64()),
        ("n_tokens", pa.int64()),
        ("loss", pa.float64(), "since the row before, weighted, nats"),
        ("top1", pa.float64(), "of the validation packages' one-token types"),
        ("top10", pa.float64()),
        ("exact", pa.float64(), "whole types of several tokens"),
        ("middle_loss", pa.float64()),
    ],
    place="training/curve.parquet",
    row="a measurement during training",
)
