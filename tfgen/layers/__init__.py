"""Layers that more than one model uses."""

from __future__ import annotations

from tfgen.layers.causal import CausalConv2D
from tfgen.layers.dropout import RowDropout
from tfgen.layers.exact_bias import ExactConv2D, ExactConv2DTranspose
from tfgen.layers.gated import GatedBlock, gate
from tfgen.layers.narrow import NarrowConv2D

__all__ = ["CausalConv2D", "ExactConv2D", "ExactConv2DTranspose", "GatedBlock", "NarrowConv2D", "RowDropout", "gate"]
