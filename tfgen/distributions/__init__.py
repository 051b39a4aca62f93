"""Likelihoods of pixels, and Gaussian latents through TensorFlow Probability."""

from __future__ import annotations

from tfgen.distributions.gaussian import kl_to_standard_normal, normal_log_prob, normal_quantile
from tfgen.distributions.likelihoods import (
    Bernoulli,
    Categorical,
    DiscretizedLogistic,
    Likelihood,
    Normal,
    get_likelihood,
)

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiscretizedLogistic",
    "Likelihood",
    "Normal",
    "get_likelihood",
    "kl_to_standard_normal",
    "normal_log_prob",
    "normal_quantile",
]
