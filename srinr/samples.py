"""FourierSamples: the currency between phantoms, operators, baselines, training and solvers."""

from __future__ import annotations

import os
import zipfile
import zlib
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.files import atomic_path
from srinr.status import FileFormatError

#: What NumPy and zipfile raise on damaged files (a flipped bit may ask for an unknown compression, or a password).
_READ_ERRORS = (
    OSError,
    KeyError,
    EOFError,
    ValueError,
    NotImplementedError,
    RuntimeError,
    zipfile.BadZipFile,
    zlib.error,
)


@dataclass(frozen=True, eq=False)
class FourierSamples:
    """Samples of Fourier coefficients, in the convention of :mod:`srinr.domain`.

    Parameters
    ----------
    frequencies : array, shape (m, d)
        Cycles per field of view; integers are kept as int64, other values as float64.
    values : array, shape (..., m)
        Coefficients, complex128; leading axes are batch, then coil.
    noise_std : float, default 0
        Standard deviation of the noise per real component, in the unit of the coefficients.

    Raises
    ------
    ValueError
        Wrong shapes, no samples, NaN or infinite entries, negative ``noise_std``.

    Examples
    --------
    >>> samples = FourierSamples([[0, 0], [1, 0]], [2.0, 1j])
    >>> samples.n_samples, samples.dim, samples.cutoff
    (2, 2, 1.0)
    """

    frequencies: NDArray[np.int64] | NDArray[np.float64]
    values: NDArray[np.complex128]
    noise_std: float = 0.0

    def __init__(self, frequencies: ArrayLike, values: ArrayLike, noise_std: float = 0.0) -> None:
        k = _checked_frequencies(frequencies)
        y = np.asarray(values)
        if y.dtype.kind not in "biufc":
            raise ValueError(f"values must be numbers, got dtype {y.dtype}")
        y = y.astype(np.complex128)
        if y.ndim < 1 or y.shape[-1] != len(k):
            raise ValueError(
                f"values must have shape (..., m) with m = {len(k)} frequencies, got {y.shape}; "
                "put the sample axis last"
            )
        if not np.isfinite(y).all():
            n_bad = int((~np.isfinite(y)).sum())
            raise ValueError(f"values contain {n_bad} NaN or infinite entries; drop them with select()")
        if not (np.isfinite(noise_std) and noise_std >= 0):
            raise ValueError(f"noise_std must be a finite number >= 0, got {noise_std!r}")
        k.setflags(write=False)
        y.setflags(write=False)
        object.__setattr__(self, "frequencies", k)
        object.__setattr__(self, "values", y)
        object.__setattr__(self, "noise_std", float(noise_std))

    @property
    def dim(self) -> int:
        """Dimension d of the domain."""
        return int(self.frequencies.shape[1])

    @property
    def n_samples(self) -> int:
        """Number m of sampled frequencies."""
        return len(self.frequencies)

    @property
    def cutoff(self) -> float:
        """Largest max-norm of the sampled frequencies, cycles per field of view."""
        return float(np.abs(self.frequencies).max())

    @property
    def is_integer(self) -> bool:
        """Whether all frequencies are integers (samples of a Fourier series)."""
        return self.frequencies.dtype.kind == "i"

    def select(self, index: ArrayLike) -> FourierSamples:
        """Keep the samples chosen by a boolean mask or integer indices along the sample axis."""
        chosen = np.asarray(index)
        if chosen.dtype == bool and chosen.shape != (self.n_samples,):
            raise ValueError(f"a boolean index must have shape ({self.n_samples},), got {chosen.shape}")
        if chosen.size == 0 or (chosen.dtype == bool and not chosen.any()):
            raise ValueError("the index selects no sample, the result would be empty; at least one is needed")
        if chosen.dtype.kind not in "biu" or chosen.ndim != 1:
            raise ValueError(f"index must be a list of integers or a boolean mask, got {index!r}")
        if chosen.dtype != bool and not (-self.n_samples <= chosen.min() and chosen.max() < self.n_samples):
            raise ValueError(
                f"index runs from {chosen.min()} to {chosen.max()}, there are {self.n_samples} samples"
            )
        return replace(self, frequencies=self.frequencies[chosen], values=self.values[..., chosen])

    def with_noise(self, noise_std: float, rng: np.random.Generator) -> FourierSamples:
        """Add complex white Gaussian noise of standard deviation ``noise_std`` per real component.

        The noise already present is kept track of: standard deviations add in squares.
        """
        if not isinstance(rng, np.random.Generator):
            raise TypeError("rng must be a numpy.random.Generator, e.g. numpy.random.default_rng(0)")
        if not (np.isfinite(noise_std) and noise_std >= 0):
            raise ValueError(f"noise_std must be a finite number >= 0, got {noise_std!r}")
        noise = rng.standard_normal((2, *self.values.shape))
        return FourierSamples(
            self.frequencies,
            self.values + noise_std * (noise[0] + 1j * noise[1]),
            float(np.hypot(self.noise_std, noise_std)),
        )

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write to one ``.npz`` file, atomically."""
        with atomic_path(path) as temporary, open(temporary, "wb") as stream:
            np.savez(stream, frequencies=self.frequencies, values=self.values, noise_std=self.noise_std)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> FourierSamples:
        """Read a file written by :meth:`save`; nothing in it is unpickled.

        Raises
        ------
        FileFormatError
            When the file is missing, truncated, or lacks a field.
        """
        try:
            # Opened here: NumPy leaves the file open when it cannot read it.
            with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as data:
                return cls(data["frequencies"], data["values"], data["noise_std"].item())
        except FileNotFoundError as error:
            raise FileFormatError(f"{path}: no such file") from error
        except (*_READ_ERRORS, TypeError) as error:
            raise FileFormatError(
                f"{path}: not a file of Fourier samples, or damaged ({error}); expected an .npz with "
                "frequencies, values and noise_std as written by FourierSamples.save"
            ) from error


def _checked_frequencies(frequencies: ArrayLike) -> NDArray[np.int64] | NDArray[np.float64]:
    """Return a private copy of frequencies as int64 when all are integers, else float64."""
    k = np.asarray(frequencies)
    if k.dtype.kind not in "iuf":
        raise ValueError(f"frequencies must be real numbers in cycles per field of view, got dtype {k.dtype}")
    if k.ndim != 2 or k.shape[1] < 1:
        raise ValueError(f"frequencies must have shape (m, d), got {k.shape}")
    if len(k) == 0:
        raise ValueError("frequencies are empty: at least one sample is needed")
    if not np.isfinite(k).all():
        raise ValueError("frequencies contain NaN or infinite entries")
    if k.dtype.kind in "iu":
        return k.astype(np.int64)
    k = k.astype(np.float64)
    rounded = np.rint(k)
    if np.array_equal(rounded, k) and np.abs(k).max() < 2**53:
        return rounded.astype(np.int64)
    return k
