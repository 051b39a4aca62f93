"""Layers that more than one model uses."""

from __future__ import annotations

from tfgen.layers.causal import CausalConv2D

__all__ = ["CausalConv2D"]
