"""The diseases of a training, each told from the measurements of the last looks at it."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tfgen.callbacks.findings import Thresholds

__all__ = ["DIAGNOSES", "Diagnosis", "Seen"]

Looks = list[dict[str, float]]
Seen = tuple[str, dict[str, float | str]]


@dataclass(frozen=True)
class Diagnosis:
    """One disease.

    Args:
      name: what a finding calls it.
      shows: from all looks so far, the last of them now, to a sentence and its numbers, or None where nothing shows.
      advice: what usually helps.
      looks: how many times `Thresholds.patience` looks in a row must show it; 0 for one look.
      unless: another disease that explains this one.
    """

    name: str
    shows: Callable[[Looks, Thresholds], Seen | None]
    advice: str
    looks: int = 1
    unless: str | None = None


def _discriminator_share(now: dict[str, float]) -> float | None:
    """Returns the discriminator's loss as a share of what it pays when it cannot tell; None where a loss has no least value."""
    if "chance_loss" not in now or now["chance_loss"] <= 0 or now["least_loss"] < 0:
        return None
    return now["discriminator_loss"] / now["chance_loss"]


def saturated(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """The discriminator is always right, and nothing of its certainty reaches the generator."""
    now = looks[-1]
    share = _discriminator_share(now)
    if share is None or not share < thresholds.saturated_loss:
        return None
    gradient, largest = now["generator_gradient"], max(look.get("generator_gradient", 0.0) for look in looks)
    if not largest or not gradient <= thresholds.vanishing_gradient * largest:  # a frozen generator has none
        return None
    evidence: dict[str, float | str] = {
        "discriminator_loss": now["discriminator_loss"],
        "generator_gradient": gradient,
        "largest_gradient": largest,
    }
    says = (
        f"the discriminator's loss is {now['discriminator_loss']:.2g} ({now['chance_loss']:.2g} when it cannot tell), and the "
        f"generator's gradient has fallen to {gradient:.2g} from {largest:.2g}."
    )
    return says, evidence


def discriminator_wins(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """The discriminator ranks every pair rightly, at hardly any cost."""
    now = looks[-1]
    share = _discriminator_share(now)
    if share is None or not (share < thresholds.winning_loss and now["ranks"] >= thresholds.winning_ranks):
        return None
    evidence = _game(now)
    return (
        f"the discriminator tells {100 * now['ranks']:.1f} % of pairs apart, its loss is {now['discriminator_loss']:.2g} and the "
        f"generator's {now['generator_loss']:.2g}; its gradient is {evidence['gradient_ratio']:.2g} times the generator's."
    ), evidence


def generator_wins(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """The discriminator is worse than one that says nothing."""
    now = looks[-1]
    share = _discriminator_share(now)
    if share is None or not share > thresholds.losing_loss:
        return None
    return (
        f"the discriminator's loss is {now['discriminator_loss']:.2g}, more than the {now['chance_loss']:.2g} of one that "
        f"says nothing: it takes {100 * (1 - now['ranks']):.0f} % of generated images for more real than real ones."
    ), _game(now)


def _game(now: dict[str, float]) -> dict[str, float | str]:
    ratio = now["discriminator_gradient"] / max(now["generator_gradient"], 1e-30)
    names = ("discriminator_loss", "generator_loss", "ranks", "discriminator_gradient", "generator_gradient")
    return {**{name: now[name] for name in names}, "gradient_ratio": ratio}


def _recovers(looks: Looks, thresholds: Thresholds, name: str) -> bool:
    """Whether a number has risen over the looks that count: young models begin alike, and get over it."""
    before = looks[-min(len(looks), thresholds.patience)].get(name, math.inf)
    return looks[-1][name] > 1.2 * before


def mode_collapse(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """Samples of different seeds are alike, or are all of few classes."""
    now = looks[-1]
    for name, least, what in (
        ("class_coverage", thresholds.class_coverage, "the effective number of classes among samples"),
        ("pairwise_distance", thresholds.pairwise_distance, "the mean distance between samples of different seeds"),
    ):
        if name in now and now[name] < least and not _recovers(looks, thresholds, name):
            evidence: dict[str, float | str] = {key: now[key] for key in ("class_coverage", "pairwise_distance") if key in now}
            return f"{what} is {now[name]:.2g} times that of real images.", evidence
    return None


def posterior_collapse(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """The posterior says the same of every image."""
    now = looks[-1]
    if "active_share" not in now:
        return None
    few = now["active_share"] < thresholds.active_share and not _recovers(looks, thresholds, "active_share")
    if not few and not (now["kl"] < thresholds.posterior_kl and not _recovers(looks, thresholds, "kl")):
        return None
    evidence: dict[str, float | str] = {"active_units": now["active_units"], "latents": now["latents"], "kl": now["kl"]}
    return (
        f"{now['active_units']:.0f} of {now['latents']:.0f} latents are active (their posterior's mean varies over images by "
        f"more than {thresholds.active_variance:g}), and the KL term is {now['kl']:.2g} nats: the decoder does without the latents."
    ), evidence


def stuck_at_uniform(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """A likelihood model that has learned nothing, or a discriminator that says the same of every image."""
    now = looks[-1]
    if "uniform_loss" in now:
        loss = now.get("uniform_loss_now", math.inf)
        if abs(loss / now["uniform_loss"] - 1.0) <= thresholds.uniform_loss:
            evidence: dict[str, float | str] = {"loss": loss, "uniform_loss": now["uniform_loss"]}
            return f"the loss is {loss:.4g} nats, and guessing costs {now['uniform_loss']:.4g}: nothing is learned.", evidence
    share = _discriminator_share(now)
    if share is None or not (
        abs(share - 1.0) <= thresholds.chance_loss and now["logits_deviation"] <= thresholds.constant_logits
    ):
        return None
    evidence = {name: now[name] for name in ("discriminator_loss", "chance_loss", "logits_deviation")}
    return (
        f"the discriminator's loss is {now['discriminator_loss']:.4g}, what guessing costs, and its logits vary by "
        f"{now['logits_deviation']:.2g} only: it says the same of every image."
    ), evidence


def exploding(looks: Looks, thresholds: Thresholds) -> Seen | None:
    """A loss or a penalty has grown by orders of magnitude."""
    now, first = looks[-1], looks[: thresholds.patience]
    for name, value in now.items():
        if not ("loss" in name or "penalty" in name) or name in ("chance_loss", "least_loss", "uniform_loss"):
            continue
        start = max(1.0, min(abs(look.get(name, math.inf)) for look in first))
        if math.isfinite(start) and abs(value) > thresholds.explosion * start:
            return f"`{name}` is {value:.3g}, and was {start:.3g} or less.", {"log": name, "value": value, "start": start}
    return None


_STEADY = "two learning rates of which the winner's is the lower, or more steps of the loser"

DIAGNOSES = (
    Diagnosis(
        "discriminator_saturated",
        saturated,
        "`objective='non_saturating'` or one whose gradient does not vanish (least squares, Wasserstein with a penalty), a lower "
        "learning rate or fewer parameters for the discriminator, labels smoothed on the real side to 0.9, noise on its inputs.",
    ),
    Diagnosis(
        "discriminator_wins",
        discriminator_wins,
        f"{_STEADY}; spectral normalisation or a gradient penalty in the discriminator; and a look at the data's range: a "
        "generator that cannot reach it is told apart at once.",
        looks=2,
        unless="discriminator_saturated",
    ),
    Diagnosis(
        "generator_wins",
        generator_wins,
        f"{_STEADY}; a larger discriminator; and a check that the discriminator is trained at all (its learning rate, `trainable`).",
        looks=2,
    ),
    Diagnosis(
        "mode_collapse",
        mode_collapse,
        "for a GAN: showing the discriminator several samples at once (packing, minibatch statistics), a larger batch, spectral "
        "normalisation, a lower learning rate; for a VAE, whose samples are then all the mean image: the advice on a collapsed "
        "posterior.",
    ),
    Diagnosis(
        "posterior_collapse",
        posterior_collapse,
        "a smaller `beta`, `kl_warmup_steps` over the first tenth of the training, `free_bits` of 0.05 to 0.5 nats per latent, a "
        "decoder that cannot do without the latents.",
    ),
    Diagnosis(
        "stuck_at_uniform",
        stuck_at_uniform,
        "a learning rate ten times higher or lower; a check that the weights are trainable, that the labels or images are not "
        "constant or shuffled apart, and that images lie in [0, 1]. Of a GAN whose samples are perfect it is the end of the game.",
    ),
    Diagnosis(
        "exploding_loss",
        exploding,
        "a lower learning rate, clipped gradients (`global_clipnorm=1.0`), a smaller weight of the penalty; for a Wasserstein "
        "critic a gradient penalty in place of none, computed in float32, and no batch normalisation.",
        looks=0,
    ),
)
