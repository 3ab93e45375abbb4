"""Digests in files: every single flipped bit and every cut is noticed, and nothing else is."""

import json

import pyarrow.parquet as pq
import pytest

from fimscope.errors import UserError
from fimscope.experiments.accuracy.tables import FUNNEL
from fimscope.files.digests import dump_json, read_json, read_sealed, sealed
from fimscope.files.tables import Rows, read_table, write_table, write_tables

ROWS = [{"edit": "original", "stage": "holes", "n_programs": 3, "n_rows": 7}]


def write_parquet(path):
    write_table(path, FUNNEL, ROWS, {"step": "t"})


def write_parquet_in_pieces(path):
    write_tables({FUNNEL: path}, (("funnel", row) for row in ROWS), {"step": "t"})


def write_no_rows(path):
    write_tables({FUNNEL: path}, [], {"step": "t"})


def write_json(path):
    path.write_text(dump_json({"b": [1, 2.5, None], "a": {"é": "\u2028", "sha256": "own"}}))


def write_text(path):
    path.write_text(sealed("<svg>\n<!-- sha256 of nothing -->\n</svg>\n"))


KINDS = {
    "parquet": (write_parquet, lambda path: read_table(path, FUNNEL).to_pylist()),
    "pieces": (write_parquet_in_pieces, lambda path: list(Rows(path, FUNNEL))),
    "no rows": (write_no_rows, lambda path: read_table(path, FUNNEL).to_pylist()),
    "json": (write_json, read_json),
    "text": (write_text, read_sealed),
}


@pytest.mark.parametrize("kind", KINDS)
def test_no_flipped_bit_and_no_cut_goes_unseen(tmp_path, kind):
    write, read = KINDS[kind]
    path = tmp_path / "a"
    write(path)
    whole = path.read_bytes()
    expected = read(path)
    for place in range(len(whole)):
        damaged = bytearray(whole)
        damaged[place] ^= 1 << place % 8
        for content in (damaged, whole[:place]):
            path.write_bytes(content)
            with pytest.raises(UserError, match=str(path)):
                read(path)
    path.write_bytes(whole)
    assert read(path) == expected


def test_a_sealed_table_is_any_readers_parquet(tmp_path):
    write_parquet(tmp_path / "a")
    assert pq.read_table(tmp_path / "a").to_pylist() == ROWS


def test_json_comes_back_and_its_own_key_of_that_name_inside_stays(tmp_path):
    write_json(tmp_path / "a")
    assert read_json(tmp_path / "a") == {"b": [1, 2.5, None], "a": {"é": "\u2028", "sha256": "own"}}
    assert len(json.loads((tmp_path / "a").read_text())["sha256"]) == 64
    with pytest.raises(ValueError):
        dump_json({"a": float("nan")})


def test_a_text_without_a_digest_is_refused(tmp_path):
    (tmp_path / "a").write_text("text\n")
    with pytest.raises(UserError, match="a: damaged since it was written"):
        read_sealed(tmp_path / "a")
