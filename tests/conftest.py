"""What all tests share: quiet logs and two logical devices."""

from __future__ import annotations

import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from tfgen.testing import two_devices

two_devices()  # before any operation runs: TensorFlow fixes its devices at the first one

pytest_plugins = ("tests.ledger", "tests.groups", "tests.rota")  # what runs together, in what order, and which slow tests

# Tracing makes millions of objects that live as long as the model they belong to: looking through all of them, and through what
# was imported, every few hundred objects takes some per cent of the time.
gc.freeze()
gc.set_threshold(20_000, 10, 10)

os.fsync = lambda descriptor: None  # a test's files need not outlive the machine, and a disk takes milliseconds for each
