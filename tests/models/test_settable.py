"""What is set on a model after its construction is honoured in training, use, export and files, or refused in one sentence."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.setting import (
    LATENT,
    LATENTS,
    SHAPE,
    X,
    arrays,
    assert_changes,
    assert_same,
    decoder,
    fitted,
    through_file,
    trained,
    vae,
)
from tests.models.small import LabelledVAE
from tfgen.models import LatentVariableModel
from tfgen.objectives import ELBO

# ---- frozen layers ----


def whole_network(model: Any) -> None:
    model.encoder.trainable = False


def one_layer(model: Any) -> None:
    model.decoder.layers[1].trainable = False


def one_weight(model: Any) -> None:
    model.decoder.layers[1].bias.trainable = False


def all_but_a_layer(model: Any) -> None:
    model.trainable = False
    model.trainable = True
    model.encoder.trainable = False
    model.encoder.layers[2].trainable = True


@pytest.mark.parametrize(
    ("freeze", "names", "left"),
    [
        (whole_network, ["encoder"], 6),
        (one_layer, ["decoder/1"], 10),
        (one_weight, ["decoder/1/1"], 11),
        (all_but_a_layer, ["encoder/self", "encoder/0", "encoder/1", "encoder/3", "encoder/4"], 8),
    ],
)
def test_what_is_frozen_stays_frozen_in_files_and_copies(freeze: Callable, names: list[str], left: int, tmp_path: Path) -> None:
    model = vae(ema=0.9)
    freeze(model)
    assert model.frozen == names
    copies = [
        through_file(model, tmp_path),
        copy.deepcopy(model),
        pickle.loads(pickle.dumps(model)),
        keras.models.clone_model(model),
    ]
    for twin in copies:
        assert twin.frozen == model.frozen and len(twin.trainable_variables) == len(model.trainable_variables) == left
        assert twin.get_config() == model.get_config()
    model.frozen = []
    assert len(model.trainable_variables) == 12 and "frozen" not in model.get_config()
    model.frozen = copies[0].frozen
    assert len(model.trainable_variables) == left


def test_a_model_frozen_as_a_whole_says_so_and_its_averages_never_thaw() -> None:
    model = vae(ema=0.9)
    model.trainable = False
    assert model.frozen == ["*", "encoder", "decoder"] and tfgen.VAE.from_config(model.get_config()).trainable_variables == []
    model.trainable = True
    assert model.frozen == [] and len(model.trainable_variables) == 12


def test_names_that_are_none_are_refused() -> None:
    with pytest.raises(ValueError, match=r"encoder, decoder, or '<network>/<number>' .*Received: \['encoder/99', 'encodr'\]"):
        vae().frozen = ["encodr", "encoder/99"]


def moments(model: Any) -> list[np.ndarray]:
    return arrays(variable for variable in model.optimizer.variables if "momentum" in variable.path)


def test_layers_frozen_and_thawed_since_compile_are_heeded_by_the_next_fit(tmp_path: Path) -> None:
    model = trained(vae(dtype="mixed_float16", ema=0.5))  # whose optimizer is one inside another
    scalars, slots = len(model.optimizer.variables) - 24, moments(model)
    model.encoder.trainable = False
    loaded = through_file(model, tmp_path)  # its optimizer still knows the encoder
    assert_same(loaded, model)
    still = arrays(model.encoder.weights)
    assert_changes(model.decoder, lambda: fitted(model))
    assert_same(fitted(loaded), model)
    assert all((a == b).all() for a, b in zip(still, arrays(model.encoder.weights), strict=True))
    assert len(model.optimizer.variables) == scalars + 12 and int(model.optimizer.iterations) == 2  # it goes on
    later = moments(model)
    model.encoder.trainable = True
    model.make_train_function()
    assert [value.shape for value in moments(model)] == [value.shape for value in slots]
    assert not any(value.any() for value in moments(model)[:6])
    assert all((a == b).all() for a, b in zip(moments(model)[6:], later, strict=True))
    assert_changes(model.encoder, lambda: fitted(model))


def test_where_everything_is_frozen_fit_says_so_in_one_sentence() -> None:
    model = trained(vae())
    model.encoder.trainable = model.decoder.trainable = False
    for _ in range(2):
        with pytest.raises(ValueError, match=r"^Expected something to train: .*Received: frozen=\['encoder', 'decoder'\]$"):
            fitted(model)
        model.compile(run_eagerly=True)
    assert np.isfinite(model.evaluate(X, verbose=0)).all()


def test_a_player_whose_networks_are_frozen_lets_the_others_play() -> None:
    model = tfgen.GAN((8, 8, 1), latent_dim=2, width=2, dtype="mixed_float16")
    model.discriminator.trainable = False
    model.compile(run_eagerly=True)
    before = arrays(model.discriminator.trainable_variables or model.discriminator.weights[:1])
    assert_changes(model.generator, lambda: model.fit(np.zeros((4, 8, 8, 1), np.float32), verbose=0))
    assert all((a == b).all() for a, b in zip(before, arrays(model.discriminator.weights[:1]), strict=True))
    assert through_config(model).frozen == ["discriminator"]


def through_config(model: Any) -> Any:
    return type(model).from_config(model.get_config())


# ---- networks ----


@pytest.mark.parametrize("ema", [None, 0.5])
def test_an_assigned_network_is_honoured_everywhere(ema: float | None, tmp_path: Path) -> None:
    model, new = trained(vae(ema=ema)), decoder()
    images, before = model.decode(LATENT), model.evaluate(X, verbose=0)
    model.decoder = new
    expected = tf.sigmoid(new(LATENT)).numpy()
    assert np.abs(expected - images).max() > 1e-3
    served = model.signatures()["decode"].function(latent=tf.constant(LATENT))["image"]
    for found in (model.decode(LATENT), served, model.reconstruct(X[:2]) * 0 + expected):
        np.testing.assert_allclose(found, expected, atol=1e-6)
    assert model.evaluate(X, verbose=0) != before
    assert len(model.trainable_variables) == 6 + len(new.weights) == (len(model.optimizer.variables) - 2) // 2
    assert_changes(new, lambda: fitted(model))
    loaded = through_file(model, tmp_path)
    assert_same(loaded, model)
    np.testing.assert_allclose(loaded.decode(LATENT), model.decode(LATENT), atol=1e-6)
    assert_same(fitted(loaded), fitted(model))


def test_a_network_that_does_not_fit_is_refused_and_the_old_one_stays() -> None:
    model = trained(vae())
    old, images = model.decoder, model.decode(LATENT)
    wide = keras.Sequential([keras.Input((5,)), keras.layers.Dense(16), keras.layers.Reshape(SHAPE)])
    half = keras.Sequential(
        [keras.Input((LATENTS,)), keras.layers.Dense(16, dtype="mixed_bfloat16"), keras.layers.Reshape(SHAPE)]
    )
    for wrong, told in ((wide, "to go from"), (half, "to be of the model's dtype policy"), (3, "to be a Keras model")):
        with pytest.raises((ValueError, TypeError), match=f"^Expected `decoder` {told}.*Received"):
            model.decoder = wrong
    assert model.decoder is old and model.layers[1] is old
    np.testing.assert_array_equal(model.decode(LATENT), images)
    image = keras.Input((4, 4, 1))
    pixels = tfgen.PixelCNN((4, 4, 1), filters=2, blocks=1)
    with pytest.raises(ValueError, match="Expected a causal network"):
        pixels.network = keras.Model(image, keras.layers.Conv2D(1, 3, padding="same")(image))


def test_a_network_that_no_file_could_hold_is_refused() -> None:
    model = tfgen.MADE(SHAPE, hidden=4)
    with pytest.raises(
        ValueError, match=r"its constructor takes none, so no file could hold another. Received: network=MADENetwork"
    ):
        model.network = tfgen.MADE(SHAPE, hidden=4).network
    model.network = model.network  # which is no other


def test_a_default_network_that_was_changed_travels_in_the_file(tmp_path: Path) -> None:
    model = tfgen.Classifier((8, 8, 1), num_classes=2, width=2, num_features=2)
    assert through_config(model).default_networks == ("network",)
    model.network.get_layer("dropout").rate = 0.125
    loaded = through_file(model, tmp_path)
    assert loaded.network.get_layer("dropout").rate == 0.125
    np.testing.assert_array_equal(loaded.network.get_weights()[0], model.network.get_weights()[0])


# ---- what is fixed ----


FIXED = {
    "VAE": (
        vae,
        {"likelihood": "normal", "latent_dim": 5, "ema": 0.5, "seed": 3, "prior": 1, "posterior": "full", "num_classes": 2},
    ),
    "GAN": (
        lambda: tfgen.GAN((8, 8, 1), latent_dim=2, width=2),
        {"objective": "hinge", "game": 1, "critic_steps": 2, "penalty": 1},
    ),
    "PixelCNN": (
        lambda: tfgen.PixelCNN(SHAPE, filters=2, blocks=1),
        {"filters": 3, "dtype_policy": "mixed_float16", "players": ()},
    ),
}


@pytest.mark.parametrize("name", FIXED)
def test_what_a_model_hangs_on_is_fixed(name: str) -> None:
    build, others = FIXED[name]
    model = build()
    config = model.get_config()
    for attribute, value in others.items():
        with pytest.raises(
            ValueError, match=f"^Expected `{attribute}` of a {name} to stay .*build another one.* Received: {attribute}=[^\n]*$"
        ):
            setattr(model, attribute, value)
        setattr(model, attribute, getattr(model, attribute))  # which is no other
    assert model.get_config() == config


def test_how_a_bound_is_exchanged_is_left_to_models_whose_files_hold_it() -> None:
    model = LabelledVAE()
    assert isinstance(model, LatentVariableModel) and model.bound == ELBO()
    with pytest.raises(ValueError, match="Expected `bound` of a LabelledVAE to stay"):
        model.bound = ELBO(2.0)


def test_a_wavenet_may_be_told_its_rate() -> None:
    model = tfgen.WaveNet(12, dilations=(1, 2), blocks=1, filters=3, skip=4)
    model.sample_rate = 16000
    assert through_config(model).export_metadata()["sample_rate"] == 16000


# ---- what asks for nothing ----


def test_compile_passes_over_what_asks_for_nothing() -> None:
    for model in (vae(), tfgen.GAN((8, 8, 1), latent_dim=2, width=2)):
        model.compile(optimizer=None, loss=None, metrics=None, loss_weights=None, weighted_metrics=[])
        assert model.optimizers and model.get_compile_config().keys() == model.optimizers.keys()
        with pytest.raises(ValueError, match=r"brings its own objective and metrics.*Received: \['loss'\]"):
            model.compile(loss="mse")


def test_keras_export_names_what_exports_a_model() -> None:
    with pytest.raises(
        ValueError, match=r"^Expected `tfgen.export.saved_model\(model, directory\)`.*Received: model.export\('x', format\)$"
    ):
        vae().export("x", format="tf_saved_model")
