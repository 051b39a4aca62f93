"""Tells the data where training stands, counts steps and epochs in the model, and orders the callbacks that keep a training's state."""

from __future__ import annotations

import contextlib
import dataclasses
import warnings
from collections.abc import Iterator, Sequence
from typing import Any

import keras

from tfgen.models.pipeline import NOTHING, FitPlan
from tfgen.models.place import Fingerprint, Place, metric_sums, set_metric_sums

__all__ = ["Clock", "EpochEnd", "Saver", "in_order"]


class Saver(keras.callbacks.Callback):
    """A callback that keeps the state of a training: `fit` runs it after all others, whose state belongs to it.

    Attributes:
      others: the callbacks of the same `fit`.
    """

    others: Sequence[keras.callbacks.Callback] = ()

    def restore(self) -> bool:
        """Brings back what was kept of the model; `fit` calls it before any callback hears that training begins.

        Returns:
          restored: whether there was anything.
        """
        return False

    def on_error(self) -> None:
        """Keeps what was to be kept when another callback raised an error, before this one's turn."""


class Clock(keras.callbacks.Callback):
    """Runs before every other callback of `fit`.

    Args:
      plan: what `fit` reads.
      savers: the callbacks that may bring back a state.
    """

    model: Any  # set by Keras before the first call; its own annotation is None

    def __init__(self, plan: FitPlan, *, savers: Sequence[Saver] = ()) -> None:
        super().__init__()
        self._plan, self._savers = plan, savers
        self._restored = self._found = self._is_cut = self._wanted = False
        self._skipped = self._taken = self._first_step = 0
        self._done: dict[str, float] = {}
        self._quiet = contextlib.ExitStack()

    def on_train_begin(self, logs: dict[str, Any] | None = None) -> None:
        self.model.began = self.model.settings()  # before a checkpoint brings back what it held
        self._restored = any([saver.restore() for saver in self._savers])

    def on_epoch_begin(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        model, start = self.model, self._plan.start
        sums = None if self._found else self._find_place()
        self._found = True
        self._skipped, self._taken = int(model.batch.numpy()), 0
        self._first_step = int(model.step.numpy())
        start.epoch = 0 if self._plan.endless else int(model.epoch.numpy())
        is_done = self._plan.steps is not None and self._skipped >= self._plan.steps
        start.skip = NOTHING if is_done else self._skipped + model.place.begun
        if is_done:
            self._quiet.enter_context(_no_news())
        if self._skipped and sums:
            set_metric_sums(model, sums)
            self._done = {name: float(value) for name, value in model.get_metrics_result().items()}

    def _find_place(self) -> Any:
        """Compares the place that the model stands in with the data that it is given; returns what its metrics had added up."""
        model, plan, old = self.model, self._plan, self.model.place
        batch, step = int(model.batch.numpy()), int(model.step.numpy())
        if old is not None and old.first_step == step - batch:
            is_same = (
                old.fingerprint == plan.fingerprint if not self._restored else _are_alike(old.fingerprint, plan.fingerprint)
            )
            begun = old.begun
        else:  # a file of an earlier release says how many steps, and not of what
            is_same = self._restored or (batch > 0 and not plan.endless)
            begun = int(model.epoch.numpy()) * (plan.steps or 0) if plan.endless else 0
        if batch and not is_same:
            print(
                f"The last training stopped after step {batch} of an epoch of other data. This one reads its data from the beginning."
            )
            batch = 0
        begun = begun if is_same else 0
        if batch and plan.steps is not None and batch >= plan.steps and not self._restored:
            begun, batch = begun + batch, 0
            self._end_epoch()
        if batch:
            length = "an unknown number" if plan.steps is None else plan.steps
            print(f"Epoch {int(model.epoch.numpy()) + 1} goes on after step {batch} of {length}.")
        elif begun and plan.endless:
            print(f"The data goes on where it stood, after {begun} steps.")
        model.batch.assign(batch)
        model.place = Place(plan.fingerprint, step - batch, begun if plan.endless else 0)
        return None if old is None else old.sums

    def on_train_batch_begin(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        if batch == 0:  # what callbacks have set between epochs: layers frozen, networks exchanged
            self.model.make_train_function()

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._taken = batch + 1
        self.model.batch.assign(self._skipped + self._taken)

    def cut(self) -> None:
        """Ends an epoch that began in its middle with its last step: Keras counts those of a whole one; called after all callbacks."""
        steps = self._plan.steps
        if self._skipped and steps is not None and self._skipped + self._taken >= steps:
            self._is_cut, self._wanted = True, self.model.stop_training
            self.model.stop_training = True

    def on_epoch_end(self, epoch: int, logs: dict[str, Any] | None = None) -> None:
        model = self.model
        self._quiet.close()
        if self._is_cut:
            self._is_cut, model.stop_training = False, self._wanted
        if not self._skipped and not self._taken:
            raise ValueError(
                f"Expected at least one batch in each epoch; `dataset.repeat()` makes data endless, and a generator must begin anew "
                f"each time it is called. Received: none in epoch {epoch + 1}"
            )
        if not self._taken and logs is not None:  # all steps were done, only the end of the epoch was not
            logs.update({name: value for name, value in self._done.items() if name not in logs})
        done, steps = self._skipped + self._taken, self._plan.steps
        is_over = not self._plan.endless or (done < (steps or 0) and not model.stop_training)
        begun = 0 if is_over else model.place.begun + done
        self._end_epoch()
        model.place = Place(self._plan.fingerprint, int(model.step.numpy()), begun)

    def _end_epoch(self) -> None:
        self.model.end_epoch()
        self.model.batch.assign(0)
        self.model.epoch.assign_add(1)

    @contextlib.contextmanager
    def watching(self, callbacks: Sequence[keras.callbacks.Callback]) -> Iterator[None]:
        """Tells callbacks how a training ends that does not end well, and keeps what the next use of the model resets.

        Args:
          callbacks: of the same `fit`; `on_interrupt` hears of Ctrl-C, `on_error` of an error, `on_fit_end` of any end.

        Yields:
          None.
        """
        is_unknown = self._plan.steps is None
        try:
            with _no_news() if is_unknown else contextlib.nullcontext():
                yield
        except (KeyboardInterrupt, Exception) as error:
            if self._found and isinstance(error, KeyboardInterrupt):
                # Ctrl-C may come between a step and its callbacks: the step counter knows
                self.model.batch.assign(self._skipped + int(self.model.step.numpy()) - self._first_step)
            heard = "on_interrupt" if isinstance(error, KeyboardInterrupt) else "on_error"
            for callback in callbacks:
                if self._found or not isinstance(callback, Saver):  # before that there is nothing to keep
                    getattr(callback, heard, lambda: None)()
            raise
        finally:
            self._quiet.close()
            for callback in callbacks:
                getattr(callback, "on_fit_end", lambda: None)()
            self.model._initial_epoch = None  # what a checkpoint had restored
            if self._found:
                self.model.place = dataclasses.replace(self.model.place, sums=metric_sums(self.model))


class EpochEnd(keras.callbacks.Callback):
    """Runs after every other callback of `fit`.

    Args:
      clock: of the same `fit`.
    """

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock

    def on_train_batch_end(self, batch: int, logs: dict[str, Any] | None = None) -> None:
        self._clock.cut()


def in_order(plan: FitPlan, callbacks: Sequence[keras.callbacks.Callback]) -> tuple[Clock, list[keras.callbacks.Callback]]:
    """Puts the callbacks of a `fit` in order: a clock, the user's own, those that keep the training's state, the end of an epoch.

    Args:
      plan: what `fit` reads.
      callbacks: what the user gave, and Keras perhaps.

    Returns:
      clock: the first of them.
      callbacks: all.
    """
    savers = [callback for callback in callbacks if isinstance(callback, Saver)]
    others = [callback for callback in callbacks if not isinstance(callback, (Saver, Clock, EpochEnd))]
    for saver in savers:
        saver.others = others
    clock = Clock(plan, savers=savers)
    return clock, [clock, *others, *savers, EpochEnd(clock)]


@contextlib.contextmanager
def _no_news() -> Iterator[None]:
    """Silences Keras's warning that data has ended where this is how an epoch ends: its length is unknown, or its steps are done."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="Your input ran out of data")
        yield


def _are_alike(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether data has the same form: who starts the same program again vouches for the rest."""
    return one.structure == other.structure
