"""The page's table of model types: those that the tests run over, and no other."""

import pytest

from checked_types import checked_names, types_section, with_section
from fimscope.models.families import FAMILIES, REFUSED
from pages import ROOT


@pytest.mark.model
def test_the_table_is_up_to_date():
    page = (ROOT / "docs/model.md").read_text("utf-8")
    again = "PYTHONPATH=scripts python tests/helpers/checked_types.py docs/model.md"
    assert page == with_section(page, types_section()), f"the table is old: {again}"


def test_every_type_that_is_read_is_run_by_the_tests():
    assert checked_names().keys() == FAMILIES.keys()
    assert not FAMILIES.keys() & REFUSED.keys()
