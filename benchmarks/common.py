"""What every benchmark needs: who is the processor, timing in turns, a table."""

from __future__ import annotations

import os
import platform
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
if "tensorflow" not in sys.modules:  # off without AVX512: plain Keras could not train dilated convolutions then
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")

import keras
import tensorflow as tf

from tfgen.precision import processor_flags

__all__ = ["in_turns", "print_machine", "print_table", "processor_name", "random_images"]

_TELLING_FLAGS = ("avx2", "avx512f", "avx512_vnni", "avx512_bf16", "amx_tile", "amx_bf16")


def processor_name() -> str:
    """Returns the processor's name with family and model, since clouds call all of them "AMD EPYC"."""
    fields = {}
    if Path("/proc/cpuinfo").exists():
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            key, _, value = line.partition(":")
            fields.setdefault(key.strip(), value.strip())
    name = fields.get("model name", platform.processor() or platform.machine())
    return f"{name} (family {fields['cpu family']}, model {fields['model']})" if "cpu family" in fields else name


def print_machine() -> None:
    """Prints the lines that every figure must be read with."""
    flags = ", ".join(flag for flag in _TELLING_FLAGS if flag in processor_flags())
    print(f"Processor: {processor_name()}, {os.cpu_count()} cores; flags: {flags or 'unknown'}.")
    print(f"TensorFlow {tf.__version__}, Keras {keras.__version__}, Python {platform.python_version()}.\n")


def in_turns(contestants: Mapping[str, Callable[[], None]], *, rounds: int = 30, calls: int = 1) -> dict[str, float]:
    """Times each contestant in turn, over and over, and keeps the best.

    A shared machine drifts by a fifth within minutes: figures of one run, measured in turns, may be compared; others may not.

    Args:
      contestants: name -> function without arguments, which must wait for its own result. Each is called once beforehand.
      rounds: how often each has its turn.
      calls: calls in one turn; the turn's figure is their mean.

    Returns:
      milliseconds: name -> the best turn's milliseconds a call.
    """
    best = dict.fromkeys(contestants, float("inf"))
    for run in contestants.values():
        run()
    for _ in range(rounds):
        for name, run in contestants.items():
            start = time.perf_counter()
            for _ in range(calls):
                run()
            best[name] = min(best[name], (time.perf_counter() - start) / calls * 1e3)
    return best


def print_table(headers: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a Markdown table; floats with one decimal."""
    print("| " + " | ".join(headers) + " |")
    print("|" + " --- |" * len(headers))
    for row in rows:
        print("| " + " | ".join(f"{cell:.1f}" if isinstance(cell, float) else str(cell) for cell in row) + " |")
    print(flush=True)


def random_images(batch_size: int, *, seed: int = 0) -> tf.Tensor:
    """Draws images of uniform noise, (batch, 28, 28, 1) in [0, 1): time does not depend on what they show."""
    return tf.random.stateless_uniform([batch_size, 28, 28, 1], [seed, 1])
