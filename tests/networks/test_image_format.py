"""Keras's global image data format changes nothing: images are (height, width, channels) here."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import keras
import numpy as np
import pytest

from tfgen import networks

SHAPE = (9, 6, 3)
BUILDERS: dict[str, Callable[[], Any]] = {
    "encoder": lambda: networks.convolutional_encoder(SHAPE, 4, width=2),
    "decoder": lambda: networks.convolutional_decoder(SHAPE, 2, 3, width=2),
    "mlp encoder": lambda: networks.mlp_encoder(SHAPE, 4, width=2),
    "generator": lambda: networks.dcgan_generator(SHAPE, 2, width=2),
    "discriminator": lambda: networks.dcgan_discriminator(SHAPE, width=2, num_classes=3),
    "classifier": lambda: networks.image_classifier(SHAPE, 2, width=2, num_features=2),
}


@pytest.fixture
def channels_first() -> Iterator[None]:
    keras.config.set_image_data_format("channels_first")
    yield
    keras.config.set_image_data_format("channels_last")


def outputs(network: Any) -> np.ndarray:
    noise = np.random.default_rng(0)
    network.set_weights([noise.normal(size=weight.shape) ** 2 for weight in network.get_weights()])
    given = [noise.random((2, *tensor.shape[1:])) for tensor in network.inputs[:1]]
    given += [np.array([0, 2]) for _ in network.inputs[1:]]
    return np.asarray(network(given if len(given) > 1 else given[0]))


EXPECTED = {name: outputs(build()) for name, build in BUILDERS.items()}


@pytest.mark.parametrize("name", BUILDERS)
def test_networks_are_the_same(name: str, channels_first: None) -> None:
    np.testing.assert_array_equal(outputs(BUILDERS[name]()), EXPECTED[name])
