"""What a model computes is said once: methods are signatures; tensors give tensors, through which gradients flow, arrays arrays."""

from __future__ import annotations

import functools
import gc
import weakref
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfgen
from tests.models.small import BUILDERS, LATENTS, SHAPE, build, examples, given
from tfgen import objectives
from tfgen.distributions import get_prior
from tfgen.models.adversarial import Game
from tfgen.models.operations import Operation, compiled, finite, rows_of, run_on_arrays
from tfgen.models.signatures import batch_of

ROWS = 3
SEEDS = np.array([4, 2**52, 6], np.int64)
LATENT = np.random.default_rng(4).normal(size=(ROWS, LATENTS)).astype(np.float32)


@pytest.fixture(scope="module", params=[name for name in BUILDERS if name != "continuous vae"])
def model(request: pytest.FixtureRequest) -> Any:
    return build(request.param, ema=0.9) if request.param == "vae" else build(request.param)


# ---- methods are signatures ----


def calls(model: Any) -> dict[str, tuple[dict[str, Any], Callable[[], Any]]]:
    """Each operation's inputs, and the public method that is to give the same."""
    x, rows, medium = examples(model, ROWS), given(model, ROWS), model.medium
    control = "truncation" if "truncation" in model.sampling_controls else "temperature"
    values, known = np.array([0.5, 0.9, 1.5], np.float32), (np.arange(x.size).reshape(x.shape) % 2).astype(np.float32)
    seeded, judged = {"seed": SEEDS, **rows}, {medium: x, **rows}
    found: dict[str, tuple[dict[str, Any], Callable[[], Any]]] = {
        "sample": (seeded, lambda: {medium: model.sample(seed=SEEDS, **rows)}),
        "sample_with_controls": (
            {**seeded, control: values},
            lambda: {medium: model.sample(seed=SEEDS, **{control: values}, **rows)},
        ),
        "decode": ({"latent": LATENT, **rows}, lambda: {medium: model.decode(LATENT, **rows)}),
        "latents": (seeded, lambda: {"latent": model.latents_at(SEEDS, **rows)}),
        "judge": (judged, lambda: {"score": model.judge(x, **rows)}),
        "encode": (judged, lambda: dict(zip(("latent", "scale"), model.encode(x, **rows), strict=True))),
        "reconstruct": (judged, lambda: {medium: model.reconstruct(x, **rows)}),
        "elbo": ({**judged, "seed": SEEDS}, lambda: {"elbo": model.elbo(x, seed=SEEDS, **rows)}),
        "log_prob_bound": (
            {**judged, "seed": SEEDS},
            lambda: {"log_prob_bound": model.log_prob_bound(x, 64, seed=SEEDS, **rows)},
        ),
        "log_prob": (judged, lambda: {"log_prob": model.log_prob(x, **rows)}),
        "complete": (
            {**seeded, medium: x, "observed": known},
            lambda: {medium: model.complete(x, known, seed=SEEDS, **rows)},
        ),
        "complete_with_controls": (
            {**seeded, medium: x, "observed": known, "temperature": values},
            lambda: {medium: model.complete(x, known, seed=SEEDS, temperature=values, **rows)},
        ),
    }
    return {name: call for name, call in found.items() if name in model.operations()}


def served(operation: Operation, inputs: dict[str, Any]) -> dict[str, np.ndarray]:
    """Runs a signature as a server does: traced once, for a batch of any size."""
    signature = operation.signature()
    assert {spec.name for spec in signature.inputs} == {*inputs}
    assert all(spec.shape[0] is None for spec in signature.inputs)
    names = [spec.name for spec in signature.inputs]
    function = tf.function(
        lambda *values: signature.function(**dict(zip(names, values, strict=True))), signature.inputs, autograph=False
    )
    found = function(*[tf.constant(inputs[name], spec.dtype) for name, spec in zip(names, signature.inputs, strict=True)])
    return {name: value.numpy() for name, value in found.items()}


@pytest.mark.in_turn(every=3)
def test_every_method_is_the_signature_of_its_name(model: Any) -> None:
    operations, pairs = model.operations(), calls(model)
    if hasattr(model, "encode"):
        del pairs["latents"]  # its walks begin at examples
    assert {*pairs, "latents"} == {*operations, "latents"}
    assert {*model.signatures()} == {name for name, operation in operations.items() if operation.served}
    for name, (inputs, method) in pairs.items():
        received, expected = served(operations[name], inputs), method()
        assert received.keys() == expected.keys(), name
        for key, value in expected.items():
            assert isinstance(value, np.ndarray) and len(value) == ROWS, name
            np.testing.assert_allclose(received[key], value, rtol=1e-5, atol=1e-5, err_msg=name)


