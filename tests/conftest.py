"""What all tests share: quiet logs, two logical devices, and data sets that start at epoch 0."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest

import tfgen.data
from tfgen.testing import two_devices

two_devices()  # before any operation runs: TensorFlow fixes its devices at the first one

pytest_plugins = ("tests.ledger",)

# Tracing makes millions of objects that live as long as the model they belong to: looking through all of them, and through what
# was imported, every few hundred objects takes some per cent of the time.
gc.freeze()
gc.set_threshold(20_000, 10, 10)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Keeps together, in one of the processes, what shares costly preparations: a file, and a case of the conformance suite."""
    for item in items:
        case = getattr(item, "callspec", None) and item.callspec.params.get("case")
        item.add_marker(pytest.mark.xdist_group(getattr(case, "name", None) or item.nodeid.split("::")[0]))


@pytest.fixture(autouse=True)
def start_of_training() -> None:
    """Sets the process-wide position in the data back, which a test before may have moved."""
    tfgen.data.set_position(0)
