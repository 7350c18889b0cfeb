"""Complex Fourier samples of a real image as real vectors with the same inner product: done here and nowhere else."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.operators.linear import Array

_SQRT2 = math.sqrt(2.0)


@dataclass(frozen=True, eq=False)
class _Tensors:
    """Indices of the kept frequencies, of zero and of the opposites (0 without one); pairs; factors."""

    kept: torch.Tensor
    zero: torch.Tensor
    mirror: torch.Tensor
    paired: torch.Tensor
    own: torch.Tensor
    mirrored: torch.Tensor
    scale: torch.Tensor


class RealSamples:
    """Isometry between the samples of real images and real vectors.

    Of each pair ``{k, -k}`` that was sampled, one frequency is kept, real and imaginary parts times ``sqrt 2``;
    ``k = 0`` gives one real number; a frequency sampled without its opposite gives its two parts. The real
    inner product ``Re sum_k conj(u_k) v_k`` of the samples of real images is kept, so that least squares,
    linear and quadratic programs see real vectors.

    Parameters
    ----------
    frequencies : array of integers, shape (m, d)
        Distinct frequencies, cycles per field of view.

    Raises
    ------
    ValueError
        Frequencies of the wrong shape, not integer, or repeated.

    Examples
    --------
    >>> real = RealSamples([[-1], [0], [1]])
    >>> real.pack(np.array([1 + 1j, 3, 1 - 1j])).round(6).tolist()
    [1.414214, -1.414214, 3.0]
    >>> real.unpack(real.pack(np.array([1 + 1j, 3, 1 - 1j]))).round(6).tolist()
    [(1+1j), (3+0j), (1-1j)]
    """

    def __init__(self, frequencies: ArrayLike) -> None:
        k = np.array(frequencies)
        if k.ndim != 2 or len(k) == 0 or k.dtype.kind not in "iu":
            raise ValueError(f"frequencies must be integers of shape (m, d), got {k.dtype} {k.shape}")
        position = {tuple(row): index for index, row in enumerate(k.tolist())}
        if len(position) != len(k):
            raise ValueError("frequencies repeat; average the repeated samples first")
        opposite = np.array([position.get(tuple(row), -1) for row in (-k).tolist()])
        own = np.arange(len(k))
        zero = opposite == own
        kept = ~zero & ((opposite < 0) | (own > opposite))
        self.frequencies = k.astype(np.int64)
        self._zero, self._kept = np.flatnonzero(zero), np.flatnonzero(kept)
        self._opposite = opposite[self._kept]
        self._scale = np.where(self._opposite < 0, 1.0, _SQRT2)
        for array in (self.frequencies, self._zero, self._kept, self._opposite, self._scale):
            array.setflags(write=False)
        self._on: dict[torch.device, _Tensors] = {}

    @property
    def n_samples(self) -> int:
        """Number m of complex samples."""
        return len(self.frequencies)

    @property
    def n_real(self) -> int:
        """Number of real components."""
        return 2 * len(self._kept) + len(self._zero)

    def components(self) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """Indices of the kept frequencies and of ``k = 0``, and the factors of the kept: how vectors are built.

        A vector is ``[scale Re c[kept], scale Im c[kept], Re c[zero]]`` for the coefficients c of a real image.
        """
        return self._kept, self._zero, self._scale

    def pack(self, values: Array) -> Array:
        """Complex samples (..., m) to real vectors (..., n_real): of a pair, the part that a real image has.

        The adjoint of :meth:`unpack`; an isometry on the samples of real images.
        """
        tensor = torch.from_numpy(np.array(values)) if isinstance(values, np.ndarray) else values
        on = self._tensors(tensor.device)
        scale = on.scale.to(tensor.real.dtype)
        kept, zero = tensor[..., on.kept], tensor[..., on.zero]
        mirror = tensor[..., on.mirror].conj()
        kept = torch.where(on.paired, 0.5 * (kept + mirror), kept)
        imaginary = kept.imag if kept.is_complex() else torch.zeros_like(kept)
        packed = torch.cat([scale * kept.real, scale * imaginary, zero.real], dim=-1)
        return packed.numpy() if isinstance(values, np.ndarray) else packed

    def unpack(self, vector: Array) -> Array:
        """Real vectors (..., n_real) to complex samples (..., m); inverse and adjoint of :meth:`pack`."""
        tensor = torch.from_numpy(np.array(vector)) if isinstance(vector, np.ndarray) else vector
        on, n = self._tensors(tensor.device), len(self._kept)
        scale = on.scale.to(tensor.dtype)
        values = torch.complex(tensor[..., :n] / scale, tensor[..., n : 2 * n] / scale)
        out = values.new_zeros(*tensor.shape[:-1], self.n_samples)
        out[..., on.kept] = values
        out[..., on.mirrored] = values[..., on.own].conj()
        out[..., on.zero] = tensor[..., 2 * n :].to(out.dtype)
        return out.numpy() if isinstance(vector, np.ndarray) else out

    def _tensors(self, device: torch.device) -> _Tensors:
        """The indices on a device, kept there: small problems ask for them every 0.1 ms."""
        if device not in self._on:
            paired = self._opposite >= 0
            own = np.flatnonzero(paired)
            arrays = (
                self._kept, self._zero, np.maximum(self._opposite, 0), paired, own, self._opposite[own], self._scale,
            )  # fmt: skip
            self._on[device] = _Tensors(*(torch.from_numpy(np.array(a)).to(device) for a in arrays))
        return self._on[device]

    def asymmetry(self, values: NDArray[np.complex128]) -> float:
        """How far samples are from those of a real image: the norm of what :meth:`pack` averages away."""
        values = np.asarray(values, dtype=np.complex128)
        return float(np.linalg.norm(values - self.unpack(self.pack(values))))
