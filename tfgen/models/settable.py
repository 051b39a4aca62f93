"""What is set on a model after its construction: honoured wherever the model is used, or refused in one sentence."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

import keras

from tfgen.models import compiling, configuration
from tfgen.models.averages import averaged_copy
from tfgen.models.frozen import freeze, frozen_parts, networks_of

__all__ = ["SettableMixin"]

# beside a constructor's own arguments: what a constructor makes of them, and what graphs, files and averages hang on
_FIXED = ("seed", "ema", "dtype_policy", "event_shape", "players", "condition", "target")
_FIXED += ("likelihood", "prior", "posterior", "bound", "game")  # of families
_LAYERS_OF_OTHERS = ("prior", "posterior")  # parts of a model's definition, though some have weights


class SettableMixin:
    """Assignments to every model, once `finish` has ended its construction.

    Networks that the constructor takes may be exchanged, and layers frozen and thawed; `settable` arguments may be changed, while
    `fit` runs too. Every other argument is fixed: what was built from it would not follow.
    """

    settable: ClassVar[tuple[str, ...]] = ()  # arguments of the constructor that may be changed
    _fixed: frozenset[str] = frozenset()
    _networks: frozenset[str] = frozenset()
    takes_networks = False  # whether the constructor does, so that they may be exchanged
    _stale = False  # whether training has to be traced again
    began: dict[str, Any] | None = None  # what `settings` were when `fit` began
    default_configs: dict[str, str | None]  # of default networks as they were made
    built_frozen = False  # whether the constructor freezes something itself

    def end_construction(self: Any) -> None:
        """Fixes what is fixed from now on; `finish` calls it."""
        networks = {*networks_of(self)} - {*_LAYERS_OF_OTHERS}
        given = {name for name in (*self.arguments, *_FIXED) if hasattr(self, name)}
        self.default_configs, self.built_frozen = configuration.default_configs(self), bool(self.frozen)
        self._networks, self.takes_networks = frozenset(networks), bool(networks & {*self.arguments})
        self._fixed = frozenset(given - networks - {*self._settable_arguments()})

    def _settable_arguments(self: Any) -> list[str]:
        return [name for name in self.settable if name in self.arguments]  # no file could hold another one

    def __setattr__(self: Any, name: str, value: Any) -> None:
        if name in self._networks:
            self._exchange(name, value)
            return
        if name in self._fixed and not _is_same(getattr(self, name), value):
            argument = f", {type(self).__name__}(..., {name}=...)" if name in (*self.arguments, "seed", "ema") else ""
            received = " ".join(repr(value).split())
            raise ValueError(
                f"Expected `{name}` of a {type(self).__name__} to stay what it was built with, as graphs, averages and files hang "
                f"on it: build another one{argument}. Received: {name}={received if len(received) < 80 else type(value).__name__}"
            )
        super().__setattr__(name, value)

    # ---- networks ----

    def _exchange(self: Any, name: str, network: Any) -> None:
        """Puts another network in the place of one: checked as the constructor checks it, averaged, and trained by its player."""
        old = getattr(self, name)
        if network is old:
            return
        if name not in self.arguments:
            raise ValueError(
                f"Expected `{name}` of a {type(self).__name__} to stay: its constructor takes none, so no file could hold another. "
                f"Received: {name}={type(network).__name__}"
            )
        if not isinstance(network, keras.Layer):
            raise TypeError(f"Expected `{name}` to be a Keras model. Received: {name}={network!r}")
        average = getattr(self, f"averaged_{name}", None)
        self._put(name, network)
        try:
            configuration.check_policy(network, name, self.dtype_policy)
            self.check_networks()
        except (TypeError, ValueError):
            self._put(name, old)
            raise
        if average is not None:
            with self.distribute_strategy.scope():
                self._put(f"averaged_{name}", network if self.ema is None else averaged_copy(network))
        self.default_networks = tuple(other for other in self.default_networks if other != name)
        self.forget_graphs()
        if self.compiled:
            compiling.renew(self)

    def _put(self: Any, name: str, layer: Any) -> None:
        """Assigns a layer in the place of another, where Keras would go on tracking, and training, both."""
        old = getattr(self, name)
        if not self._tracker.is_in_store("layers", old):  # an average that was its network
            pass
        elif self._tracker.is_in_store("layers", layer):
            self._tracker.untrack(old)
        else:
            self._tracker.replace_tracked_value("layers", old, layer)
        super().__setattr__(name, layer)

    def forget_graphs(self: Any) -> None:
        """Has everything traced again that was traced before something was set: at once, but for a `fit` that runs."""
        self.functions.clear()
        self.test_function = self.predict_function = None
        self._stale = True

    # ---- layers ----

    @property
    def trainable(self: Any) -> bool:
        """Whether the model trains; set on a model, it holds for all its layers but the averages, which never train."""
        return self._trainable

    @trainable.setter
    def trainable(self: Any, value: bool) -> None:
        keras.Model.trainable.fset(self, value)  # type: ignore[attr-defined]
        for network, average in self.averaged_pairs():
            if average is not network:
                average.trainable = False

    @property
    def frozen(self: Any) -> list[str]:
        """The names of what does not train: "encoder" for a network, "encoder/3" for one layer of it; a file holds them.

        Keras's `layer.trainable = False` says the same. `fit` heeds it, whenever it is set, from the next epoch on.
        """
        return frozen_parts(self)

    @frozen.setter
    def frozen(self: Any, names: Iterable[str]) -> None:
        freeze(self, names)

    # ---- training ----

    def settings(self: Any) -> dict[str, Any]:
        """Says in JSON what may have been set since construction.

        Returns:
          settings: `frozen`, and the arguments that are `settable`, by name.
        """
        found = {name: None if name in self.default_networks else getattr(self, name) for name in self._settable_arguments()}
        return {"frozen": self.frozen, **{name: keras.saving.serialize_keras_object(value) for name, value in found.items()}}

    def set_settings(self: Any, settings: dict[str, Any]) -> None:
        """Sets what `settings` said.

        Args:
          settings: by name.
        """
        for name, value in configuration.from_config(settings, None).items():
            if value is not None:  # said by others
                setattr(self, name, value)

    def make_train_function(self: Any, force: bool = False) -> Any:
        """Traces training anew where what it trains, or how, has been set since; `fit` calls it, at each epoch too.

        Args:
          force: whether to trace anew in any case.

        Returns:
          function: as Keras gives it.

        Raises:
          ValueError: nothing is left to train.
        """
        if not any(player.variables(self) for player in self.players):
            raise ValueError(
                f"Expected something to train: thaw a layer, `layer.trainable = True`. Received: frozen={self.frozen}"
            )
        changed = compiling.renew(self, keep=True) or self._stale
        self._stale = False
        return super().make_train_function(force or changed)  # type: ignore[misc]


def _is_same(old: Any, new: Any) -> bool:
    plain = (bool, int, float, str, tuple, type(None))
    return new is old or (isinstance(new, plain) and type(new) is type(old) and new == old)
