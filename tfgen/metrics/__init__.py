"""Measures of generative models: likelihood, sample quality, divergences; statistics in float64."""

from __future__ import annotations

__all__: list[str] = []
