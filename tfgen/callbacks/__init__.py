"""Callbacks beyond Keras's own."""

from __future__ import annotations

from tfgen.callbacks.checkpoint import Checkpoint
from tfgen.callbacks.doctor import Doctor
from tfgen.callbacks.findings import DoctorError, DoctorWarning, Finding, Thresholds
from tfgen.callbacks.progress import Progress
from tfgen.callbacks.samples import Samples
from tfgen.callbacks.score import Score

__all__ = ["Checkpoint", "Doctor", "DoctorError", "DoctorWarning", "Finding", "Progress", "Samples", "Score", "Thresholds"]
