"""Small models of every family for the tests of what all share, plain ones and ones with labels, whose weights are large enough."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

import tfgen
from tfgen import objectives
from tfgen.distributions import Normal, WaveformLogisticMixture, get_likelihood, get_posterior, get_prior
from tfgen.models.adversarial import Game
from tfgen.models.conditions import class_label

__all__ = ["CLASSES", "LATENTS", "SHAPE", "LabelledGAN", "LabelledVAE", "build", "examples", "given"]

SHAPE, LATENTS, CLASSES = (4, 3, 1), 3, 3


def network(inputs: tuple[int, ...], outputs: tuple[int, ...], activation: str | None = None) -> keras.Model:
    """A dense network with a class label beside its input."""
    tensor, label = keras.Input(inputs), keras.Input((), dtype="int64")
    beside = keras.layers.Embedding(CLASSES, 4, embeddings_initializer="random_normal")(label)
    x = keras.layers.Concatenate()([keras.layers.Flatten()(tensor), beside])
    x = keras.layers.Dense(8, activation="tanh")(x)
    x = keras.layers.Dense(int(np.prod(outputs)), activation=activation)(x)
    return keras.Model([tensor, label], keras.layers.Reshape(outputs)(x))


class LabelledVAE(tfgen.LatentVariableModel):
    """Images given their class, of latents."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.condition_on(class_label(CLASSES))
        self.likelihood = get_likelihood("bernoulli")
        self.encoder, self.decoder = network(SHAPE, (2 * LATENTS,)), network((LATENTS,), SHAPE)
        prior, posterior = get_prior(None, LATENTS), get_posterior(None, LATENTS)
        self.finish_latents(SHAPE, prior=prior, posterior=posterior, bound=objectives.ELBO())


class LabelledGAN(tfgen.AdversarialModel):
    """A game about images of a class."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        self.condition_on(class_label(CLASSES))
        self.generator, self.discriminator = network((LATENTS,), SHAPE, "sigmoid"), network(SHAPE, (1,))
        self.finish_game(SHAPE, prior=get_prior(None, LATENTS), game=Game(objectives.get_objective("non_saturating")))


SOUND: dict[str, Any] = {"dilations": (1, 2), "blocks": 1, "filters": 3, "skip": 6, "likelihood": WaveformLogisticMixture(2)}
BUILDERS: dict[str, Callable[..., Any]] = {
    "vae": lambda **k: tfgen.VAE(SHAPE, latent_dim=LATENTS, network="mlp", width=6, **k),
    "continuous vae": lambda **k: tfgen.VAE(
        SHAPE, latent_dim=LATENTS, network="mlp", width=6, likelihood=Normal(levels=None, min_scale=0.05), **k
    ),
    "gan": lambda **k: tfgen.GAN(SHAPE, latent_dim=LATENTS, width=3, **k),
    "pixelcnn": lambda **k: tfgen.PixelCNN(SHAPE, filters=4, blocks=1, kernel_size=3, **k),
    "wavenet": lambda **k: tfgen.WaveNet(12, local_channels=2, hop=3, **SOUND, **k),
    "labelled vae": LabelledVAE,
    "labelled gan": LabelledGAN,
    "labelled pixelcnn": lambda **k: tfgen.GatedPixelCNN(SHAPE, filters=3, blocks=1, kernel_size=3, num_classes=CLASSES, **k),
}


def build(name: str, **arguments: Any) -> Any:
    """Builds a model whose weights are far from zero."""
    keras.utils.set_random_seed(2)
    model = BUILDERS[name](**arguments)
    noise = np.random.default_rng(0)
    for variable in model.trainable_variables:
        variable.assign(variable.numpy() + noise.normal(0.0, 0.3, variable.shape))
    return model


def examples(model: Any, n: int) -> np.ndarray:
    """Draws n examples that the model can take: zeros and ones, or sound between -0.9 and 0.9."""
    noise = np.random.default_rng(1)
    if model.value_range == (-1.0, 1.0):
        return noise.uniform(-0.9, 0.9, (n, *model.event_shape)).astype(np.float32)
    return noise.integers(0, 2, (n, *model.event_shape)).astype(np.float32)


def given(model: Any, n: int) -> dict[str, np.ndarray]:
    """What n rows are conditional on, by keyword; nothing for an unconditional model."""
    if model.condition is None:
        return {}
    if model.condition.name == "label":
        return {"label": np.arange(n) % CLASSES}
    return {"features": np.random.default_rng(3).normal(size=(n, *model.condition.spec().shape[1:])).astype(np.float32)}
