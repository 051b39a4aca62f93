"""How the players of a game move: what each pays for, who moves when, and what is reported of it."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tfgen import random
from tfgen.models.adversarial.game import Game, Round
from tfgen.models.batch import Batch
from tfgen.models.optimizers import gradient_norms
from tfgen.models.players import Player
from tfgen.random import Stream

__all__ = ["TERMS", "measure", "move_in_turn", "move_together", "numbers_of", "others_move", "term_names"]

Terms = dict[str, tf.Tensor]


# ---- standing still ----


class _Still(keras.StatelessScope):
    """Keeps what passes in training mode would move in networks of others: batch statistics, spectral norms.

    Args:
      weights: those that stand still.
    """

    def __init__(self, weights: Iterable[Any]) -> None:
        super().__init__(initialize_variables=False)
        self._still = {id(weight) for weight in weights}

    def add_update(self, update: tuple[Any, tf.Tensor]) -> None:
        variable, value = update
        if id(variable) in self._still:
            super().add_update(update)
            return
        self.__exit__()
        try:
            variable.assign(value)
        finally:
            self.__enter__()


def _all_but(model: Any, *moving: Player) -> _Still:
    """Opens a scope in which the weights of some players' networks alone can move."""
    weights = {player: [w for name in player.networks for w in getattr(model, name).weights] for player in model.players}
    own = {id(weight) for player in moving for weight in weights[player]}
    return _Still(weight for found in weights.values() for weight in found if id(weight) not in own)


# ---- terms ----


def _discriminator_terms(model: Any, round: Round) -> Terms:
    """What the two-player games' discriminator pays for: its objective, its heads, its penalty."""
    game, batch = model.game, round.batch
    real, generated = model.real_and_generated(round)
    terms = {"adversarial": game.objective.discriminator(real.score, generated.score)}
    for head in game.heads:
        outputs = real.heads[head.name], generated.heads[head.name]
        rows = head.losses("discriminator", *outputs, batch.target, batch.condition, round.latents)
        if rows is not None:
            terms[head.name] = head.weight * rows
    if game.penalty is not None and game.penalty.weight:
        terms["penalty"] = _penalised(model, round)
    return terms


def _generator_terms(model: Any, round: Round) -> Terms:
    """What the generator pays for: its objective, and the heads that it is to please."""
    game, batch = model.game, round.batch
    if game.objective.relative:
        real, generated = model.real_and_generated(round)
        terms = {"adversarial": game.objective.generator(generated.score, real.score)}
    else:
        generated = model.generated_alone(round)
        terms = {"adversarial": game.objective.generator(generated.score)}
    for head in game.heads:
        rows = head.losses("generator", None, generated.heads[head.name], batch.target, batch.condition, round.latents)
        if rows is not None:
            terms[head.name] = head.weight * rows
    return terms


TERMS: dict[str, Callable[[Any, Round], Terms]] = {"discriminator": _discriminator_terms, "generator": _generator_terms}


def _penalised(model: Any, round: Round) -> tf.Tensor:
    """The weighted penalty of each row; of a lazy one, only every so many moves of training, and as much more then."""
    penalty, batch = model.game.penalty, round.batch
    size = penalty.num_uniforms
    u = random.uniform(batch.seeds, (size,), stream=Stream.PENALTY) if size else None

    def rows() -> tf.Tensor:
        def critic(images: tf.Tensor) -> tf.Tensor:
            with keras.StatelessScope(initialize_variables=False):  # images that are neither real nor generated
                return model.judged(images, batch.condition, batch.training).score

        return penalty.weight * penalty.rows(critic, batch.x, round.generated, u)

    if penalty.every == 1 or not batch.training or isinstance(round.number, int):
        return rows()
    # the value is left out, not the optimizer: Keras's cannot be applied inside a condition on replicas
    due = tf.equal(tf.math.floormod(tf.cast(round.number, tf.int64), penalty.every), 0)
    return tf.cond(due, lambda: penalty.every * rows(), lambda: tf.zeros((tf.shape(batch.x)[0],)))


def term_names(game: Game) -> list[str]:
    """Names the terms beside the objective's that the default players report.

    Args:
      game: the rules.

    Returns:
      names: "<player>_<term>".
    """
    heads = [f"{player}_{head.name}" for head in game.heads for player in ("discriminator", "generator")]
    return [*heads, *(["discriminator_penalty"] if game.penalty is not None and game.penalty.weight else [])]


def _total(terms: Terms) -> tf.Tensor:
    return tf.add_n(list(terms.values()))


def numbers_of(model: Any, round: Round, terms: dict[str, Terms]) -> dict[str, tf.Tensor]:
    """Collects what is reported of a round.

    Args:
      model: the game's model.
      round: the round, judged.
      terms: of each player.

    Returns:
      numbers: "loss", "<player>_loss", "<player>_<term>" of the terms beside the objective's, and the objective's own metrics.
    """
    losses = {player: _total(found) for player, found in terms.items()}
    numbers = {"loss": tf.add_n(list(losses.values())), **{f"{player}_loss": rows for player, rows in losses.items()}}
    for player, found in terms.items():
        numbers |= {f"{player}_{name}": rows for name, rows in found.items() if name != "adversarial"}
    if model.game.objective.metrics:
        real, generated = model.real_and_generated(round)
        numbers |= {name: metric(real.score, generated.score) for name, metric in model.game.objective.metrics.items()}
    missing = [name for name in term_names(model.game) if name not in numbers]
    return {**numbers, **{name: tf.zeros_like(numbers["loss"]) for name in missing}}


# ---- moves ----


