"""Likelihoods p(x | z) of pixels and waveforms, priors p(z) and posteriors q(z | x) of latents."""

from __future__ import annotations

from tfgen.distributions.base import Likelihood
from tfgen.distributions.gaussian import kl_to_standard_normal, normal_log_prob, normal_quantile
from tfgen.distributions.likelihoods import Bernoulli, Categorical, Normal, get_likelihood
from tfgen.distributions.logistic import DiscretizedLogistic, DiscretizedLogisticMixture
from tfgen.distributions.posteriors import DiagonalNormal, FullNormal, PointMass, Posterior, get_posterior
from tfgen.distributions.priors import NormalMixture, Prior, StandardNormal, Uniform, get_prior
from tfgen.distributions.waveforms import MuLawCategorical, WaveformLogisticMixture

__all__ = [
    "Bernoulli",
    "Categorical",
    "DiagonalNormal",
    "DiscretizedLogistic",
    "DiscretizedLogisticMixture",
    "FullNormal",
    "Likelihood",
    "MuLawCategorical",
    "Normal",
    "NormalMixture",
    "PointMass",
    "Posterior",
    "Prior",
    "StandardNormal",
    "Uniform",
    "WaveformLogisticMixture",
    "get_likelihood",
    "get_posterior",
    "get_prior",
    "kl_to_standard_normal",
    "normal_log_prob",
    "normal_quantile",
]
