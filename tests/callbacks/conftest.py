"""What the tests of callbacks share."""

from __future__ import annotations

import warnings
from collections.abc import Iterator

import pytest

from tfgen.callbacks import DoctorWarning


@pytest.fixture(autouse=True)
def shown() -> Iterator[None]:
    """Turns the doctor's warnings back into warnings: the house takes those of the library for errors."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DoctorWarning)
        yield
