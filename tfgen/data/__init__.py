"""Data sets in the range that models want, ordered by (seed, epoch)."""

from __future__ import annotations

from tfgen.data.checks import check_binary, check_images, check_labels, check_lengths
from tfgen.data.position import get_epoch, get_skip, resumable, set_position

__all__ = [
    "check_binary",
    "check_images",
    "check_labels",
    "check_lengths",
    "get_epoch",
    "get_skip",
    "resumable",
    "set_position",
]
