"""Two logical devices on one processor, so that distribution strategies can be tested anywhere."""

from __future__ import annotations

from functools import cache

import tensorflow as tf

__all__ = ["two_devices", "two_replicas"]


def two_devices() -> list[str]:
    """Splits the processor in two logical devices, once and before TensorFlow computes anything.

    Returns:
      devices: their names, for `tf.distribute.MirroredStrategy`.

    Raises:
      RuntimeError: TensorFlow has started with one device already.

    Example:
      >>> import tfgen.testing
      >>> tfgen.testing.two_devices()
      ['CPU:0', 'CPU:1']
    """
    processor = tf.config.list_physical_devices("CPU")[0]
    if len(tf.config.get_logical_device_configuration(processor) or ()) < 2:
        try:
            tf.config.set_logical_device_configuration(processor, [tf.config.LogicalDeviceConfiguration()] * 2)
        except RuntimeError as error:
            raise RuntimeError(
                "TensorFlow has started with one logical device. Call `tfgen.testing.two_devices()` before anything is computed, "
                f"in `conftest.py` for example. Received: {error}"
            ) from error
    return ["CPU:0", "CPU:1"]


@cache
def two_replicas() -> tf.distribute.MirroredStrategy:
    """Makes the process's one strategy over the two logical devices.

    TensorFlow numbers the collective operations of each `MirroredStrategy` from the same start, so those of a second one in the same
    process are taken for those of the first, and fail with "Shape mismatch in the collective instance".

    Returns:
      strategy: the same object each time.

    Example:
      >>> import tfgen.testing
      >>> tfgen.testing.two_replicas().num_replicas_in_sync
      2
    """
    return tf.distribute.MirroredStrategy(two_devices())
