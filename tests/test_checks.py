"""Tests of the checks of arguments: what passes comes back in its type, what does not is told in one sentence."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tfgen import checks


def test_what_passes_comes_back_in_its_type():
    assert checks.integer(np.int32(3), "n", least=1, most=3) == 3
    assert type(checks.integer(np.int32(3), "n")) is int
    assert type(checks.number(np.float32(0.5), "beta", least=0)) is float
    assert checks.one_of("mlp", "network", ("convolutional", "mlp")) == "mlp"
    assert checks.integers(np.array([1, 2]), "dilations") == (1, 2)
    assert checks.shape(np.array([4, 3, 1]), "image_shape") == (4, 3, 1)
    assert checks.shape([7], "size", ("length",)) == (7,)


@pytest.mark.parametrize("value", [True, np.True_, 2.0, "2", None, 0, 9, np.array([2])])
def test_what_is_no_integer_in_range_is_refused(value):
    with pytest.raises(ValueError, match=r"`n` must be an integer in \[1, 8\]. Received: n="):
        checks.integer(value, "n", least=1, most=8)


@pytest.mark.parametrize("value", [True, "1", None, 1j, float("nan"), float("inf"), -0.5, 2.5])
def test_what_is_no_number_in_range_is_refused(value):
    with pytest.raises(ValueError, match=r"`beta` must be a number in \[0, 2\]. Received: beta="):
        checks.number(value, "beta", least=0, most=2)


def test_an_open_bound_is_not_reached():
    assert checks.number(0.1, "scale", above=0) == 0.1
    with pytest.raises(ValueError, match="`scale` must be a number above 0"):
        checks.number(0.0, "scale", above=0)


def test_a_path_begins_at_home_where_it_says_so(monkeypatch):
    monkeypatch.setenv("HOME", "/somewhere")
    assert str(checks.path("~/runs", "directory")) == "/somewhere/runs"
    assert str(checks.path(Path("~"), "directory")) == "/somewhere"
    for plain in ("runs", "runs/~", "~nobody-of-this-name/x", "/a/b"):
        assert str(checks.path(plain)) == plain
    for wrong in (None, 3, b"runs", ["runs"]):
        with pytest.raises(TypeError, match=r"Expected `directory` to be a path.* Received: directory="):
            checks.path(wrong, "directory")


@pytest.mark.parametrize("value", ["rnn", None, 1, ["mlp"]])
def test_what_is_none_of_the_known_is_refused(value):
    with pytest.raises(ValueError, match=r"`network` must be one of 'convolutional', 'mlp'\. Received"):
        checks.one_of(value, "network", ("convolutional", "mlp"))


def test_a_bool_is_not_the_number_that_equals_it():
    with pytest.raises(ValueError, match="must be one of 0, 1"):
        checks.one_of(True, "axis", (0, 1))


@pytest.mark.parametrize("value", ["12", [1, 0], [1.5], [True], None, 2.5])
def test_what_lists_no_positive_integers_is_refused(value):
    with pytest.raises(ValueError, match="Expected `hidden` to be a list of positive integers"):
        checks.integers(value, "hidden")


@pytest.mark.parametrize("value", [(28, 28), (28, 28, 0), (28, 28, 1.0), 28, "abc", (True, 1, 1)])
def test_what_is_no_shape_is_refused(value):
    with pytest.raises(ValueError, match=r"`image_shape` must be \(height, width, channels\), all positive"):
        checks.shape(value, "image_shape")
