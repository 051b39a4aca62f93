"""The autoregressive family."""

from __future__ import annotations

from tfgen.models.autoregressive.base import AutoregressiveModel
from tfgen.models.autoregressive.pixelcnn import PixelCNN

__all__ = ["AutoregressiveModel", "PixelCNN"]
