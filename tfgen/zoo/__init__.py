"""Trained models by name."""

from __future__ import annotations

from tfgen.zoo.entries import names
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.training import fit_recipe

__all__ = ["Recipe", "fit_recipe", "names", "read_recipe"]
