"""Players of a training: what each moves, its optimizer's name in `compile` and in files, and its averages."""

from __future__ import annotations

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

from tests.models.small import build
from tfgen.models.batch import Batch
from tfgen.models.players import Player
from tfgen.models.trainable import TrainableModel


class Three(TrainableModel):
    """Three players, two of whom share a layer; each pulls the mean of its outputs to a number of its own."""

    def __init__(self, **keywords: Any) -> None:
        super().__init__(**keywords)
        shared = keras.layers.Dense(2, use_bias=False)
        self.first, self.second = (keras.Sequential([keras.Input((3,)), shared, keras.layers.Dense(1)]) for _ in range(2))
        self.third = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        players = [
            Player("ann", ("first", "second"), averaged=("first",)),
            Player("bob", ("second",)),
            Player("cyd", ("third",), averaged=("third",)),
        ]
        self.finish((3,), players=players, metrics=["loss", "ann", "bob", "cyd"])

    def per_example(self, batch: Batch) -> dict[str, tf.Tensor]:
        def error(name: str, aim: float) -> tf.Tensor:
            averaged = name in ("first", "third")
            return tf.square((self.in_use(name, batch.training) if averaged else getattr(self, name))(batch.x)[:, 0] - aim)

        losses = {"ann": error("first", 1.0), "bob": error("second", 2.0), "cyd": error("third", 3.0)}
        return {"loss": tf.add_n(list(losses.values())), **losses}

    def take_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        with tf.GradientTape(persistent=True) as tape:
            values = self.per_example(batch)
            means = {player.name: self.mean(values[player.name]) for player in self.players}
        for player in self.players:
            variables = player.variables(self)
            found = zip(tape.gradient(means[player.name], variables), variables, strict=True)
            pairs = [(tf.zeros_like(v) if gradient is None else gradient, v) for gradient, v in found]
            getattr(self, player.optimizer_name).apply_gradients(pairs)
        return values

    def default_optimizer(self, player: str) -> keras.optimizers.Optimizer:
        return keras.optimizers.SGD({"ann": 0.1, "bob": 0.2, "cyd": 0.3}[player])


X = np.random.default_rng(0).random((8, 3)).astype(np.float32)


def three(**keywords: Any) -> Three:
    keras.utils.set_random_seed(1)
    return Three(**keywords)


def test_a_player_names_its_optimizer_and_its_numbers() -> None:
    assert (Player("critic").optimizer_name, Player("critic").prefix) == ("critic_optimizer", "critic_")
    assert (Player("").optimizer_name, Player("").prefix) == ("optimizer", "")


def test_a_player_moves_the_variables_of_its_networks_each_once() -> None:
    model = three()
    ann, bob, cyd = (player.variables(model) for player in model.players)
    assert len(ann) == len({id(v) for v in ann}) == 1 + 2 + 2  # the shared layer, and two layers of their own
    assert [id(v) for v in bob] == [id(v) for v in model.second.trainable_variables]
    assert not {id(v) for v in cyd} & {id(v) for v in ann}
    assert Player("").variables(model) == model.trainable_variables
    model.third.trainable = False
    assert model.players[2].variables(model) == []


def test_each_optimizer_has_slots_of_its_own_players_variables() -> None:
    model = three()
    assert model.optimizers == {}  # before `compile`
    model.compile(*(keras.optimizers.Adam(0.01) for _ in range(3)))
    assert list(model.optimizers) == ["ann_optimizer", "bob_optimizer", "cyd_optimizer"]
    assert model.optimizer.optimizers == list(model.optimizers.values())
    sizes = [len(optimizer.variables) - 2 for optimizer in model.optimizers.values()]  # but for iterations and learning rate
    assert sizes == [2 * 5, 2 * 3, 2 * 2] and model.optimizer.built
    rates = [float(optimizer.learning_rate) for optimizer in compiled().optimizers.values()]
    assert rates == pytest.approx([0.1, 0.2, 0.3])  # the paper's, by the player's name


