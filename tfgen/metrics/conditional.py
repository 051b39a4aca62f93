"""Measures of class-conditional samples: are they of their class, like its images, and different from each other."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import checks
from tfgen.metrics._arrays import feature_array, same_size
from tfgen.metrics.frechet import frechet_distance
from tfgen.random import row_keys, row_seeds

__all__ = ["PerClass", "class_accuracy", "intra_class_frechet", "ms_ssim_diversity", "multi_scale_ssim"]

_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)  # published, finest scale first
_FILTER = 11
_SLACK = 1e-5  # resizing and bfloat16 round a little past the ends of the range
_PIXELS = 2**22  # pixels at once


@typing.final
@dataclass(frozen=True)
class PerClass:
    """One number for each class that occurs, and one for all.

    Args:
      value: the number for all; each measure says how it is formed.
      per_class: class -> its number, in ascending order of classes.
      counts: class -> how many rows (or pairs) its number rests on.

    Example:
      >>> import tfgen
      >>> tfgen.metrics.class_accuracy([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]], [0, 1, 1]).per_class
      {0: 1.0, 1: 0.5}
    """

    value: float
    per_class: Mapping[int, float]
    counts: Mapping[int, int] = field(repr=False)


def class_accuracy(probabilities: Any, labels: Any) -> PerClass:
    """Measures how often a classifier sees the class that a sample was asked for: `mean_i 1[argmax_c p_ic = label_i]`.

    A classifier errs on real images too, so compare with its accuracy on test images. A generator that draws one perfect image
    per class reaches 1: look at `intra_class_frechet` and `ms_ssim_diversity` as well.

    Args:
      probabilities: (n, classes) of a classifier on the samples; logits do as well.
      labels: (n,) integers in [0, classes), what the samples were conditioned on.

    Returns:
      accuracy: `value` over all samples, and by class, in [0, 1].

    Raises:
      TypeError: the values are not numbers, or labels are not integers.
      ValueError: shapes that do not fit, no sample, NaN, or a label out of range.

    Example:
      >>> import tfgen
      >>> tfgen.metrics.class_accuracy([[0.9, 0.1], [0.2, 0.8], [0.7, 0.3], [0.1, 0.9]], [0, 1, 1, 1]).value
      0.75

    Reference: Odena, Olah, Shlens, 2017, Conditional image synthesis with auxiliary classifier GANs, arXiv 1610.09585.
    """
    probabilities = feature_array(probabilities, "probabilities")
    classes = _labels(labels, "labels", len(probabilities), probabilities.shape[1])
    right = probabilities.argmax(1) == classes
    groups = {int(label): classes == label for label in np.unique(classes)}
    return PerClass(
        float(right.mean()),
        {label: float(right[members].mean()) for label, members in groups.items()},
        {label: int(members.sum()) for label, members in groups.items()},
    )


def intra_class_frechet(
    real_features: Any, real_labels: Any, generated_features: Any, generated_labels: Any, *, min_rows: int | None = None
) -> PerClass:
    """Measures the Frechet distance within each class, which sees samples of the wrong class and a class without variety.

    The distance of all rows at once may be small while classes are confused; these cannot be. It falls with the number of rows
    (see `frechet_distance`), so compare equal numbers per class only.

    Args:
      real_features: (n, d).
      real_labels: (n,) integers from 0.
      generated_features: (m, d) of the same extractor.
      generated_labels: (m,) integers from 0, what the samples were conditioned on.
      min_rows: rows that every class must have in both sets, at least 2; None means d + 1, below which a covariance is singular.

    Returns:
      distances: by class, and `value` their plain mean; `counts` are those of the generated rows.

    Raises:
      TypeError: the values are not numbers, or labels are not integers.
      ValueError: shapes that do not fit, NaN, classes that are not the same in both sets, or a class with too few rows.

    Example:
      >>> import numpy as np, tfgen
      >>> real, labels = np.array([[0.0], [2.0], [5.0], [7.0]]), np.array([0, 0, 1, 1])
      >>> found = tfgen.metrics.intra_class_frechet(real, labels, real + [[3.0], [3.0], [1.0], [1.0]], labels)
      >>> {label: round(distance, 6) for label, distance in found.per_class.items()}
      {0: 9.0, 1: 1.0}

    Reference: Miyato and Koyama, 2018, cGANs with projection discriminator, arXiv 1802.05637.
    """
    real, generated = feature_array(real_features, "real_features"), feature_array(generated_features, "generated_features")
    same_size(real.shape[1], generated.shape[1], ("real_features", "generated_features"))
    real_classes = _labels(real_labels, "real_labels", len(real))
    generated_classes = _labels(generated_labels, "generated_labels", len(generated))
    least = real.shape[1] + 1 if min_rows is None else checks.integer(min_rows, "min_rows", least=2)
    distances, counts = {}, {}
    for label in np.union1d(real_classes, generated_classes).tolist():
        pair = real[real_classes == label], generated[generated_classes == label]
        if min(map(len, pair)) < least:
            raise ValueError(
                f"Expected at least {least} rows of each class in both sets; pass more rows, or a smaller `min_rows` and say so. "
                f"Received: {len(pair[0])} real and {len(pair[1])} generated rows of class {label}"
            )
        distances[label], counts[label] = frechet_distance(*pair), len(pair[1])
    return PerClass(float(np.mean(list(distances.values()))), distances, counts)


def multi_scale_ssim(a: Any, b: Any) -> np.ndarray:
    """Measures the structural similarity of pairs of images at several scales: `prod_s contrast_s**w_s * luminance_last**w_last`.

    Five scales with a Gaussian window of 11 pixels are published for large images; each scale halves the last. Here the number
    of scales is the largest up to 5 at which the shorter side still holds a window (2 for 28 x 28, 3 for 64 x 64, 5 from 176),
    and fewer than five published weights are divided by their sum. A side below 11 makes the window the largest odd number
    that fits. Numbers from images of different size do not compare.

    Args:
      a: (n, height, width, channels) in [0, 1]; channels are measured apart and averaged.
      b: the same shape.

    Returns:
      similarity: (n,) float32 in [0, 1], 1 for equal images.

    Raises:
      ValueError: shapes that differ or are no images, NaN, or values outside [0, 1].

    Example:
      >>> import numpy as np, tfgen
      >>> images = np.eye(28, dtype=np.float32)[None, :, :, None]
      >>> tfgen.metrics.multi_scale_ssim(images, images).tolist()
      [1.0]

    Reference: Wang, Simoncelli, Bovik, 2003, Multiscale structural similarity for image quality assessment.
    """
    first, second = _images(a, "a"), _images(b, "b")
    if first.shape != second.shape:
        raise ValueError(f"Expected images of one shape. Received: a.shape={first.shape}, b.shape={second.shape}")
    return _similarity(first, second, np.arange(len(first)), np.arange(len(first)))


def ms_ssim_diversity(images: Any, labels: Any = None, *, pairs: int = 100, seed: int = 0) -> PerClass:
    """Measures how alike samples are: the mean `multi_scale_ssim` of random pairs of different samples. High means collapsed.

    With labels, pairs are drawn within each class, 100 as published, and `value` is the mean of the classes. Put the same number
    for real images beside it: images of one class are alike to begin with.

    Args:
      images: (n, height, width, channels) in [0, 1], at least 2 of each class.
      labels: (n,) integers from 0, or None for one group, which is called class 0.
      pairs: pairs of each class; pair i is keyed by (seed, class, i).
      seed: any integer.

    Returns:
      similarity: in [0, 1], by class and their plain mean; `counts` are the pairs.

    Raises:
      TypeError: labels are not integers.
      ValueError: no images, NaN, values outside [0, 1], a class with one image, or no pair.

    Example:
      >>> import numpy as np, tfgen
      >>> tfgen.metrics.ms_ssim_diversity(np.full((4, 28, 28, 1), 0.5), pairs=3).value
      1.0

    Reference: Odena, Olah, Shlens, 2017, Conditional image synthesis with auxiliary classifier GANs, arXiv 1610.09585.
    """
    images = _images(images, "images")
    classes = np.zeros(len(images), np.int64) if labels is None else _labels(labels, "labels", len(images))
    pairs = checks.integer(pairs, "pairs", least=1)
    key, found = int(row_seeds(seed, 1)[0]), {}
    for label in np.unique(classes).tolist():
        members = np.flatnonzero(classes == label)
        if len(members) < 2:
            raise ValueError(f"Expected at least 2 images of each class. Received: {len(members)} of class {label}")
        draws = row_keys(key, label, tf.range(pairs)[:, None], tf.range(2)[None, :]).numpy()
        left = draws[:, 0] % len(members)
        right = (left + 1 + draws[:, 1] % (len(members) - 1)) % len(members)  # any but the left one
        found[label] = float(_similarity(images, images, members[left], members[right]).mean(dtype=np.float64))
    return PerClass(float(np.mean(list(found.values()))), found, dict.fromkeys(found, pairs))


def _similarity(a: np.ndarray, b: np.ndarray, left: np.ndarray, right: np.ndarray) -> np.ndarray:
    """Compares image `left[i]` of a with `right[i]` of b, a few at a time."""
    side = min(a.shape[1:3])
    window = min(_FILTER, side - (side + 1) % 2)
    scales = next(count for count in range(len(_WEIGHTS), 0, -1) if count == 1 or side >> (count - 1) >= window)
    whole = scales == len(_WEIGHTS)  # the published weights add up to 1.0001, and stay as they are
    weights = _WEIGHTS if whole else tuple(np.array(_WEIGHTS[:scales]) / sum(_WEIGHTS[:scales]))
    step = max(1, _PIXELS // int(np.prod(a.shape[1:])))
    parts = [np.zeros(0, np.float32)]
    for start in range(0, len(left), step):
        rows = slice(start, start + step)
        pair = tf.constant(a[left[rows]]), tf.constant(b[right[rows]])
        parts.append(tf.image.ssim_multiscale(*pair, 1.0, power_factors=weights, filter_size=window).numpy())
    return np.concatenate(parts)


def _images(images: Any, name: str) -> np.ndarray:
    array = np.asarray(images)
    if array.ndim != 4 or not array.size:
        raise ValueError(
            f"Expected `{name}` of shape (n, height, width, channels), at least one image. Received: {name}.shape={array.shape}"
        )
    if array.dtype.kind != "f" or not (array.min() >= -_SLACK and array.max() <= 1 + _SLACK):
        raise ValueError(
            f"Expected `{name}` as floats in [0, 1]; divide 8-bit images by 255. Received: {array.dtype} values from "
            f"{array.min():g} to {array.max():g}"
        )
    return array.astype(np.float32, copy=False)


def _labels(labels: Any, name: str, rows: int, num_classes: int | None = None) -> np.ndarray:
    """Reads one class number per row."""
    array = np.asarray(labels)
    if array.shape != (rows,) or not rows:
        raise ValueError(
            f"Expected `{name}` of shape ({rows},), one class for each row, and at least one row. "
            f"Received: {name}.shape={array.shape}"
        )
    if array.dtype.kind not in "iu":
        raise TypeError(f"Expected `{name}` to be integers. Received: {name}.dtype={array.dtype}")
    if array.min() < 0 or (num_classes is not None and array.max() >= num_classes):
        wanted = "at least 0" if num_classes is None else f"in [0, {num_classes})"
        raise ValueError(f"Expected `{name}` {wanted}. Received: labels from {array.min()} to {array.max()}")
    return array.astype(np.int64)
