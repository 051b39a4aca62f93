"""A small model that keeps the export contract: a Keras decoder, encoder and scorer with row seeds."""

from __future__ import annotations

import keras
import tensorflow as tf

import tfgen.random
from tfgen.models.signatures import Signature

LATENT = 8
SIDE = 8


class SmallModel:
    """Draws SIDE x SIDE images from normal latents; every signature kind of the contract in small."""

    def __init__(self, channels: int = 1, dtype: str = "float32", width: int = 300, conditional: bool = False):
        keras.utils.set_random_seed(1)
        event = (SIDE, SIDE, channels)
        self.conditional = conditional
        size = LATENT + (10 if conditional else 0)
        latents = keras.Input((size,))
        hidden = keras.layers.Dense(width, activation="relu", dtype=dtype)(latents)
        pixels = keras.layers.Dense(SIDE * SIDE * channels, activation="sigmoid", dtype=dtype)(hidden)
        self.decoder = keras.Model(latents, keras.layers.Reshape(event, dtype=dtype)(pixels))
        images = keras.Input(event)
        hidden = keras.layers.Conv2D(4, 3, activation="relu", dtype=dtype)(images)
        self.encoder = keras.Model(images, keras.layers.Dense(LATENT, dtype=dtype)(keras.layers.Flatten(dtype=dtype)(hidden)))
        self.event = event

    def draw(self, seed: tf.Tensor, label: tf.Tensor | None = None) -> dict[str, tf.Tensor]:
        latents = tfgen.random.normal(seed, (LATENT,))
        if self.conditional:
            latents = tf.concat([latents, tf.one_hot(label, 10)], -1)
        return {"image": self.decoder(latents)}

    def log_prob(self, image: tf.Tensor) -> dict[str, tf.Tensor]:
        return {"log_prob": -0.5 * tf.reduce_sum(tf.square(self.encoder(image)), -1)}

    def signatures(self) -> dict[str, Signature]:
        seed = tf.TensorSpec([None], tf.int64, name="seed")
        inputs = [seed, tf.TensorSpec([None], tf.int64, name="label")] if self.conditional else [seed]
        image = tf.TensorSpec([None, *self.event], tf.float32, name="image")
        latent = tf.TensorSpec([None, self.decoder.input_shape[-1]], tf.float32, name="latent")
        return {
            "sample": Signature(self.draw, inputs),
            "encode": Signature(lambda image: {"latent": self.encoder(image)}, [image]),
            "decode": Signature(lambda latent: {"image": self.decoder(latent)}, [latent]),
            "log_prob": Signature(self.log_prob, [image]),
        }

    def export_metadata(self) -> dict[str, object]:
        return {"class": "SmallModel", "event_shape": list(self.event)}

    def weight_bytes(self) -> int:
        return sum(w.numpy().nbytes for network in (self.encoder, self.decoder) for w in network.weights)


class OneSignature:
    """Exports one function under a name of choice; what the tests of refusals and odd outputs need."""

    def __init__(self, function, *inputs: tf.TensorSpec, name: str = "sample", metadata: object = None):
        self.function, self.inputs, self.name, self.metadata = function, list(inputs), name, metadata or {}

    def signatures(self) -> dict[str, Signature]:
        return {self.name: Signature(self.function, self.inputs)}

    def export_metadata(self) -> object:
        return self.metadata
