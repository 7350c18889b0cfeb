"""Which frequencies a network can make out of those of its Fourier mapping (Theorem 1): counts, lists, DFT bins.

Source: Yüce, Ortiz-Jiménez, Besbinar, Frossard, "A Structured Dictionary Perspective on Implicit Neural
Representations", CVPR 2022. With hidden activations of degree at most K, the frequencies lie in

    H(Omega) = { sum_t s_t Omega_t : s_t integer, sum_t |s_t| <= K^(L - 1) }
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.integer_vectors import count_integer_vectors as count_integer_vectors
from srinr.analysis.integer_vectors import count_text, is_finite, shown_integer, whole_number
from srinr.analysis.integer_vectors import harmonic_radius as harmonic_radius
from srinr.analysis.integer_vectors import integer_vectors as integer_vectors
from srinr.domain import MAX_GRID_POINTS, Grid, half_plane

#: Frequencies closer than this, in cycles per field of view, count as one.
FREQUENCY_TOLERANCE = 1e-10

#: Candidate frequencies that may be held at a time (about 200 MB while they are merged).
MAX_TERMS = 4_000_000


#: From here on not every integer is a float64: no frequency of this size has a known DFT bin.
MAX_FREQUENCY = 2.0**53


def merge_frequencies(
    frequencies: NDArray[np.float64], tolerance: float = FREQUENCY_TOLERANCE
) -> tuple[NDArray[np.float64], NDArray[np.intp]]:
    """Frequencies that differ by rounding become one.

    Along each axis, sorted values belong together until a gap exceeds the tolerance, so that no rounding to cells
    can part two neighbors; frequencies that belong together along every axis are one.

    Parameters
    ----------
    frequencies : array, shape (n, d)
        Any order.
    tolerance : float
        In the unit of the frequencies, at least 0.

    Returns
    -------
    unique : array, shape (m, d)
        The first of each group, groups in lexicographic order.
    inverse : array of int, shape (n,)
        Group of each input.

    Examples
    --------
    >>> unique, inverse = merge_frequencies(np.array([[0.3], [1.0], [0.1 + 0.2]]))
    >>> unique.ravel().tolist(), inverse.tolist()
    ([0.3, 1.0], [0, 1, 0])
    """
    k = _frequency_list(frequencies)
    tolerance = _tolerance(tolerance)
    code = np.zeros(len(k), dtype=np.int64)
    index = np.arange(0)
    for column in k.T:
        order = np.argsort(column, kind="stable")
        label = np.zeros(len(k), dtype=np.int64)
        label[order[1:]] = np.cumsum(np.diff(column[order]) > tolerance)
        # The codes are made compact after each axis, so that they cannot overflow.
        _, index, code = np.unique(code * (len(k) + 1) + label, return_index=True, return_inverse=True)
    return k[index], code.astype(np.intp)


def one_side(
    frequencies: NDArray[np.float64], tolerance: float = FREQUENCY_TOLERANCE
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Turn each frequency to the side where its first non-zero component is positive.

    Returns
    -------
    frequencies : array, shape (n, d)
        Components of size up to ``tolerance`` are set to 0.
    turned : array of bool, shape (n,)
        Where k became -k.

    Examples
    --------
    >>> turned, which = one_side(np.array([[0.0, -2.0], [1.0, -1.0]]))
    >>> turned.tolist(), which.tolist()
    ([[0.0, 2.0], [1.0, -1.0]], [True, False])
    """
    k = _frequency_list(frequencies)
    k = np.where(np.abs(k) <= _tolerance(tolerance), 0.0, k)
    turned = ~half_plane(k) & k.any(axis=1)
    return np.where(turned[:, None], 0.0 - k, k), turned


