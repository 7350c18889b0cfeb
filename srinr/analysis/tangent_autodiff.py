"""The Jacobian of any torch module by automatic differentiation: the general way, and the oracle of the fast one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.analysis.tangent_model import TangentModel, model_errors

#: Derivatives with respect to each selected parameter, (m, b, size) per parameter.
_Rows = list[torch.Tensor]


class AutodiffJacobian:
    """The same three things as ``FactoredJacobian``, for any model, through ``torch.func``.

    Rows are computed in blocks of points (``vmap`` over points of ``jacrev``) and contracted parameter by
    parameter, so that no more than a block of the (n, P) Jacobian exists at a time.

    Parameters
    ----------
    model : TangentModel
        Any; the rows of its output must not depend on each other.
    points : array, shape (n, d)
        As the model takes them.
    memory_limit : int
        Bytes that a block of rows may take, with what is needed to compute it.

    Raises
    ------
    ValueError
        When the derivatives at a single point do not fit into the limit.
    """

    def __init__(self, model: TangentModel, points: NDArray[np.float64], memory_limit: int) -> None:
        self._model, self._points = model, points
        # The rows, and as much again while vmap stacks them.
        needed = 2 * 8 * model.n_parameters * len(model.heads.weights)
        step = memory_limit // needed
        if step < 1:
            raise ValueError(
                f"memory_limit is too small: the derivatives at one point take {needed} bytes and this block may "
                f"take {memory_limit}; raise memory_limit"
            )
        self.blocks = [slice(i, min(i + step, len(points))) for i in range(0, len(points), step)]

    @property
    def count(self) -> int:
        """Rows of the Jacobian per point."""
        return self._model.heads.count

    @property
    def n_points(self) -> int:
        """Number of points."""
        return len(self._points)

    def block(self, part: slice) -> _Rows:
        """Derivatives at the points of a block, for each parameter (m, b, size)."""
        model = self._model

        def at_one(parameters: dict[str, torch.Tensor], point: torch.Tensor) -> torch.Tensor:
            return model.heads.weights @ model.outputs(parameters, point[None])[0]

        with model_errors(self._points.shape[1]):
            rows = torch.func.vmap(torch.func.jacrev(at_one), in_dims=(None, 0))(
                model.selected, model.inputs(self._points[part])
            )
        pieces = [rows[name].detach().flatten(2).transpose(0, 1) for name in model.selected]
        if not all(bool(torch.isfinite(piece).all()) for piece in pieces):
            raise ValueError("gradients of the model are not finite: check its parameters and the points")
        return pieces

    def gram(
        self, rows: _Rows, columns: _Rows, *, upper: bool, room: int
    ) -> Iterator[tuple[slice, slice, torch.Tensor]]:
        """One tile ``(rows, columns, values (m, r, m', c))``, in strips of rows that take ``room`` bytes."""
        m, n, _ = rows[0].shape
        m_other, n_other, _ = columns[0].shape
        step = max(1, room // (2 * 8 * m * m_other * n_other))
        for i in range(0, n, step):
            part = slice(i, min(i + step, n))
            start = i if upper else 0
            tile = sum(
                torch.einsum("air,bjr->aibj", a[:, part], b[:, start:])
                for a, b in zip(rows, columns, strict=True)
            )
            assert isinstance(tile, torch.Tensor)
            if self._model.heads.averaged:
                tile = torch.einsum("aiaj->ij", tile)[None, :, None]
            yield part, slice(start, n_other), tile

    def pull(self, values: torch.Tensor) -> list[torch.Tensor]:
        """``J^T v`` for v of shape (m, n), one tensor per head and parameter when heads are averaged."""
        heads = self._model.heads
        total: list[torch.Tensor] = []
        for part in self._strips():
            inputs = self._model.inputs(self._points[part])
            transposed = self._transposed(inputs)
            v = values[:, part]
            cotangents = [v]
            if heads.averaged:
                eye = torch.eye(len(heads.weights), dtype=v.dtype, device=v.device)
                cotangents = [row[:, None] * v for row in eye]
            gradients = [transposed(w)[0] for w in cotangents]
            pieces = [g[name].detach() for g in gradients for name in self._model.selected]
            total = [a + b for a, b in zip(total, pieces, strict=True)] if total else pieces
        return total

    def push(self, direction: list[torch.Tensor]) -> torch.Tensor:
        """``J p`` for a direction as :meth:`pull` gives it, shape (m, n)."""
        names = list(self._model.selected)
        copies = [
            dict(zip(names, direction[i : i + len(names)], strict=True))
            for i in range(0, len(direction), len(names))
        ]
        parts = []
        for part in self._strips():
            inputs = self._model.inputs(self._points[part])
            transposed = self._transposed(inputs)
            zeros = torch.zeros(
                (len(self._model.heads.weights), len(inputs)), dtype=torch.float64, device=inputs.device
            )
            # The transpose of the transpose: needs no forward mode, which fewer operations have.
            product = torch.func.vjp(lambda v, back=transposed: back(v)[0], zeros)[1]
            pushed = [product(tangent)[0] for tangent in copies]
            averaged = self._model.heads.averaged
            out = sum(p[k] for k, p in enumerate(pushed)) if averaged else pushed[0]
            assert isinstance(out, torch.Tensor)
            parts.append((out[None] if averaged else out).detach())
        return torch.cat(parts, dim=1)

    def diagonal(self) -> torch.Tensor:
        """Squared lengths of the rows, shape (m, n); the sum over heads when they are averaged."""
        parts = []
        for part in self.blocks:
            squares = torch.stack([piece.square().sum(dim=2) for piece in self.block(part)]).sum(dim=0)
            parts.append(squares.sum(dim=0, keepdim=True) if self._model.heads.averaged else squares)
        return torch.cat(parts, dim=1)

    def _transposed(self, inputs: torch.Tensor) -> Callable[..., Any]:
        """``v -> J^T v`` at these inputs."""
        with model_errors(self._points.shape[1]):
            back: Callable[..., Any] = torch.func.vjp(
                lambda parameters: self._heads_at(parameters, inputs), self._model.selected
            )[1]
        return back

    def _heads_at(self, parameters: dict[str, torch.Tensor], inputs: torch.Tensor) -> torch.Tensor:
        return self._model.heads.weights @ self._model.outputs(parameters, inputs).T

    def _strips(self) -> list[slice]:
        """Points per product: no rows are formed there, only activations, so more points fit."""
        step = max(self.blocks[0].stop, 2048)
        return [slice(i, min(i + step, self.n_points)) for i in range(0, self.n_points, step)]
