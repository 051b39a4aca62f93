"""Callbacks beyond Keras's own."""

from __future__ import annotations

from tfgen.callbacks.checkpoint import Checkpoint
from tfgen.callbacks.progress import Progress
from tfgen.callbacks.samples import Samples

__all__ = ["Checkpoint", "Progress", "Samples"]