def harmonic_frequencies(
    frequencies: ArrayLike,
    radius: int,
    *,
    tolerance: float = FREQUENCY_TOLERANCE,
    max_terms: int = MAX_TERMS,
) -> NDArray[np.float64]:
    """All frequencies ``sum_t s_t Omega_t`` with ``|s|_1 <= radius``, one of each pair {k, -k}, 0 included.

    Coinciding frequencies are merged after each Omega_t is taken in, each with the smallest |s|_1 that reaches it;
    on lattices the list therefore grows like the box that holds it and not like N(T, R).

    Parameters
    ----------
    frequencies : array, shape (T, d)
        Omega in cycles per field of view (or any other unit: the result has the same).
    radius : int
        R, e.g. ``harmonic_radius(degree, depth)``.
    tolerance : float
        Frequencies closer than this along every axis are one.
    max_terms : int
        Candidates that may be held at a time.

    Returns
    -------
    array, shape (n, d)
        Lexicographic order; at most ``(N(T, R) + 1) / 2`` rows.

    Raises
    ------
    ValueError
        When more candidates than ``max_terms`` would be needed, before they are formed.

    References
    ----------
    Theorem 1 of the paper named at the top of this file.

    Examples
    --------
    >>> harmonic_frequencies([[1.0], [3.0]], radius=2).ravel().tolist()
    [0.0, 1.0, 2.0, 3.0, 4.0, 6.0]
    """
    omega = _frequency_list(frequencies)
    if len(omega) == 0:
        raise ValueError(f"frequencies must hold at least one frequency, got shape {omega.shape}")
    r = whole_number("radius", radius, 0)
    cap = whole_number("max_terms", max_terms, 1)
    if 2 * r + 1 > min(cap, 2**62):
        raise _too_many(len(omega), r, 2 * r + 1, cap)
    found, order = np.zeros((1, omega.shape[1])), np.zeros(1, dtype=np.int64)
    for k in omega:
        needed = int((2 * (r - order) + 1).sum())
        if needed > cap:
            raise _too_many(len(omega), r, needed, cap)
        room = r - order
        parent = np.repeat(np.arange(len(found)), 2 * room + 1)
        step = np.arange(len(parent)) - np.repeat(np.cumsum(2 * room + 1) - room - 1, 2 * room + 1)
        candidates = found[parent] + step[:, None] * k
        orders = order[parent] + np.abs(step)
        # Cheapest first: the first member of a group is the one that is kept.
        cheapest = np.argsort(orders, kind="stable")
        found, inverse = merge_frequencies(candidates[cheapest], tolerance)
        order = np.full(len(found), r, dtype=np.int64)
        np.minimum.at(order, inverse, orders[cheapest])
    sided, _ = one_side(found, tolerance)
    return merge_frequencies(sided, tolerance)[0]


def _too_many(t: int, r: int, needed: int, cap: int) -> ValueError:
    return ValueError(
        f"the harmonic support of T={t} frequencies within radius {shown_integer(r)} needs {shown_integer(needed)} "
        f"candidates (N(T, R)={count_text(t, r)}), max_terms={shown_integer(cap)}; "
        "take fewer frequencies, a smaller radius, reachable_bins for integer frequencies, or raise max_terms"
    )


def bin_orders(
    grid: Grid, frequencies: ArrayLike, *, radius: int | None = None, domain_length: float = 1.0
) -> NDArray[np.int64]:
    """Smallest ``|s|_1`` with which each DFT bin of a periodic grid is reached; -1 where it is not.

    Steps of +-Omega_t on the group of the bins, breadth first: aliasing is included, the cost is at most
    ``radius * T * n_points``, and nothing explodes.

    Parameters
    ----------
    grid : Grid
        Periodic, end point excluded.
    frequencies : array, shape (T, d)
        Omega in cycles per unit of length; times ``domain_length`` they must be integers.
    radius : int, optional
        R; None takes any number of steps, which holds for every activation (ReLU, sine), polynomial or not.
    domain_length : float, default 1.0
        Length of the field of view in that unit: 1 for cycles per field of view, 2 for the domain [-1, 1).

    Returns
    -------
    array of int64, shape ``grid.shape``
        Centered: ``index - n // 2`` is the frequency along an axis, as in ``srinr.domain.grid_frequencies``.

    Raises
    ------
    ValueError
        For a grid with end points or of more than ``MAX_GRID_POINTS`` points, or frequencies that fall between the
        bins or are so large (``MAX_FREQUENCY``) that rounding hides their bin.

    Examples
    --------
    >>> bin_orders(Grid(8, dim=1), [[1.0]], domain_length=2.0, radius=1).tolist()
    [-1, -1, 1, -1, 0, -1, 1, -1]
    """
    periodic_grid(grid)
    feasible_grid(grid)
    k = _bins(frequencies, grid, domain_length)
    limit = grid.n_points if radius is None else whole_number("radius", radius, 0)
    order = np.full(grid.shape, -1, dtype=np.int64)
    order[(0,) * grid.dim] = 0
    frontier = order == 0
    axes = tuple(range(grid.dim))
    for step in range(1, limit + 1):
        near = np.zeros(grid.shape, dtype=bool)
        for row in k:
            near |= np.roll(frontier, tuple(row), axes) | np.roll(frontier, tuple(-row), axes)
        frontier = near & (order < 0)
        if not frontier.any():
            break
        order[frontier] = step
    return np.fft.fftshift(order)


