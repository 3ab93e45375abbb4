"""Numbers in words."""

import pytest

from fimscope.report.format import count, counted


@pytest.mark.parametrize(
    ("n", "said"), [(0, "0 programs"), (1, "1 program"), (2, "2 programs"), (1200, "1200 programs")]
)
def test_one_is_counted_as_one(n, said):
    assert counted(n, "program") == said
    assert count({"n": 7, "n_programs": n}) == f"n = 7 ({said})"
