"""A model of two groups of latents, z1 -> z2 -> x: it holds what `LatentVariableModel` promises before any system stands on it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, final

import keras
import numpy as np
import tensorflow as tf

from tests.models.latent.linear import dense_network
from tfgen.distributions import (
    DiagonalNormal,
    Likelihood,
    StandardNormal,
    get_likelihood,
    kl_to_standard_normal,
    normal_log_prob,
    normal_quantile,
)
from tfgen.models import LatentVariableModel
from tfgen.objectives import ELBO, Bound, Inference

__all__ = ["FIRST", "SECOND", "Ladder"]

FIRST, SECOND = DiagonalNormal(1), DiagonalNormal(2)  # the groups


@final
@keras.saving.register_keras_serializable("toys")
class Ladder(LatentVariableModel):
    """Linear: p(z1) = N(0, 1), p(z2 | z1) of `upper`, p(x | z2) of `lower`, q(z1 | x) of `encoder`, q(z2 | x, z1) of `joint`."""

    def __init__(
        self,
        image_shape: Sequence[int] = (2, 2, 1),
        *,
        likelihood: str | Likelihood = "normal",
        bound: Bound | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.image_shape, self.likelihood = tuple(image_shape), get_likelihood(likelihood)
        size, outputs = int(np.prod(image_shape)), self.likelihood.num_outputs(image_shape[-1])
        policy = self.dtype_policy
        self.encoder = dense_network(self.image_shape, (FIRST.num_parameters,), "encoder", policy)
        self.joint = dense_network((size + 1,), (SECOND.num_parameters,), "joint", policy)
        self.upper = dense_network((1,), (SECOND.num_parameters,), "upper", policy)
        self.lower = dense_network((2,), (*self.image_shape[:-1], outputs), "lower", policy)
        # the flat prior and posterior say how many latents and uniform numbers there are; the hooks know better what they are
        flat = {"prior": StandardNormal(3), "posterior": DiagonalNormal(3), "bound": bound or ELBO()}
        self.finish_latents(self.image_shape, **flat, networks=("encoder", "joint", "upper", "lower"))

    def summarise(self, x: tf.Tensor, condition: Any, training: bool, seeds: tf.Tensor | None = None) -> Any:
        return {"x": tf.reshape(x, (-1, int(np.prod(self.image_shape)))), "first": self.in_use("encoder", training)(x)}

    def infer(self, summary: Any, x: tf.Tensor, condition: Any, u: tf.Tensor, training: bool) -> Inference:
        first = FIRST.split(summary["first"])
        top, log_q1 = FIRST.draw(first, u[:, :1])
        second = SECOND.split(self.in_use("joint", training)(tf.concat([summary["x"], top], -1)))
        below, log_q2 = SECOND.draw(second, u[:, 1:])
        loc, scale = SECOND.split(self.in_use("upper", training)(top)).values()
        log_prior = StandardNormal(1).log_prob(top) + tf.reduce_sum(normal_log_prob(below, loc, scale), -1)
        kl = FIRST.kl(first, StandardNormal(1)), kl_to_standard_normal((second["loc"] - loc) / scale, second["scale"] / scale)
        extra = {name: tf.concat([first[name], second[name]], -1) for name in first}
        return Inference(tf.concat([top, below], -1), log_q1 + log_q2, log_prior, tf.concat(kl, -1), extra)

    def draw_latents(self, u: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], training: bool) -> tf.Tensor:
        warmth = controls.get("temperature", tf.ones((tf.shape(u)[0],)))[:, None]
        top = warmth * tf.math.ndtri(u[:, :1])
        loc, scale = SECOND.split(self.in_use("upper", training)(top)).values()
        return tf.concat([top, normal_quantile(u[:, 1:], loc, warmth * scale)], -1)

    def generate(self, latents: tf.Tensor, condition: Any, training: bool) -> tf.Tensor:
        return self.likelihood.split(self.in_use("lower", training)(latents[:, 1:]), self.image_shape[-1])