def reachable_bins(
    grid: Grid, frequencies: ArrayLike, *, radius: int | None = None, domain_length: float = 1.0
) -> NDArray[np.bool_]:
    """DFT bins of a periodic grid that a network can reach; arguments and order as :func:`bin_orders`.

    Examples
    --------
    The axis-aligned pair of frequency 1 on [-1, 1) leaves the odd bins empty, whatever the activation.

    >>> mask = reachable_bins(Grid(8, dim=2), [[1.0, 0.0], [0.0, 1.0]], domain_length=2.0)
    >>> mask.shape, int(mask.sum()), bool(mask[4, 4]), bool(mask[4, 5])
    ((8, 8), 16, True, False)
    """
    return bin_orders(grid, frequencies, radius=radius, domain_length=domain_length) >= 0


def periodic_grid(grid: Grid) -> None:
    """Raise unless this is a grid without end points, on which DFT statements hold."""
    if not isinstance(grid, Grid):
        raise TypeError(f"grid: expected a srinr.domain.Grid, got {type(grid).__name__}")
    if grid.endpoint:
        raise ValueError("grid: DFT bins need a periodic grid; build Grid(shape) with endpoint=False")


def feasible_grid(grid: Grid) -> None:
    """Raise, before anything is computed, for a grid of more than ``MAX_GRID_POINTS`` points."""
    if grid.n_points > MAX_GRID_POINTS:
        raise ValueError(
            f"grid: shape {grid.shape} has {grid.n_points:.3g} points, at most {MAX_GRID_POINTS} (2^26) are taken; "
            "take fewer points per axis"
        )


def exact_frequencies(name: str, frequencies: NDArray[np.float64]) -> None:
    """Raise for components of 2^53 or more, of which rounding hides the DFT bin; ``name`` is named."""
    if frequencies.size and (largest := float(np.abs(frequencies).max())) >= MAX_FREQUENCY:
        raise ValueError(
            f"{name} must stay below 2^53 = {MAX_FREQUENCY:.3g} cycles per field of view in size, got {largest:g}: "
            "beyond, float64 does not hold every whole number and no DFT bin can be told"
        )


def _bins(frequencies: ArrayLike, grid: Grid, domain_length: float) -> NDArray[np.int64]:
    if not (math.isfinite(domain_length) and domain_length > 0):
        raise ValueError(f"domain_length must be a positive length, got {domain_length!r}")
    k = _frequency_list(frequencies) * domain_length
    if k.shape[1] != grid.dim:
        raise ValueError(f"frequencies have {k.shape[1]} components, the grid has shape {grid.shape}")
    exact_frequencies("frequencies (times domain_length)", k)
    bins = np.rint(k)
    off = np.abs(k - bins).max(axis=1)
    if (off > 1e-9).any():
        worst = k[int(off.argmax())].tolist()
        raise ValueError(
            f"frequencies times domain_length must be whole cycles per field of view, got {worst}; "
            "other frequencies leak into every bin: use harmonic_frequencies"
        )
    return bins.astype(np.int64)


def _frequency_list(frequencies: ArrayLike) -> NDArray[np.float64]:
    if np.iscomplexobj(frequencies):
        raise ValueError("frequencies must be real, got complex numbers")
    k = np.asarray(frequencies, dtype=np.float64)
    if k.ndim != 2 or k.shape[1] < 1:
        raise ValueError(f"frequencies must have shape (n, d), got {k.shape}")
    if not np.isfinite(k).all():
        raise ValueError("frequencies contain NaN or infinite entries")
    return k


def _tolerance(tolerance: float) -> float:
    if not is_finite(tolerance) or tolerance < 0:
        raise ValueError(f"tolerance must be a number >= 0, got {tolerance!r}")
    return float(tolerance)
