"""The numbers of likelihoods: exact ones and bounds, in nats and in bits per dimension, and what models of sound have to beat."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tfgen.audio import mu_law_encode
from tfgen.distributions import MuLawCategorical
from tfgen.metrics.codes import code_entropy, order_1_nll
from tfgen.metrics.likelihood import nats_to_bits_per_dim
from tfgen.zoo.numbers import make_number
from tfgen.zoo.run import Run
from tfgen.zoo.table import Number

__all__ = ["exact_bits", "exact_nll", "exact_nll_per_sample", "get_bound", "get_bound_bits", "table_of_codes"]

_OF_SOUND = 1e-3  # the tolerance of nats a sample: a mean over thousands of them


def _exact(run: Run) -> tuple[float, str]:
    """Returns the mean of -log p over the split, and how it was computed."""
    how = f"mean of -log {'p(x | label)' if run.is_conditional else 'p(x)'} over the split, float32 network, float64 mean"
    if run.protocol.view == "binarized":
        how += "; pixels drawn once, by tfgen.data.fixed_binarized"
    return -float(np.mean(run.log_probs)), how


def exact_nll(run: Run) -> Iterator[Number]:
    """Computes the exact negative log-likelihood.

    Args:
      run: of a model with `log_prob`.

    Yields:
      number: `nll`.
    """
    nll, how = _exact(run)
    yield make_number("nll", nll, "nats", "exact", how, **run.place)


def exact_bits(run: Run) -> Iterator[Number]:
    """Computes the exact negative log-likelihood in bits per dimension.

    Args:
      run: of a model of discrete data with `log_prob`.

    Yields:
      number: `bits_per_dim`.
    """
    nll, how = _exact(run)
    bits = float(nats_to_bits_per_dim(nll, run.model.event_shape))
    yield make_number("bits_per_dim", bits, "bits/dim", "exact", how, **run.place)


def exact_nll_per_sample(run: Run) -> Iterator[Number]:
    """Computes the exact negative log-likelihood of each sample of a waveform.

    Args:
      run: of a model of sound with `log_prob`.

    Yields:
      number: `nll_per_sample`.
    """
    nll, how = _exact(run)
    value, more = nll / run.model.event_shape[0], {**run.place, "tolerance": _OF_SOUND}
    yield make_number("nll_per_sample", value, "nats a sample", "exact", f"{how}; per sample", **more)


def table_of_codes(run: Run) -> Iterator[Number]:
    """Computes what a model of mu-law codes has to beat: what is known of a code without its past, and from the code before alone.

    Args:
      run: of a model of sound.

    Yields:
      number: `marginal_entropy` and `order_1_nll`.
    """
    likelihood = run.model.likelihood
    levels = likelihood.levels if isinstance(likelihood, MuLawCategorical) else 256
    waveforms = (run.reference.images, run.reference.training)
    held_out, known = (np.asarray(mu_law_encode(x[..., 0], levels=levels)) for x in waveforms)
    more: dict[str, Any] = {**run.place, "tolerance": _OF_SOUND}
    how = f"entropy of the {levels} mu-law codes of the split, counted in it"
    yield make_number("marginal_entropy", code_entropy(held_out, levels=levels), "nats a sample", "exact", how, **more)
    how = "mean of -log p(code | code before) over the split, a table counted in the training split"
    yield make_number("order_1_nll", order_1_nll(known, held_out, levels=levels), "nats a sample", "exact", how, **more)


def _bound(run: Run, name: str) -> tuple[float, str, dict[str, Any]]:
    """Returns the mean of a bound over the split, how it was computed, and the fields of its numbers."""
    draws = 1 if name == "elbo" else run.protocol.num_samples
    if name == "elbo":
        how, values = "mean of the evidence lower bound, one draw of the latents an image", run.bound(name)
    else:
        how = f"mean of the importance-weighted bound, K = {draws} draws of the latents an image"
        values = run.bound(name, num_samples=draws)
    how += "; image i's noise is keyed by tfgen.random.row_seeds(seed, n)[i]"
    return float(np.mean(values)), how, {**run.place, "seed": run.protocol.seed, "num_samples": draws}


def get_bound(name: str) -> Callable[[Run], Iterator[Number]]:
    """Returns the function that computes a lower bound.

    Args:
      name: "elbo" or "log_prob_bound".

    Returns:
      compute: yields the number of that name, from the run of a model with that method.
    """

    def compute(run: Run) -> Iterator[Number]:
        nats, how, more = _bound(run, name)
        yield make_number(name, nats, "nats", "lower bound", how, **more)

    return compute


def get_bound_bits(name: str) -> Callable[[Run], Iterator[Number]]:
    """Returns the function that computes a lower bound in bits per dimension.

    Args:
      name: "elbo" or "log_prob_bound".

    Returns:
      compute: yields `{name}_bits_per_dim`, from the run of a model of discrete data with that method.
    """

    def compute(run: Run) -> Iterator[Number]:
        nats, how, more = _bound(run, name)
        bits = float(nats_to_bits_per_dim(-nats, run.model.event_shape))
        yield make_number(f"{name}_bits_per_dim", bits, "bits/dim", "upper bound", how, **more)

    return compute