def test_what_a_server_has_no_use_for_is_not_served(model: Any) -> None:
    hidden = {name for name, operation in model.operations().items() if not operation.served}
    assert hidden == {"elbo", "latents", "complete_with_controls"} & {*model.operations()}


def test_a_signature_keeps_its_settings() -> None:
    power = Operation(lambda x, n: {"y": x**n}, [batch_of((), tf.float32, "x")], settings={"n": 3})
    assert power.signature().function(x=tf.constant([2.0]))["y"].numpy().tolist() == [8.0]
    assert build("vae").operations()["log_prob_bound"].settings == {"num_samples": 64}


# ---- tensors and arrays ----


def through(model: Any) -> dict[str, tuple[np.ndarray, Callable[[Any], Any]]]:
    """Methods that gradients flow through: their inputs and what they compute, one tensor or array."""
    x, rows = examples(model, ROWS), given(model, ROWS)
    found: dict[str, tuple[np.ndarray, Callable[[Any], Any]]] = {
        "decode": (LATENT, lambda z: model.decode(z, **rows)),
        "judge": (x, lambda x: model.judge(x, **rows)),
        "encode": (x, lambda x: model.encode(x, **rows)[0]),
        "reconstruct": (x, lambda x: model.reconstruct(x, **rows)),
        "elbo": (x, lambda x: model.elbo(x, seed=7, **rows)),
        "log_prob_bound": (x, lambda x: model.log_prob_bound(x, 5, seed=7, **rows)),
        "log_prob": (x, lambda x: model.log_prob(x, **rows)),
    }
    return {name: pair for name, pair in found.items() if name in model.operations()}


@pytest.mark.in_turn(every=3)
def test_tensors_give_tensors_with_gradients_wherever_they_are_computed(model: Any) -> None:
    """The same numbers and gradients eagerly, inside a graph, and inside a graph that does not know the number of rows."""
    for name, (array, method) in through(model).items():
        expected = method(array)
        assert isinstance(expected, np.ndarray), name

        def value_and_gradient(x: tf.Tensor, method: Any = method) -> Any:
            with tf.GradientTape() as tape:
                tape.watch(x)
                values = method(x)
            assert tf.is_tensor(values)
            return values, tape.gradient(values, x)

        tensor = tf.constant(array)
        open_batch = tf.function(value_and_gradient, [tf.TensorSpec([None, *array.shape[1:]])], autograph=False)
        first = None
        known = [tf.function(value_and_gradient, autograph=False)] if model.condition is not None else []
        for run in (value_and_gradient, *known, open_batch):
            values, gradient = run(tensor)
            np.testing.assert_allclose(values, expected, rtol=1e-5, atol=1e-5, err_msg=name)
            assert np.abs(gradient).max() > 1e-4 and np.isfinite(gradient).all(), name
            first = gradient if first is None else first
            np.testing.assert_allclose(gradient, first, rtol=1e-4, atol=1e-5, err_msg=name)


def test_a_graph_of_any_number_of_rows_serves_any_number(model: Any) -> None:
    for name, (array, method) in through(model).items():
        if model.condition is not None:
            continue  # `through` names the condition of three rows
        run = tf.function(method, [tf.TensorSpec([None, *array.shape[1:]])], autograph=False)
        for rows in (1, 2):
            received, expected = run(tf.constant(array[:rows])).numpy(), run(tf.constant(array)).numpy()[:rows]
            if name in ("elbo", "log_prob_bound"):  # row seeds of a call: those of the first rows do not depend on the others
                np.testing.assert_allclose(received, method(array)[:rows], rtol=1e-5, atol=1e-5)
            np.testing.assert_allclose(received, expected, rtol=1e-5, atol=1e-5, err_msg=name)


