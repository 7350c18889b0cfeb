"""The sinusoidal mapping of a model: its frequencies, what they generate, and pixels that it cannot tell apart.

Source: section 3 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural Representations", CVPR 2022.
A network is a function of the mapped input: what the mapping does not tell apart, nothing behind it can.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import exact_frequencies, merge_frequencies
from srinr.analysis.inr_parts import parameter_array
from srinr.domain import Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.siren import Siren

#: Frequencies are sought among the multiples of 1 / q cycles per field of view, q up to this.
MAX_DENOMINATOR = 64
_CHUNK = 2**15
#: Pixels whose inputs are closer than this have the same input.
_SAME_INPUT = 1e-9


def mapping_frequencies(model: INR | FourierFeatures) -> NDArray[np.float64]:
    """Frequencies of a model's sinusoidal mapping, from which its harmonics are made.

    Parameters
    ----------
    model : INR or FourierFeatures
        An INR on Fourier features; or on ``Coordinates`` with a ``Siren`` or ``SinusoidalMapping``, whose first
        layer is the mapping (at its present weights).

    Returns
    -------
    array, shape (T, d)
        Cycles per field of view.

    Raises
    ------
    TypeError
        When there is no sinusoidal mapping.
    ValueError
        When the weights of the mapping hold NaN or infinite numbers.

    Examples
    --------
    >>> from srinr import MLP
    >>> network = SinusoidalMapping([[2 * np.pi]], [0.0], MLP(1, 4, 2, first_bias=True))
    >>> mapping_frequencies(INR(Coordinates(dim=1), network)).tolist()  # on [-1, 1): two cycles
    [[2.0]]
    """
    encoding = model.encoding if isinstance(model, INR) else model
    if isinstance(encoding, FourierFeatures):
        return encoding.frequencies
    network = model.network if isinstance(model, INR) else None
    if isinstance(encoding, Coordinates) and isinstance(network, Siren | SinusoidalMapping):
        omega = network.omega_first if isinstance(network, Siren) else 1.0
        weight, bias = (parameter_array(v) for v in (network.first_weight, network.first_bias))
        if not (np.isfinite(weight).all() and np.isfinite(bias).all()):
            raise ValueError(
                "model: the weights or phases of its sinusoidal mapping (the first layer) contain NaN or infinite "
                "numbers, as after a training that diverged"
            )
        return np.asarray(omega * weight * (encoding.high - encoding.low) / (2 * np.pi))
    raise TypeError(
        "model: expected FourierFeatures, or an INR with Fourier features, a Siren or a SinusoidalMapping; "
        f"{model!r} has no sinusoidal mapping"
    )


def mapping_is_fixed(inr: INR) -> bool:
    """Whether training leaves the mapping of an INR as it is: Fourier features, or a frozen first layer."""
    if isinstance(inr.encoding, FourierFeatures):
        return True
    network = inr.network
    if isinstance(network, SinusoidalMapping):
        return not (network.first_weight.requires_grad or network.first_bias.requires_grad)
    return isinstance(network, Siren) and not (
        network.first_weight.requires_grad or network.first_bias.requires_grad
    )


def best_fit(model: INR | FourierFeatures, image: ArrayLike) -> NDArray[Any]:
    """The nearest image, in least squares, that some network on this mapping takes on the pixels.

    Pixels with the same mapped input have the same value, whatever follows the mapping; the best such image is the
    mean over them. For the axis-aligned pair of f0 = 1 on [-1, 1)^2 it is the mean of four shifts.

    Parameters
    ----------
    model : INR or FourierFeatures
        As in :func:`mapping_frequencies`, at its present weights.
    image : array, real or complex
        Pixel values on ``Grid(image.shape)``.

    Returns
    -------
    array, same shape

    Examples
    --------
    >>> best_fit(FourierFeatures([[2.0]]), [1.0, 2.0, 3.0, 4.0]).tolist()
    [2.0, 3.0, 2.0, 3.0]
    """
    values = checked_pixels(image, mapping_frequencies(model).shape[1])
    return mean_over_groups(values, pixel_groups(model, Grid(values.shape)))


def mean_over_groups(values: NDArray[Any], group: NDArray[np.intp]) -> NDArray[Any]:
    """Each pixel's mean over the pixels of its group; ``group`` has a number for each pixel in C order."""
    count = np.bincount(group)
    flat = values.ravel()
    mean: NDArray[Any] = np.bincount(group, flat.real) / count
    if flat.dtype.kind == "c":
        mean = mean + 1j * (np.bincount(group, flat.imag) / count)
    return np.asarray(mean[group]).reshape(values.shape)


