"""A model of a user's own, in a module that a new process has to import before it can load the model's file."""

from __future__ import annotations

from typing import Any, ClassVar

import keras
import tensorflow as tf

import tfgen


@keras.saving.register_keras_serializable("own")
class Neighbours(tfgen.AutoregressiveModel):
    """Binary pixels, each from its nearest neighbours above and to the left."""

    arguments: ClassVar[tuple[str, ...]] = ("image_shape",)
    default_networks = ("network",)

    def __init__(self, image_shape: Any = (4, 5, 1), *, ema: float | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood = tfgen.distributions.get_likelihood("bernoulli")
        self.network = tfgen.layers.CausalConv2D(1, 3, mask="A", dtype=self.dtype_policy)
        self._finish_network(self.image_shape)


class BatchDependent(Neighbours):
    """Breaks the line on seeds: a row depends on how many are drawn."""

    def _sample_rows(self, seeds: tf.Tensor, controls: dict[str, tf.Tensor]) -> tf.Tensor:
        return super()._sample_rows(seeds + tf.size(seeds, tf.int64), controls)


class Restless(Neighbours):
    """Breaks the line on `evaluate`: it counts as a training step."""

    def _per_example(self, x: tf.Tensor, seeds: tf.Tensor, training: bool) -> dict[str, tf.Tensor]:
        if not training:
            self.step.assign_add(1)
        return super()._per_example(x, seeds, training)
