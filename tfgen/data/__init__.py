"""Data sets in the range that models want, ordered by (seed, epoch)."""

from __future__ import annotations

from tfgen.data.audio import from_wav_folder
from tfgen.data.binary import binarize
from tfgen.data.checks import check_binary, check_images, check_labels, check_lengths
from tfgen.data.fixed import FIXED_SHA256, fixed_binarized
from tfgen.data.folder import from_folder
from tfgen.data.loading import arrays, class_names, load
from tfgen.data.memory import from_arrays
from tfgen.data.points import GaussianModes, grid, ring
from tfgen.data.position import at_position, get_epoch, get_skip, resumable, set_position
from tfgen.data.rates import get_sample_rate, with_sample_rate
from tfgen.data.stacked import from_stacks, stack_indices

__all__ = [
    "FIXED_SHA256",
    "GaussianModes",
    "arrays",
    "at_position",
    "binarize",
    "check_binary",
    "check_images",
    "check_labels",
    "check_lengths",
    "class_names",
    "fixed_binarized",
    "from_arrays",
    "from_folder",
    "from_stacks",
    "from_wav_folder",
    "get_epoch",
    "get_sample_rate",
    "get_skip",
    "grid",
    "load",
    "resumable",
    "ring",
    "set_position",
    "stack_indices",
    "with_sample_rate",
]
