"""Names what goes wrong with a training while it happens."""

from __future__ import annotations

import math
import warnings
from typing import Any

import keras
import numpy as np

from tfgen import data
from tfgen.callbacks import _not_finite
from tfgen.callbacks._diagnoses import DIAGNOSES, Seen
from tfgen.callbacks._extraction import check_extractor
from tfgen.callbacks._probing import Prober, uniform_loss
from tfgen.callbacks.findings import DoctorError, DoctorWarning, Finding, Thresholds

__all__ = ["Doctor"]

_ACTIONS = ("warn", "stop", "raise")


class Doctor(keras.callbacks.Callback):
    """Looks at the training every few steps, and says once what goes wrong, by which numbers, and what usually helps.

    | disease | models | needs `images` |
    | --- | --- | --- |
    | `not_finite`: NaN or infinity, in which tensor, at which step | every Keras model | for gradients and activations |
    | `exploding_loss`: a loss or a penalty grew by orders of magnitude | every Keras model | no |
    | `stuck_at_uniform`: the loss of guessing, `D log K` | discrete likelihoods, GANs, Keras classifiers | for GANs |
    | `discriminator_saturated`: loss near 0, the generator's gradient gone | GANs whose loss has a least value | yes |
    | `discriminator_wins`, `generator_wins`: players badly matched for long | GANs whose loss has a least value | yes |
    | `mode_collapse`: samples of fixed seeds are alike, or of few classes | all but autoregressive ones | yes |
    | `posterior_collapse`: hardly a latent is active | latent-variable models | yes |

    What does not apply to a model, or lacks images, is passed over. A look computes losses and gradients of one batch of `images`
    as a training step would see it, and as many samples: together about the time of three to four steps on 128 rows, so some 3 %
    at the default; NaN is looked for after every step, at no cost. A look changes nothing: batch statistics and noise are set
    back, and training goes on as if nobody had watched, to the last bit. Under a distribution strategy each replica looks at
    the same images. The looks before an interruption are not known to a resumed run.

    Args:
      images: (n, *event_shape) real images in the model's range; the first 128 are used. None for models that need none.
      labels: what `fit` takes as `y` beside the images: (n,) classes, or features of sound; conditional models only.
      every_steps: training steps between two looks. Most diseases must show in `Thresholds.patience` looks in a row, over 500 steps
        by default: a model that has just begun looks sick, so keep the product at some hundred steps.
      action: "warn" says it as a `DoctorWarning`; "stop" also ends the training; "raise" raises a `DoctorError`.
      thresholds: from which numbers on, a `Thresholds`; None for its defaults.
      extractor: compares samples in a feature space rather than pixel by pixel, and counts classes where it knows them: a
        `tfgen.metrics.Extractor`, a Keras model or a function from images to features.

    Attributes:
      findings: what was found so far, a list of `Finding`.
      looks: the numbers of every look, a list of dicts.

    Raises:
      ValueError: `every_steps` is less than 1, or `action` is another word.
      TypeError: `extractor` cannot be called.
      ValueError: when training begins, images that the model cannot take, or labels that are missing or do not fit.
      DoctorError: while training, with `action="raise"`.

    Example:
      >>> import keras, numpy as np, tfgen
      >>> keras.utils.set_random_seed(0)
      >>> model = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4, beta=1000.0)
      >>> model.compile("sgd")
      >>> images = np.zeros((8, 4, 4, 1))
      >>> doctor = tfgen.callbacks.Doctor(images, every_steps=1, action="raise")
      >>> try:
      ...     history = model.fit(images, epochs=20, verbose=0, callbacks=[doctor])
      ... except tfgen.callbacks.DoctorError as error:
      ...     print(error.finding.name, error.finding.step)
      posterior_collapse 5

    Reference: Goodfellow et al., 2014, arXiv 1406.2661 (saturation); Burda, Grosse, Salakhutdinov, 2016, arXiv 1509.00519
      (active units).
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(
        self,
        images: Any = None,
        *,
        labels: Any = None,
        every_steps: int = 100,
        action: str = "warn",
        thresholds: Thresholds | None = None,
        extractor: Any = None,
    ) -> None:
        super().__init__()
        if every_steps < 1:
            raise ValueError(f"`every_steps` must be at least 1. Received: every_steps={every_steps}")
        if action not in _ACTIONS:
            raise ValueError(f"Expected `action` to be one of {_ACTIONS}. Received: action={action!r}")
        check_extractor(extractor)
        self.images, self.labels, self.extractor = images, labels, extractor
        self.every_steps, self.action = every_steps, action
        self.thresholds = thresholds or Thresholds()
        self.findings: list[Finding] = []
        self.looks: list[dict[str, float]] = []
        self._streaks = {diagnosis.name: 0 for diagnosis in DIAGNOSES}
        self._own_step = self._own_epoch = self._looked_at = 0

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if self.images is not None and hasattr(self.model, "check_data"):
            self._check_examples(np.asarray(self.images[:128]))
        self._prober = Prober(self.model, self.images, self.labels, self.extractor)
        self._weights = _not_finite.WeightWatch(self.model)
        self._looked_at = self._step

    def _check_examples(self, images: np.ndarray) -> None:
        """Refuses what a look could not be taken at."""
        if self.labels is None and getattr(self.model, "conditional", False):
            raise ValueError(
                "This model is conditional: expected `labels` beside `images`, rows of what `fit` takes as `y`, labels or "
                "features. Received: Doctor(labels=None)"
            )
        labels = None if self.labels is None else np.asarray(self.labels[:128])
        self.model.check_data(images, labels, name="images")
        if labels is not None:
            data.check_lengths(images, labels)

    @property
    def _step(self) -> int:
        return int(self.model.step.numpy()) if hasattr(self.model, "step") else self._own_step

    @property
    def _epoch(self) -> int:
        return int(self.model.epoch.numpy()) if hasattr(self.model, "epoch") else self._own_epoch

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._own_step += 1
        numbers = {name: float(np.asarray(value)) for name, value in (logs or {}).items() if np.size(value) == 1}
        if not all(map(math.isfinite, numbers.values())):
            self._search(numbers)
        elif self._step - self._looked_at >= self.every_steps:
            self._looked_at = self._step
            self._look(numbers)

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        self._own_epoch += 1

    # ---- diseases ----

    def _has_found(self, name: str) -> bool:
        return any(finding.name == name for finding in self.findings)

    def _look(self, logs: dict[str, float]) -> None:
        """Takes all measurements, and goes through the diseases."""
        broken = self._weights.look()
        if broken is not None:
            self._find("not_finite", broken, _not_finite.ADVICE)
            return
        now = {**logs, **self._prober.measure(self.thresholds.active_variance)}
        uniform = uniform_loss(self.model)
        if uniform is not None and uniform[0] in now:
            now |= {"uniform_loss": uniform[1], "uniform_loss_now": now[uniform[0]]}
        self.looks.append({"step": float(self._step), **now})
        for diagnosis in DIAGNOSES:
            seen = diagnosis.shows(self.looks, self.thresholds)
            self._streaks[diagnosis.name] = self._streaks[diagnosis.name] + 1 if seen else 0
            explained = diagnosis.unless is not None and self._has_found(diagnosis.unless)
            if seen and not explained and self._streaks[diagnosis.name] >= diagnosis.looks * self.thresholds.patience:
                self._find(diagnosis.name, seen, diagnosis.advice)

    def _search(self, logs: dict[str, float]) -> None:
        """Says where the first number stands that is not finite: the log that shows it is the last link of the chain."""
        if self._has_found("not_finite"):
            return
        searches = (
            self._weights.look,
            lambda: _not_finite.in_activations(self._prober),
            lambda: _not_finite.in_gradients(self._prober),
        )
        seen = _not_finite.in_logs(logs)
        deeper = next((found for found in (search() for search in searches) if found), None)
        if seen is not None and deeper is not None:
            seen = f"{seen[0][:-1]}; {deeper[0]}", {**deeper[1], "log": seen[1]["tensor"]}
        if seen is not None:
            self._find("not_finite", seen, _not_finite.ADVICE)

    def _find(self, name: str, seen: Seen, advice: str) -> None:
        if self._has_found(name):
            return
        finding = Finding(name, self._step, self._epoch, seen[0], advice, seen[1])
        self.findings.append(finding)
        if self.action == "raise":
            raise DoctorError(finding)
        warnings.warn(DoctorWarning(str(finding)), stacklevel=2)
        if self.action == "stop":
            self.model.stop_training = True
