"""Writes numbers and pictures for TensorBoard with TensorFlow alone: the package `tensorboard` is needed to look at them only."""

from __future__ import annotations

import os
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import pictures

__all__ = ["EventWriter"]


class EventWriter:
    """Writes one event file.

    Args:
      directory: where it goes; made if missing.
    """

    def __init__(self, directory: str | os.PathLike[str]) -> None:
        self._writer = tf.summary.create_file_writer(os.fspath(directory))

    def scalar(self, tag: str, value: float, step: int) -> None:
        """Adds one number."""
        self._write(tag, tf.constant(value, tf.float32), step, "scalars", "DATA_CLASS_SCALAR")

    def images(self, tag: str, images: np.ndarray, step: int) -> None:
        """Adds a grid of images as one picture."""
        picture = pictures.grid(images)
        size = [str(length).encode() for length in (picture.shape[1], picture.shape[0])]
        blobs = tf.constant([*size, tf.io.encode_png(picture).numpy()])
        self._write(tag, blobs, step, "images", "DATA_CLASS_BLOB_SEQUENCE")

    def _write(self, tag: str, tensor: tf.Tensor, step: int, plugin: str, data_class: str) -> None:
        metadata: Any = tf.compat.v1.SummaryMetadata()
        metadata.plugin_data.plugin_name = plugin
        metadata.data_class = type(metadata).DESCRIPTOR.fields_by_name["data_class"].enum_type.values_by_name[data_class].number
        with self._writer.as_default():
            tf.summary.write(tag, tensor, step=step, metadata=metadata)

    def flush(self) -> None:
        """Makes what was written readable."""
        self._writer.flush()

    def close(self) -> None:
        """Ends the file."""
        self._writer.close()
