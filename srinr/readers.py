"""Readers: measured k-space files to Fourier samples in the library's convention.

A tool with a centered transform places image index m of an axis with n pixels at ``(m - floor(n/2)) / n``
from the center of the field of view, that is at ``x = 1/2 + (m - floor(n/2)) / n`` on the torus. Its values
are therefore

    value(k) = factor * exp(i pi sum(k)) * f^(k),      factor: see FFTNorm,

with the same phase, ``(-1)^sum(k)``, for even and odd sizes. What differs is where the tool's pixels lie: for
even n on our grid ``m / n``; for odd n at ``(m + 1/2) / n``, half a pixel from it. The coefficients refer to
the continuous image, so the latter only shows when a picture drawn by the tool is laid over one drawn on a
:class:`~srinr.domain.Grid`; :func:`centered_pixel_axes` gives the tool's pixel positions.
"""

from __future__ import annotations

import math
import os
import zipfile
import zlib
from dataclasses import dataclass
from enum import Enum, auto
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid, grid_frequencies
from srinr.samples import FourierSamples
from srinr.status import FileFormatError, OutOfMemoryError

_LEADING = ("slice", "coil")
_SPATIAL = ("z", "y", "x")


class Zeros(Enum):
    """What a position means where every coil is exactly zero."""

    NOT_SAMPLED = auto()
    """The position was not acquired; it is dropped."""
    MEASURED = auto()
    """The value zero was measured; it is kept."""


class FFTNorm(Enum):
    """Normalization of the transform that the file's values follow, named as in NumPy."""

    ORTHO = auto()
    """Values are ``sqrt(N) f^``: fastMRI, sigpy, mrpro, deepinv."""
    BACKWARD = auto()
    """Values are ``N f^``: NumPy's and torch's default."""
    FORWARD = auto()
    """Values are ``f^``."""

    def factor(self, n_points: int) -> float:
        """Ratio of the file's values to ``f^``, for N = ``n_points`` grid points."""
        return {FFTNorm.ORTHO: math.sqrt(n_points), FFTNorm.BACKWARD: float(n_points)}.get(self, 1.0)


@dataclass(frozen=True)
class KSpace:
    """Cartesian k-space: the samples, and the grid whose spectrum they are part of.

    Parameters
    ----------
    samples : FourierSamples
        Values of shape (m,), (coil, m) or (slice, coil, m); frequencies in C order of the centered box.
    grid : Grid
        The pixel grid; its shape is that of the file's spatial axes.
    """

    samples: FourierSamples
    grid: Grid

    @property
    def mask(self) -> NDArray[np.bool_]:
        """Sampled positions in centered order, shape ``grid.shape``; ``samples`` follow its C order."""
        return kspace_mask(self.samples, self.grid.shape)


def read_kspace(
    path: str | os.PathLike[str],
    *,
    axes: tuple[str, ...],
    centered: bool,
    zeros: Zeros,
    norm: FFTNorm,
    key: str | None = None,
    noise_std: float = 0.0,
) -> KSpace:
    """Read Cartesian k-space from a ``.npy`` or ``.npz`` file.

    Nothing about the file's meaning is guessed: every convention is an argument. Nothing is unpickled.

    Parameters
    ----------
    path : path
        A complex array; real files are refused.
    axes : tuple of str
        What the file's axes are, in the file's order, e.g. ``("coil", "y", "x")``. Names: ``slice``, ``coil``
        and one to three of ``z``, ``y``, ``x``. Spatial axes keep the file's order.
    centered : bool
        True: zero frequency at index ``floor(n/2)`` and image centered likewise (fastMRI, sigpy, BART).
        False: plain FFT order, image index 0 at the corner (``numpy.fft.fftn``).
    zeros : Zeros
        Whether zeros stand for positions that were not sampled.
    norm : FFTNorm
        Normalization of the values.
    key : str, optional
        Array to read from an ``.npz`` file; needed when it holds several.
    noise_std : float, default 0
        Noise standard deviation per real component, in the file's unit; converted like the values.

    Returns
    -------
    KSpace

    Raises
    ------
    FileFormatError
        Missing, truncated, pickled or otherwise unreadable file, or contents that are not k-space.
    ValueError
        Wrong ``axes``.

    Examples
    --------
    >>> import tempfile
    >>> image = np.random.default_rng(0).standard_normal((4, 6))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.save(f"{folder}/k.npy", np.fft.fftn(image, norm="forward"))
    ...     kspace = read_kspace(f"{folder}/k.npy", axes=("y", "x"), centered=False,
    ...                          zeros=Zeros.MEASURED, norm=FFTNorm.FORWARD)
    >>> kspace.grid.shape, kspace.samples.n_samples
    ((4, 6), 24)
    """
    _check_axes(axes)
    _check_member("zeros", zeros, Zeros)
    _check_member("norm", norm, FFTNorm)
    data = _checked_data(_load(Path(path), key), axes, path)
    lead = [axes.index(name) for name in _LEADING if name in axes]
    space = [i for i, name in enumerate(axes) if name in _SPATIAL]
    data = data.transpose(lead + space)
    shape = data.shape[len(lead) :]
    if not centered:
        data = np.fft.fftshift(data, axes=tuple(range(len(lead), data.ndim)))
    k = grid_frequencies(shape)
    scale = np.full(len(k), 1.0 / norm.factor(len(k)))
    if centered:
        scale *= 1.0 - 2.0 * (k.sum(axis=1) % 2)
    flat = data.reshape(*data.shape[: len(lead)], -1)
    keep = np.ones(len(k), dtype=bool)
    if zeros is Zeros.NOT_SAMPLED:
        keep = (flat != 0).any(axis=tuple(range(len(lead))))
    values = flat[..., keep] * scale[keep]
    return KSpace(FourierSamples(k[keep], values, noise_std / norm.factor(len(k))), Grid(shape))


