"""Layers that more than one model uses."""

from __future__ import annotations

from tfgen.layers.causal import CausalConv2D
from tfgen.layers.exact_bias import ExactConv2D, ExactConv2DTranspose
from tfgen.layers.narrow import NarrowConv2D

__all__ = ["CausalConv2D", "ExactConv2D", "ExactConv2DTranspose", "NarrowConv2D"]
