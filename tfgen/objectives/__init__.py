"""Objectives: pure functions of arrays and small frozen objects, one value per example, in nats."""

from __future__ import annotations

from tfgen.objectives.adversarial import AdversarialObjective, get_objective
from tfgen.objectives.bounds import ELBO, Bound, ImportanceWeighted, Inference, make_bound
from tfgen.objectives.heads import ClassHead, Head
from tfgen.objectives.latent import elbo, free_bits, importance_weighted_bound
from tfgen.objectives.penalties import R1, GradientPenalty, Penalty, WeightClipping
from tfgen.objectives.stabilisers import Stabilisers

__all__ = [
    "ELBO",
    "R1",
    "AdversarialObjective",
    "Bound",
    "ClassHead",
    "GradientPenalty",
    "Head",
    "ImportanceWeighted",
    "Inference",
    "Penalty",
    "Stabilisers",
    "WeightClipping",
    "elbo",
    "free_bits",
    "get_objective",
    "importance_weighted_bound",
    "make_bound",
]
