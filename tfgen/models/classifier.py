"""The classifier: images to logits, through a feature space to compare images in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras
import tensorflow as tf

from tfgen import checks, networks, random
from tfgen.models import configuration
from tfgen.models.batch import Batch
from tfgen.models.computing import ComputingModel
from tfgen.models.conditions import ClassLabel
from tfgen.models.operations import Operation
from tfgen.models.players import Player
from tfgen.models.signatures import batch_of
from tfgen.random import Stream

__all__ = ["Classifier", "augment"]

_SHIFT = 1
_BINARIZED = 0.2  # of the training images are shown as zeros and ones, so that both views of the data have features


@final
@keras.saving.register_keras_serializable("tfgen")
class Classifier(ComputingModel):
    """A network from images to the logits of their classes, trained on `-log p(label | x)`.

    Args:
      image_shape: (height, width, channels).
      num_classes: number of classes, at least 2.
      width: maps of the default network's first convolutions.
      num_features: size of the default network's feature space.
      dropout: share of the features left out while training, in [0, 1); by Keras's layer, so that replicas draw noise of their own.
      augment: whether training images are mirrored, shifted by a pixel, and now and then shown as zeros and ones.
      network: your own Keras model, from images to (batch, num_classes) logits; a layer called "features" is its feature space.
      ema: decay of the averaged weights, for example 0.999, or None.
      seed: fixes training noise and data order.
      **kwargs: Keras's `name` and `dtype`.

    Raises:
      ValueError: an argument is out of range, or the network does not fit.

    Example:
      >>> import numpy as np, tfgen
      >>> model = tfgen.Classifier((8, 8, 1), num_classes=3, width=2, num_features=4)
      >>> model.compile()
      >>> history = model.fit(np.zeros((8, 8, 8, 1)), np.arange(8) % 3, verbose=0)
      >>> sorted(history.history), model.classify(np.zeros((2, 8, 8, 1)))[0].shape
      (['accuracy', 'loss'], (2, 3))

    Reference: Springenberg, Dosovitskiy, Brox, Riedmiller, 2015, Striving for simplicity: the all convolutional net, arXiv
      1412.6806.
    """

    def __init__(
        self,
        image_shape: Sequence[int] = (28, 28, 1),
        *,
        num_classes: int = 10,
        width: int = 32,
        num_features: int = 128,
        dropout: float = 0.3,
        augment: bool = False,
        network: Any = None,
        ema: float | None = None,
        seed: int = 0,
        **kwargs: Any,
    ) -> None:
        super().__init__(seed=seed, ema=ema, **kwargs)
        self.image_shape = checks.shape(image_shape, "image_shape")
        self.num_classes = checks.integer(num_classes, "num_classes", least=2)
        self.width, self.num_features, self.dropout, self.augment = width, num_features, dropout, bool(augment)
        self.default_networks = ("network",) if network is None else ()
        options = {"width": width, "num_features": num_features, "dropout": dropout, "dtype": self.dtype_policy}
        self.network = network or networks.image_classifier(self.image_shape, self.num_classes, **options)
        self.check_networks()
        self.condition_on(None, target=ClassLabel(self.num_classes))
        self.finish(self.image_shape, players=[Player("", averaged=("network",))], metrics=["loss", "accuracy"])

    def check_networks(self) -> None:
        configuration.check_network(self.network, "network", self.image_shape, (self.num_classes,))

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        images = augment(batch.x, batch.seeds) if batch.training and self.augment else batch.x
        logits = self._logits(images, batch.training)
        label = tf.cast(batch.target, tf.int32)
        loss = tf.nn.sparse_softmax_cross_entropy_with_logits(labels=label, logits=logits)
        right = tf.equal(tf.argmax(logits, -1, output_type=tf.int32), label)
        return {"loss": loss, "accuracy": tf.cast(right, tf.float32)}

    def _logits(self, images: tf.Tensor, training: bool) -> tf.Tensor:
        return tf.cast(self.in_use("network", training)(images, training=training), tf.float32)

    def call(self, inputs: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Computes the logits of the classes, (batch, num_classes) float32."""
        return self._logits(tf.cast(inputs, tf.float32), training)

    def operations(self) -> dict[str, Operation]:
        def classify(image: tf.Tensor) -> dict[str, tf.Tensor]:
            logits = self._logits(image, False)
            return {"probabilities": tf.nn.softmax(logits), "label": tf.argmax(logits, -1)}

        def features(image: tf.Tensor) -> dict[str, tf.Tensor]:
            return {"features": self._feature_network()(image, training=False)}

        image = batch_of(self.event_shape, tf.float32, self.medium)
        named = [layer.name for layer in getattr(self.network, "layers", [])]
        found = {**super().operations(), "classify": Operation(classify, [image])}
        return {**found, **({"features": Operation(features, [image])} if "features" in named else {})}

    def _feature_network(self) -> keras.Model:
        network = self.in_use("network", False)
        return keras.Model(network.inputs, network.get_layer("features").output)

    def classify(self, x: Any, batch_size: int = 256) -> tuple[Any, Any]:
        """Computes the probability of each class, and the likeliest.

        Args:
          x: (n, height, width, channels) in [0, 1]; of a tensor the results are tensors, and gradients flow through them.
          batch_size: rows computed at once.

        Returns:
          probabilities: (n, num_classes) float32.
          label: (n,) int64.

        Raises:
          ValueError: wrong shape or range, or NaN.
        """
        found = self.run("classify", self.example_inputs(x, {}), batch_size=batch_size)
        return found["probabilities"], found["label"]

    def features(self, x: Any, batch_size: int = 256) -> Any:
        """Computes the outputs of the layer called "features".

        Args:
          x: (n, height, width, channels) in [0, 1]; of a tensor the result is a tensor, and gradients flow through it.
          batch_size: rows computed at once.

        Returns:
          features: (n, num_features) float32.

        Raises:
          ValueError: wrong shape or range, or NaN; or the network has no layer of that name.
        """
        if "features" not in self.operations():
            raise ValueError(f'Expected a network with a layer called "features". Received: {self.network.name}')
        return self.run("features", self.example_inputs(x, {}), batch_size=batch_size)["features"]

    def facts(self) -> dict[str, Any]:
        return {"num_classes": self.num_classes}