def test_variables_are_tensors_and_lists_are_arrays() -> None:
    model = build("gan")
    expected = model.decode(LATENT)
    for variable in (tf.Variable(LATENT), keras.Variable(LATENT), tf.constant(LATENT, tf.float64)):
        images = model.decode(variable)
        assert tf.is_tensor(images)
        np.testing.assert_allclose(images, expected, atol=1e-6)
    for array in (LATENT.tolist(), LATENT.astype(np.float64)):
        images = model.decode(array)
        assert isinstance(images, np.ndarray)
        np.testing.assert_allclose(images, expected, atol=1e-6)


def test_a_variable_can_be_optimised_through_a_model() -> None:
    """GAN inversion as a user writes it."""
    model, latents = build("gan"), tf.Variable(np.zeros((1, LATENTS), np.float32))
    target, optimizer = tf.constant(model.decode(np.array([[0.5, -0.3, 0.2]], np.float32))), keras.optimizers.Adam(0.05)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            error = tf.reduce_mean(tf.square(model.decode(latents) - target))
        optimizer.apply_gradients([(tape.gradient(error, latents), latents)])
        return error

    errors = [float(step()) for _ in range(60)]
    assert errors[-1] < 0.1 * errors[0]


def test_tensors_are_checked_for_shape_and_finite_values_and_not_for_the_grid() -> None:
    model, x = build("pixelcnn"), examples(build("pixelcnn"), ROWS)
    between = np.clip(x, 0.25, 0.75)
    with pytest.raises(ValueError, match="Received"):
        model.log_prob(between)
    assert np.isfinite(model.log_prob(tf.constant(between))).all()
    for wrong in (tf.zeros((2, 3, 4, 1)), tf.zeros(SHAPE), tf.constant("a")):
        with pytest.raises(ValueError, match=r"Expected a tensor of numbers of shape \(None, 4, 3, 1\). Received: "):
            model.log_prob(wrong)
    with pytest.raises(ValueError, match="NaN"):
        model.log_prob(tf.constant(x * np.nan))
    traced = tf.function(model.log_prob, [tf.TensorSpec([None, *SHAPE])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `x` of finite numbers"):
        traced(tf.constant(x * np.nan))


def test_latents_as_tensors_are_checked_too() -> None:
    model = build("vae")
    with pytest.raises(ValueError, match=r"`latents` of shape \(n, 3\). Received: shape \(2, 4\)"):
        model.decode(tf.zeros((2, 4)))
    for bad in (LATENT * np.nan, tf.constant(LATENT * np.inf)):
        with pytest.raises(ValueError, match=r"`latents` of finite numbers. Received: NaN or infinity"):
            model.decode(bad)
    traced = tf.function(model.decode, [tf.TensorSpec([None, LATENTS])])
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `latents` of finite numbers"):
        traced(tf.constant(LATENT * np.nan))


# ---- graphs ----


def test_one_graph_serves_any_number_of_rows_and_is_kept() -> None:
    model = build("pixelcnn")
    for rows in (1, 2, 5):
        assert model.sample(rows, seed=0).shape == (rows, *SHAPE)
        assert model.log_prob(examples(model, rows)).shape == (rows,)
    assert len(model.functions) == 2
    model.sample(2, seed=0, temperature=0.5)
    assert len(model.functions) == 3
    tf.function(model.log_prob)(tf.constant(examples(model, 4)))
    assert len(model.functions) == 3


def test_a_graph_that_is_traced_inside_another_is_used_outside_it() -> None:
    model, x = build("pixelcnn"), examples(build("pixelcnn"), ROWS)
    inside = tf.function(model.log_prob)(tf.constant(x)).numpy()
    assert len(model.functions) == 1
    np.testing.assert_allclose(model.log_prob(x), inside, rtol=1e-6)
    np.testing.assert_allclose(model.log_prob(x[:1]), inside[:1], rtol=1e-5)
    assert len(model.functions) == 1


def test_a_graph_reads_the_weights_of_the_moment() -> None:
    model = build("gan")
    before = model.decode(LATENT)
    model.generator.set_weights([weight + 0.1 for weight in model.generator.get_weights()])
    assert np.abs(model.decode(LATENT) - before).max() > 1e-3


@pytest.mark.parametrize("batch_size", [1, 2, 7])
def test_the_number_of_rows_at_a_time_does_not_change_the_result(batch_size: int) -> None:
    for name in ("labelled vae", "labelled gan", "wavenet"):
        model = build(name)
        x, rows = examples(model, 5), given(model, 5)
        calls = [functools.partial(model.sample, seed=list(range(5)), **rows)]
        for method in {"log_prob", "elbo", "judge", "reconstruct"} & {*model.operations()}:
            calls.append(functools.partial(getattr(model, method), x, **({"seed": 1} if method == "elbo" else {}), **rows))
        for call in calls:
            np.testing.assert_allclose(call(batch_size=batch_size), call(), rtol=1e-5, atol=1e-5)


def test_arrays_are_run_part_by_part() -> None:
    seen = []

    def double(x: tf.Tensor) -> dict[str, tf.Tensor]:
        seen.append(len(x))
        return {"y": 2 * x}

    found = run_on_arrays(double, [np.arange(5.0)], 2)
    assert found["y"].tolist() == [0, 2, 4, 6, 8] and seen == [2, 2, 1]
    assert run_on_arrays(double, [np.zeros((0, 3))], 2)["y"].shape == (0, 3)
    with pytest.raises(ValueError, match=r"`batch_size` must be at least 1. Received: batch_size=0"):
        run_on_arrays(double, [np.arange(5.0)], 0)


def test_settings_and_shapes_of_their_own_have_graphs_of_their_own() -> None:
    functions: dict[str, Any] = {}
    scale = Operation(lambda x, n: {"y": x * n}, [batch_of((2,), tf.float32, "x")], settings={"n": 1})
    found = [
        compiled(functions, "scale", scale, {"x": (size,)}, {"n": n})(tf.ones((1, size)))["y"].numpy().tolist()
        for size, n in ((2, 1), (2, 3), (4, 3), (2, 1))
    ]
    assert found == [[[1.0] * 2], [[3.0] * 2], [[3.0] * 4], [[1.0] * 2]]
    assert len(functions) == 3


def test_only_so_many_graphs_are_kept_and_those_used_last() -> None:
    functions: dict[str, Any] = {}
    scale = Operation(lambda x, n: {"y": x * n}, [batch_of((), tf.float32, "x")], settings={"n": 1})
    dropped = weakref.ref(compiled(functions, "scale", scale, {"x": ()}, {"n": 2}).graph)
    for n in range(3, 60):
        compiled(functions, "scale", scale, {"x": ()}, {"n": 1})  # used all the time
        compiled(functions, "scale", scale, {"x": ()}, {"n": n})
    gc.collect()
    assert len(functions) == 24 and {"scale n=1", "scale n=59"} <= {*functions} and dropped() is None


def test_finite_and_rows_inside_a_graph_and_outside() -> None:
    assert rows_of(tf.zeros((4, 2))) == 4 and finite(tf.ones(2), "x").numpy().tolist() == [1.0, 1.0]

    @tf.function(input_signature=[tf.TensorSpec([None, 2])])
    def counted(x: tf.Tensor) -> Any:
        assert tf.is_tensor(rows_of(x))
        return rows_of(finite(x, "x"))

    assert int(counted(tf.zeros((5, 2)))) == 5
    with pytest.raises(tf.errors.InvalidArgumentError, match="Expected `x` of finite numbers"):
        counted(tf.fill((1, 2), np.inf))


def test_a_control_of_a_class_of_its_own_reaches_draw() -> None:
    class Guided(tfgen.GAN.__mro__[1]):  # type: ignore[name-defined,misc]
        """A game whose samples are made brighter on demand."""

        sampling_controls = ("brightness", "truncation")

        def __init__(self) -> None:
            super().__init__()
            self.generator = tfgen.networks.dcgan_generator(SHAPE, LATENTS, width=2)
            self.discriminator = tfgen.networks.dcgan_discriminator(SHAPE, width=2)
            game = Game(objectives.get_objective("saturating"))
            self.finish_game(SHAPE, prior=get_prior(None, LATENTS), game=game)

        def draw(self, seeds: Any, condition: Any, controls: dict[str, Any], extent: Any) -> Any:
            brightness = controls.pop("brightness", tf.ones((tf.size(seeds),)))
            return super().draw(seeds, condition, controls, extent) * brightness[:, None, None, None]

    model = Guided()
    plain = model.sample(2, seed=1)
    np.testing.assert_allclose(model.sample(2, seed=1, brightness=[0.5, 2.0]), plain * [[[[0.5]]], [[[2.0]]]], rtol=1e-5)
    np.testing.assert_allclose(model.sample(2, seed=1, truncation=1e3), plain, rtol=1e-5)
