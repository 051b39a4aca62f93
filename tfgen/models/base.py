"""What every generative model of the library is: an ordinary Keras model that also samples and exports itself."""

from __future__ import annotations

import abc
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfgen import random
from tfgen.models import guards
from tfgen.models.computing import ComputingModel
from tfgen.models.conditions import SET_BY
from tfgen.models.controls import check_controls, check_extent
from tfgen.models.operations import Operation
from tfgen.models.signatures import batch_of

__all__ = ["GenerativeModel"]

_COLDEST = 1e-6  # temperature: logits and scales divided or multiplied by it stay finite
_NEUTRAL = {"temperature": 1.0, "truncation": float(np.finfo(np.float32).max)}


class GenerativeModel(ComputingModel, abc.ABC):
    """Abstract base of all families.

    A subclass says what it is conditional on by `self.condition_on(...)`, builds its networks, and ends its constructor by the
    `finish...` of its family.

    Hooks:
      draw: one example per seed.
    """

    @property
    def output_name(self) -> str:
        """The name of examples in signatures: the medium."""
        return self.medium

    @abc.abstractmethod
    def draw(self, seeds: tf.Tensor, condition: Any, controls: dict[str, tf.Tensor], extent: int | None) -> tf.Tensor:
        """Draws one example per seed; row i is a function of row i of the arguments alone.

        Args:
          seeds: (batch,) int64.
          condition: as `Condition.tensor` gives it, or None.
          controls: (batch,) float32 each, of those in `sampling_controls` that are given.
          extent: length of the first axis; None for the model's own.

        Returns:
          examples: (batch, *event_shape) float32.
        """

    def operations(self) -> dict[str, Operation]:
        named = [] if self.condition is None else [self.condition.spec()]
        specs = [batch_of((), tf.int64, "seed"), *named]
        found = {**super().operations(), "sample": Operation(self._sample, specs, settings={"extent": None})}
        controls = [batch_of((), tf.float32, name) for name in type(self).sampling_controls]
        if controls:
            found["sample_with_controls"] = Operation(self._sample, [*specs, *controls], settings={"extent": None})
        return found

    def _sample(self, seed: tf.Tensor, extent: int | None, **given: tf.Tensor) -> dict[str, tf.Tensor]:
        condition = self.take_condition(given)
        return {self.medium: self.draw(seed, condition, self.take_controls(given), extent)}

    # ---- sampling ----

    def sample(self, n: int | None = None, *, seed: Any = None, batch_size: int | None = None, **given: Any) -> np.ndarray:
        """Draws examples.

        Row i depends on its own seed (and condition and controls) alone: not on `n`, on the batch, or on whether Python or a server
        draws it, up to float32 rounding, which differs between batch sizes and processors. A discrete value flips when its
        uniform number lies within rounding of a boundary, about one image in 10 000.

        Args:
          n: number of examples; a list of seeds or labels fixes it too.
          seed: one integer for the call (row i then has `tfgen.random.row_seeds(seed, n)[i]`), one per row, or None for a
            fresh one.
          batch_size: rows computed at once; it does not change the result.
          **given: what the model is conditional on, `label` (one class for all rows, or one each) or `features`; and the model's
            `sampling_controls`: `temperature` (positive, one or one per row; below 1 draws likelier examples), `truncation`
            (positive, one or one per row; bounds the latents' magnitude); of sound also `length`, in samples: a longer draw begins
            with the shorter one of the same seed.

        Returns:
          examples: (n, *event_shape) float32 in the data's own range, [0, 1] for images.

        Raises:
          ValueError: the number of rows is not fixed or contradictory, the model lacks a control that is asked for, or what it is
            conditional on is missing or wrong.
          TypeError: a seed is not an integer.
        """
        extent = None
        if self.extent is not None:
            extent = check_extent(given.pop(self.extent, None), self.extent, self.event_shape[0])
        named = self._named_conditions(given)
        if n is None and self.condition is not None:
            n = self.condition.count(named.get(self.condition.name), seed)
        seeds = random.as_row_seeds(seed, n)
        named = self.condition_rows(named, len(seeds), extent)
        controls = self.check_controls(given, len(seeds))
        if not len(seeds):
            return np.zeros((0, *([extent, *self.event_shape[1:]] if extent else self.event_shape)), np.float32)
        inputs = {"seed": seeds, **named, **controls}
        name = "sample"
        if controls:
            name = "sample_with_controls"
            neutral = {key: np.full(len(seeds), _NEUTRAL.get(key, 1.0), np.float32) for key in type(self).sampling_controls}
            inputs = {**neutral, **inputs}
        return self.run(name, inputs, batch_size=batch_size, extent=extent)[self.medium]

    def _named_conditions(self, given: dict[str, Any]) -> dict[str, Any]:
        """Takes out of keywords what names a condition: this model's, or another's, which is then refused as one."""
        own = [] if self.condition is None else [self.condition.name]
        return {name: given.pop(name) for name in (*own, *SET_BY) if name in given}

    def check_controls(self, given: dict[str, Any], n: int) -> dict[str, np.ndarray]:
        """Checks sampling controls.

        Args:
          given: by name, one for all rows or one each; those that are None are left out.
          n: number of rows.

        Returns:
          controls: (n,) float32 each.

        Raises:
          ValueError: the model lacks one, there are too few or too many, or one is not positive.
        """
        return check_controls(given, type(self).sampling_controls, n, type(self).__name__)

    def check_sampling(self, n: int, **given: Any) -> None:
        """Checks the arguments of `sample` without drawing anything.

        Args:
          n: number of rows.
          **given: as `sample` takes it.

        Raises:
          ValueError: as `sample` does.
        """
        self.condition_rows(self._named_conditions(given), n)
        self.check_controls(given, n)

    @staticmethod
    def temperature_of(controls: Mapping[str, tf.Tensor], rows: tf.Tensor) -> tf.Tensor:
        """Reads the temperature of each row.

        Args:
          controls: of `draw`.
          rows: number of rows.

        Returns:
          temperature: (rows,) float32, one where none is given.
        """
        return tf.maximum(controls["temperature"], _COLDEST) if "temperature" in controls else tf.ones((rows,))

    @staticmethod
    def take_controls(given: Mapping[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Refuses controls that are not positive numbers inside the graph, to which a server brings them unchecked.

        Args:
          given: (batch,) float32 each.

        Returns:
          controls: the same.
        """
        taken = {}
        for name, values in given.items():
            with tf.control_dependencies([guards.require_positive(values, name)]):
                taken[name] = tf.identity(values)
        return taken

    # ---- serving ----

    def export_metadata(self) -> dict[str, Any]:
        """See `ComputingModel.export_metadata`; adds the controls of sampling, and what fixes a sample.

        Returns:
          metadata: JSON-able.
        """
        seeds = "one int64 below 2**53 per row; see tfgen.random.row_seeds"
        return {**super().export_metadata(), "sampling_controls": list(self.sampling_controls), "seeds": seeds}
