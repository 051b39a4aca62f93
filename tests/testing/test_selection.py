"""Whether lines of the contract are checked once for each implementation of what they exercise, no more and no less."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

import keras
import pytest

import tfgen
from tfgen.models.hooks import hooks_of
from tfgen.testing import LINES, Case, Pair, select

from ..conformance.cases import CASES
from .own_model import Neighbours

ONE_FORM = {"sizes": "The example has one size only.", "own_networks": "The example takes no other network."}
EVERYWHERE = {
    "fit",
    "evaluate",
    "samples",
    "seeds",
    "controls",
    "likelihood",
    "signatures",
    "keras_file",
    "resume",
    "bad_input",
}


class Wider(Neighbours):
    """A hook of its own: what the network says is twice as far from even odds."""

    def outputs_of(self, *arguments: Any, **keywords: Any) -> Any:
        return 2.0 * super().outputs_of(*arguments, **keywords)


class Slower(Neighbours):
    """Another optimizer."""

    def default_optimizer(self, player: str) -> keras.optimizers.Optimizer:
        return keras.optimizers.SGD(0.1)


class Renamed(Neighbours):
    """Nothing of its own but its name."""


class Scaled(tfgen.layers.CausalConv2D):
    """A layer of its own."""


class Relayered(Neighbours):
    """Other layers in the same functions: as many weights, of another class of layers."""

    def finish_network(self, image_shape: Any) -> None:
        self.network = Scaled(1, 3, mask="A", dtype=self.dtype_policy)
        super().finish_network(image_shape)


def case_of(build: Callable[..., Any], name: str, **arguments: Any) -> Case:
    return Case(name, build, levels=2, modules=("tfgen", __name__), **{"exempt": ONE_FORM, **arguments})


def rows(pairs: list[Pair], name: str) -> set[str]:
    """Lines that are checked over a case."""
    return {pair.line for pair in pairs if pair.case.name == name and pair.representative}


def exercising(*names: str) -> set[str]:
    """Lines that say by name that they exercise something, all hooks that they exercise included."""
    found = set()
    for pair in select([case_of(Neighbours, "asked")]):
        if {*names} & {name for name, _ in pair.key}:
            found.add(pair.line)
    return found


def test_each_key_of_each_line_is_checked_over_one_case_or_is_part_of_another():
    pairs = select(CASES)
    checked = Counter((pair.line, pair.key) for pair in pairs if pair.representative)
    assert set(checked.values()) == {1}
    for pair in pairs:
        if (pair.line, pair.key) not in checked:
            (_, layers), functions = pair.key[-1], pair.key[:-1]
            wholes = [key for line, key in checked if line == pair.line and key[:-1] == functions]
            assert any(layers < key[-1][1] for key in wholes), (pair.case.name, pair.line)


def test_a_class_with_nothing_of_its_own_gets_the_lines_about_all_cases_and_about_its_name():
    pairs = select([case_of(Neighbours, "first"), case_of(Renamed, "second")])
    assert rows(pairs, "first") == {pair.line for pair in pairs if pair.case.name == "first"}
    second = rows(pairs, "second")
    assert EVERYWHERE <= second and {"load_in_new_process", "served"} <= second
    assert not second & {"replicas", "jit_compile", "averages", "stock_callbacks", "run_eagerly", "order_of_data"}


@pytest.mark.parametrize(("model", "hook"), [(Wider, "outputs_of"), (Slower, "default_optimizer")])
def test_overriding_a_hook_adds_the_rows_of_those_who_exercise_it_and_no_others(model: type, hook: str):
    plain = rows(select([case_of(Neighbours, "first"), case_of(Renamed, "second")]), "second")
    own = rows(select([case_of(Neighbours, "first"), case_of(model, "second")]), "second")
    assert own - plain == exercising(hook) - plain and plain <= own
    assert {"run_eagerly", "mixed_float16"} <= own - plain


def test_layers_of_its_own_add_rows_where_layers_count():
    plain = rows(select([case_of(Neighbours, "first"), case_of(Renamed, "second")]), "second")
    own = rows(select([case_of(Neighbours, "first"), case_of(Relayered, "second")]), "second")
    assert own - plain == {"mixed_bfloat16", "mixed_float16", "jit_compile", "seeds_eager_and_compiled"}


def test_of_alike_cases_the_one_of_the_fewest_weights_is_taken_and_of_these_the_first():
    pairs = select(
        [
            case_of(lambda **o: Neighbours(**{"ema": 0.9, **o}), "dear"),
            case_of(Neighbours, "cheap"),
            case_of(Neighbours, "late"),
        ]
    )
    assert {"replicas", "stock_callbacks"} <= rows(pairs, "cheap")
    assert not {"replicas", "stock_callbacks"} & (rows(pairs, "dear") | rows(pairs, "late"))


def test_exemptions_pass_a_line_on_to_another_case():
    exempt = {**ONE_FORM, "replicas": "It is said to have no part in this."}
    pairs = select([case_of(Neighbours, "first", exempt=exempt), case_of(Neighbours, "second")])
    assert "replicas" in rows(pairs, "second") and "stock_callbacks" in rows(pairs, "first")


def test_what_a_model_cannot_do_is_not_asked_of_it():
    lines = {case.name: {pair.line for pair in select(CASES) if pair.case is case} for case in CASES}
    assert not {"samples", "seeds", "likelihood", "completion", "players"} & lines["classifier"]
    assert {"fit", "targets_apart", "signatures", "weights_of_rows"} <= lines["classifier"]
    assert "projections" not in lines["gan-non-saturating"] and "no_weights_of_rows" in lines["gan-non-saturating"]


def test_every_hook_of_every_base_is_exercised_by_a_line():
    families = (tfgen.AutoregressiveModel, tfgen.LatentVariableModel, tfgen.AdversarialModel, tfgen.Classifier)
    hooks = {name for family in families for base in family.__mro__ for name in hooks_of(base)}
    assert {"take_step", "fill", "infer", "terms"} <= hooks
    assert hooks <= {name for pair in select(CASES) for name, _ in pair.key}


def test_a_model_that_cannot_be_built_is_asked_everything():
    def broken(**overrides: Any) -> Any:
        raise RuntimeError("it cannot be built")

    assert rows(select([case_of(broken, "broken")]), "broken") == {*LINES}


def test_what_cannot_be_selected_from_is_refused():
    case = case_of(Neighbours, "one")
    with pytest.raises(ValueError, match="different names"):
        select([case, case_of(Neighbours, "one")])
    for other in ("none", "game"):
        variant = case_of(Neighbours, "two", variant_of=other, exempt={})
        game = next(case for case in CASES if case.name == "gan-non-saturating")
        with pytest.raises(ValueError, match="to be a variant of a case of the same class"):
            select([case, variant, *([game] if other == game.name else [])])
