"""What tests of several folders use."""

from collections.abc import Iterator

import pytest

from fimscope.typescript import TypeScript


@pytest.fixture(scope="module")
def typescript() -> Iterator[TypeScript]:
    """A TypeScript service as it is by default, one for each file of tests."""
    with TypeScript() as service:
        yield service