def in_generated_lattice(frequencies: ArrayLike, generators: ArrayLike) -> NDArray[np.bool_]:
    """Which frequencies are integer combinations of the generators.

    Parameters
    ----------
    frequencies : array, shape (m, d)
        What is asked about.
    generators : array, shape (T, d)
        Multiples of 1 / q for some whole q up to ``MAX_DENOMINATOR``, same unit.

    Returns
    -------
    array of bool, shape (m,)

    Raises
    ------
    ValueError
        When the generators share no such fraction: they come arbitrarily close to every frequency; or for sizes of
        2^53 and more.

    Examples
    --------
    >>> in_generated_lattice([[2, 0], [1, 0], [3, 1]], [[1, 1], [1, -1]]).tolist()
    [True, False, True]
    """
    k, omega = np.asarray(frequencies, dtype=np.float64), np.asarray(generators, dtype=np.float64)
    exact_frequencies("frequencies", k)
    exact_frequencies("generators", omega)
    scales = (
        q for q in range(1, MAX_DENOMINATOR + 1) if np.abs(q * omega - np.rint(q * omega)).max() <= 1e-9
    )
    q = next(scales, None)
    if q is None:
        raise ValueError(
            f"frequencies of the mapping are not multiples of a common 1 / q with q <= {MAX_DENOMINATOR}: their "
            "integer combinations come close to every frequency, nothing is out of reach in principle; pass radius "
            "(polynomial activations), or an image to find pixels that share their inputs"
        )
    rows = np.unique(np.rint(q * omega).astype(np.int64), axis=0)
    rest: NDArray[np.int64] = np.rint(q * k).astype(np.int64)
    inside = np.abs(q * k - rest).max(axis=1) <= 1e-9
    for axis in range(omega.shape[1]):  # Hermite normal form, one pivot at a time
        pivot, rows = _eliminate(rows, axis)
        if pivot is None:
            inside &= rest[:, axis] == 0
            continue
        inside &= rest[:, axis] % pivot[axis] == 0
        rest -= (rest[:, axis] // pivot[axis])[:, None] * pivot
    return inside


def _eliminate(rows: NDArray[np.int64], axis: int) -> tuple[NDArray[np.int64] | None, NDArray[np.int64]]:
    """Euclid's algorithm on a column: the row that is left with an entry there, and the others."""
    while True:
        used = np.flatnonzero(rows[:, axis])
        if len(used) == 0:
            return None, rows
        least = used[np.abs(rows[used, axis]).argmin()]
        if len(used) == 1:
            return rows[least], np.delete(rows, least, axis=0)
        steps = rows[:, axis] // rows[least, axis]
        steps[least] = 0
        rows = np.unique(rows - steps[:, None] * rows[least], axis=0)


def pixel_groups(model: INR | FourierFeatures, grid: Grid) -> NDArray[np.intp]:
    """A number for each pixel in C order, from 0; pixels of one number have the same mapped input."""
    encoding = model.encoding if isinstance(model, INR) else model
    network = model.network if isinstance(model, INR) else None
    rng = np.random.default_rng(0)
    parts, directions = [], None
    for _, points in grid.point_chunks(_CHUNK):
        mapped = encoding.features(torch.from_numpy(points))
        if isinstance(encoding, Coordinates) and isinstance(network, Siren | SinusoidalMapping):
            omega = network.omega_first if isinstance(network, Siren) else 1.0
            weight, bias = (v.detach().to(mapped) for v in (network.first_weight, network.first_bias))
            mapped = torch.sin(omega * (mapped @ weight.T + bias))
        if directions is None:  # three random views tell inputs apart as well as all features do
            directions = rng.standard_normal((mapped.shape[1], 3)) / mapped.shape[1] ** 0.5
        parts.append(mapped.numpy() @ directions)
    return merge_frequencies(np.concatenate(parts), tolerance=_SAME_INPUT)[1]


def checked_pixels(image: ArrayLike, dim: int) -> NDArray[Any]:
    """The image as float64 or complex128, refused unless it is numbers on a grid of this dimension."""
    values = np.asarray(image)
    if values.dtype.kind not in "biufc" or values.ndim != dim or values.size == 0:
        raise ValueError(
            f"target must be numbers on a grid of dimension {dim}, got {values.dtype} {values.shape}"
        )
    if not np.isfinite(values).all():
        raise ValueError("target contains NaN or infinite pixels")
    return values.astype(np.complex128 if values.dtype.kind == "c" else np.float64)
