"""Whether the parts of a training problem fit together, and by what a saved training recognizes its problem."""

from __future__ import annotations

import hashlib
from dataclasses import is_dataclass

import numpy as np
import torch

from srinr.inr import INR
from srinr.operators.linear import LinearOperator
from srinr.regularizers import Regularizer
from srinr.samples import FourierSamples
from srinr.stages import Stage, Validation


def check_problem(inr: INR, operator: LinearOperator, samples: FourierSamples, name: str) -> None:
    if not isinstance(inr, INR):
        raise TypeError(f"inr: expected an INR, got {type(inr).__name__}")
    if not all(bool(torch.isfinite(p).all()) for p in inr.parameters()):
        raise ValueError("the INR to start from has NaN or infinite parameters; start from another one")
    if not isinstance(operator, LinearOperator):
        raise TypeError(f"operator: expected a LinearOperator, got {type(operator).__name__}")
    if not isinstance(samples, FourierSamples):
        raise TypeError(f"{name}: expected FourierSamples, got {type(samples).__name__}")
    if operator.grid is None:
        raise ValueError(
            "operator does not know its pixel grid; build it with FourierOperator(grid, frequencies)"
        )
    if operator.grid.dim != inr.dim:
        raise ValueError(
            f"the INR lives in dimension {inr.dim}, the operator's grid has shape {operator.grid.shape}"
        )
    if operator.out_shape != samples.values.shape:
        raise ValueError(
            f"the operator gives values of shape {operator.out_shape}, {name}.values has {samples.values.shape}; "
            "build the operator with frequencies=samples.frequencies (and coil maps for coil data)"
        )
    frequencies = getattr(operator, "frequencies", None)
    if frequencies is not None and not np.array_equal(frequencies, samples.frequencies):
        raise ValueError(
            f"the operator's frequencies are not those of {name}, or in another order; "
            "build it with frequencies=samples.frequencies"
        )


def check_plan(
    plan: tuple[Stage, ...], operator: LinearOperator, validation: Validation | None, dtype: torch.dtype
) -> None:
    """Try every stage's grid now: an error in the last stage must not wait for the first ones to be trained."""
    if validation is not None and validation.operator.grid != operator.grid:
        raise ValueError(
            f"validation.operator has the grid {validation.operator.grid}, the operator has {operator.grid}; "
            "build both on one grid"
        )
    if any(stage.hidden_dtype is not None for stage in plan) and dtype != torch.float32:
        raise ValueError(f"a stage with hidden_dtype needs dtype=torch.float32, got {dtype}")
    for grid in {stage.grid for stage in plan} - {None, operator.grid}:
        assert grid is not None
        operator.on_grid(grid)
        if validation is not None:
            validation.operator.on_grid(grid)


def fingerprint(
    inr: INR,
    samples: FourierSamples,
    regularizer: Regularizer,
    plan: tuple[Stage, ...],
    validation: Validation | None,
    dtype: torch.dtype,
) -> str:
    digest = hashlib.sha256()
    for parameter in inr.parameters():
        digest.update(parameter.detach().cpu().numpy().tobytes())
    for data in (samples, validation.samples) if validation is not None else (samples,):
        digest.update(data.frequencies.tobytes())
        digest.update(data.values.tobytes())
    parts = [(type(part).__name__, part.spec()) for part in (inr.encoding, inr.network)]
    # A dataclass shows all its numbers; that of another kind may show its address, which changes.
    penalty = repr(regularizer) if is_dataclass(regularizer) else type(regularizer).__name__
    settings = (penalty, regularizer.strength, plan, str(dtype), inr.complex_output)
    digest.update(repr((parts, settings)).encode())
    return digest.hexdigest()


def probe(operator: LinearOperator) -> torch.Tensor:
    """A few numbers by which an operator is known, up to rounding: sums over its values on a fixed image."""
    values = operator.forward(np.random.default_rng(0).standard_normal(operator.in_shape)).ravel()
    turns = np.outer([0.1, 0.7, 1.3, 2.1], np.arange(values.size))
    sums = np.exp(1j * turns) @ values
    return torch.from_numpy(np.concatenate([sums.real, sums.imag, [np.linalg.norm(values)]]))


def same_probe(one: torch.Tensor, other: torch.Tensor) -> bool:
    return one.shape == other.shape and bool((one - other).abs().max() <= 1e-6 * other.abs()[-1])
