"""Pictures and the progress bar."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from PIL import Image

import tfgen
from tfgen.callbacks import Progress, Samples

X = (np.random.default_rng(0).random((12, 4, 5, 1)) < 0.5).astype(np.float32)


def build(image_shape: tuple[int, int, int] = (4, 5, 1)) -> tfgen.FVBN:
    keras.utils.set_random_seed(3)
    model = tfgen.FVBN(image_shape)
    model.compile()
    return model


def test_samples_are_those_of_the_seed(tmp_path: Path) -> None:
    model = build()
    model.fit(X, batch_size=4, epochs=3, verbose=0, callbacks=[Samples(tmp_path / "new", n=4, seed=5)])
    assert sorted(path.name for path in (tmp_path / "new").iterdir()) == ["epoch-0001.png", "epoch-0002.png", "epoch-0003.png"]
    picture = np.asarray(Image.open(tmp_path / "new" / "epoch-0003.png"))
    np.testing.assert_array_equal(picture[::2, ::2], tfgen.pictures.grid(model.sample(4, seed=5))[..., 0])


def test_samples_every_few_epochs_count_from_the_models_first(tmp_path: Path) -> None:
    model = build()
    for _ in range(5):
        model.fit(X, batch_size=4, verbose=0, callbacks=[Samples(tmp_path, n=1, every_epochs=2)])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["epoch-0002.png", "epoch-0004.png"]


def test_samples_do_not_change_training(tmp_path: Path) -> None:
    plain, watched = build(), build()
    plain.fit(X, batch_size=4, epochs=2, verbose=0)
    watched.fit(X, batch_size=4, epochs=2, verbose=0, callbacks=[Samples(tmp_path, n=2)])
    for a, b in zip(plain.weights, watched.weights, strict=True):
        np.testing.assert_array_equal(a.numpy(), b.numpy())


def test_samples_in_colour_with_alpha(tmp_path: Path) -> None:
    model = build((3, 3, 4))
    model.fit(np.zeros((4, 3, 3, 4)), verbose=0, callbacks=[Samples(tmp_path, n=2)])
    assert Image.open(tmp_path / "epoch-0001.png").mode == "RGBA"


def test_samples_that_are_no_pictures_are_refused_before_the_first_step(tmp_path: Path) -> None:
    model = build((3, 3, 2))
    with pytest.raises(ValueError, match=r"1, 3 or 4 channels, to draw its samples. Received: a model of shape \(3, 3, 2\)"):
        model.fit(np.zeros((4, 3, 3, 2)), verbose=0, callbacks=[Samples(tmp_path)])
    assert int(model.step) == 0


@pytest.mark.parametrize("arguments", [{"n": 0}, {"every_epochs": 0}])
def test_samples_refuses_none(arguments: dict[str, int], tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="Received"):
        Samples(tmp_path, **arguments)


def test_progress_prints_a_line_an_epoch_where_there_is_no_terminal(capsys: pytest.CaptureFixture) -> None:
    model = build()
    model.fit(X, batch_size=4, epochs=2, verbose=0, callbacks=[Progress(6)])
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 2
    assert lines[0].startswith("epoch 1 (step 3 of 6): ") and "loss" in lines[0]
    assert lines[1].startswith("epoch 2 (step 6 of 6): ")


class Interrupt(keras.callbacks.Callback):
    def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
        raise KeyboardInterrupt


@pytest.mark.parametrize("interrupted", [False, True])
def test_progress_on_a_terminal(interrupted: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # rich takes the captured output for a terminal
    monkeypatch.setenv("FORCE_COLOR", "1")
    model, progress = build(), Progress(3)
    if interrupted:
        with pytest.raises(KeyboardInterrupt):
            model.fit(X, batch_size=4, verbose=0, callbacks=[progress, Interrupt()])
    else:
        model.fit(X, batch_size=4, verbose=0, callbacks=[progress])
    written = capsys.readouterr().out
    assert "training" in written and "/3" in written
    assert written.count("\x1b[?25l") == written.count("\x1b[?25h") == 1  # the cursor comes back
    if not interrupted:
        assert "3/3" in written and "loss" in written
