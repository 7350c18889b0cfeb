"""Metrics, each under a name that says its convention.

Nothing is cropped, rescaled, masked or normalized silently. Complex arrays are compared as complex; pass
``np.abs(...)`` to compare magnitudes, and say so next to the figure. NaN in, NaN out: a diverged result never
reads as a good one. These compare pixels; :func:`l2_error` compares continuous images.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.parseval import L2Error as L2Error
from srinr.parseval import l2_error as l2_error


def relative_error(image: ArrayLike, reference: ArrayLike) -> float:
    """Relative error in the Euclidean norm, ``||image - reference|| / ||reference||``.

    Parameters
    ----------
    image, reference : arrays of one shape
        Real or complex; complex values are compared as complex.

    Raises
    ------
    ValueError
        Shapes differ, or the reference is zero.

    Examples
    --------
    >>> relative_error([3.0, 5.0], [3.0, 4.0])
    0.2
    """
    x, ref = _pair(image, reference)
    return math.sqrt(_energy(x - ref)) / math.sqrt(_positive_energy(ref))


def nmse(image: ArrayLike, reference: ArrayLike) -> float:
    """Normalized squared error ``||image - reference||^2 / ||reference||^2`` over all entries together.

    The fastMRI figure is this one for magnitudes of a whole *volume*: pass ``np.abs`` of all slices stacked,
    not the mean over slices of the figure per slice.

    Examples
    --------
    >>> nmse([3.0, 5.0], [3.0, 4.0])
    0.04
    """
    x, ref = _pair(image, reference)
    return _energy(x - ref) / _positive_energy(ref)


def mse(image: ArrayLike, reference: ArrayLike) -> float:
    """Mean of ``|image - reference|^2`` over all entries, in the square of the images' unit.

    Examples
    --------
    >>> mse([3.0, 5.0], [3.0, 4.0])
    0.5
    """
    x, ref = _pair(image, reference)
    return _energy(x - ref) / ref.size


def psnr(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Peak signal-to-noise ratio ``10 log10(data_range^2 / mse)``, in dB.

    Parameters
    ----------
    image, reference : arrays of one shape
        Real or complex.
    data_range : float
        The peak; there is no default, because it moves the figure by several dB. The fastMRI choice is the
        maximum of the reference *volume*; the maximum of the slice is another number.

    Returns
    -------
    float
        Infinity when the arrays are equal.

    Examples
    --------
    >>> round(psnr([0.0, 1.1], [0.0, 1.0], data_range=1.0), 6)
    23.0103
    """
    x, ref = _pair(image, reference)
    error = _energy(x - ref) / ref.size
    peak = _checked_range(data_range)
    return math.inf if error == 0 else 20 * math.log10(peak) - 10 * math.log10(error)


