"""Linear operators: forward, adjoint, ``.H`` and ``@``; the hand-written adjoint is also the autograd backward."""

from __future__ import annotations

import abc
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.domain import Grid

Array = TypeVar("Array", NDArray[Any], torch.Tensor)


class _Apply(torch.autograd.Function):
    """Apply an operator (or its adjoint); the backward pass is the other one."""

    @staticmethod
    def forward(ctx: Any, x: torch.Tensor, operator: LinearOperator, adjoint: bool) -> torch.Tensor:
        ctx.operator, ctx.is_adjoint, ctx.input_is_complex = operator, adjoint, x.is_complex()
        return operator._adjoint(x) if adjoint else operator._forward(x)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (grad,) = grads
        # The gradient with respect to a real input is the real part, and only that needs computing.
        back = cast(
            torch.Tensor,
            _Apply.apply(grad, ctx.operator, not ctx.is_adjoint)
            if ctx.input_is_complex or grad.requires_grad
            else ctx.operator._backward_real(grad, not ctx.is_adjoint),
        )
        return back if ctx.input_is_complex or not back.is_complex() else back.real, None, None


class LinearOperator(abc.ABC):
    """A linear map between arrays, on NumPy arrays or torch tensors alike.

    Leading axes are batch axes: ``forward`` maps ``(..., *in_shape)`` to ``(..., *out_shape)``. The kind of
    array that goes in comes out. ``adjoint`` is the adjoint for the plain inner product
    ``sum conj(u) v``; it is an adjoint, not an inverse.
    """

    in_shape: tuple[int, ...]
    out_shape: tuple[int, ...]

    @property
    def grid(self) -> Grid | None:
        """The pixel grid of the input, when the operator has one."""
        return None

    @abc.abstractmethod
    def _forward(self, x: torch.Tensor) -> torch.Tensor: ...

    @abc.abstractmethod
    def _adjoint(self, y: torch.Tensor) -> torch.Tensor: ...

    def _backward_real(self, y: torch.Tensor, adjoint: bool) -> torch.Tensor:
        """Real part of the map; operators that can skip the imaginary part override it."""
        return self._adjoint(y) if adjoint else self._forward(y)

    def forward(self, x: Array) -> Array:
        """Apply the operator to ``x`` of shape ``(..., *in_shape)``."""
        return self._call(x, self.in_shape, False)

    def adjoint(self, y: Array) -> Array:
        """Apply the adjoint to ``y`` of shape ``(..., *out_shape)``."""
        return self._call(y, self.out_shape, True)

    def _call(self, x: Array, shape: tuple[int, ...], adjoint: bool) -> Array:
        if not isinstance(x, np.ndarray | torch.Tensor):
            raise TypeError(f"expected a NumPy array or a torch tensor, got {type(x).__name__}")
        if tuple(x.shape[x.ndim - len(shape) :]) != shape or x.ndim < len(shape):
            name = "adjoint" if adjoint else "forward"
            raise ValueError(
                f"{type(self).__name__}.{name} expects an array whose last axes are {shape}, "
                f"got shape {tuple(x.shape)}"
            )
        if isinstance(x, torch.Tensor):
            if not (x.is_floating_point() or x.is_complex()):
                raise ValueError(
                    f"expected a tensor of floating-point numbers, got {x.dtype}; convert it first"
                )
            if x.requires_grad and torch.is_grad_enabled():
                return cast(torch.Tensor, _Apply.apply(x, self, adjoint))
            return self._adjoint(x) if adjoint else self._forward(x)
        if x.dtype.kind not in "biufc":
            raise ValueError(f"expected an array of numbers, got dtype {x.dtype}")
        wanted = np.complex128 if x.dtype.kind == "c" else np.float64
        tensor = torch.from_numpy(np.array(x, dtype=wanted))  # a copy: the caller's array may be read-only
        result = self._adjoint(tensor) if adjoint else self._forward(tensor)
        return result.resolve_conj().resolve_neg().numpy()

    def on_grid(self, grid: Grid) -> LinearOperator:
        """Rebuild the operator on another pixel grid (coarse-to-fine work).

        Raises
        ------
        ValueError
            When pixel-wise data, such as coil maps, bind the operator to its grid.
        """
        raise ValueError(f"{type(self).__name__} is bound to its grid; run without coarse-to-fine stages")

    @property
    def H(self) -> LinearOperator:
        """The adjoint as an operator."""
        return AdjointOperator(self)

    def __matmul__(self, other: LinearOperator) -> LinearOperator:
        if not isinstance(other, LinearOperator):
            raise TypeError(
                f"@ composes operators, got {type(other).__name__}; apply an operator with operator.forward(x)"
            )
        return ComposedOperator(self, other)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.in_shape} -> {self.out_shape})"


class AdjointOperator(LinearOperator):
    """The adjoint of an operator; made by ``operator.H``."""

    def __init__(self, operator: LinearOperator) -> None:
        self.operator = operator
        self.in_shape, self.out_shape = operator.out_shape, operator.in_shape

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.operator._adjoint(x)

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return self.operator._forward(y)

    @property
    def H(self) -> LinearOperator:
        """The operator itself."""
        return self.operator


class ComposedOperator(LinearOperator):
    """``outer`` after ``inner``; made by ``outer @ inner``.

    Axes that ``inner`` adds in front (coils) pass through ``outer`` as batch axes.
    """

    def __init__(self, outer: LinearOperator, inner: LinearOperator) -> None:
        extra = len(inner.out_shape) - len(outer.in_shape)
        if extra < 0 or inner.out_shape[extra:] != outer.in_shape:
            raise ValueError(
                f"cannot compose: {type(inner).__name__} gives {inner.out_shape}, "
                f"{type(outer).__name__} expects {outer.in_shape} as last axes"
            )
        self.outer, self.inner = outer, inner
        self.in_shape = inner.in_shape
        self.out_shape = inner.out_shape[:extra] + outer.out_shape

    @property
    def grid(self) -> Grid | None:
        """The pixel grid of the input, when one part knows it."""
        if self.inner.grid is not None:
            return self.inner.grid
        # The grid of the outer part is that of the input only when the inner part leaves the shape alone.
        outer = self.outer.grid
        return outer if outer is not None and outer.shape == self.in_shape else None

    @property
    def frequencies(self) -> NDArray[np.int64] | None:
        """Frequencies (m, d) of the output, in its order, when the outer part knows them."""
        return getattr(self.outer, "frequencies", None)

    def _forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.outer._forward(self.inner._forward(x))

    def _adjoint(self, y: torch.Tensor) -> torch.Tensor:
        return self.inner._adjoint(self.outer._adjoint(y))

    def on_grid(self, grid: Grid) -> LinearOperator:
        """Rebuild both parts on another grid."""
        return ComposedOperator(self.outer.on_grid(grid), self.inner.on_grid(grid))
