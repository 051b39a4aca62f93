"""Deployment: versioned SavedModels, and the files that put them behind TensorFlow Serving."""

from __future__ import annotations

from tfgen.export._kit import served_name, serving_kit
from tfgen.export._saved_model import saved_model

__all__ = ["saved_model", "served_name", "serving_kit"]
