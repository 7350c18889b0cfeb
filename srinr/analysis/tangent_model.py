"""What a tangent kernel is taken of: a model in float64, its selected parameters, its outputs, its points.

The empirical tangent kernel of ``f`` is ``Theta(r, r') = <grad f(r), grad f(r')>``, the gradient taken over the
trainable parameters (structured dictionaries, eq. 8). Everything here is decided once, at the door: which
parameters count, how several outputs become one kernel, and that nothing is NaN.
"""

from __future__ import annotations

import contextlib
import enum
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.analysis.kernel_arguments import whole_number
from srinr.inr import INR

#: Largest relative difference, in float64, of a point's value alone and beside another point.
_ALONE = 1e-9

_ADVICE = (
    "A model maps float64 points (n, d), for any n >= 1, to values (n,) or (n, C), each row from its own point. "
    "Register constant tensors as buffers (register_buffer), do not cast (.float()), squeeze() or detach, stay in "
    "torch (no NumPy), write torch.where instead of branches on values, and call model.eval() for BatchNorm and Dropout"
)

#: An INR of srinr, or any torch module that maps points (n, d) to values (n,) or (n, C), row by row.
Model = INR | torch.nn.Module


class OutputReduction(enum.Enum):
    """How the kernel of a model with C outputs is reported; all three agree when C is 1.

    ``FULL`` keeps the (nC, nC) matrix, output by output: row ``c * n + i`` is output c at point i.
    ``TRACE`` is the mean of its C diagonal (n, n) blocks.
    ``SUM`` is the kernel of the scalar ``(1 / sqrt(C)) sum_c f_c``, the mean of all C^2 blocks times C.

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> from srinr.analysis.tangent_kernel import tangent_kernel
    >>> inr = INR(Coordinates(1), Siren(1, 8, 3, out_features=2, seed=0), complex_output=True)
    >>> [tangent_kernel(inr, [[0.1], [0.5], [0.8]], outputs=choice).shape for choice in OutputReduction]
    [(6, 6), (3, 3), (3, 3)]
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

    Examples
    --------
    >>> from srinr import INR, Coordinates, Siren
    >>> from srinr.analysis.tangent_kernel import tangent_kernel
    >>> inr = INR(Coordinates(1), Siren(1, 8, 3, out_features=2, seed=0), complex_output=True)
    >>> tangent_kernel(inr, [[0.1], [0.5], [0.8]], outputs=OneOutput(1)).shape
    (3, 3)
    """

    index: int

    def __post_init__(self) -> None:
        object.__setattr__(self, "index", whole_number(self.index, "OneOutput.index"))


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
        if isinstance(wanted, str) or not isinstance(wanted, Collection):
            raise TypeError(f"parameters: expected a collection of names, got {wanted!r}")
        chosen = set()
        for entry in wanted:
            if not isinstance(entry, str):
                raise TypeError(f"parameters: expected names (parameter_names), got a {type(entry).__name__}")
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
    """A copy: a module that writes into its buffers must not change the model."""
    t = tensor.detach().clone()
    return t.to(torch.float64) if t.is_floating_point() else t


def tangent_model(
    model: Model,
    points: NDArray[np.float64],
    *,
    parameters: Collection[str] | None,
    outputs: Outputs | None,
) -> TangentModel:
    """Check a model against two points, and copy its parameters to float64.

    Raises
    ------
    ValueError
        When the model cannot be evaluated, mixes its points, leaves torch, or gives values of another shape.
    """
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
    with model_errors(points.shape[1]):
        n_outputs = _count_outputs(prepared, _two_points(points))
    return TangentModel(**{**vars(prepared), "heads": heads_of(outputs, n_outputs, device)})


class _UnfitModelError(ValueError):
    """What is wrong with a model, in words that need no further advice."""


@contextlib.contextmanager
def model_errors(dim: int) -> Iterator[None]:
    """Turn whatever a model raises when it is evaluated or differentiated into advice; memory errors pass."""
    try:
        yield
    except (_UnfitModelError, MemoryError, torch.OutOfMemoryError):
        raise
    except Exception as error:
        if "can't allocate memory" in str(error):
            raise
        said = " ".join(str(error).split())[:300]
        raise ValueError(
            f"model: it fails at points of shape (n, {dim}) with {type(error).__name__}: {said}. {_ADVICE}"
        ) from error


def _two_points(points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The first point and the one farthest from it, or beside it when all agree."""
    first = points[0]
    second = points[np.abs(points - first).max(axis=1).argmax()]
    if np.array_equal(first, second):
        second = first + np.where(first < 0.5, 1e-3, -1e-3) * np.maximum(np.abs(first), 1.0)
    return np.stack([first, second])


def _count_outputs(model: TangentModel, points: NDArray[np.float64]) -> int:
    """Number C of outputs, after checks that rows are independent and that the parameters are reached."""
    trainable = {n for n, p in model.module.named_parameters() if p.requires_grad}
    copies = {n: t.detach() for n, t in (model.constants | model.selected).items()}
    tensors = {n: t.requires_grad_() if n in trainable else t for n, t in copies.items()}
    with torch.enable_grad():
        both, *alone = (
            _checked_values(torch.func.functional_call(model.module, tensors, (model.inputs(x),)), len(x))
            for x in (points, points[:1], points[1:])
        )
    if not both.requires_grad:
        raise _UnfitModelError(
            "the output of the model is detached from its parameters, its kernel would be zero: leave out detach(), "
            "NumPy and torch.no_grad() in forward"
        )
    # The gradient as well: a last layer that is zero hides a mixing from the values.
    weights = torch.linspace(1.0, 2.0, both.shape[1], dtype=torch.float64, device=both.device)
    chosen = [tensors[name] for name in model.selected]
    together, apart = (
        torch.autograd.grad(v[0] @ weights, chosen, allow_unused=True, materialize_grads=True)
        for v in (both, alone[0])
    )
    flat = [torch.cat([g.flatten() for g in gradients]) for gradients in (together, apart)]
    for a, b in ((both.detach(), torch.cat(alone).detach()), flat):
        # Comparisons with NaN are false: that is reported with the gradients.
        if float((a - b).abs().max()) > _ALONE * float(a.abs().max()):
            raise _UnfitModelError(
                "the model must treat points independently: at one point alone it differs from that point beside "
                "another one; call model.eval() for BatchNorm and Dropout, and take no means over rows"
            )
    return both.shape[1]


def _checked_values(values: object, n: int) -> torch.Tensor:
    """Values as (n, C)."""
    shape = tuple(values.shape) if isinstance(values, torch.Tensor) else ()
    if not isinstance(values, torch.Tensor) or len(shape) not in (1, 2) or shape[0] != n or 0 in shape:
        got = shape if isinstance(values, torch.Tensor) else type(values).__name__
        expected = f"the model must map points ({n}, d) to values ({n},) or ({n}, C)"
        raise _UnfitModelError(f"{expected}, got {got}; write squeeze(-1), not squeeze()")
    if values.is_complex():
        raise _UnfitModelError("the model gives complex values: return torch.view_as_real, two outputs")
    if values.dtype != torch.float64:
        raise _UnfitModelError(
            f"the model must give real float64 values, got {values.dtype}: leave out .float() and the like"
        )
    return values[:, None] if values.ndim == 1 else values
