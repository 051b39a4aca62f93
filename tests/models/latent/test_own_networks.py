"""Networks of a user's own in place of a model's: of every kind that Keras knows, averaged, saved and refused."""

from __future__ import annotations

import keras
import numpy as np
import pytest

import tfgen

SHAPE = (5, 4, 1)


@keras.saving.register_keras_serializable("tests")
class OwnEncoder(keras.Model):
    """A subclass of Keras's model, without shapes until it is called."""

    def __init__(self, units: int = 6, **kwargs):
        super().__init__(**kwargs)
        self.units = units
        self.flatten, self.dense = keras.layers.Flatten(), keras.layers.Dense(units)

    def call(self, inputs):
        return self.dense(self.flatten(inputs))

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def sequential():
    return keras.Sequential([keras.layers.Flatten(), keras.layers.Dense(6)])


def of_any_size():
    images = keras.Input((None, None, 1))
    return keras.Model(images, keras.layers.Dense(6)(keras.layers.GlobalAveragePooling2D()(images)))


def small(**arguments):
    return tfgen.VAE(SHAPE, **{"latent_dim": 3, "network": "mlp", "width": 4, **arguments})


@pytest.mark.parametrize("build", [OwnEncoder, sequential, of_any_size])
@pytest.mark.parametrize("ema", [None, 0.9])
def test_every_kind_of_network_trains_and_comes_back_from_a_file(build, ema, tmp_path):
    x = np.random.default_rng(0).integers(0, 2, (6, *SHAPE)).astype(np.float32)
    model = small(encoder=build(), ema=ema)
    before = model.encoder.get_weights()
    assert len(before) == 2
    model.compile(keras.optimizers.Adam(0.1), run_eagerly=True)
    model.fit(x, verbose=0)
    assert np.abs(before[0] - model.encoder.get_weights()[0]).max() > 0
    assert (model.averaged_encoder is model.encoder) == (ema is None)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.encoder) is type(model.encoder)
    np.testing.assert_array_equal(loaded.elbo(x, seed=1), model.elbo(x, seed=1))
    for received, expected in zip(loaded.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_array_equal(received, expected)


def functional(inputs, outputs):
    tensor = keras.Input(inputs)
    return keras.Model(tensor, keras.layers.Dense(outputs)(keras.layers.Flatten()(tensor)))


def with_two_outputs():
    tensor = keras.Input(SHAPE)
    return keras.Model(tensor, [keras.layers.Dense(6)(keras.layers.Flatten()(tensor)), tensor])


@pytest.mark.parametrize(
    ("build", "received"),
    [
        (lambda: functional(SHAPE, 5), r"from \(5, 4, 1\) to \(5,\)"),
        (lambda: OwnEncoder(7), r"from \(5, 4, 1\) to \(7,\)"),
        (with_two_outputs, r"from \(5, 4, 1\) to \[\(6,\), \(5, 4, 1\)\]"),
        (lambda: functional((7, 4, 1), 6), r"a network that cannot take \(5, 4, 1\)"),
        (lambda: functional((20,), 6), r"a network that cannot take \(5, 4, 1\)"),
    ],
)
def test_a_network_of_other_shapes_is_refused(build, received):
    with pytest.raises(ValueError, match=rf"Expected `encoder` to go from \(5, 4, 1\) to \(6,\).*Received: {received}"):
        small(encoder=build())


def test_what_is_no_network_is_refused():
    with pytest.raises(TypeError, match=r"Expected `decoder` to be a Keras model. Received: decoder=<function"):
        small(decoder=lambda latents: latents)


class Closed(OwnEncoder):
    """A network that cannot be made from its config."""

    def get_config(self):
        raise NotImplementedError("no config")


def test_a_network_that_cannot_be_copied_has_no_average():
    small(encoder=Closed())
    with pytest.raises(ValueError, match=r"`ema` keeps a second copy.*Closed cannot be made so.*`ema=None`"):
        small(encoder=Closed(), ema=0.9)
