"""A VAE whose likelihood is known: linear networks, Gaussian pixels of one fixed scale, so that p(x) is a Gaussian."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

import tfgen
from tfgen.distributions import Normal

__all__ = ["LATENTS", "SHAPE", "Linear", "dense_network", "gaussian_log_prob", "inverse_softplus", "linear_model"]

SHAPE, LATENTS = (2, 2, 1), 2
PIXELS = 4
MIN_SCALE = 1e-3  # of `Normal`
POSTERIOR_FLOOR, POSTERIOR_SHIFT = 1e-4, 0.5413  # of the posterior's scale, softplus(raw + shift) + floor


def inverse_softplus(value: Any) -> np.ndarray:
    """The number whose softplus is `value`."""
    return np.log(np.expm1(np.asarray(value, np.float64)))


def dense_network(inputs: tuple[int, ...], outputs: tuple[int, ...], name: str, dtype: Any = None) -> keras.Model:
    """One dense layer without activation."""
    tensor = keras.Input(inputs)
    values = keras.layers.Dense(int(np.prod(outputs)), dtype=dtype)(keras.layers.Flatten()(tensor))
    return keras.Model(tensor, keras.layers.Reshape(outputs)(values), name=name)


def gaussian_log_prob(x: np.ndarray, loc: np.ndarray, covariance: np.ndarray) -> np.ndarray:
    """The log-density of each row of `x`, (n, d), in float64."""
    difference = x.astype(np.float64) - loc
    squared = np.einsum("ni,ij,nj->n", difference, np.linalg.inv(covariance), difference)
    return -0.5 * (squared + np.linalg.slogdet(covariance)[1] + len(covariance) * np.log(2 * np.pi))


@dataclass
class Linear:
    """`x = 0.5 + bias + weights z + scale * noise`, with orthogonal columns of `weights`, so that p(z | x) is diagonal."""

    weights: np.ndarray
    bias: np.ndarray
    scale: float

    @property
    def covariance(self) -> np.ndarray:
        return self.weights @ self.weights.T + self.scale**2 * np.eye(PIXELS)

    @property
    def posterior_variance(self) -> np.ndarray:
        return 1.0 / (1.0 + (self.weights**2).sum(0) / self.scale**2)

    @property
    def posterior_weights(self) -> np.ndarray:
        """(pixels, latents): from `x - 0.5 - bias` to the posterior's mean."""
        return self.weights * self.posterior_variance / self.scale**2

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        return gaussian_log_prob(x.reshape(len(x), PIXELS), 0.5 + self.bias, self.covariance)

    def log_prob_given(self, x: np.ndarray, latents: np.ndarray) -> np.ndarray:
        loc = 0.5 + self.bias + latents @ self.weights.T
        return gaussian_log_prob(x.reshape(len(x), PIXELS) - loc, np.zeros(PIXELS), self.scale**2 * np.eye(PIXELS))

    def draw(self, n: int) -> np.ndarray:
        """Draws images in [0, 1]: what lies beyond is cut off, which the bounds at each image do not mind."""
        noise = np.random.default_rng(5)
        x = 0.5 + self.bias + noise.normal(size=(n, LATENTS)) @ self.weights.T + self.scale * noise.normal(size=(n, PIXELS))
        return np.clip(x, 0.0, 1.0).reshape(n, *SHAPE).astype(np.float32)


def _set_decoder(decoder: Any, law: Linear) -> None:
    kernel, bias = np.zeros((LATENTS, 2 * PIXELS)), np.zeros(2 * PIXELS)
    kernel[:, 0::2] = law.weights.T  # the mean and the scale of each pixel in turn
    bias[0::2] = law.bias
    bias[1::2] = inverse_softplus((law.scale - MIN_SCALE) / 0.1)
    decoder.set_weights([kernel, bias])


def _set_encoder(encoder: Any, weights: np.ndarray, offset: np.ndarray, scale: np.ndarray) -> None:
    kernel, bias = np.zeros((PIXELS, 2 * LATENTS)), np.zeros(2 * LATENTS)
    kernel[:, :LATENTS] = weights
    bias[:LATENTS] = -offset @ weights
    bias[LATENTS:] = inverse_softplus(scale - POSTERIOR_FLOOR) - POSTERIOR_SHIFT
    encoder.set_weights([kernel, bias])


def linear_model(posterior: str = "exact", **arguments: Any) -> tuple[tfgen.VAE, Linear]:
    """Makes the model and its law.

    `posterior` is "exact", "rough" (half the exact mean, 1.5 times the exact scale) or "certain" (the exact mean, hardly any scale).
    """
    columns = np.array([[1.0, 1.0], [1.0, -1.0], [1.0, 1.0], [1.0, -1.0]])
    law = Linear(columns * [0.06, 0.03], np.array([0.05, -0.05, 0.0, 0.02]), 0.08)
    model = tfgen.VAE(
        SHAPE,
        latent_dim=LATENTS,
        likelihood=Normal(levels=None, min_scale=MIN_SCALE),
        encoder=dense_network(SHAPE, (2 * LATENTS,), "encoder"),
        decoder=dense_network((LATENTS,), (*SHAPE[:2], 2), "decoder"),
        **arguments,
    )
    _set_decoder(model.decoder, law)
    mean, scale = {"exact": (1.0, 1.0), "rough": (0.5, 1.5), "certain": (1.0, 1e-3)}[posterior]
    deviation = scale * np.sqrt(law.posterior_variance)
    _set_encoder(model.encoder, mean * law.posterior_weights, 0.5 + law.bias, np.maximum(deviation, 1.5e-4))
    return model, law
