"""Tables: schema and manifest in the file, whole or absent, byte-identical."""

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fimscope.errors import UserError
from fimscope.rejections import check_sum, rejection
from fimscope.tables import SCHEMAS, read_manifest, read_table, replacing, write_table

ROWS = [{"edit": "original", "stage": "holes", "n_programs": 3, "n_rows": 7}]


def test_a_table_comes_back_with_its_manifest(tmp_path):
    write_table(tmp_path / "a.parquet", "funnel", ROWS, {"step": "t"})
    assert read_table(tmp_path / "a.parquet", "funnel").to_pylist() == ROWS
    assert read_manifest(tmp_path / "a.parquet") == {"step": "t"}
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0).compression == (
        "ZSTD"
    )


def test_same_rows_same_bytes(tmp_path):
    for name in "ab":
        write_table(tmp_path / name, "funnel", ROWS, {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "a", "patches", [], {})
    assert read_table(tmp_path / "a", "patches").column_names == SCHEMAS["patches"].names


def test_a_missing_column_is_not_written_as_null(tmp_path):
    with pytest.raises((KeyError, pa.ArrowException)):
        write_table(tmp_path / "a", "funnel", pa.table({"edit": ["x"]}), {})
    assert not (tmp_path / "a").exists()


def test_a_missing_truncated_or_other_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match="a.parquet: no such file"):
        read_table(path, "funnel")
    write_table(path, "funnel", ROWS, {})
    with pytest.raises(UserError, match=r"a.parquet: table 'funnel/1' found, 'split/1' expected"):
        read_table(path, "split")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="a.parquet: not a whole Parquet file"):
        read_table(path, "funnel")


def test_a_foreign_parquet_file_is_refused(tmp_path):
    pq.write_table(pa.table({"edit": ["x"]}), tmp_path / "a.parquet")
    with pytest.raises(UserError, match="table 'none' found"):
        read_table(tmp_path / "a.parquet", "funnel")


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "a.txt"
    path.write_text("old")
    with pytest.raises(RuntimeError), replacing(path) as temporary:
        temporary.write_text("half")
        raise RuntimeError
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["a.txt"]


def test_a_rejection_needs_a_reason_of_the_list():
    assert rejection("s", "empty", "")["reason"] == "empty"
    with pytest.raises(ValueError, match="dunno"):
        rejection("s", "dunno", "")


def test_the_sum_is_checked():
    check_sum("s", 5, 3, 2)
    with pytest.raises(UserError, match="5 rows came in, 3 went out and 1 were rejected"):
        check_sum("s", 5, 3, 1)
