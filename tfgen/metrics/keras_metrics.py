"""Distances between real and generated batches as Keras metrics, for `compile(metrics=[...])` and loops of one's own."""

from __future__ import annotations

import abc
import typing
from collections.abc import Callable
from typing import Any

import keras
import tensorflow as tf

from tfgen import checks

__all__ = ["FrechetDistance", "KernelDistance"]


class _FeatureMetric(keras.metrics.Metric, abc.ABC):
    """Extracts the features of both sets in float64, and saves the extractor with the metric."""

    def __init__(self, features: Callable[[Any], Any] | None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if features is not None and not callable(features):
            raise TypeError(
                f"Expected `features` as a Keras model or a function from a batch to (n, d) features. Received: {features!r}"
            )
        self.features: Any = features

    def _extract(self, batch: Any, name: str) -> tf.Tensor:
        values = tf.convert_to_tensor(batch)
        if isinstance(self.features, keras.Layer):
            values = self.features(values, training=False)
        elif self.features is not None:
            values = tf.convert_to_tensor(self.features(values))
        if values.shape.rank != 2:
            raise ValueError(
                f"Expected features of `{name}` of shape (n, d); pass an extractor as `features`, or flatten the images. "
                f"Received: features of shape {values.shape}"
            )
        return tf.cast(values, tf.float64)

    def _pair(self, real: Any, generated: Any, sample_weight: Any) -> tuple[tf.Tensor, tf.Tensor]:
        if sample_weight is not None:
            raise ValueError(
                "A distance between two sets takes no weights; pass it to `compile` as `metrics=`, not `weighted_metrics=`. "
                "Received: sample_weight"
            )
        return self._extract(real, "real"), self._extract(generated, "generated")

    def get_config(self) -> dict[str, Any]:
        extractor = None if self.features is None else keras.saving.serialize_keras_object(self.features)
        return {**super().get_config(), "features": extractor}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> Any:
        extractor = config.get("features")
        return cls(**{**config, "features": extractor and keras.saving.deserialize_keras_object(extractor)})


@typing.final
@keras.saving.register_keras_serializable("tfgen")
class FrechetDistance(_FeatureMetric):
    """Accumulates `frechet_distance` between all real and all generated rows since the last reset.

    The state is count, sum and sum of products of either set, in float64: it does not grow, batches may have any size and
    order, replicas add theirs up, and at the end of an epoch the result is that of all rows at once. Features whose mean
    exceeds their spread a millionfold lose digits here; `tfgen.metrics.Moments` does not. `result` costs two decompositions
    of a (d, d) matrix, and Keras asks for it after every batch: use it in `evaluate`, or in a loop of your own, where d is
    large. Infinite until both sets have two rows.

    Args:
      features: a Keras model, or a function from a batch to (n, d) features; None where batches are features.
      num_features: d; may be left out where `features` is a built Keras model.
      name: of the metric.
      dtype: of the result; the state is float64 whatever it is.

    Raises:
      ValueError: `num_features` is not known, or below 1.
      TypeError: `features` cannot be called.

    Example:
      >>> import numpy as np, tfgen
      >>> distance = tfgen.metrics.FrechetDistance(num_features=1)
      >>> distance.update_state(np.array([[0.0], [2.0]]), np.array([[3.0], [5.0]]))
      >>> round(float(distance.result()), 4)
      9.0

    Reference: Heusel et al., 2017, GANs trained by a two time-scale update rule converge to a local Nash equilibrium,
      arXiv 1706.08500.
    """

    def __init__(
        self,
        features: Callable[[Any], Any] | None = None,
        *,
        num_features: int | None = None,
        name: str = "frechet_distance",
        dtype: Any = None,
    ) -> None:
        super().__init__(features, name=name, dtype=dtype)
        if num_features is None and isinstance(self.features, keras.Model) and self.features.built:
            num_features = self.features.output_shape[-1]
        if num_features is None:
            raise ValueError(
                "Expected `num_features`, the number of features per row; only a built Keras model as `features` tells it by "
                "itself. Received: num_features=None"
            )
        self.num_features = checks.integer(num_features, "num_features", least=1)
        self._sums = [self._add_sums(which) for which in ("real", "generated")]

    def _add_sums(self, which: str) -> tuple[Any, Any, Any]:
        size = self.num_features
        count, total, products = (
            self.add_variable(shape, "zeros", dtype="float64", name=f"{which}_{name}")
            for name, shape in (("count", ()), ("sum", (size,)), ("products", (size, size)))
        )
        return count, total, products

    def update_state(self, real: Any, generated: Any, sample_weight: Any = None) -> None:
        for (count, total, products), rows in zip(self._sums, self._pair(real, generated, sample_weight), strict=True):
            if rows.shape[1] != self.num_features:
                raise ValueError(
                    f"Expected {self.num_features} features per row; pass the number as `num_features`. "
                    f"Received: {rows.shape[1]} features per row"
                )
            count.assign_add(tf.cast(tf.shape(rows)[0], tf.float64))
            total.assign_add(tf.reduce_sum(rows, 0))
            products.assign_add(tf.matmul(rows, rows, transpose_a=True))

    def result(self) -> tf.Tensor:
        (known_a, mean_a, covariance_a), (known_b, mean_b, covariance_b) = (_moments(*sums) for sums in self._sums)
        traces = tf.reduce_sum((mean_a - mean_b) ** 2) + tf.linalg.trace(covariance_a) + tf.linalg.trace(covariance_b)
        product = tf.matmul(_factor(covariance_a), _factor(covariance_b), transpose_a=True)
        common = tf.reduce_sum(tf.linalg.svd(product, compute_uv=False))
        distance = tf.maximum(traces - 2.0 * common, 0.0)
        infinite = tf.constant(float("inf"), tf.float64)
        return tf.cast(tf.where(tf.logical_and(known_a, known_b), distance, infinite), self.dtype)

    def get_config(self) -> dict[str, Any]:
        return {**super().get_config(), "num_features": self.num_features}


def _moments(count: Any, total: Any, products: Any) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Returns whether there are two rows, their mean and their covariance."""
    rows = tf.convert_to_tensor(count)
    mean = tf.convert_to_tensor(total) / tf.maximum(rows, 1.0)
    deviations = tf.convert_to_tensor(products) - rows * mean[:, None] * mean[None, :]
    return rows >= 2.0, mean, deviations / tf.maximum(rows - 1.0, 1.0)


def _factor(covariance: tf.Tensor) -> tf.Tensor:
    """Finds F with `covariance = F F^T`, singular or not."""
    values, vectors = tf.linalg.eigh(covariance)
    return vectors * tf.sqrt(tf.maximum(values, 0.0))


@typing.final
@keras.saving.register_keras_serializable("tfgen")
class KernelDistance(_FeatureMetric):
    """Averages the unbiased squared MMD of `kernel_distance` over batches: each batch is a subset, weighed by its rows.

    The state is two numbers. The expectation does not depend on the batch size, the scatter does: `kernel_distance` takes
    subsets of 1000. Batches with fewer than two rows of either set are passed over; infinite until one has counted.

    Args:
      features: a Keras model, or a function from a batch to (n, d) features; None where batches are features.
      name: of the metric.
      dtype: of the result; the state is float64 whatever it is.

    Raises:
      TypeError: `features` cannot be called.

    Example:
      >>> import numpy as np, tfgen
      >>> distance = tfgen.metrics.KernelDistance()
      >>> distance.update_state(np.zeros((4, 2)), np.ones((4, 2)))
      >>> float(distance.result())
      7.0

    Reference: Binkowski, Sutherland, Arbel, Gretton, 2018, Demystifying MMD GANs, arXiv 1801.01401.
    """

    def __init__(
        self, features: Callable[[Any], Any] | None = None, *, name: str = "kernel_distance", dtype: Any = None
    ) -> None:
        super().__init__(features, name=name, dtype=dtype)
        self._total = self.add_variable((), "zeros", dtype="float64", name="total")
        self._weight = self.add_variable((), "zeros", dtype="float64", name="weight")

    def update_state(self, real: Any, generated: Any, sample_weight: Any = None) -> None:
        x, y = self._pair(real, generated, sample_weight)
        if x.shape[1] != y.shape[1]:
            raise ValueError(
                "Expected `real` and `generated` with features of one size. "
                f"Received: {x.shape[1]} and {y.shape[1]} features per row"
            )
        rows = tf.cast(tf.minimum(tf.shape(x)[0], tf.shape(y)[0]), tf.float64)
        weight = tf.where(rows >= 2.0, rows, 0.0)
        value = _mean_of_pairs(x) + _mean_of_pairs(y) - 2.0 * tf.math.divide_no_nan(tf.reduce_sum(_kernel(x, y)), _size(x, y))
        self._total.assign_add(weight * value)
        self._weight.assign_add(weight)

    def result(self) -> tf.Tensor:
        weight = tf.convert_to_tensor(self._weight)
        mean = tf.math.divide_no_nan(tf.convert_to_tensor(self._total), weight)
        return tf.cast(tf.where(weight > 0.0, mean, tf.constant(float("inf"), tf.float64)), self.dtype)


def _kernel(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return (tf.matmul(x, y, transpose_b=True) / float(x.shape[1] or 1) + 1.0) ** 3


def _size(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    return tf.cast(tf.shape(x)[0], tf.float64) * tf.cast(tf.shape(y)[0], tf.float64)


def _mean_of_pairs(x: tf.Tensor) -> tf.Tensor:
    kernel = _kernel(x, x)
    rows = tf.cast(tf.shape(x)[0], tf.float64)
    return tf.math.divide_no_nan(tf.reduce_sum(kernel) - tf.linalg.trace(kernel), rows * (rows - 1.0))
