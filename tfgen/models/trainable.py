"""What every model of the library is while it trains: players with optimizers, exact order and resuming, averages, counters."""

from __future__ import annotations

import abc
import inspect
from collections.abc import Sequence
from typing import Any, ClassVar

import keras
import numpy as np
import tensorflow as tf

from tfgen import checks, data, random
from tfgen.models import compiling, configuration
from tfgen.models.averages import averaged_copy, update_average
from tfgen.models.batch import Batch
from tfgen.models.conditions import Condition
from tfgen.models.frozen import networks_of
from tfgen.models.hooks import hook
from tfgen.models.optimizers import gradient_norms
from tfgen.models.place import Place
from tfgen.models.players import Player
from tfgen.models.settable import SettableMixin
from tfgen.models.training import TrainingMixin

__all__ = ["TrainableModel"]

_SAID_ONCE = ("self", "seed", "ema", "name", "dtype")


class TrainableModel(TrainingMixin, configuration.StoredMixin, SettableMixin, keras.Model, abc.ABC):  # type: ignore[misc]
    """Abstract base of everything that `fit` trains: generative models and classifiers.

    A subclass builds its networks in the constructor and calls `self.finish(...)` last. All noise of training is keyed by (seed,
    step, row of the global batch), so the three counters below are the whole random state: `step` (training steps taken), `epoch`
    (epochs finished) and `batch` (steps done in the current epoch).

    Hooks:
      per_example: the numbers of each row; "loss" among them is what a single player descends.
      take_step: one training step; the default descends the mean loss with the one optimizer.
      look_at: measures a batch as a training step would see it, for the `Doctor`.
      default_optimizer: the optimizer of the paper.
      end_epoch: what is to be done when an epoch is over; nothing by default.
      check_networks: refuses networks that do not fit, those of the constructor and those assigned later.

    Args:
      seed: fixes training noise and the order of the data; weights are initialised by Keras's own generator
        (`keras.utils.set_random_seed`).
      ema: decay per step of the averaged copy of the weights that sampling, evaluation and export use, in (0, 1); None for no copy.
      name: Keras's name.
      dtype: Keras's dtype policy: "float32", "mixed_bfloat16" or "mixed_float16"; None for the global one.
    """

    arguments: ClassVar[tuple[str, ...]] = ()  # of the constructor; read off its signature
    further_arguments: ClassVar[tuple[str, ...]] = ()  # that it takes among its `**kwargs`
    accepts_sample_weight: ClassVar[bool] = True
    value_range: tuple[float, float] = (0.0, 1.0)  # of the data
    default_networks: tuple[str, ...] = ()  # names of network arguments that were left to the class
    event_shape: tuple[int, ...]
    players: tuple[Player, ...] = ()
    condition: Condition | None = None
    target: Condition | None = None
    batches_per_step: int = 1
    average_start: int = 0  # steps before which an average is a copy

    def __init_subclass__(cls, **keywords: Any) -> None:
        super().__init_subclass__(**keywords)
        if "__init__" in vars(cls) and "arguments" not in vars(cls):
            parameters = inspect.signature(cls.__init__).parameters.values()
            variadic = (inspect.Parameter.VAR_KEYWORD, inspect.Parameter.VAR_POSITIONAL)
            own = tuple(p.name for p in parameters if p.kind not in variadic and p.name not in _SAID_ONCE)
            cls.arguments = own + cls.further_arguments

    def __init__(self, *, seed: int = 0, ema: float | None = None, name: str | None = None, dtype: Any = None) -> None:
        super().__init__(name=name, dtype=dtype)
        if isinstance(seed, bool) or not isinstance(seed, (int, np.integer)) or not 0 <= seed <= random.MAX_SEED:
            raise ValueError(f"`seed` must be an integer in [0, 2**53). Received: seed={seed!r}")
        if ema is not None and not 0.0 < checks.number(ema, "ema") < 1.0:
            raise ValueError(f"`ema` must be a decay in (0, 1), for example 0.999, or None. Received: ema={ema}")
        configuration.check_precision(self.dtype_policy)
        self.seed = int(seed)
        self.ema = ema
        counters = {"dtype": "int64", "trainable": False, "initializer": "zeros", "aggregation": "only_first_replica"}
        self.step = self.add_weight(name="step", shape=(), **counters)
        self.epoch = self.add_weight(name="epoch", shape=(), **counters)
        self.batch = self.add_weight(name="batch", shape=(), **counters)
        self._evaluated_rows = tf.Variable(
            0, dtype=tf.int64, trainable=False, aggregation=tf.VariableAggregation.ONLY_FIRST_REPLICA
        )
        self._trackers: dict[str, keras.metrics.Mean] = {}
        self.place: Place | None = None  # what `batch` counts in
        self.functions: dict[str, Any] = {}  # graphs of operations, by key

    # ---- construction ----

    def finish(self, event_shape: Sequence[int], *, players: Sequence[Player], metrics: Sequence[str]) -> None:
        """Ends construction; everything is built by now.

        Args:
          event_shape: shape of one example.
          players: who trains which networks; averaged copies are made of those that a player names.
          metrics: names of the numbers that `per_example` and `take_step` report.
        """
        self.event_shape = tuple(int(size) for size in event_shape)
        self.players = tuple(players)
        for name, network in networks_of(self).items():
            configuration.check_policy(network, name, self.dtype_policy)
        for name in self._averaged_names():
            network = getattr(self, name)
            setattr(self, f"averaged_{name}", network if self.ema is None else averaged_copy(network))
        self._trackers = {metric: keras.metrics.Mean(name=metric) for metric in metrics}
        self.built = True
        self.end_construction()

    @hook
    def check_networks(self) -> None:
        """Refuses networks that do not take and return what the model's do; passes all by default.

        Raises:
          TypeError: a network is no Keras model.
          ValueError: a network does not fit.
        """

    def _averaged_names(self) -> list[str]:
        return [name for player in self.players for name in player.averaged]

    def in_use(self, name: str, training: bool) -> Any:
        """Finds a network: with the weights that training moves, or with those that everything else uses.

        Args:
          name: the attribute that holds it.
          training: whether a training step asks.

        Returns:
          network: the raw one, or its average where there is one.
        """
        return getattr(self, name if training else f"averaged_{name}")

    def averaged_pairs(self) -> list[tuple[Any, Any]]:
        """Lists the networks of which averages are kept.

        Returns:
          pairs: (network, averaged copy); the network twice, where the model has no `ema`.
        """
        return [(getattr(self, name), getattr(self, f"averaged_{name}")) for name in self._averaged_names()]

    @property
    def called_on(self) -> Condition | None:
        """What calling the model takes beside examples: what it is conditional on, or None."""
        return self.condition

    @property
    def conditional(self) -> bool:
        """Whether `fit` and its like need `y`."""
        return self.target is not None

    # ---- players ----

    @property
    def optimizers(self) -> dict[str, Any]:
        """The optimizers by the keyword of `compile`; empty before it."""
        return {p.optimizer_name: getattr(self, p.optimizer_name) for p in self.players} if self.compiled else {}

    @hook
    def default_optimizer(self, player: str) -> keras.optimizers.Optimizer:
        """Makes the optimizer of the paper.

        Args:
          player: its name; "" for the only one.

        Returns:
          optimizer: a fresh one.
        """
        del player
        return keras.optimizers.Adam(1e-3)

    def compile(self, *optimizers: Any, **keywords: Any) -> None:
        """Prepares training.

        Args:
          *optimizers: one for each player, in their order: a Keras optimizer, its name, or None for the paper's.
          **keywords: the same by name (`optimizer`; of a game `generator_optimizer`, `discriminator_optimizer`, ...); and
            `run_eagerly`, `steps_per_execution`, `jit_compile`, as in Keras.

        Raises:
          ValueError: a loss or metrics are given (the objective is the model's own), one object for two players, or an
            optimizer that cannot be resumed exactly.
        """
        given = compiling.optimizers_by_player(self, optimizers, keywords)
        compiling.check_keywords(self, keywords)
        made = compiling.make_optimizers(self, given)
        keras.Model.compile(self, optimizer=None, loss=None, auto_scale_loss=False, **keywords)
        self._compile_arguments = dict(keywords)
        self.functions.clear()
        self.batch.assign(0)  # another training, which begins at the beginning of its data
        self.place = None
        compiling.install(self, made)

    # ---- steps ----

    @abc.abstractmethod
    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Computes the numbers of each row.

        Args:
          batch: rows of training or evaluation.

        Returns:
          numbers: (batch,) each, by name; "loss" among them is what a single player descends.
        """

    @hook
    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Moves the players' weights once.

        Args:
          batch: rows of training data.

        Returns:
          numbers: (batch,) each, under the names of `per_example`.
        """
        with tf.GradientTape() as tape:
            values = self.per_example(batch)
            loss = self.optimizer.scale_loss(self.mean(values["loss"], batch.weight))
        variables = self.players[0].variables(self)
        self.optimizer.apply_gradients(zip(tape.gradient(loss, variables), variables, strict=True))
        return values

    @hook
    def look_at(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Measures a batch as a training step would see it, and takes no step; who calls it sets back the batch statistics.

        Args:
          batch: rows, with `training=True`.

        Returns:
          numbers: scalars; `<player>_gradients`, the length of the gradient in each of a player's variables.
        """
        with tf.GradientTape() as tape:
            values = self.per_example(batch)
            loss = tf.reduce_mean(values["loss"])
        means = {name: tf.reduce_mean(value) for name, value in values.items()}
        variables = self.players[0].variables(self)
        return {**means, "gradients": gradient_norms(tape, loss, self.optimizer, variables)}

    @hook
    def end_epoch(self) -> None:
        """Does what is to be done when an epoch is over, before any callback hears of it; nothing by default."""

    def train_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = tf.cast(x, tf.float32)
        with tf.control_dependencies([x]):  # the call that finds the data at its end must move no counter
            values = self.take_step(self.make_batch(x, y, weight, self.training_seeds(tf.shape(x)[0]), True))
            if self.ema is not None:
                for network, average in self.averaged_pairs():
                    update_average(average, network, self.ema, self.step, start=self.average_start)
            self.step.assign_add(1)
            # where a step has several moves the numbers are of the rows of the last one
            return self._track(values, weight if self.batches_per_step == 1 else None)

    def test_step(self, data: Any) -> dict[str, tf.Tensor]:
        x, y, weight = keras.utils.unpack_x_y_sample_weight(data)
        x = tf.cast(x, tf.float32)
        seeds = self._evaluation_seeds(tf.shape(x)[0])
        return self._track(self.per_example(self.make_batch(x, y, weight, seeds, False)), weight)

    def probe(self, x: tf.Tensor, y: Any, seeds: tf.Tensor) -> dict[str, tf.Tensor]:
        """Measures a batch as a training step would see it, and takes no step; who calls it sets back the batch statistics.

        Args:
          x: (batch, *event_shape) float32.
          y: what `fit` takes beside it, or None.
          seeds: (batch,) int64.

        Returns:
          numbers: as the hook `look_at` gives them.
        """
        return self.look_at(self.make_batch(x, y, None, seeds, True))

    def make_batch(self, x: tf.Tensor, y: Any, weight: Any, seeds: tf.Tensor, training: bool) -> Batch:
        """Sorts the parts of a batch: what `fit` takes as `y` is a target, a condition, both or nothing.

        Args:
          x: (batch, *event_shape) float32.
          y: what `fit` takes beside it, or None.
          weight: (batch,) weights of the rows, or None.
          seeds: (batch,) int64.
          training: whether weights are to move.

        Returns:
          batch: checked inside the graph.
        """
        target = None if self.target is None else self.target.of(x, y)
        if self.condition is self.target:
            condition = target
        else:
            condition = None if self.condition is None else self.condition.of(x, y)
        return Batch(x, condition, target, weight, seeds, training)

    def mean(self, per_example: tf.Tensor, weight: tf.Tensor | None = None) -> tf.Tensor:
        """Averages over the global batch: replicas add up their gradients, so each divides by the global size.

        Args:
          per_example: (batch,) numbers.
          weight: (batch,) weights of the rows, or None.

        Returns:
          mean: a scalar.
        """
        if weight is not None:
            per_example = per_example * tf.cast(weight, per_example.dtype)
        return tf.reduce_mean(per_example) / tf.distribute.get_strategy().num_replicas_in_sync

    # ---- seeds and metrics ----

    def row_numbers(self, batch: tf.Tensor) -> tf.Tensor:
        """Numbers the local rows by their place in the global batch.

        Args:
          batch: number of local rows.

        Returns:
          numbers: (batch,) int64.
        """
        replica = tf.distribute.get_replica_context()
        number = replica.replica_id_in_sync_group if replica is not None else 0
        return tf.cast(number, tf.int64) * tf.cast(batch, tf.int64) + tf.range(tf.cast(batch, tf.int64))

    def training_seeds(self, batch: tf.Tensor, moves: int = 1, move: int = 0) -> tf.Tensor:
        """Derives the seeds of a training step's rows.

        Args:
          batch: number of local rows.
          moves: moves of a step that see rows of their own.
          move: which of them.

        Returns:
          seeds: (batch,) int64, of (seed, step and move, row of the global batch).
        """
        count = self.step if moves == 1 else tf.convert_to_tensor(self.step) * moves + move
        return random.row_keys(self.seed, random.Purpose.TRAINING, count, self.row_numbers(batch))

    def _evaluation_seeds(self, batch: tf.Tensor) -> tf.Tensor:
        rows = self._evaluated_rows + self.row_numbers(batch)
        seeds = random.row_keys(self.seed, random.Purpose.EVALUATION, rows)
        replicas = tf.distribute.get_strategy().num_replicas_in_sync
        with tf.control_dependencies([seeds]):
            self._evaluated_rows.assign_add(tf.cast(batch, tf.int64) * replicas)
        return seeds

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        return list(self._trackers.values())

    def reset_metrics(self) -> None:
        super().reset_metrics()
        self._evaluated_rows.assign(0)

    def _track(self, values: dict[str, tf.Tensor], weight: tf.Tensor | None) -> dict[str, tf.Tensor]:
        for name, tracker in self._trackers.items():
            rows = values[name]
            alike = weight is not None and rows.shape.is_compatible_with(weight.shape)
            tracker.update_state(rows, sample_weight=weight if alike else None)
        return self.get_metrics_result()

    # ---- data ----

    def check_data(self, x: Any, y: Any = None, *, name: str = "x", labelled: bool = True) -> None:
        """Checks a batch before anything is computed from it.

        Args:
          x: (batch, *event_shape) in the data's range, [0, 1] for images.
          y: what `fit` takes beside it; passed over by models that take none.
          name: what the caller calls `x`.
          labelled: whether `y` is to be there.

        Raises:
          TypeError: the values are not numbers, or labels not integers.
          ValueError: wrong shape or range, NaN, or no examples; labels or features missing or wrong.
        """
        data.check_images(x, shape=self.event_shape, value_range=self.value_range, name=name)
        self.check_values(np.asarray(x), name=name)
        if labelled and self.target is not None:
            self.target.check(y, name="y")

    def check_values(self, x: np.ndarray, *, name: str = "x") -> None:
        """Checks what shape and range do not say; nothing, but for families that know more of their data.

        Args:
          x: numbers of the right shape and range.
          name: what the caller calls them.

        Raises:
          ValueError: a value is none of those that the data can take.
        """
