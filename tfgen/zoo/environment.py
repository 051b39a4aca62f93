"""Where a number was computed: processor and versions."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

from tfgen import precision

__all__ = ["hardware", "versions"]


def hardware() -> str:
    """Names the processor, its cores and the instruction sets that matter for training.

    Returns:
      hardware: for example "AMD EPYC, 2 cores, avx512_bf16".

    Example:
      >>> from tfgen.zoo.environment import hardware
      >>> "cores" in hardware()
      True
    """
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.exists():
        found = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
        model = found[0] if found else model
    flags = [flag for flag in ("amx_bf16", "avx512_bf16", "avx512f") if flag in precision.processor_flags()]
    return f"{model}, {os.cpu_count()} cores, {flags[0] if flags else 'no AVX512'}"


def versions() -> dict[str, str]:
    """Lists the versions that a number may depend on.

    Returns:
      versions: of tfgen, tensorflow, keras and numpy.

    Example:
      >>> from tfgen.zoo.environment import versions
      >>> sorted(versions())
      ['keras', 'numpy', 'tensorflow', 'tfgen']
    """
    own = sys.modules["tfgen"].__version__  # read where it stands: a clone on the path is not installed
    return {"tfgen": own, "tensorflow": tf.__version__, "keras": keras.__version__, "numpy": np.__version__}
