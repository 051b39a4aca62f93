"""The public conformance suite: a user's own model passes it, broken ones are caught, and registrations are checked."""

from __future__ import annotations

import numpy as np
import pytest

import tfgen
from tfgen.testing import LINES, Case, check, lines_of, run

from .own_model import BatchDependent, Neighbours, Restless

ONE_FORM = {"sizes": "The example has one size only.", "own_networks": "The example takes no other network."}


def case_of(model: type, name: str = "own", **arguments: object) -> Case:
    return Case(name, model, levels=2, modules=("tfgen", "tests.testing.own_model"), exempt=ONE_FORM, **arguments)


def test_own_model_keeps_the_contract(capsys: pytest.CaptureFixture) -> None:
    lines = [
        "configuration",
        "fit",
        "evaluate",
        "samples",
        "seeds",
        "likelihood",
        "keras_file",
        "resume_in_new_process",
        "averages",
    ]
    seconds = run(case_of(Neighbours), lines)
    assert list(seconds) == lines
    written = capsys.readouterr().out
    assert all(f"own keeps `{line}`" in written for line in lines)


def test_a_new_process_needs_the_models_module() -> None:
    case = Case("forgetful", Neighbours, levels=2, exempt=ONE_FORM)
    with pytest.raises(AssertionError, match=r"Could not locate class 'Neighbours'"):
        check(case, "resume_in_new_process")


@pytest.mark.parametrize(
    ("model", "line", "detail"),
    [(BatchDependent, "seeds", "a row alone"), (Restless, "evaluate", "evaluate changed the model")],
)
def test_broken_models_are_caught(model: type, line: str, detail: str) -> None:
    with pytest.raises(AssertionError, match=rf"broken breaks `{line}` .*{detail}"):
        check(case_of(model, "broken"), line)


def test_run_names_every_broken_line(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(AssertionError) as caught:
        run(case_of(Restless, "restless"), ["evaluate", "bad_seeds", "observers"])
    assert "`evaluate`" in str(caught.value) and "`observers`" in str(caught.value)
    written = capsys.readouterr().out
    assert "restless breaks `evaluate`" in written and "restless keeps `bad_seeds`" in written


def test_lines_are_sentences_of_the_contract() -> None:
    for name, sentence in LINES.items():
        assert sentence.endswith(".") and len(sentence.split()) > 4, name


def test_exemptions_leave_lines_out_and_must_exist() -> None:
    not_asked = {"bad_conditions", "conditions", "interpolation", "no_weights_of_rows", "players", "penalties", "projections"}
    not_asked |= {"bad_targets", "order_of_moves", "targets_apart"}  # of an unconditional model with one player
    assert set(lines_of(case_of(Neighbours))) == set(LINES) - set(ONE_FORM) - not_asked
    with pytest.raises(ValueError, match=r"Received: \['colour'\]"):
        lines_of(Case("odd", Neighbours, exempt={**ONE_FORM, "colour": "There is no such line."}))
    with pytest.raises(ValueError, match="why odd is exempt"):
        Case("odd", Neighbours, exempt={**ONE_FORM, "seeds": "no"})
    with pytest.raises(ValueError, match="`sizes`, or an exemption"):
        Case("odd", Neighbours, exempt={"own_networks": "It takes no other network."})
    with pytest.raises(ValueError, match="Received: line='colour'"):
        check(case_of(Neighbours), "colour")


@pytest.mark.parametrize("levels", [2, 3, 256, None])
def test_examples_are_legal_and_repeatable(levels: int | None) -> None:
    case = Case("data", Neighbours, levels=levels, exempt=ONE_FORM)
    x = case.examples((5, 4, 3), 12)
    tfgen.data.check_images(x, shape=(5, 4, 3))
    assert x.dtype == np.float32 and (x == case.examples((5, 4, 3), 12)).all()
    assert len({row.tobytes() for row in x}) == 12
    if levels:
        np.testing.assert_allclose(x * (levels - 1), np.round(x * (levels - 1)), atol=1e-5)
    assert case.labels(7).tolist() == [0, 1, 2, 0, 1, 2, 0]
    assert Case("ten", Neighbours, num_classes=10, exempt=ONE_FORM).labels(12).tolist() == [*range(10), 0, 1]
