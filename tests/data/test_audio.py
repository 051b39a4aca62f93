"""Windows of WAV folders and of the speech: nothing lost, nothing shared between splits, ordered by (seed, epoch)."""

from __future__ import annotations

import numpy as np
import pytest

from tfgen import audio
from tfgen.data import arrays, at_position, class_names, from_wav_folder, load
from tfgen.data.audio import is_held_out, speech_folder


def write(folder, name, values, rate=8000):
    (folder / name).parent.mkdir(exist_ok=True, parents=True)
    audio.write_wav(folder / name, np.asarray(values) / 32768, sample_rate=rate)


def read(dataset):
    return np.concatenate([np.asarray(batch) for batch in dataset])


@pytest.fixture
def folder(tmp_path):
    for number in range(40):
        write(tmp_path, f"word-{number:02d}.wav", 100 * number + np.arange(7))
    write(tmp_path, "silence/10.wav", np.full(50, -5))
    return tmp_path


@pytest.fixture
def speech(folder, monkeypatch):
    monkeypatch.setenv("TFGEN_DATA_DIR", str(folder))
    return folder


def test_a_folder_is_cut_in_the_order_of_paths(folder):
    windows = read(from_wav_folder(folder, length=4, shuffle=False)) * 32768
    assert windows.shape == (82, 4, 1)  # 330 samples
    expected = np.concatenate([np.full(50, -5), *(100 * n + np.arange(7) for n in range(40))])
    np.testing.assert_array_equal(windows.ravel(), expected[:328])


def test_labels_are_subfolders(tmp_path):
    write(tmp_path, "b/x.wav", np.full(10, 2))
    write(tmp_path, "a/deep/y.wav", np.full(5, 1))
    write(tmp_path, "a/z.wav", np.full(4, 1))
    ((windows, labels),) = from_wav_folder(tmp_path, length=3, labels=True, shuffle=False)
    assert labels.numpy().tolist() == [0, 0, 0, 1, 1, 1]
    np.testing.assert_array_equal(windows[:, :, 0] * 32768, np.repeat([1, 2], 3)[:, None] * np.ones(3))
    write(tmp_path / "flat", "z.wav", np.zeros(4))
    with pytest.raises(ValueError, match="subfolder"):
        from_wav_folder(tmp_path / "flat", length=3, labels=True)


def test_folders_that_cannot_be_cut_are_refused(tmp_path, folder):
    with pytest.raises(FileNotFoundError, match="folder of WAV files"):
        from_wav_folder(tmp_path / "nowhere", length=4)
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="which has none"):
        from_wav_folder(tmp_path / "empty", length=4)
    for length in (0, 1.5, True):
        with pytest.raises(ValueError, match=r"`length` must be an integer of at least 1. Received"):
            from_wav_folder(folder, length=length)
    with pytest.raises(ValueError, match="330 samples"):
        from_wav_folder(folder, length=331)
    write(folder, "faster.wav", np.zeros(5), rate=16000)
    with pytest.raises(ValueError, match="one sample rate"):
        from_wav_folder(folder, length=4)


def test_held_out_files_are_about_a_tenth_and_share_nothing_with_the_others(speech):
    names = [f"word-{number:02d}.wav" for number in range(40)]
    held_out = [name for name in names if is_held_out(name)]
    assert 0 < len(held_out) < 10
    assert 0.08 < np.mean([is_held_out(f"digits/{n}.wav") for n in range(5000)]) < 0.12
    for split, members in {"test": held_out, "train": [n for n in names if n not in held_out]}.items():
        windows, labels = arrays("asterisk_speech_8khz/7", split)
        assert labels is None and windows.shape == (len(members), 7, 1)
        np.testing.assert_array_equal(windows[:, 0, 0] * 32768, [100 * int(name[5:7]) for name in members])
        np.testing.assert_array_equal(read(load("asterisk_speech_8khz/7", split, shuffle=False)), windows)


def test_the_order_follows_seed_and_epoch(speech):
    def order(epoch, **options):
        data = load("asterisk_speech_8khz/7", "train", batch_size=5, **options)
        return read(at_position(data, epoch))[:, 0, 0].tolist()

    assert order(0) == order(0) != order(1) != order(1, seed=3)
    assert sorted(order(0)) == order(2, shuffle=False)


def test_slices_and_what_speech_does_not_have(speech):
    windows = arrays("asterisk_speech_8khz/7", "train")[0]
    np.testing.assert_array_equal(arrays("asterisk_speech_8khz/7", "train[2:5]")[0], windows[2:5])
    for wrong in ({"labels": True}, {"view": "binarized"}, {"image_size": 4}):
        with pytest.raises(ValueError, match="Speech has"):
            load("asterisk_speech_8khz/7", **wrong)
    with pytest.raises(ValueError, match="split"):
        load("asterisk_speech_8khz/7", "validation")
    with pytest.raises(ValueError, match="with classes"):
        class_names("asterisk_speech_8khz")
    with pytest.raises(ValueError, match="samples a window"):
        load("asterisk_speech_8khz/0")


def test_a_missing_package_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("tfgen.data.audio.DEBIAN_FOLDER", str(tmp_path / "nowhere"))
    monkeypatch.delenv("TFGEN_DATA_DIR", raising=False)
    with pytest.raises(FileNotFoundError, match=r"apt-get install asterisk-core-sounds-en-wav.*TFGEN_DATA_DIR"):
        load("asterisk_speech_8khz")
    monkeypatch.setenv("TFGEN_DATA_DIR", str(tmp_path))  # which holds no WAV file
    with pytest.raises(FileNotFoundError, match="asterisk"):
        speech_folder()
