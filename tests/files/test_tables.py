"""Tables: schema and manifest in the file, whole or absent, byte-identical."""

import errno
import resource

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.experiments.patch.tables import PATCHES
from fimscope.experiments.tables import SPLIT
from fimscope.files.atomic import replacing
from fimscope.files.rejections import REJECTED, check_sum, rejection
from fimscope.files.tables import (
    ROWS_AT_ONCE,
    Rows,
    read_manifest,
    read_table,
    write_table,
    write_tables,
)

ROWS = [{"edit": "original", "stage": "holes", "n_programs": 3, "n_rows": 7}]


def test_a_table_comes_back_with_its_manifest(tmp_path):
    write_table(tmp_path / "a.parquet", FUNNEL, ROWS, {"step": "t"})
    assert read_table(tmp_path / "a.parquet", FUNNEL).to_pylist() == ROWS
    assert read_manifest(tmp_path / "a.parquet") == {"step": "t"}
    assert pq.ParquetFile(tmp_path / "a.parquet").metadata.row_group(0).column(0).compression == (
        "ZSTD"
    )


def test_same_rows_same_bytes(tmp_path):
    for name in "ab":
        write_table(tmp_path / name, FUNNEL, ROWS, {"b": 1, "a": 2})
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_an_empty_table_keeps_its_columns(tmp_path):
    write_table(tmp_path / "a", PATCHES, [], {})
    assert read_table(tmp_path / "a", PATCHES).column_names == PATCHES.schema.names


def test_a_missing_column_is_not_written_as_null(tmp_path):
    with pytest.raises((KeyError, pa.ArrowException)):
        write_table(tmp_path / "a", FUNNEL, pa.table({"edit": ["x"]}), {})
    assert not (tmp_path / "a").exists()


def test_a_missing_truncated_or_other_table_is_named(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match="a.parquet: no such file"):
        read_table(path, FUNNEL)
    write_table(path, FUNNEL, ROWS, {})
    with pytest.raises(UserError, match=r"a.parquet: table 'funnel/1' found, 'split/1' expected"):
        read_table(path, SPLIT)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="a.parquet: damaged since it was written"):
        read_table(path, FUNNEL)


def test_a_table_of_anothers_making_is_taken_with_a_warning(tmp_path, caplog):
    path = tmp_path / "a.parquet"
    pd.DataFrame(ROWS).assign(note="mine").to_parquet(path)
    caplog.set_level("WARNING")
    for table in (read_table(path, FUNNEL), read_table(path, FUNNEL, ["edit", "n_rows"])):
        assert table.schema == pa.schema([FUNNEL.schema.field(n) for n in table.column_names])
        assert table.to_pylist() == [{n: ROWS[0][n] for n in table.column_names}]
    assert list(Rows(path, FUNNEL)) == ROWS
    assert [str(path) in text for text in caplog.messages] == [True] * 3


def test_another_table_without_a_seal_is_refused_by_the_column_it_lacks(tmp_path):
    path = tmp_path / "a.parquet"
    pq.write_table(pa.table({"edit": ["x"]}), path)
    with pytest.raises(UserError, match=r"a.parquet: no column 'n_programs', which a funnel table"):
        read_table(path, FUNNEL)
    path.write_bytes(b"PAR1 no table PAR1")
    with pytest.raises(UserError, match=r"a.parquet: not readable"):
        Rows(path, FUNNEL)


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


@pytest.mark.process
def test_rows_are_written_and_read_in_pieces_in_their_order(tmp_path):
    n_rows = 2 * ROWS_AT_ONCE + 3
    drawn = []

    def rows():
        for n in range(n_rows):
            drawn.append(n)
            yield "funnel", {**ROWS[0], "n_rows": n}
            if n % 2:
                yield "rejected", rejection("t", "empty", str(n))

    paths = {FUNNEL: tmp_path / "a.parquet", REJECTED: tmp_path / "b.parquet"}
    written = write_tables(paths, rows(), {"step": "t"})
    assert written == {"funnel": n_rows, "rejected": n_rows // 2}
    table = Rows(paths[FUNNEL], FUNNEL)
    assert len(table) == n_rows
    for _ in range(2):
        assert [row["n_rows"] for row in table] == list(range(n_rows))
    assert [row["detail"] for row in Rows(paths[REJECTED], REJECTED)][:2] == ["1", "3"]
    assert list(Rows(paths[FUNNEL], FUNNEL, ["edit"]))[-1] == {"edit": "original"}
    assert read_table(paths[FUNNEL], FUNNEL).num_rows == n_rows
    assert read_manifest(paths[REJECTED]) == {"step": "t"}
    sizes = pq.ParquetFile(paths[FUNNEL]).metadata
    assert [sizes.row_group(k).num_rows for k in range(sizes.num_row_groups)] == [
        ROWS_AT_ONCE,
        ROWS_AT_ONCE,
        3,
    ]


def test_rows_that_end_in_an_error_leave_the_old_tables(tmp_path):
    path, other = tmp_path / "a.parquet", tmp_path / "b.parquet"
    path.write_text("old")

    def rows():
        yield "funnel", ROWS[0]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_tables({FUNNEL: path, REJECTED: other}, rows(), {})
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_table_read_in_pieces_is_checked_as_one_read_whole(tmp_path):
    path = tmp_path / "a.parquet"
    with pytest.raises(UserError, match="a.parquet: no such file"):
        Rows(path, FUNNEL)
    write_table(path, FUNNEL, ROWS, {})
    with pytest.raises(UserError, match=r"a.parquet: table 'funnel/1' found, 'split/1' expected"):
        Rows(path, SPLIT)
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(UserError, match="a.parquet: damaged since it was written"):
        Rows(path, FUNNEL)


@pytest.mark.parametrize("how", ["whole", "in pieces", "text"])
def test_the_error_of_a_full_disk_names_the_file_and_leaves_the_old_one(tmp_path, how):
    path = tmp_path / "a"
    path.write_text("old")
    rows = [{**ROWS[0], "edit": f"{n} {hash(str(n))}"} for n in range(3 * ROWS_AT_ONCE)]
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError) as error:
            if how == "whole":
                write_table(path, FUNNEL, rows, {})
            elif how == "in pieces":
                write_tables({FUNNEL: path}, (("funnel", row) for row in rows), {})
            else:
                with replacing(path) as temporary:
                    temporary.write_text("x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.errno == errno.EFBIG
    assert error.value.filename == str(path)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]
