"""The files that are there and their hashes, while another run writes among them."""

import shutil

from fimscope.files.digests import file_sha256
from fimscope.files.hashes import files_below, hashes_of


def test_what_goes_while_it_is_looked_through_is_left_out(tmp_path):
    for name in ("a.json", "b.json", "one/c.parquet", "two/d.json", "two/e.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(name)
    found = files_below(tmp_path, ("json", "parquet"))
    listed = [next(found), next(found)]  # those of the folder itself; its folders come after
    assert sorted(path.name for path in listed) == ["a.json", "b.json"]
    kept = file_sha256(listed[0])
    listed[1].unlink()
    shutil.rmtree(tmp_path / "two")
    listed += found
    assert listed[2:] == [tmp_path / "one/c.parquet"]
    assert hashes_of(listed, file_sha256) == {kept, file_sha256(listed[2])}
