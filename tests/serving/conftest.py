"""A small exported model with every kind of signature, and a server on free ports."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

from tfgen.random import uniform
from tfgen.serving import Client, Server

SIZE = 4


def seeds_spec() -> tf.TensorSpec:
    return tf.TensorSpec([None], tf.int64, name="seed")


def _oddities() -> dict:
    """Makes the functions that servers trip over, with their inputs: two outputs, bytes, logarithms of 0, half floats, failures."""

    def pair(a, b):
        return {"total": a + tf.cast(b, tf.float32)[:, None], "is_even": tf.equal(b % 2, 0), "text": tf.as_string(b)}

    def echo(x):
        return {"y_bytes": x, "plain": x}

    def bytes_only(x):
        return {"y_bytes": x}

    def odd(x):
        return {"log": tf.math.log(x)}

    def short(x):
        return {"half": tf.cast(x, tf.float16)}

    def check(x):
        with tf.control_dependencies([tf.debugging.assert_positive(x, "x must be above 0")]):
            return {"x": tf.identity(x)}

    vector = tf.TensorSpec([None], tf.float32, name="x")
    strings = tf.TensorSpec([None], tf.string, name="x")
    return {
        pair: [tf.TensorSpec([None, 2], tf.float32, name="a"), tf.TensorSpec([None], tf.int64, name="b")],
        echo: [strings],
        bytes_only: [strings],
        odd: [vector],
        short: [vector],
        check: [vector],
    }


class SmallModel(tf.Module):
    """Draws 4x4 images from row seeds; `brightness` tells two versions apart."""

    def __init__(self, brightness: float):
        super().__init__()
        self.brightness = tf.Variable(brightness)

    def functions(self) -> dict:
        floats = tf.TensorSpec([None, 2], tf.float32, name="latent")
        images = tf.TensorSpec([None, SIZE, SIZE, 1], tf.float32, name="image")
        label = tf.TensorSpec([None], tf.int64, name="label")
        temperature = tf.TensorSpec([None], tf.float32, name="temperature")

        def sample(seed):
            return {"image": uniform(seed, [SIZE, SIZE, 1]) * self.brightness}

        def sample_with_controls(seed, temperature):
            return {"image": sample(seed)["image"] * temperature[:, None, None, None]}

        def sample_png(seed):
            pixels = tf.cast(sample(seed)["image"] * 255.0, tf.uint8)
            return {"image_bytes": tf.map_fn(tf.io.encode_png, pixels, fn_output_signature=tf.string)}

        def encode(image):
            return {"latent": image[:, 0, :2, 0], "scale": tf.exp(image[:, 1, :2, 0])}

        def decode(latent):
            return {"image": tf.broadcast_to(latent[:, :1, None, None], [tf.shape(latent)[0], SIZE, SIZE, 1])}

        def log_prob(image, label):
            return {"log_prob": -tf.reduce_sum(image, [1, 2, 3]) - tf.cast(label, tf.float32)}

        inputs = {
            sample: [seeds_spec()],
            sample_with_controls: [seeds_spec(), temperature],
            sample_png: [seeds_spec()],
            encode: [images],
            decode: [floats],
            log_prob: [images, label],
            **_oddities(),
        }
        traced = {f.__name__: tf.function(f, autograph=False, input_signature=specs) for f, specs in inputs.items()}
        return traced | {"serving_default": traced["sample"]}


def export(directory: Path, version: int, brightness: float = 1.0) -> Path:
    """Writes a version aside and renames it, as the library's own export does."""
    model = SmallModel(brightness)
    signatures = {name: function.get_concrete_function() for name, function in model.functions().items()}
    aside = directory / f"writing-{version}"
    tf.saved_model.save(model, str(aside), signatures=signatures)
    return aside.rename(directory / str(version))


def expected_images(seeds, brightness: float = 1.0) -> np.ndarray:
    return uniform(tf.constant(seeds, tf.int64), [SIZE, SIZE, 1]).numpy() * np.float32(brightness)


@pytest.fixture(scope="session")
def exported(tmp_path_factory) -> Path:
    """Versions 1 (brightness 1) and 2 (brightness 0.5) of one model."""
    directory = tmp_path_factory.mktemp("exported") / "small"
    directory.mkdir()
    export(directory, 1, 1.0)
    export(directory, 2, 0.5)
    return directory


@pytest.fixture(scope="session")
def server(exported, tmp_path_factory):
    """A server of both versions, with labels."""
    config = tmp_path_factory.mktemp("config") / "models.config"
    config.write_text(
        'model_config_list { config { name: "small" base_path: "/models/small" model_platform: "tensorflow" '
        "model_version_policy { all {} } "
        'version_labels { key: "stable" value: 1 } version_labels { key: "canary" value: 2 } } }'
    )
    with Server(exported, rest_port=0, grpc_port=0, poll_seconds=0.05, model_config_file=config) as running:
        yield running


@pytest.fixture(params=["rest", "grpc"])
def client(server, request):
    with Client(
        "127.0.0.1", model="small", protocol=request.param, rest_port=server.rest_port, grpc_port=server.grpc_port
    ) as made:
        yield made
