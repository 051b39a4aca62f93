"""Which number format is chosen on which hardware."""

from __future__ import annotations

from pathlib import Path

import pytest
import tensorflow as tf

from tfgen import precision
from tfgen.precision import fastest_policy, processor_flags


@pytest.fixture
def hardware(monkeypatch):
    """Returns a function that gives the machine these processor flags and this graphics card's capability."""

    def pretend(flags, capability=None):
        monkeypatch.setattr(precision, "processor_flags", lambda: frozenset(flags))
        cards = [] if capability is None else [tf.config.PhysicalDevice("card", "GPU")]
        details = {"compute_capability": capability} if capability else {}
        monkeypatch.setattr(tf.config, "list_physical_devices", lambda kind: cards if kind == "GPU" else [])
        monkeypatch.setattr(tf.config.experimental, "get_device_details", lambda card: details)

    return pretend


@pytest.mark.parametrize("name", ["float32", "mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("flags", [[], ["amx_bf16"]])
def test_a_named_policy_is_taken_whatever_the_hardware(hardware, name, flags):
    hardware(flags)
    assert fastest_policy(name) == name


@pytest.mark.parametrize(
    ("flags", "policy"),
    [
        (["amx_bf16", "avx512_bf16", "sse2"], "mixed_bfloat16"),
        (["amx_bf16"], "mixed_bfloat16"),
        (["avx512_bf16"], "mixed_bfloat16"),
        (["avx512f", "amx_int8", "amx_tile", "avx2"], "float32"),  # wide, but no bfloat16 products
        ([], "float32"),
    ],
)
def test_bfloat16_is_chosen_where_the_processor_multiplies_it(hardware, flags, policy):
    hardware(flags)
    assert fastest_policy("auto") == fastest_policy() == policy


@pytest.mark.parametrize(
    ("capability", "policy"), [((8, 0), "mixed_bfloat16"), ((9, 0), "mixed_bfloat16"), ((7, 5), "float32"), ((), "float32")]
)
def test_a_graphics_card_decides_before_the_processor(hardware, capability, policy):
    for flags in ([], ["amx_bf16"]):
        hardware(flags, capability)
        assert fastest_policy("auto") == policy


@pytest.mark.parametrize("name", ["bfloat16", "float16", "fast", "", None, 32])
def test_an_unknown_precision_is_named(name):
    with pytest.raises(ValueError, match=f"Expected `precision` to be .*Received: precision={name!r}"):
        fastest_policy(name)


@pytest.fixture
def no_memory():
    processor_flags.cache_clear()
    yield
    processor_flags.cache_clear()


@pytest.mark.usefixtures("no_memory")
@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("processor: 0\nflags\t\t: sse2 amx_bf16\nbugs: none\nflags\t\t: other\n", {"sse2", "amx_bf16"}),
        ("processor: 0\nFeatures: neon\n", set()),
        ("", set()),
    ],
)
def test_flags_are_those_of_the_first_processor(monkeypatch, text, flags):
    monkeypatch.setattr(Path, "read_text", lambda path: text)
    assert processor_flags() == flags


@pytest.mark.usefixtures("no_memory")
def test_a_system_that_does_not_tell_has_no_flags(monkeypatch):
    def missing(path):
        raise FileNotFoundError(path)

    monkeypatch.setattr(Path, "read_text", missing)
    assert processor_flags() == frozenset()
