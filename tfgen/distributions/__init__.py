"""Likelihoods of pixels, and Gaussian latents through TensorFlow Probability."""

from __future__ import annotations

from tfgen.distributions.base import Likelihood
from tfgen.distributions.gaussian import kl_to_standard_normal, normal_log_prob, normal_quantile
from tfgen.distributions.likelihoods import Bernoulli, Categorical, Normal, get_likelihood
from tfgen.distributions.logistic import DiscretizedLogistic, DiscretizedLogisticMixture
from tfgen.distributions.waveforms import MuLawCategorical, WaveformLogisticMixture

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "Likelihood",
    "MuLawCategorical",
    "Normal",
    "WaveformLogisticMixture",
    "get_likelihood",
    "kl_to_standard_normal",
    "normal_log_prob",
    "normal_quantile",
]
