"""What the doctor finds, how it says so, and from which number on it does."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["DoctorError", "DoctorWarning", "Finding", "Thresholds"]


class DoctorWarning(UserWarning):
    """Says that a training goes wrong, how the doctor knows, and what usually helps.

    Example:
      >>> import tfgen, warnings
      >>> warnings.simplefilter("always", tfgen.callbacks.DoctorWarning)  # also where the program ignores other warnings
    """


class DoctorError(RuntimeError):
    """Ends a training that goes wrong, where the doctor was told to: `Doctor(action="raise")`.

    Args:
      finding: what was found.

    Example:
      >>> import tfgen
      >>> finding = tfgen.callbacks.Finding("mode_collapse", step=100, epoch=1, says="All samples look alike.", advice="Rest.")
      >>> print(tfgen.callbacks.DoctorError(finding))
      mode collapse, seen at step 100, epoch 1: All samples look alike. What usually helps: Rest.
    """

    def __init__(self, finding: Finding) -> None:
        super().__init__(str(finding))
        self.finding = finding


@dataclass(frozen=True)
class Finding:
    """One disease of a training.

    Args:
      name: `not_finite`, `discriminator_saturated`, `discriminator_wins`, `generator_wins`, `mode_collapse`, `posterior_collapse`,
        `stuck_at_uniform` or `exploding_loss`.
      step: training steps taken when it was found.
      epoch: epochs finished by then.
      says: what was seen, in a sentence.
      advice: what usually helps.
      evidence: the numbers behind it, and the names of what they belong to.

    Example:
      >>> import tfgen
      >>> tfgen.callbacks.Finding("mode_collapse", step=100, epoch=1, says="All look alike.", advice="Rest.").evidence
      {}
    """

    name: str
    step: int
    epoch: int
    says: str
    advice: str
    evidence: dict[str, float | str] = field(default_factory=dict)

    def __str__(self) -> str:
        seen = f"{self.name.replace('_', ' ')}, seen at step {self.step}, epoch {self.epoch}"
        return f"{seen}: {self.says} What usually helps: {self.advice}"


@dataclass(frozen=True)
class Thresholds:
    """From which number on the doctor speaks.

    Args:
      patience: looks in a row that must show a disease, and no recovery from it; who wins a game is judged after twice as many.
      saturated_loss: the discriminator's loss, as a share of what it pays when it cannot tell, below which it is saturated.
      vanishing_gradient: the generator's gradient, as a share of its largest so far, below which it has vanished.
      winning_loss: the same share of the discriminator's loss, below which it wins.
      winning_ranks: share of pairs, a real image and a generated one, that the discriminator must rank rightly to win.
      losing_loss: the same share of the discriminator's loss, above which the generator wins: more than not telling costs.
      chance_loss: how near to 1 that share must stay for a discriminator that learns nothing.
      constant_logits: standard deviation of the discriminator's logits below which it says the same of every image.
      pairwise_distance: mean distance between samples, as a share of that between real images, below which modes collapsed.
      class_coverage: effective number of classes among samples, as a share of that among real images, likewise.
      active_variance: variance over images of a posterior's mean above which a latent is active.
      active_share: share of active latents below which the posterior collapsed.
      posterior_kl: nats of KL below which the posterior collapsed.
      uniform_loss: how near a loss must stay to that of the uniform distribution, relative to it.
      explosion: how many times its first values (or 1, where those are smaller) a loss or penalty must reach.

    Raises:
      ValueError: `patience` is less than 1, or another number is negative.

    Example:
      >>> import tfgen
      >>> tfgen.callbacks.Thresholds(patience=3).active_share
      0.05

    Reference: Burda, Grosse, Salakhutdinov, 2016, Importance weighted autoencoders, arXiv 1509.00519 (active units).
    """

    patience: int = 5
    saturated_loss: float = 0.02
    vanishing_gradient: float = 0.1
    winning_loss: float = 0.05
    winning_ranks: float = 0.995
    losing_loss: float = 1.5
    chance_loss: float = 0.01
    constant_logits: float = 0.02
    pairwise_distance: float = 0.25
    class_coverage: float = 0.5
    active_variance: float = 0.01
    active_share: float = 0.05
    posterior_kl: float = 0.1
    uniform_loss: float = 0.01
    explosion: float = 1000.0

    def __post_init__(self) -> None:
        if self.patience < 1 or min(vars(self).values()) < 0:
            raise ValueError(f"Expected `patience` of at least 1 and no negative threshold. Received: {self}")
