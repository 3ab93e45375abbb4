"""The shelf on the disk holds what a list would."""

import resource
import tempfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fimscope.files.shelf import Shelf

VALUES = st.dictionaries(st.text(), st.none() | st.integers() | st.floats() | st.lists(st.text()))


@given(st.lists(VALUES), st.randoms())
def test_values_are_found_by_their_numbers_in_whatever_order_they_came(values, random):
    shelf = Shelf(len(values))
    numbers = list(range(len(values)))
    random.shuffle(numbers)
    for number in numbers:
        shelf[number] = values[number]
    assert repr(list(shelf)) == repr(values)  # nan is nan here
    assert repr(shelf[1:3]) == repr(values[1:3])
    assert len(Shelf.of(values)) == len(values)


def test_a_number_without_a_value_is_an_error():
    shelf = Shelf(2)
    shelf[1] = "there"
    with pytest.raises(KeyError):
        shelf[0]
    assert shelf[1] == "there"


def test_a_full_disk_is_named_though_the_file_has_no_name():
    shelf = Shelf(2)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large") as error:
            shelf[0] = "x" * 100_000
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert error.value.filename == f"{tempfile.gettempdir()} (TMPDIR)"
