"""What a tangent kernel is taken of: a model in float64, its selected parameters, its outputs, its points.

The empirical tangent kernel of ``f`` is ``Theta(r, r') = <grad f(r), grad f(r')>``, the gradient taken over the
trainable parameters (structured dictionaries, eq. 8). Everything here is decided once, at the door: which
parameters count, how several outputs become one kernel, and that nothing is NaN.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.inr import INR

#: An INR of srinr, or any torch module that maps points (n, d) to values (n,) or (n, C), row by row.
Model = INR | torch.nn.Module


class OutputReduction(enum.Enum):
    """How the kernel of a model with C outputs is reported; all three agree when C is 1.

    ``FULL`` keeps the (nC, nC) matrix, output by output: row ``c * n + i`` is output c at point i.
    ``TRACE`` is the mean of its C diagonal (n, n) blocks.
    ``SUM`` is the kernel of the scalar ``(1 / sqrt(C)) sum_c f_c``, the mean of all C^2 blocks times C.
    """

    FULL = "full"
    TRACE = "trace"
    SUM = "sum"


@dataclass(frozen=True)
class OneOutput:
    """The kernel of one output.

    Parameters
    ----------
    index : int
        Which of the outputs, from 0. A complex INR has two: the real and the imaginary part.
    """

    index: int


Outputs = OutputReduction | OneOutput


@dataclass(frozen=True)
class Heads:
    """Scalar functions ``h_k = sum_c weights[k, c] f_c`` of the outputs, whose gradients make the kernel.

    ``averaged`` adds the kernels of all heads; otherwise they are stacked as rows of the matrix.
    """

    weights: torch.Tensor
    averaged: bool

    @property
    def count(self) -> int:
        """Rows of the kernel per point."""
        return 1 if self.averaged else len(self.weights)


def heads_of(outputs: Outputs | None, n_outputs: int, device: torch.device) -> Heads:
    """The scalar functions that a choice of outputs stands for."""
    eye = torch.eye(n_outputs, dtype=torch.float64, device=device)
    if outputs is None:
        if n_outputs > 1:
            raise ValueError(
                f"the model has {n_outputs} outputs: say which kernel is meant, outputs=OutputReduction.FULL, "
                "TRACE or SUM, or OneOutput(index)"
            )
        return Heads(eye, False)
    if isinstance(outputs, OneOutput):
        if not 0 <= outputs.index < n_outputs:
            raise ValueError(f"OneOutput.index must lie in 0..{n_outputs - 1}, got {outputs.index}")
        return Heads(eye[outputs.index : outputs.index + 1], False)
    if not isinstance(outputs, OutputReduction):
        raise TypeError(f"outputs: expected an OutputReduction or OneOutput, got {outputs!r}")
    if outputs is OutputReduction.FULL:
        return Heads(eye, False)
    if outputs is OutputReduction.TRACE:
        return Heads(eye / n_outputs**0.5, True)
    return Heads(eye.sum(dim=0, keepdim=True) / n_outputs**0.5, False)


class _Outputs(torch.nn.Module):
    """An INR as a module from features (or points, when the encoding has parameters) to real outputs."""

    def __init__(self, inr: INR) -> None:
        super().__init__()
        self.network: Any = inr.module
        self.encoding: Any = inr.encoding if has_parameters(inr.encoding) else None

    def forward(self, inputs: torch.Tensor) -> torch.Tensor:
        features = inputs if self.encoding is None else self.encoding.features(inputs)
        bias = self.network.first_bias
        pre = features @ self.network.first_weight.T
        values: torch.Tensor = self.network.after_first(pre if bias is None else pre + bias)
        return values


def has_parameters(encoding: object) -> bool:
    """Whether an encoding has parameters of its own."""
    return isinstance(encoding, torch.nn.Module) and next(encoding.parameters(), None) is not None


@dataclass(frozen=True)
class TangentModel:
    """A model with float64 copies of its parameters, those that count apart from the others."""

    source: Model
    module: torch.nn.Module
    selected: dict[str, torch.Tensor]
    constants: dict[str, torch.Tensor]
    heads: Heads
    device: torch.device
    to_inputs: Callable[[torch.Tensor], torch.Tensor]

    @property
    def n_parameters(self) -> int:
        """Number P of parameters that count."""
        return sum(t.numel() for t in self.selected.values())

    def inputs(self, points: NDArray[np.float64]) -> torch.Tensor:
        """What the module takes at these points: features in float64, shape (n, D)."""
        with torch.no_grad():
            return self.to_inputs(torch.from_numpy(points).to(self.device))

    def outputs(self, parameters: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
        """Values (n, C) as a function of the selected parameters."""
        values = torch.func.functional_call(self.module, (parameters, self.constants), (inputs,))
        return values[:, None] if values.ndim == 1 else values


def parameter_names(model: Model) -> tuple[str, ...]:
    """Names of the trainable parameters of a model, as ``tangent_kernel(parameters=...)`` takes them.

    For an INR these are the names in its network, for instance ``weights.0``; those of an encoding that has
    parameters start with ``encoding.``.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> parameter_names(INR(Coordinates(2), Siren(2, width=4, depth=2)))
    ('weights.0', 'weights.1', 'biases.0', 'biases.1')
    """
    _, named = _named_tensors(model)
    return tuple(_shown(model, name) for name, p in named.items() if p.requires_grad)


def _named_tensors(model: Model) -> tuple[torch.nn.Module, dict[str, torch.nn.Parameter]]:
    if not isinstance(model, INR | torch.nn.Module):
        raise TypeError(f"model: expected an INR or a torch.nn.Module, got {type(model).__name__}")
    module = _Outputs(model) if isinstance(model, INR) else model
    return module, dict(module.named_parameters())


def _shown(model: Model, name: str) -> str:
    return name.removeprefix("network.") if isinstance(model, INR) else name


def _selection(
    model: Model, named: dict[str, torch.nn.Parameter], wanted: Collection[str] | None
) -> set[str]:
    trainable = {name for name, p in named.items() if p.requires_grad}
    if wanted is None:
        chosen = trainable
    else:
        if isinstance(wanted, str):
            raise TypeError(f"parameters: expected a collection of names, got the string {wanted!r}")
        chosen = set()
        for entry in wanted:
            group = {n for n in named if f"{_shown(model, n)}.".startswith(f"{entry}.")}
            if not group & trainable:
                problem = "are frozen (requires_grad=False)" if group else "do not exist"
                known = ", ".join(_shown(model, n) for n in named if n in trainable)
                raise ValueError(f"parameters: those named {entry!r} {problem}; trainable are: {known}")
            chosen |= group & trainable
    if not chosen:
        raise ValueError("no parameter counts: all are frozen or none is selected, the kernel would be zero")
    return chosen


def _doubled(tensor: torch.Tensor) -> torch.Tensor:
    t = tensor.detach()
    return t.to(torch.float64) if t.is_floating_point() else t


def tangent_model(
    model: Model,
    points: NDArray[np.float64],
    *,
    parameters: Collection[str] | None,
    outputs: Outputs | None,
) -> TangentModel:
    """Check a model against one of its points, and copy its parameters to float64."""
    module, named = _named_tensors(model)
    if isinstance(model, INR) and points.shape[1] != model.dim:
        raise ValueError(f"points must have shape (n, {model.dim}) for this INR, got {points.shape}")
    for name, p in named.items():
        if p.is_complex():
            raise ValueError(f"parameter {_shown(model, name)} is complex: write it as two real parameters")
        if not torch.isfinite(p).all():
            raise ValueError(f"parameter {_shown(model, name)} of the model contains NaN or infinite entries")
    chosen = _selection(model, named, parameters)
    device = next(iter(named.values())).device
    features = isinstance(model, INR) and not has_parameters(model.encoding)
    buffers = {name: _doubled(b) for name, b in module.named_buffers()}
    prepared = TangentModel(
        model,
        module,
        {name: _doubled(p) for name, p in named.items() if name in chosen},
        {name: _doubled(p) for name, p in named.items() if name not in chosen} | buffers,
        Heads(torch.empty(0), False),
        device,
        model.encoding.features if features and isinstance(model, INR) else lambda x: x,
    )
    n_outputs = _count_outputs(prepared, points[:2])
    return TangentModel(**{**vars(prepared), "heads": heads_of(outputs, n_outputs, device)})


def _count_outputs(model: TangentModel, points: NDArray[np.float64]) -> int:
    with torch.no_grad():
        values = torch.func.functional_call(
            model.module, (model.selected, model.constants), (model.inputs(points),)
        )
    n = len(points)
    if not isinstance(values, torch.Tensor) or values.ndim not in (1, 2) or len(values) != n:
        got = tuple(values.shape) if isinstance(values, torch.Tensor) else type(values).__name__
        raise ValueError(f"the model must map points ({n}, d) to values ({n},) or ({n}, C), got {got}")
    if values.is_complex():
        raise ValueError("the model gives complex values: return torch.view_as_real(values), two outputs")
    if not values.dtype.is_floating_point:
        raise ValueError(f"the model must give real numbers, got {values.dtype}")
    return 1 if values.ndim == 1 else values.shape[1]


def checked_points(points: ArrayLike, name: str = "points") -> NDArray[np.float64]:
    """Points as a contiguous float64 array (n, d), n >= 1, finite."""
    x = np.array(points, dtype=np.float64, order="C")
    if x.ndim != 2 or x.shape[0] < 1 or x.shape[1] < 1:
        raise ValueError(f"{name} must have shape (n, d) with n >= 1, in fields of view, got {x.shape}")
    if not np.isfinite(x).all():
        raise ValueError(f"{name} contains NaN or infinite entries")
    return x


def checked_limit(memory_limit: int) -> int:
    """A memory limit in bytes, positive."""
    if not memory_limit >= 1:
        raise ValueError(f"memory_limit must be a positive number of bytes, got {memory_limit!r}")
    return int(memory_limit)
