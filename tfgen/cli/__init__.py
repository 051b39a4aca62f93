"""The `tfgen` command."""

from __future__ import annotations

from tfgen.cli.command import main

__all__ = ["main"]
