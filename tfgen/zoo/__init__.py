"""Trained models by name.

names()                  the zoo
load(name)               a trained model, ready to sample, fine-tune and export
card(name)               what is known of it, as data
build(name)              the same model untrained, compiled by its recipe
train(recipe, folder)    trains by a recipe and writes a whole entry; resumable
save(model, folder)      writes a model of your own as an entry that `load` reads
verify(name)             computes the card's numbers again
remeasure(name)          computes all of them anew and writes them to the card
"""

from __future__ import annotations

from tfgen.zoo.entries import names
from tfgen.zoo.loading import build, card, load
from tfgen.zoo.measures import measure
from tfgen.zoo.protocols import Protocol
from tfgen.zoo.recipes import Recipe, read_recipe
from tfgen.zoo.saving import pack, save, write_card
from tfgen.zoo.training import fit_recipe, train
from tfgen.zoo.verifying import remeasure, verify

__all__ = [
    "Protocol",
    "Recipe",
    "build",
    "card",
    "fit_recipe",
    "load",
    "measure",
    "names",
    "pack",
    "read_recipe",
    "remeasure",
    "save",
    "train",
    "verify",
    "write_card",
]