def augment(images: tf.Tensor, seeds: tf.Tensor) -> tf.Tensor:
    """Varies training images: mirrors half of them, shifts each by up to one pixel, shows one of five as zeros and ones.

    Args:
      images: (batch, height, width, channels) float32 in [0, 1].
      seeds: (batch,) int64, one an image.

    Returns:
      images: the same shape and range.

    Example:
      >>> import tensorflow as tf
      >>> from tfgen.models.classifier import augment
      >>> augment(tf.zeros((2, 8, 8, 1)), tf.constant([1, 2], tf.int64)).shape
      TensorShape([2, 8, 8, 1])
    """
    height, width = images.shape[1:3]
    flipped = tf.where(random.uniform(seeds, (1, 1, 1), stream=Stream.MIRRORING) < 0.5, images[:, :, ::-1], images)
    place = tf.cast(random.uniform(seeds, (2,), stream=Stream.SHIFT) * (2 * _SHIFT + 1), tf.int32)
    padded = tf.pad(flipped, ((0, 0), (_SHIFT, _SHIFT), (_SHIFT, _SHIFT), (0, 0)))
    moved = tf.gather(padded, place[:, :1] + tf.range(height), axis=1, batch_dims=1)
    moved = tf.gather(moved, place[:, 1:] + tf.range(width), axis=2, batch_dims=1)
    drawn = tf.cast(random.uniform(seeds, tuple(images.shape[1:]), stream=Stream.BINARIZATION) < moved, tf.float32)
    return tf.where(random.uniform(seeds, (1, 1, 1), stream=Stream.VIEW) < _BINARIZED, drawn, moved)
