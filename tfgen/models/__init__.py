"""The models, by family."""

from __future__ import annotations

from tfgen.models.autoregressive import AutoregressiveModel, PixelCNN

__all__ = ["AutoregressiveModel", "PixelCNN"]
