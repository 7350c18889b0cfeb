"""Separable trigonometric sums on tensor grids: the arithmetic shared by operators and encodings.

``analyze`` takes images to centered boxes of Fourier coefficients, ``synthesize`` takes boxes to images, one
axis at a time with real matrices of cosines and sines. The cost is that of the arithmetic: for N x N pixels
and M x M coefficients about N^2 M + N M^2 multiply-adds, against 5 N^2 log2(N) operations (and several passes
over memory) of an FFT that then throws most of its outputs away.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import torch

Rows = tuple[int, int]


@functools.lru_cache(maxsize=64)
def trig_matrix(n: int, limit: int, dtype: torch.dtype, device: torch.device) -> torch.Tensor:
    """Cosines then sines of ``2 pi k i / n`` for k = 0..limit, shape ``(n, 2 (limit + 1))``; cached."""
    # The phase is reduced modulo n in integers, so that large k lose no digits.
    turns = torch.outer(torch.arange(n), torch.arange(limit + 1)) % n
    angle = turns.to(torch.float64) * (2.0 * torch.pi / n)
    return torch.cat([angle.cos(), angle.sin()], dim=1).to(dtype=dtype, device=device)


def _axis_matrix(
    shape: Sequence[int], limits: Sequence[int], axis: int, rows: Rows | None, like: torch.Tensor
) -> torch.Tensor:
    matrix = trig_matrix(shape[axis - 1], limits[axis - 1], like.dtype, like.device)
    return matrix[rows[0] : rows[1]] if rows is not None and axis == 1 else matrix


def analyze(
    x: torch.Tensor, limits: tuple[int, ...], n_rows: int | None = None, rows: Rows | None = None
) -> torch.Tensor:
    """Sum ``x_j exp(-2 pi i k.j/n)`` over the grid for real ``x``, on the box ``|k_a| <= limits[a]``.

    Parameters
    ----------
    x : real tensor, shape (..., n_1, ..., n_d)
        Pixel values.
    limits : tuple of int
        One per axis.
    n_rows, rows : int and (start, stop), optional
        When ``x`` holds only the rows ``start..stop`` of a grid with ``n_rows`` along the first axis.

    Returns
    -------
    complex tensor, shape (..., 2 limits[0] + 1, ..., 2 limits[-1] + 1)
    """
    dim = len(limits)
    lead = x.shape[: x.ndim - dim]
    t = x.reshape(-1, *x.shape[x.ndim - dim :])
    shape = (n_rows or t.shape[1], *t.shape[2:])
    # One real product per axis, last axis first: it is contiguous, and the largest product is a plain matmul.
    for axis in range(dim, 0, -1):
        matrix = _axis_matrix(shape, limits, axis, rows, t)
        t = torch.movedim(torch.movedim(t, axis, -1) @ matrix, -1, axis) if axis < dim else t @ matrix
    # Then combine cosine and sine parts on the small array: F(+-k) = C -+ i S, axis by axis. For a real image
    # only k_1 >= 0 is combined for the first axis; the other half follows from Hermitian symmetry.
    half = limits[0] + 1
    z = torch.complex(t[:, :half], -t[:, half:])
    for axis in range(2, dim + 1):
        size = limits[axis - 1] + 1
        cosine, sine = z.narrow(axis, 0, size), z.narrow(axis, size, size)
        rotated = 1j * sine
        lower = (cosine + rotated).narrow(axis, 1, size - 1).flip(axis)
        z = torch.cat([lower, cosine - rotated], dim=axis)
    conjugate = z[:, 1:].conj().flip(tuple(range(1, dim + 1)))
    full = torch.cat([conjugate.resolve_conj(), z], dim=1)
    return full.reshape(*lead, *full.shape[1:])


def synthesize(box: torch.Tensor, shape: tuple[int, ...], rows: Rows | None = None) -> torch.Tensor:
    """Real part of ``sum_k c_k exp(2 pi i k.j/n)`` on the grid; the adjoint of :func:`analyze`.

    Parameters
    ----------
    box : complex tensor, shape (..., 2 K_1 + 1, ..., 2 K_d + 1)
        Centered coefficients; they need not be Hermitian.
    shape : tuple of int
        Grid points per axis.
    rows : (start, stop), optional
        Only these indices of the first axis.

    Returns
    -------
    real tensor, shape (..., *shape), or ``stop - start`` along the first axis
    """
    dim = len(shape)
    lead = box.shape[: box.ndim - dim]
    z = box.reshape(-1, *box.shape[box.ndim - dim :])
    limits = [(size - 1) // 2 for size in z.shape[1:]]
    # Fold k and -k of the first axis: Re(c_{-k} e^{-ikx}) = Re(conj(c_{-k}) e^{ikx}).
    k0 = limits[0]
    folded = z[:, k0:].clone()
    folded[:, 1:] += z[:, :k0].flip(tuple(range(1, dim + 1))).conj()
    z = folded
    for axis in range(2, dim + 1):
        k = limits[axis - 1]
        upper, lower = z.narrow(axis, k, k + 1), z.narrow(axis, 0, k).flip(axis)
        cosine, sine = upper.clone(), 1j * upper
        cosine.narrow(axis, 1, k).add_(lower)
        sine.narrow(axis, 1, k).sub_(1j * lower)
        z = torch.cat([cosine, sine], dim=axis)
    t = torch.cat([z.real, -z.imag], dim=1)
    for axis in range(1, dim + 1):
        matrix = _axis_matrix(shape, limits, axis, rows, t).T
        t = torch.movedim(torch.movedim(t, axis, -1) @ matrix, -1, axis) if axis < dim else t @ matrix
    return t.reshape(*lead, *t.shape[1:])


class _Synthesize(torch.autograd.Function):
    """Synthesis whose backward is the analysis."""

    @staticmethod
    def forward(ctx: Any, box: torch.Tensor, shape: tuple[int, ...], rows: Rows | None) -> torch.Tensor:
        ctx.limits = tuple((size - 1) // 2 for size in box.shape[box.ndim - len(shape) :])
        ctx.shape, ctx.rows = shape, rows
        return synthesize(box, shape, rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None]:
        (grad,) = grads
        if grad.requires_grad and torch.is_grad_enabled():
            return _Analyze.apply(grad, ctx.limits, ctx.shape, ctx.rows), None, None
        return analyze(grad, ctx.limits, ctx.shape[0], ctx.rows), None, None


class _Analyze(torch.autograd.Function):
    """Analysis whose backward is the synthesis (needed for second derivatives)."""

    @staticmethod
    def forward(
        ctx: Any, x: torch.Tensor, limits: tuple[int, ...], shape: tuple[int, ...], rows: Rows | None
    ) -> torch.Tensor:
        ctx.shape, ctx.rows = shape, rows
        return analyze(x, limits, shape[0], rows)

    @staticmethod
    def backward(ctx: Any, *grads: torch.Tensor) -> tuple[torch.Tensor, None, None, None]:
        return _Synthesize.apply(grads[0], ctx.shape, ctx.rows), None, None, None


def synthesize_differentiable(
    box: torch.Tensor, shape: tuple[int, ...], rows: Rows | None = None
) -> torch.Tensor:
    """:func:`synthesize` with a hand-written backward pass."""
    return _Synthesize.apply(box, shape, rows)
