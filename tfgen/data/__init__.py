"""Data sets in the range that models want, ordered by (seed, epoch)."""

from __future__ import annotations

from tfgen.data.position import get_epoch, get_skip, resumable, set_position

__all__ = ["get_epoch", "get_skip", "resumable", "set_position"]