def kspace_mask(samples: FourierSamples, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Sampled positions of a centered k-space box.

    Parameters
    ----------
    samples : FourierSamples
        Integer frequencies.
    shape : tuple of int
        Shape of the box; an axis of n runs from ``-floor(n/2)`` to ``ceil(n/2) - 1``.

    Returns
    -------
    boolean array, shape ``shape``

    Raises
    ------
    ValueError
        Non-integer frequencies, or frequencies outside the box.

    Examples
    --------
    >>> kspace_mask(FourierSamples([[0], [-2]], [1.0, 1.0]), (4,)).tolist()
    [True, False, True, False]
    """
    if not samples.is_integer:
        raise ValueError("a Cartesian mask needs integer frequencies (cycles per field of view)")
    if samples.dim != len(shape):
        raise ValueError(f"shape {shape} has {len(shape)} axes, the frequencies have {samples.dim}")
    index = samples.frequencies.astype(np.int64) + np.array([n // 2 for n in shape])
    if (index < 0).any() or (index >= np.array(shape)).any():
        raise ValueError(
            f"some frequencies lie outside the box of shape {shape}; use a larger shape or select()"
        )
    mask = np.zeros(shape, dtype=bool)
    mask[tuple(index.T)] = True
    return mask


def centered_pixel_axes(shape: tuple[int, ...]) -> tuple[NDArray[np.float64], ...]:
    """Pixel positions of a centered tool on the torus, per axis: ``1/2 + (m - floor(n/2)) / n``.

    Examples
    --------
    >>> [axis.tolist() for axis in centered_pixel_axes((4,))]
    [[0.0, 0.25, 0.5, 0.75]]
    """
    return tuple(0.5 + (np.arange(n) - n // 2) / n for n in shape)


def _check_axes(axes: tuple[str, ...]) -> None:
    known = _LEADING + _SPATIAL
    if isinstance(axes, str) or not all(isinstance(name, str) for name in axes):
        raise TypeError(f"axes must be a tuple of names such as ('coil', 'y', 'x'), got {axes!r}")
    unknown = [name for name in axes if name not in known]
    if unknown or len(set(axes)) != len(axes) or not set(axes) & set(_SPATIAL):
        raise ValueError(f"axes must be distinct names out of {known}, at least one of z, y, x; got {axes!r}")


def _check_member(name: str, value: object, kind: type[Enum]) -> None:
    if not isinstance(value, kind):
        choices = ", ".join(str(member) for member in kind)
        raise TypeError(f"{name} must be one of {choices}, got {value!r}")


def _load(path: Path, key: str | None) -> NDArray[Any]:
    """Load one array; every way in which the file can be bad becomes a FileFormatError."""
    try:
        with open(path, "rb") as stream:  # our own handle: np.load leaks its own on damaged archives
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return loaded
            with loaded:
                return loaded[_chosen_key(path, loaded.files, key)]
    except FileNotFoundError as error:
        raise FileFormatError(f"{path}: no such file") from error
    except FileFormatError:
        raise
    except MemoryError as error:
        raise OutOfMemoryError(f"{path}: not enough memory for the array its header announces") from error
    except (OSError, ValueError, EOFError, KeyError, SyntaxError, zipfile.BadZipFile, zlib.error) as error:
        raise FileFormatError(
            f"{path}: not a plain .npy or .npz array, or damaged ({error}); "
            "object arrays and pickles are refused, save the numbers with numpy.save"
        ) from error


def _chosen_key(path: Path, names: list[str], key: str | None) -> str:
    if key is None and len(names) == 1:
        return names[0]
    if key is None or key not in names:
        raise FileFormatError(f"{path} holds the arrays {names}; pass one of them as key, got key={key!r}")
    return key


def _checked_data(
    data: NDArray[Any], axes: tuple[str, ...], path: str | os.PathLike[str]
) -> NDArray[np.complex128]:
    if data.dtype.kind != "c":
        raise FileFormatError(
            f"{path}: k-space must be complex, got dtype {data.dtype}; join real and imaginary parts first"
        )
    if data.ndim != len(axes):
        raise FileFormatError(
            f"{path}: axes={axes!r} names {len(axes)} axes, the array has shape {data.shape}"
        )
    if data.size == 0:
        raise FileFormatError(f"{path}: the array is empty, shape {data.shape}")
    n_bad = int((~np.isfinite(data)).sum())
    if n_bad:
        raise FileFormatError(
            f"{path}: {n_bad} entries are NaN or infinite; the file is damaged or half written"
        )
    if not data.any():
        raise FileFormatError(f"{path}: all entries are zero, nothing was measured")
    return data.astype(np.complex128)
