"""What all tests share: quiet logs, two logical devices, and data sets that start at epoch 0."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import pytest
import tensorflow as tf

import tfgen.data
from tfgen.testing import two_devices

two_devices()  # before any operation runs: TensorFlow fixes its devices at the first one

# TensorFlow's graph optimizers take a fifth of the time of a graph that runs once. They are left to where what users get is proven:
# the contract, files, exports, servers, trained weights.
OPTIMIZED = {"conformance", "export", "serving", "stored", "zoo", "cli"}

pytest_plugins = ("tests.ledger", "tests.groups", "tests.rota")  # what runs together, in what order, and which slow tests

# Tracing makes millions of objects that live as long as the model they belong to: looking through all of them, and through what
# was imported, every few hundred objects takes some per cent of the time.
gc.freeze()
gc.set_threshold(20_000, 10, 10)


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Switches the optimizers of graphs on or off, where the test before has left them otherwise."""
    room = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    wanted = {"disable_meta_optimizer": room not in OPTIMIZED}
    if tf.config.optimizer.get_experimental_options().get("disable_meta_optimizer", False) != wanted["disable_meta_optimizer"]:
        tf.config.optimizer.set_experimental_options(wanted)


@pytest.fixture(autouse=True)
def start_of_training() -> None:
    """Sets the process-wide position in the data back, which a test before may have moved."""
    tfgen.data.set_position(0)
