"""Number formats of models and of their networks: one policy for both, or one sentence."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest

import tfgen
from tfgen.models.configuration import check_policy, with_precision
from tfgen.zoo.saving import convert

LAYERS = keras.layers
SHAPE = (4, 4, 1)


def decoder(hidden: str, last: str) -> keras.Model:
    layers = [LAYERS.Dense(3, dtype=hidden), LAYERS.Dense(16, dtype=last), LAYERS.Reshape(SHAPE, dtype=last)]
    return keras.Sequential([keras.Input((2,)), *layers])


def vae(dtype: Any, **arguments: Any) -> tfgen.VAE:
    return tfgen.VAE(SHAPE, latent_dim=2, network="mlp", width=2, dtype=dtype, **arguments)


@pytest.mark.parametrize("dtype", ["float64", "float16", "bfloat16"])
def test_formats_in_which_weights_or_densities_are_not_float32_are_refused(dtype: str) -> None:
    builders = [lambda dtype: tfgen.PixelCNN(SHAPE, dtype=dtype), vae, lambda dtype: tfgen.GAN(SHAPE, dtype=dtype)]
    for build in builders:
        with pytest.raises(ValueError, match=rf"^Expected `dtype` to be one of 'float32', .*Received: dtype='{dtype}'$"):
            build(dtype)
    keras.config.set_dtype_policy(dtype)
    try:
        with pytest.raises(ValueError, match=rf"Keras's global policy. Received: dtype='{dtype}'"):
            tfgen.MADE(SHAPE)
        assert tfgen.MADE(SHAPE, hidden=2, dtype="float32").sample(1, seed=0).dtype == np.float32
    finally:
        keras.config.set_dtype_policy("float32")


@pytest.mark.parametrize(
    ("policy", "hidden", "last", "received"),
    [
        ("mixed_bfloat16", "float32", "float32", "float32"),  # it would ignore the model's
        ("float32", "mixed_bfloat16", "float32", "float32, mixed_bfloat16"),  # it would be rougher than is said
        ("mixed_float16", "mixed_bfloat16", "float32", "float32, mixed_bfloat16"),
        ("mixed_bfloat16", "bfloat16", "float32", "bfloat16, float32"),
        ("float32", "float64", "float32", "float32, float64"),
        ("float32", "float32", "float32", None),
        ("mixed_bfloat16", "mixed_bfloat16", "float32", None),  # the last layer may be more exact
        ("mixed_float16", "mixed_float16", "mixed_float16", None),
    ],
)
def test_a_network_is_of_its_models_policy(policy: str, hidden: str, last: str, received: str | None) -> None:
    network = decoder(hidden, last)
    if received is None:
        return check_policy(network, "decoder", keras.DTypePolicy(policy))
    told = rf"^Expected `decoder` to be of the model's dtype policy: .*`dtype='{policy}'`.*Received: layers of {received}$"
    with pytest.raises(ValueError, match=told):
        vae(policy, decoder=network)


def test_priors_and_posteriors_compute_in_float32_always() -> None:
    assert vae("mixed_bfloat16", prior=tfgen.distributions.NormalMixture(2, 3)).sample(1, seed=0).dtype == np.float32


def test_another_format_takes_a_users_own_networks_with_it() -> None:
    model = vae("mixed_bfloat16", decoder=decoder("mixed_bfloat16", "float32"))
    config = with_precision(model.get_config(), "float32")
    assert "bfloat16" not in str(config) and model.dtype_policy.name == "mixed_bfloat16"
    copy = convert(model)
    assert [layer.compute_dtype for layer in copy.decoder.layers] == ["float32"] * 3
    np.testing.assert_array_equal(copy.decoder.get_weights()[0], model.decoder.get_weights()[0])
