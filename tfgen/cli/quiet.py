"""Keeps TensorFlow's start-up messages from the screen: they are no part of any answer."""

from __future__ import annotations

import os
import sys
import tempfile

__all__ = ["import_tensorflow"]


def import_tensorflow() -> None:
    """Imports TensorFlow without its messages about oneDNN, CUDA and instruction sets.

    Warnings and errors of later work still appear. What TensorFlow's C++ part writes while it is imported goes straight to the
    file descriptor, whatever TF_CPP_MIN_LOG_LEVEL says, so the descriptor itself is turned away for that moment.

    Raises:
      ImportError: TensorFlow cannot be imported; what it wrote is shown.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as said:
        os.dup2(said.fileno(), 2)
        try:
            import tensorflow as tf

            tf.get_logger().setLevel("ERROR")
        except Exception:
            said.seek(0)
            os.write(kept, said.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