def compiled(*optimizers: Any, **keywords: Any) -> Three:
    model = three()
    model.compile(*optimizers, **keywords)
    return model


def test_optimizers_are_given_by_place_or_by_name() -> None:
    model = compiled("sgd", None, cyd_optimizer="rmsprop")
    kinds = [type(optimizer) for optimizer in model.optimizers.values()]
    assert kinds == [keras.optimizers.SGD, keras.optimizers.SGD, keras.optimizers.RMSprop]
    assert [round(float(optimizer.learning_rate), 3) for optimizer in model.optimizers.values()] == [0.01, 0.2, 0.001]
    one = keras.optimizers.Adam()
    for optimizers, keywords, message in (
        (("sgd",) * 4, {}, "at most 3 optimizers: ann_optimizer, bob_optimizer, cyd_optimizer. Received: 4"),
        (("sgd",), {"ann_optimizer": "adam"}, "`ann_optimizer` once. Received: by place and by name"),
        ((one,), {"cyd_optimizer": one}, "Each player keeps its own moments"),
        ((), {"dan_optimizer": "sgd"}, r"Received: \['dan_optimizer'\]"),
        ((), {"bob_optimizer": keras.optimizers.Adam(use_ema=True)}, "bob_optimizer=.* with use_ema=True"),
    ):
        with pytest.raises(ValueError, match=message):
            compiled(*optimizers, **keywords)


def test_a_step_of_all_players_is_the_loop_written_by_hand() -> None:
    model, other = compiled(run_eagerly=True), compiled()
    model.fit(X, batch_size=8, shuffle=False, verbose=0)
    moves = [(0.1, other.first, 1.0, (other.first, other.second)), (0.2, other.second, 2.0, (other.second,))]
    moves.append((0.3, other.third, 3.0, (other.third,)))
    with tf.GradientTape(persistent=True) as tape:
        errors = [tf.reduce_mean(tf.square(network(X)[:, 0] - aim)) for _, network, aim, _ in moves]
    slopes = []
    for error, (rate, _, _, networks) in zip(errors, moves, strict=True):
        mine = {id(v): v for network in networks for v in network.trainable_variables}.values()
        slopes += [(v, rate * g) for v in mine if (g := tape.gradient(error, v)) is not None]
    for variable, move in slopes:  # all gradients are of the weights before the step
        variable.assign_sub(move)
    for received, expected in zip(model.trainable_variables, other.trainable_variables, strict=True):
        np.testing.assert_allclose(received, expected, atol=1e-6)


def test_averages_are_kept_of_what_players_name() -> None:
    model = three(ema=0.9)
    assert [network.name for network, _ in model.averaged_pairs()] == [model.first.name, model.third.name]
    assert model.in_use("third", True) is model.third and model.in_use("third", False) is model.averaged_third
    assert not hasattr(model, "averaged_second") and model.averaged_third is not model.third
    plain = three()
    assert plain.averaged_third is plain.third
    model.compile()
    before = model.third.get_weights()
    model.fit(X, batch_size=8, verbose=0)
    rate = 1 - min(0.9, 1 / 10)
    for old, new, average in zip(before, model.third.get_weights(), model.averaged_third.get_weights(), strict=True):
        np.testing.assert_allclose(average, old + rate * (new - old), rtol=1e-5, atol=1e-6)
    assert len(model.trainable_variables) == 5 + 2  # averages are not trained


def test_files_and_reports_follow_the_players(tmp_path: Any) -> None:
    model = compiled()
    config = model.get_compile_config()
    assert {name for name in config if name.endswith("optimizer")} == {*model.optimizers}
    other = three()
    other.compile_from_config(config)
    assert [float(o.learning_rate) for o in other.optimizers.values()] == pytest.approx([0.1, 0.2, 0.3])
    assert three().get_compile_config() == {}
    gan = build("gan")
    gan.compile(run_eagerly=True)
    found = gan.probe(tf.zeros((4, *gan.event_shape)), None, tf.zeros((4,), tf.int64))
    for player in gan.players:
        assert found[f"{player.name}_gradients"].shape == (len(player.variables(gan)),)