def ssim(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Structural similarity in the fastMRI convention.

    A uniform window of 7 x 7 pixels, K1 = 0.01, K2 = 0.03, sample covariance (Wang et al., IEEE Trans. Image
    Process. 13 (2004) 600, with the defaults of scikit-image), averaged over the slices.

    Parameters
    ----------
    image, reference : real arrays, shape (H, W) or (slice, H, W)
        At least 7 x 7; magnitudes for complex images.
    data_range : float
        Peak of the data; fastMRI takes the maximum of the reference volume.

    Examples
    --------
    >>> ramp = np.arange(64.0).reshape(8, 8)
    >>> ssim(ramp, ramp, data_range=63.0)
    1.0
    """
    return _mean_ssim(image, reference, data_range, 7, {})


def ssim_gaussian(image: ArrayLike, reference: ArrayLike, *, data_range: float) -> float:
    """Structural similarity with the Gaussian window of the original paper: 11 x 11, sigma 1.5.

    Population covariance, K1 = 0.01, K2 = 0.03 (Wang et al., IEEE Trans. Image Process. 13 (2004) 600). Not
    comparable with :func:`ssim`; arguments as there, images of at least 11 x 11.

    Examples
    --------
    >>> ramp = np.arange(144.0).reshape(12, 12)
    >>> ssim_gaussian(ramp, ramp, data_range=143.0)
    1.0
    """
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False}
    return _mean_ssim(image, reference, data_range, 11, options)


def overshoot(image: ArrayLike, reference: ArrayLike, *, region: ArrayLike | None = None) -> float:
    """How far the image rises above the largest value of the reference, over a region.

    ``max(0, max(image[region]) - max(reference[region]))``, in the images' unit. Next to a jump of height h
    between constants, truncating the Fourier series overshoots by 0.0895 h (Gibbs).

    Parameters
    ----------
    image, reference : real arrays of one shape
        Pixels of both images.
    region : boolean array of that shape, optional
        Where to look; everywhere by default.

    Examples
    --------
    >>> overshoot([0.0, 1.25, 1.0], [0.0, 1.0, 1.0])
    0.25
    """
    x, ref = _in_region(image, reference, region)
    return float(np.maximum(0.0, x.max() - ref.max()))


def undershoot(image: ArrayLike, reference: ArrayLike, *, region: ArrayLike | None = None) -> float:
    """How far the image falls below the smallest value of the reference, over a region.

    ``max(0, min(reference[region]) - min(image[region]))``; arguments as in :func:`overshoot`.

    Examples
    --------
    >>> undershoot([-0.25, 1.0, 1.0], [0.0, 1.0, 1.0])
    0.25
    """
    x, ref = _in_region(image, reference, region)
    return float(np.maximum(0.0, ref.min() - x.min()))


def local_overshoot(
    image: ArrayLike, reference: ArrayLike, *, radius: int, region: ArrayLike | None = None
) -> float:
    """Largest rise of the image above what the reference reaches nearby.

    Maximum over the region of ``image(i) - max of reference in the box |j - i| <= radius`` (periodic
    borders), at least 0. Unlike :func:`overshoot` it also sees ringing around faint structures.

    Parameters
    ----------
    image, reference : real arrays of one shape
        Pixels of both images.
    radius : int
        Half-width of the box in pixels; 1 / (2 cutoff) in fields of view covers the main lobe.
    region : boolean array of that shape, optional
        Where to look; everywhere by default.

    Examples
    --------
    >>> local_overshoot([0.0, 0.1, 0.0, 1.0, 1.0, 1.0, 0.0], [0.0, 0.0, 0.0, 1.0, 1.0, 1.0, 0.0], radius=1)
    0.1
    """
    from scipy.ndimage import maximum_filter

    if int(radius) != radius or radius < 0:
        raise ValueError(f"radius must be an integer >= 0 (pixels), got {radius!r}")
    x, ref = _real_pair(image, reference)
    excess = x - maximum_filter(ref, size=2 * int(radius) + 1, mode="wrap")
    return float(np.maximum(0.0, excess[_region(region, x.shape)].max()))


def _pair(image: ArrayLike, reference: ArrayLike) -> tuple[NDArray[Any], NDArray[Any]]:
    """Return both as arrays of numbers of one shape, in double precision."""
    arrays = []
    for name, given in (("image", image), ("reference", reference)):
        array = np.asarray(given)
        if array.dtype.kind not in "biufc":
            raise TypeError(f"{name} must be an array of numbers, got dtype {array.dtype}")
        if array.size == 0:
            raise ValueError(f"{name} is empty (shape {array.shape})")
        arrays.append(array.astype(np.complex128 if array.dtype.kind == "c" else np.float64))
    x, ref = arrays
    if x.shape != ref.shape:
        raise ValueError(
            f"image and reference must have the same shape, got {x.shape} and {ref.shape}; "
            "rasterize both on one grid (nothing is broadcast or cropped)"
        )
    return x, ref


def _real_pair(image: ArrayLike, reference: ArrayLike) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, ref = _pair(image, reference)
    if x.dtype.kind == "c" or ref.dtype.kind == "c":
        raise TypeError(
            "this metric is for real arrays; pass np.abs(...) or np.real(...) of both, and say which"
        )
    return x, ref


def _region(region: ArrayLike | None, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    mask = np.ones(shape, dtype=bool) if region is None else np.asarray(region)
    if mask.dtype != bool or mask.shape != shape:
        raise ValueError(f"region must be a boolean array of shape {shape}, got {mask.dtype} {mask.shape}")
    if not mask.any():
        raise ValueError("region is empty: no pixel is True")
    return mask


def _in_region(
    image: ArrayLike, reference: ArrayLike, region: ArrayLike | None
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    x, ref = _real_pair(image, reference)
    mask = _region(region, x.shape)
    return x[mask], ref[mask]


def _energy(x: NDArray[Any]) -> float:
    return float(np.vdot(x, x).real)


def _positive_energy(reference: NDArray[Any]) -> float:
    energy = _energy(reference)
    if energy == 0:
        raise ValueError("the reference is zero: a relative error is undefined, use mse")
    return energy


def _checked_range(data_range: float) -> float:
    if not (np.isfinite(data_range) and data_range > 0):
        raise ValueError(f"data_range must be a positive number (the peak of the data), got {data_range!r}")
    return float(data_range)


def _mean_ssim(
    image: ArrayLike, reference: ArrayLike, data_range: float, window: int, options: dict[str, Any]
) -> float:
    from skimage.metrics import structural_similarity

    x, ref = _real_pair(image, reference)
    if x.ndim not in (2, 3):
        raise ValueError(f"ssim expects shape (H, W) or (slice, H, W), got {x.shape}")
    if min(x.shape[-2:]) < window:
        raise ValueError(f"images must be at least {window} x {window} pixels, got {x.shape[-2:]}")
    peak = _checked_range(data_range)
    slices = zip(x.reshape(-1, *x.shape[-2:]), ref.reshape(-1, *x.shape[-2:]), strict=True)
    return float(np.mean([structural_similarity(r, s, data_range=peak, **options) for s, r in slices]))
