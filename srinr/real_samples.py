"""Complex Fourier samples of a real image as real vectors with the same inner product: done here and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.operators.linear import Array

_SQRT2 = math.sqrt(2.0)


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
        scale = torch.as_tensor(np.array(self._scale), dtype=tensor.real.dtype, device=tensor.device)
        kept = tensor[..., torch.as_tensor(np.array(self._kept), device=tensor.device)]
        zero = tensor[..., torch.as_tensor(np.array(self._zero), device=tensor.device)]
        paired = torch.as_tensor(np.array(self._opposite), device=tensor.device)
        mirror = tensor[..., paired.clamp_min(0)].conj()
        kept = torch.where(paired >= 0, 0.5 * (kept + mirror), kept)
        imaginary = kept.imag if kept.is_complex() else torch.zeros_like(kept)
        packed = torch.cat([scale * kept.real, scale * imaginary, zero.real], dim=-1)
        return packed.numpy() if isinstance(values, np.ndarray) else packed

    def unpack(self, vector: Array) -> Array:
        """Real vectors (..., n_real) to complex samples (..., m); inverse and adjoint of :meth:`pack`."""
        tensor = torch.from_numpy(np.array(vector)) if isinstance(vector, np.ndarray) else vector
        n, device = len(self._kept), tensor.device
        scale = torch.as_tensor(np.array(self._scale), dtype=tensor.dtype, device=device)
        values = torch.complex(tensor[..., :n] / scale, tensor[..., n : 2 * n] / scale)
        out = values.new_zeros(*tensor.shape[:-1], self.n_samples)
        out[..., torch.as_tensor(np.array(self._kept), device=device)] = values
        paired = np.flatnonzero(self._opposite >= 0)
        mirrored = values[..., torch.as_tensor(paired, device=device)].conj()
        out[..., torch.as_tensor(self._opposite[paired], device=device)] = mirrored
        zero = torch.as_tensor(np.array(self._zero), device=device)
        out[..., zero] = tensor[..., 2 * n :].to(out.dtype)
        return out.numpy() if isinstance(vector, np.ndarray) else out

    def asymmetry(self, values: NDArray[np.complex128]) -> float:
        """How far samples are from those of a real image: the norm of what :meth:`pack` averages away."""
        values = np.asarray(values, dtype=np.complex128)
        return float(np.linalg.norm(values - self.unpack(self.pack(values))))
