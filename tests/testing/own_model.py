"""A model of a user's own, in a module that a new process has to import before it can load the model's file."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

import tfgen
from tfgen.models.batch import Batch


@keras.saving.register_keras_serializable("own")
class Neighbours(tfgen.AutoregressiveModel):
    """Binary pixels, each from its nearest neighbours above and to the left."""

    default_networks = ("network",)

    def __init__(self, image_shape: Any = (4, 5, 1), *, ema: float | None = None, seed: int = 0, **kwargs: Any) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = tuple(image_shape)
        self.likelihood = tfgen.distributions.get_likelihood("bernoulli")
        self.network = tfgen.layers.CausalConv2D(1, 3, mask="A", dtype=self.dtype_policy)
        self.finish_network(self.image_shape)


class BatchDependent(Neighbours):
    """Breaks the line on seeds: a row depends on how many are drawn."""

    def draw(self, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], extent: int | None) -> tf.Tensor:
        return super().draw(seeds + tf.size(seeds, tf.int64), condition, controls, extent)


class Restless(Neighbours):
    """Breaks the line on `evaluate`: it counts as a training step."""

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        if not batch.training:
            self.step.assign_add(1)
        return super().per_example(batch)
