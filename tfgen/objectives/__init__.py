"""Objectives: pure functions of arrays, one value per example, in nats."""

from __future__ import annotations

from tfgen.objectives.adversarial import AdversarialObjective, get_objective
from tfgen.objectives.latent import elbo, free_bits, importance_weighted_bound

__all__ = ["AdversarialObjective", "elbo", "free_bits", "get_objective", "importance_weighted_bound"]
