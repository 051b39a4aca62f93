"""The sample rate of sound, carried by a data set: transformations of it (`map`, `take`, `repeat`, ...) carry it on."""

from __future__ import annotations

import re

import tensorflow as tf

from tfgen import checks

__all__ = ["get_sample_rate", "with_sample_rate"]

# tf.data hands its options from a data set to all that are made of it, and one of them is a name that changes nothing else
_NAME = "sound at {} Hz"


def with_sample_rate(dataset: tf.data.Dataset, sample_rate: int) -> tf.data.Dataset:
    """Says the sample rate of a data set of sound, which models of sound then compare with their own.

    Args:
      dataset: waveforms, with labels or without.
      sample_rate: in Hz.

    Returns:
      dataset: the same elements.

    Raises:
      ValueError: the rate is no positive integer.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> data = tfgen.data.with_sample_rate(tf.data.Dataset.from_tensors(tf.zeros((2, 40, 1))), 16000)
      >>> tfgen.data.get_sample_rate(data.repeat().map(lambda x: x / 2))
      16000
    """
    options = tf.data.Options()
    options.dataset_name = _NAME.format(checks.integer(sample_rate, "sample_rate", least=1))
    return dataset.with_options(options)


def get_sample_rate(dataset: tf.data.Dataset) -> int | None:
    """Tells the sample rate that a data set carries.

    Args:
      dataset: any `tf.data.Dataset`.

    Returns:
      sample_rate: in Hz; None where nobody said it.

    Example:
      >>> import tensorflow as tf, tfgen
      >>> tfgen.data.get_sample_rate(tf.data.Dataset.range(3)) is None
      True
    """
    found = re.fullmatch(_NAME.format("([0-9]+)"), dataset.options().dataset_name or "")
    return int(found.group(1)) if found else None