def _apply(model: Any, player: Player, variables: list[Any], gradients: list[Any]) -> None:
    if not variables:
        return  # all that it has is frozen: the others play on
    drawn = {id(weight) for weight in getattr(model.prior, "weights", ())}  # which component is a choice, without a gradient
    pairs = [(g, v) for g, v in zip(gradients, variables, strict=True) if g is not None or id(v) not in drawn]
    getattr(model, player.optimizer_name).apply_gradients(pairs)
    if model.game.penalty is not None and player.name == "discriminator":
        model.game.penalty.project(variables)


def _scaled(model: Any, player: Player, terms: Terms) -> tf.Tensor:
    return getattr(model, player.optimizer_name).scale_loss(model.mean(_total(terms)))


def others_move(model: Any, round: Round) -> tuple[dict[str, Terms], Round]:
    """Moves all but the first player, one after the other, each on images that no gradient leads back from.

    Args:
      model: the game's model.
      round: the rows and images that they see.

    Returns:
      terms: of each that moved.
      seen: the round as the last of them saw it.
    """
    terms: dict[str, Terms] = {}
    seen = Round(round.batch, round.latents, tf.stop_gradient(round.generated), round.number)
    judged = seen
    for player in model.players[1:]:
        seen = seen.again()
        with tf.GradientTape() as tape:
            with _all_but(model, player):
                terms[player.name] = model.terms(player.name, seen)
            loss = _scaled(model, player, terms[player.name])
        variables = player.variables(model)
        _apply(model, player, variables, tape.gradient(loss, variables))
        judged = seen if "both" in seen.known else judged
    return terms, judged


def _parts(model: Any, batch: Batch) -> list[Batch]:
    """Gives each move its rows of a step's batch, and seeds of its own."""
    moves = model.game.critic_steps
    if moves == 1:
        return [batch]

    def split(tensor: Any) -> list[Any]:
        return [None] * moves if tensor is None else tf.split(tensor, moves)

    columns = [split(part) for part in (batch.x, batch.condition, batch.target, batch.weight)]
    rows = [tf.shape(x)[0] for x in columns[0]]
    seeds = [model.training_seeds(rows[move], moves, move) for move in range(moves)]
    return [
        Batch(x, condition, target, weight, keys, batch.training)
        for x, condition, target, weight, keys in zip(*columns, seeds, strict=True)
    ]


def move_in_turn(model: Any, batch: Batch) -> dict[str, tf.Tensor]:
    """Takes a step: the others move as often as the rules say, then the first player, through the tape that drew its images.

    Args:
      model: the game's model.
      batch: the rows of all moves.

    Returns:
      numbers: of the last move, as `numbers_of` gives them.
    """
    parts, first = _parts(model, batch), model.players[0]
    begun = tf.convert_to_tensor(model.step) * len(parts)
    for number, part in enumerate(parts[:-1]):
        with _all_but(model, *model.players[1:]):
            round = model.open_round(part, begun + number)
        others_move(model, round)
    with tf.GradientTape() as tape:
        round = model.open_round(parts[-1], begun + len(parts) - 1)
        with tape.stop_recording():
            terms, judged = others_move(model, round)
        with _all_but(model, first):
            terms = {first.name: model.terms(first.name, round), **terms}
        loss = _scaled(model, first, terms[first.name])
    variables = first.variables(model)
    _apply(model, first, variables, tape.gradient(loss, variables))
    return numbers_of(model, judged, terms)


def move_together(model: Any, batch: Batch) -> dict[str, tf.Tensor]:
    """Takes a step in which all players move at once, from the same pass.

    Args:
      model: the game's model.
      batch: the step's rows.

    Returns:
      numbers: as `numbers_of` gives them.
    """
    with tf.GradientTape(persistent=True) as tape:
        round = model.open_round(batch, tf.convert_to_tensor(model.step))
        terms = {player.name: model.terms(player.name, round) for player in model.players}
        losses = {player.name: _scaled(model, player, terms[player.name]) for player in model.players}
    variables = {player.name: player.variables(model) for player in model.players}
    gradients = {name: tape.gradient(losses[name], variables[name]) for name in losses}
    for player in model.players:
        _apply(model, player, variables[player.name], gradients[player.name])
    return numbers_of(model, round, terms)


def measure(model: Any, batch: Batch) -> dict[str, tf.Tensor]:
    """Measures a game as a training step would see it, and takes no step.

    Args:
      model: the game's model.
      batch: rows, with `training=True`.

    Returns:
      numbers: losses of the players in the game alone, without heads and penalty, and what the discriminator pays of that when it
        cannot tell, and when it always can; lengths of the gradients of all that they pay; logits of both kinds of images.
    """
    with tf.GradientTape(persistent=True) as tape:
        round = model.open_round(batch)
        terms = {player.name: model.terms(player.name, round) for player in model.players}
        means = {name: tf.reduce_mean(_total(found)) for name, found in terms.items()}
    real, generated = model.real_and_generated(round)
    found = {"real_logits": real.score, "generated_logits": generated.score}
    for player in model.players:
        found[f"{player.name}_loss"] = tf.reduce_mean(terms[player.name].get("adversarial", means[player.name]))
        optimizer, variables = getattr(model, player.optimizer_name), player.variables(model)
        found[f"{player.name}_gradients"] = gradient_norms(tape, means[player.name], optimizer, variables)
    if "penalty" in terms.get("discriminator", {}):
        found["discriminator_penalty"] = tf.reduce_mean(terms["discriminator"]["penalty"])
    discriminator = model.game.objective.discriminator
    found["chance_loss"] = discriminator(tf.zeros(1), tf.zeros(1))[0]
    found["least_loss"] = discriminator(tf.fill((1,), 50.0), tf.fill((1,), -50.0))[0]
    return found
