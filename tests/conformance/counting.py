"""Counts what makes a test dear, and is the same on every machine: graphs that are traced, and processes that are started."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock

import tensorflow as tf

from tfgen.testing import _processes

__all__ = ["Counted", "counting"]


@dataclass
class Counted:
    """What has been counted so far.

    Args:
      graphs: TensorFlow graphs that were made; branches and bodies of loops are graphs of their own.
      processes: jobs that were given to a new process.
    """

    graphs: int = 0
    processes: int = 0


@contextlib.contextmanager
def counting() -> Iterator[Counted]:
    """Counts what is made inside of the block."""
    counted, make, start = Counted(), tf.Graph.__init__, _processes.start

    def made(graph: tf.Graph, *arguments: Any, **keywords: Any) -> None:
        counted.graphs += 1
        make(graph, *arguments, **keywords)

    def started(folder: Path, jobs: Sequence[Any], devices: int) -> None:
        counted.processes += len(jobs)
        start(folder, jobs, devices)

    with mock.patch.object(tf.Graph, "__init__", made), mock.patch.object(_processes, "start", started):
        yield counted
