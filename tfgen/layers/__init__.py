"""Layers that more than one model uses."""

from __future__ import annotations

from tfgen.layers.causal import CausalConv2D
from tfgen.layers.causal_1d import GatedBlock1D
from tfgen.layers.compiled import gate, residual_relu
from tfgen.layers.diagonal_lstm import DiagonalBiLSTM
from tfgen.layers.dropout import RowDropout
from tfgen.layers.exact_bias import ExactConv2D, ExactConv2DTranspose
from tfgen.layers.gated import GatedBlock
from tfgen.layers.labels import ClassProjection, WithLabel
from tfgen.layers.lstm import lstm_cell, lstm_scan
from tfgen.layers.narrow import NarrowConv2D
from tfgen.layers.row_lstm import RowLSTM

__all__ = [
    "CausalConv2D",
    "ClassProjection",
    "DiagonalBiLSTM",
    "ExactConv2D",
    "ExactConv2DTranspose",
    "GatedBlock",
    "GatedBlock1D",
    "NarrowConv2D",
    "RowDropout",
    "RowLSTM",
    "WithLabel",
    "gate",
    "lstm_cell",
    "lstm_scan",
    "residual_relu",
]
