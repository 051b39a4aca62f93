"""Measures of generative models: likelihood, sample quality, divergences; statistics in float64."""

from __future__ import annotations

from tfgen.metrics.codes import code_entropy, order_1_nll
from tfgen.metrics.conditional import PerClass, class_accuracy, intra_class_frechet, ms_ssim_diversity, multi_scale_ssim
from tfgen.metrics.copying import DataCopying, data_copying_statistic, nearest_neighbours
from tfgen.metrics.divergences import Estimate, class_score, cross_entropy, entropy, jensen_shannon_divergence, kl_divergence
from tfgen.metrics.features import CLASSIFIER, CLASSIFIER_SHA256, Extractor, load_extractor
from tfgen.metrics.frechet import frechet_distance
from tfgen.metrics.keras_metrics import FrechetDistance, KernelDistance
from tfgen.metrics.kernel import KernelEstimate, kernel_distance
from tfgen.metrics.likelihood import density_bits_per_dim, nats_to_bits_per_dim
from tfgen.metrics.modes import ModeCoverage, modes_of_classes, modes_of_points
from tfgen.metrics.moments import Moments
from tfgen.metrics.neighbours import (
    DensityCoverage,
    NeighbourScores,
    PrecisionRecall,
    density_coverage,
    nearest_radii,
    neighbour_scores,
    precision_recall,
)

__all__ = [
    "CLASSIFIER",
    "CLASSIFIER_SHA256",
    "DataCopying",
    "DensityCoverage",
    "Estimate",
    "Extractor",
    "FrechetDistance",
    "KernelDistance",
    "KernelEstimate",
    "ModeCoverage",
    "Moments",
    "NeighbourScores",
    "PerClass",
    "PrecisionRecall",
    "class_accuracy",
    "class_score",
    "code_entropy",
    "cross_entropy",
    "data_copying_statistic",
    "density_bits_per_dim",
    "density_coverage",
    "entropy",
    "frechet_distance",
    "intra_class_frechet",
    "jensen_shannon_divergence",
    "kernel_distance",
    "kl_divergence",
    "load_extractor",
    "modes_of_classes",
    "modes_of_points",
    "ms_ssim_diversity",
    "multi_scale_ssim",
    "nats_to_bits_per_dim",
    "nearest_neighbours",
    "nearest_radii",
    "neighbour_scores",
    "order_1_nll",
    "precision_recall",
]
