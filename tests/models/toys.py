"""The toys that hold the bases, registered with the conformance suite: what they keep, any class that overrides hooks alone keeps too."""

from __future__ import annotations

from typing import Any

from tests.models.adversarial.toy import CLASSES, LATENTS, Trio, dense
from tests.models.latent.toy import Ladder
from tfgen.distributions import Normal, NormalMixture
from tfgen.objectives import GradientPenalty, ImportanceWeighted, Stabilisers, WeightClipping
from tfgen.testing import Case

__all__ = ["CASES"]


def in_turn(**overrides: Any) -> Trio:
    return Trio(**{"penalty": GradientPenalty(2.0, every=3), "critic_steps": 2, **overrides})


def at_once(**overrides: Any) -> Trio:
    tricks = Stabilisers(instance_noise=0.05, average_start=1)
    rules = {"simultaneous": True, "penalty": WeightClipping(0.3), "stabilisers": tricks}
    return Trio(**{**rules, "prior": NormalMixture(LATENTS, 2), **overrides})


def own() -> dict[str, Any]:
    """Networks that normalise by batch."""
    shape, normalised = (4, 4, 1), {"normalised": True}
    return {
        "generator": dense((LATENTS,), shape, label=True, last="sigmoid", **normalised),
        "discriminator": dense(shape, (1 + CLASSES,), **normalised),
        "encoder": dense(shape, (LATENTS,), **normalised),
    }


CASES = [
    Case(
        "trio-in-turn",
        in_turn,
        num_classes=CLASSES,
        sizes=[lambda: in_turn(image_shape=(5, 3, 2))],
        own_networks=lambda: in_turn(**own()),
        modules=("tfgen", "tests.models.adversarial.toy"),
    ),
    Case(
        "trio-at-once",
        at_once,
        num_classes=CLASSES,
        sizes=[lambda: at_once(image_shape=(5, 3, 2))],
        own_networks=lambda: at_once(**own()),
        modules=("tfgen", "tests.models.adversarial.toy"),
    ),
    Case(
        "ladder",
        Ladder,
        sizes=[lambda: Ladder((3, 2, 3)), lambda: Ladder(likelihood=Normal(levels=None), bound=ImportanceWeighted(3))],
        modules=("tfgen", "tests.models.latent.toy"),
        exempt={"own_networks": "The toy has no arguments for networks."},
    ),
]
