"""Scores a model while it trains, and keeps the best of it."""

from __future__ import annotations

import math
import os
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np

from tfgen import checks, data, pictures, writing
from tfgen import metrics as measures
from tfgen.callbacks._best import BestModel
from tfgen.callbacks._events import EventWriter
from tfgen.callbacks._extraction import check_extractor, describe, draw, extract
from tfgen.models.conditions import in_turn

__all__ = ["Score"]

_SMALLEST = ("frechet_distance", "kernel_distance")
_NEIGHBOURS = {"precision": 3, "recall": 3, "density": 5, "coverage": 5}
_LIKELIHOODS = {"log_prob": {}, "elbo": {"seed"}, "log_prob_bound": {"seed"}}
_NAMES = (*_SMALLEST, *_NEIGHBOURS, *_LIKELIHOODS)
_SHOWN = 64  # samples in a picture


class Score(keras.callbacks.Callback):
    """Draws the same seeds every few epochs, compares them with real images, and keeps the best model by the first metric.

    At the end of a scored epoch the numbers join Keras's logs under their names, so `EarlyStopping`, `ModelCheckpoint`,
    `CSVLogger` and the history see them: put `Score` before those in the list of callbacks. An epoch that is not scored, and samples
    that are not finite, log the worst number there is, infinity or minus infinity: Keras takes a first NaN for the best for ever.
    In `directory` are `best.keras`, the model with its optimizers, `best.json`, which says by which number it is the best
    and how that was computed, and `epoch-0001.png` and its followers, the first 64 samples. A later `fit` with the same
    directory goes on from that best; a `best.json` of another protocol is refused. Scoring takes the time of n samples,
    and of likelihoods one evaluation on `images`; it changes nothing in the training, to the last bit. A directory is one training's
    at a time.

    Metrics: "frechet_distance" and "kernel_distance" (less is better), "precision", "recall" (3 neighbours), "density",
    "coverage" (5), and the model's own likelihood of `images` in nats, mean per image: "log_prob" where it is exact, "elbo" and
    "log_prob_bound" (100 draws) where it is a bound (more is better).

    Args:
      images: (m, *event_shape) real images that training does not see, in the model's range; for a conditional model a
        pair of images and what `fit` takes as `y` beside them, labels or features of sound: samples take the same in turn.
      directory: where the best model and the pictures go; made if missing.
      extractor: a `tfgen.metrics.Extractor`, a Keras model or a function from images to features; None compares pixels.
      metrics: names from above; the first decides which model is the best.
      n: samples, at least 2; None for as many as images, which is what distances should be computed from.
      seed: seed of the samples, of the bounds' draws and of kernel distance's subsets, the same each time.
      every_epochs: epochs between two scores, counted from the model's first.
      log_dir: where event files for TensorBoard go, or None.

    Attributes:
      scores: what was measured, a list of dicts with `epoch`.

    Raises:
      ValueError: an unknown metric or none, too few images or samples; when training begins, images that the model cannot take, a
        metric that it has not, or a `best.json` of another protocol.
      TypeError: `extractor` cannot be called; when training begins, a model that does not sample.

    Example:
      >>> import numpy as np, tempfile, tfgen
      >>> model = tfgen.VAE((4, 4, 1), latent_dim=2, network="mlp", width=4)
      >>> model.compile()
      >>> images = np.random.default_rng(0).random((16, 4, 4, 1))
      >>> score = tfgen.callbacks.Score(images, directory=tempfile.mkdtemp(), metrics=["frechet_distance", "elbo"])
      >>> history = model.fit(images, epochs=2, verbose=0, callbacks=[score])
      >>> [sorted(scores) for scores in score.scores]
      [['elbo', 'epoch', 'frechet_distance'], ['elbo', 'epoch', 'frechet_distance']]

    Reference: Heusel et al., 2017, GANs trained by a two time-scale update rule, arXiv 1706.08500 (Frechet distance); Binkowski
      et al., 2018, Demystifying MMD GANs, arXiv 1801.01401 (kernel distance); Kynkaanniemi et al., 2019, arXiv 1904.06991
      (precision and recall); Naeem et al., 2020, arXiv 2002.09797 (density and coverage).
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(
        self,
        images: Any,
        *,
        directory: str | os.PathLike[str],
        extractor: Any = None,
        metrics: Sequence[str] = ("frechet_distance",),
        n: int | None = None,
        seed: int = 0,
        every_epochs: int = 1,
        log_dir: str | os.PathLike[str] | None = None,
    ) -> None:
        super().__init__()
        check_extractor(extractor)
        unknown = [name for name in metrics if name not in _NAMES]
        if isinstance(metrics, str) or not metrics or unknown:
            raise ValueError(f"Expected `metrics` as a list of names from {_NAMES}. Received: metrics={metrics!r}")
        self.images, self.labels = images if isinstance(images, tuple) else (images, None)
        self.n = len(self.images) if n is None else n
        if min(self.n, len(self.images)) < 2 or every_epochs < 1:
            raise ValueError(
                "Expected at least 2 images, `n` of at least 2 and `every_epochs` of at least 1. Received: "
                f"{len(self.images)} images, n={n}, every_epochs={every_epochs}"
            )
        self.directory, self.extractor = checks.path(directory, "directory"), extractor
        self.log_dir = None if log_dir is None else checks.path(log_dir, "log_dir")
        self._claim = writing.Claim(self.directory, what="training")
        self.metrics, self.seed, self.every_epochs = list(metrics), seed, every_epochs
        self.scores: list[dict[str, float]] = []
        self._real: np.ndarray | None = None
        self._events: EventWriter | None = None

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        if not hasattr(self.model, "sample"):
            raise TypeError(f"Expected a model with `sample(n, seed=...)`. Received: {type(self.model).__name__}")
        missing = [name for name in self.metrics if name in _LIKELIHOODS and not hasattr(self.model, name)]
        if missing:
            raise ValueError(f"{type(self.model).__name__} has no such likelihood: leave it out. Received: metrics={missing}")
        if self.labels is None and getattr(self.model, "conditional", False):
            raise ValueError(
                "This model is conditional: expected a pair of images and what `fit` takes as `y` beside them, labels or "
                "features. Received: Score(images) without them"
            )
        if hasattr(self.model, "check_data"):
            self.model.check_data(np.asarray(self.images), self.labels, name="images")
        if self.labels is not None:
            data.check_lengths(self.images, self.labels)
        self._claim.take()
        first = self.metrics[0]
        self._best = BestModel(self.directory, self._protocol(), largest=first not in _SMALLEST)
        if self.log_dir is not None:
            self._events = EventWriter(self.log_dir)

    def _protocol(self) -> dict[str, Any]:
        first = self.metrics[0]
        found = {"metric": first, "mode": "min" if first in _SMALLEST else "max", "n": self.n, "seed": self.seed}
        return {**found, "images": len(self.images), "extractor": describe(self.extractor)}

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        done = int(self.model.epoch.numpy()) if hasattr(self.model, "epoch") else epoch + 1
        scores = self._worst()
        if done % self.every_epochs == 0:
            scores = self._score(done)
            self.scores.append({"epoch": done, **scores})
            self._best.offer(self.model, scores, done)
        if logs is not None:
            logs.update(scores)

    def on_train_end(self, logs: dict[str, Any] | None = None) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def on_fit_end(self) -> None:
        """Lets other trainings into the directory; `fit` calls it however it ends."""
        self._claim.release()

    # ---- numbers ----

    def _worst(self) -> dict[str, float]:
        return {name: math.inf if name in _SMALLEST else -math.inf for name in self.metrics}

    def _score(self, epoch: int) -> dict[str, float]:
        samples = draw(self.model, self.n, self.seed, self.labels)
        found = {name: self._likelihood(name) for name in self.metrics if name in _LIKELIHOODS}
        distances = [name for name in self.metrics if name not in _LIKELIHOODS]
        if distances and np.isfinite(samples).all():
            found |= self._compare(extract(self.extractor, samples), distances)
        scores = self._worst() | {name: value for name, value in found.items() if name in self.metrics and math.isfinite(value)}
        pictured = pictures.can_draw(samples.shape[1:])
        if pictured:
            pictures.save_grid(samples[:_SHOWN], self.directory / f"epoch-{epoch:04d}.png")
        if self._events is not None:
            for name, value in scores.items():
                self._events.scalar(f"score/{name}", value, epoch)
            if pictured:
                self._events.images("samples", samples[:_SHOWN], epoch)
            self._events.flush()
        return scores

    def _compare(self, generated: np.ndarray, names: list[str]) -> dict[str, float]:
        if self._real is None:
            self._real = extract(self.extractor, np.asarray(self.images))
        real, found = self._real, {}
        if "frechet_distance" in names:
            found["frechet_distance"] = float(measures.frechet_distance(real, generated))
        if "kernel_distance" in names:
            size = min(1000, len(real), len(generated))
            found["kernel_distance"] = float(measures.kernel_distance(real, generated, subset_size=size, seed=self.seed).value)
        for pair, function in (
            (("precision", "recall"), measures.precision_recall),
            (("density", "coverage"), measures.density_coverage),
        ):
            if set(pair) & set(names):
                k = min(_NEIGHBOURS[pair[0]], len(real) - 1, len(generated) - 1)
                found |= dict(zip(pair, map(float, function(real, generated, k=k)), strict=True))
        return found

    def _likelihood(self, name: str) -> float:
        given: dict[str, Any] = {"seed": self.seed} if "seed" in _LIKELIHOODS[name] else {}
        if getattr(self.model, "conditional", False):
            given |= in_turn(self.model, len(self.images), self.labels)
        return float(np.mean(getattr(self.model, name)(self.images, **given), dtype=np.float64))
