"""Whether the suite catches what it is for: each broken twin fails the line that names what it breaks, and no other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from tests.models.adversarial.toy import Trio
from tfgen.testing import Case, check, lines_of

from . import twins
from .own_model import Neighbours

_MODULES = ("tfgen", "tests.testing.twins")
_ONE_FORM = {line: "A twin has one size and one network." for line in ("sizes", "own_networks")}


@dataclass(frozen=True)
class Twin:
    """A broken model, the line that must catch it, what the line must say, and lines nearby that it keeps."""

    model: type
    broken: str
    detail: str
    kept: tuple[str, ...]

    def case(self) -> Case:
        levels = 256 if issubclass(self.model, Trio) else 2
        return Case(self.model.__name__, self.model, levels=levels, modules=_MODULES, exempt=_ONE_FORM)


_OF_SAMPLES = ("samples", "controls", "likelihood", "completion", "signatures")
TWINS = [
    Twin(twins.KeyedByPlace, "seeds", "rows in another order|a row alone", ("samples", "likelihood", "evaluate", "signatures")),
    Twin(twins.AverageNotSaved, "averages", "the loaded model with averages", ("keras_file", "configuration", "resume")),
    Twin(twins.LabelIgnored, "conditions", "another order|another `label` in row 1", ("evaluate", "served", "bad_conditions")),
    Twin(twins.Unscaled, "replicas", "slots of|weights after", ("fit", "weights_of_rows")),
    Twin(twins.Sums, "weights_of_rows", "changes nothing", ("fit", "evaluate", "fit_from_datasets")),
    Twin(twins.GoesOnAnywhere, "stopped_run", "the epoch that goes on reports|trains 1", ("fit", "resume", "keras_file")),
    Twin(
        twins.Unchecked, "served_checks", "must say what is expected", ("conditions", "bad_conditions", "served", *_OF_SAMPLES)
    ),
    Twin(twins.Unguarded, "served_checks", "there was none", ("served", "signatures", "bad_input", "bad_seeds")),
    Twin(twins.Thaws, "set_later", "the loaded model has frozen", ("keras_file", "configuration", "resume")),
    Twin(twins.ForgetsAnOptimizer, "resume", "started again", ("keras_file", "fit", "order_of_moves")),
    Twin(twins.ClipsLate, "projections", "after batch 0", ("players", "order_of_moves", "resume", "keras_file")),
    Twin(twins.Rewarded, "penalties", "a penalty that costs -", ("players", "order_of_moves", "evaluate")),
    Twin(twins.GeneratorFirst, "order_of_moves", "must not see them move", ("players", "fit", "evaluate")),
    Twin(twins.Meddles, "players", "moves .* of `discriminator`", ("fit", "evaluate", "resume")),
    Twin(twins.Blocks, "tensors", "the gradient of log_prob", ("likelihood", "served", "predict")),
]


@pytest.mark.parametrize("twin", TWINS, ids=lambda twin: twin.model.__name__)
@pytest.mark.in_turn(every=3)
def test_a_broken_twin_fails_the_line_that_names_it_and_no_other(twin: Twin):
    case = twin.case()
    assert {twin.broken, *twin.kept} <= {*lines_of(case)}
    with pytest.raises(AssertionError, match=rf"breaks `{twin.broken}` .*({twin.detail})"):
        check(case, twin.broken)
    for line in twin.kept:
        check(case, line)


@pytest.mark.parametrize("model", [Neighbours, twins.Labelled])  # the trio is a case of the conformance suite
def test_the_models_that_twins_break_keep_these_lines(model: Any):
    broken = {twin.broken for twin in TWINS if issubclass(twin.model, model) or model is twins.Labelled}
    case = Twin(model, "", "", ()).case()
    for line in sorted(broken & {*lines_of(case)} - {"replicas"}):
        check(case, line)
