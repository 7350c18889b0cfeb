"""Diagnosis of a model before and after training: what its mapping can reach, and what its pixels hide.

Two failure modes of INRs (section 4 of Yüce et al., "A Structured Dictionary Perspective on Implicit Neural
Representations", CVPR 2022): *imperfect recovery*, when the harmonics of the mapping leave out frequencies of the
target, and *aliasing*, when a network that fits all samples oscillates between them.
"""

from __future__ import annotations

import operator
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.analysis.harmonic_support import (
    FREQUENCY_TOLERANCE,
    harmonic_frequencies,
    merge_frequencies,
    one_side,
    reachable_bins,
)
from srinr.analysis.input_mapping import (
    checked_pixels,
    in_generated_lattice,
    mapping_frequencies,
    mean_over_groups,
    pixel_groups,
)
from srinr.analysis.integer_vectors import harmonic_radius, whole_number
from srinr.analysis.spectrum import Spectrum, measured_spectrum
from srinr.domain import MAX_GRID_POINTS, Grid, grid_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.inr import INR
from srinr.networks.mapped import SinusoidalMapping
from srinr.networks.polynomial import PolynomialMLP
from srinr.samples import FourierSamples

_ALL_APART = (
    "the mapping tells all pixels apart, so that any image on this grid can be reached; this says nothing about "
    "training or about what lies between the pixels"
)


@dataclass(frozen=True, eq=False)
class Coverage:
    """How much of a target a mapping can reach, frequency by frequency.

    Attributes
    ----------
    frequencies : array, shape (m, d)
        Of the target, cycles per field of view.
    energies : array, shape (m,)
        Squared moduli of its coefficients (summed over leading axes such as coils).
    missed : array, shape (m,)
        The part of ``energies`` that no network on this mapping can have, however wide and long trained.
    rule : str
        How this was decided.

    Examples
    --------
    >>> coverage = Coverage(np.array([[0.0], [1.0]]), np.array([3.0, 1.0]), np.array([0.0, 1.0]), "by hand")
    >>> coverage.covered, coverage.covered_without_mean
    (0.75, 0.0)
    """

    frequencies: NDArray[np.float64]
    energies: NDArray[np.float64]
    missed: NDArray[np.float64]
    rule: str

    @property
    def covered(self) -> float:
        """Share of the target's energy that can be reached, 0 to 1; 1 for the zero target."""
        return _share_left(self.missed, self.energies)

    @property
    def covered_without_mean(self) -> float:
        """The same for frequencies other than 0: the mean of an image outweighs everything else."""
        moving = self.frequencies.any(axis=1)
        return _share_left(self.missed[moving], self.energies[moving])

    def strongest_missed(self, count: int = 5) -> list[tuple[tuple[float, ...], float]]:
        """Up to ``count`` frequencies with the largest missed energy (share of the total), one of each {k, -k}."""
        whole_number("count", count, 0)
        total = float(self.energies.sum()) or 1.0
        return _strongest(self.frequencies, self.missed / total, count)

    def __str__(self) -> str:
        lines = [
            f"covered energy: {100 * self.covered:.4g} %; without the mean: {100 * self.covered_without_mean:.4g} %",
            f"decided by: {self.rule}",
        ]
        lines += [
            f"missed: k = {_shown(k)} cycles per field of view, {100 * share:.3g} % of the energy"
            for k, share in self.strongest_missed()
        ]
        return "\n".join(lines)


@dataclass(frozen=True, eq=False)
class SamplingAliasing:
    """What an image does between the pixels of a grid, seen at a multiple of the sampling rate.

    Attributes
    ----------
    grid : Grid
        The pixels in question, n_j per axis.
    spectrum : Spectrum
        On the grid with ``oversampling * n_j`` points per axis.
    beyond : float
        Share of the energy (mean square) at frequencies with ``|k_j| > n_j / 2`` along some axis.
    beyond_by_axis : tuple of float
        Share with ``|k_j| > n_j / 2``, for each axis j.
    folded : float
        Mean square of that part on the pixels of ``grid``, where it passes for low frequencies, as a share of the
        same total. On samples that were fitted exactly, it is what the pixels cannot show.
    oversampling : int
        Points of the finer grid per pixel and axis. Frequencies beyond ``oversampling * n_j / 2`` fold onto both
        grids and are in none of these figures where they ought to be.
    """

    grid: Grid
    spectrum: Spectrum
    beyond: float
    beyond_by_axis: tuple[float, ...]
    folded: float
    oversampling: int = 2

    def __str__(self) -> str:
        per_axis = ", ".join(f"axis {j}: {100 * share:.3g} %" for j, share in enumerate(self.beyond_by_axis))
        return (
            f"energy beyond the band of {_shape(self.grid)} pixels: {100 * self.beyond:.3g} % ({per_axis})\n"
            f"energy that folds onto these pixels: {100 * self.folded:.3g} %\n"
            f"seen at {self.oversampling} times the sampling rate: what oscillates faster than "
            f"{self.oversampling / 2:g} cycles per pixel folds onto both grids and stays unseen"
        )


def harmonic_coverage(
    model: INR | FourierFeatures, target: ArrayLike | FourierSamples, *, radius: int | None = None
) -> Coverage:
    """Which part of a target the harmonics of a mapping can reach (Theorem 1), and which frequencies are missed.

    Parameters
    ----------
    model : INR or FourierFeatures
        As in :func:`mapping_frequencies`, at its present weights. Its phases, and whether sine and cosine are both
        there, count for images of which pixels share their inputs (``best_fit``), not for frequency lists.
    target : array or FourierSamples
        An image on ``Grid(target.shape)``, whose DFT is judged (harmonics beyond its band count where they alias
        to); or Fourier coefficients, judged at their own frequencies.
    radius : int, optional
        Largest ``|s|_1`` of a harmonic: ``harmonic_radius(degree, depth)`` of polynomial activations. By default
        that of a ``PolynomialMLP``; otherwise any integer combination, which holds for every activation.

    Returns
    -------
    Coverage
        Of an image, 1 is trivial where the mapping tells all pixels apart (a ``Siren``, frequencies without a common
        period): then ``rule`` says so.

    Raises
    ------
    TypeError
        For a model without sinusoidal mapping.
    ValueError
        When dimensions do not match, the mapping holds NaN, or the question has no answer: frequencies that are
        not multiples of a common fraction come close to every frequency, or leak into every bin.

    Examples
    --------
    >>> encoding = FourierFeatures([[2.0, 0.0], [0.0, 2.0]])
    >>> image = np.cos(2 * np.pi * np.arange(8) / 8)[:, None] + np.ones((8, 8))
    >>> coverage = harmonic_coverage(encoding, image)  # one cycle is odd: out of reach
    >>> round(coverage.covered, 6), coverage.strongest_missed(1)[0][0]
    (0.666667, (1.0, 0.0))
    """
    frequencies = mapping_frequencies(model)
    radius = model_radius(model) if radius is None else radius
    if isinstance(target, FourierSamples):
        return _samples_coverage(frequencies, target, radius)
    image = checked_pixels(target, frequencies.shape[1])
    grid = Grid(image.shape)
    if radius is not None:
        whole_number("radius", radius, 0)
    spectrum = measured_spectrum(image, grid)
    energies = spectrum.modulus.ravel() ** 2
    if np.abs(frequencies - np.rint(frequencies)).max() <= FREQUENCY_TOLERANCE:
        mask = reachable_bins(grid, frequencies, radius=radius)
        missed = np.where(mask.ravel(), 0.0, energies)
        rule = _with(
            "DFT bins that integer combinations of the mapping's frequencies reach on the pixel grid", radius
        )
        if not isinstance(model, INR) or isinstance(model.encoding, FourierFeatures) or radius is not None:
            if radius is None and mask.all():
                rule = f"{rule}: {_ALL_APART}"
            return Coverage(grid_frequencies(grid.shape).astype(float), energies, missed, rule)
    elif radius is not None:
        raise ValueError(
            "target: harmonics of frequencies that are not whole cycles per field of view leak into every DFT bin; "
            "pass FourierSamples, or leave radius out"
        )
    # A mapping of sines alone mirrors its input as well; the pixels that share an input tell both.
    group = pixel_groups(model, grid)
    rest = measured_spectrum(image - mean_over_groups(image, group), grid)
    rule = "pixels that share their mapped input take one value, the mean is the best"
    if group.max() + 1 == image.size:
        rule = f"pixels that share their mapped input take one value: {_ALL_APART}"
    return Coverage(grid_frequencies(grid.shape).astype(float), energies, rest.modulus.ravel() ** 2, rule)


def model_radius(model: INR | FourierFeatures) -> int | None:
    """Largest ``|s|_1`` of a harmonic (Theorem 1) when the network is polynomial; None when there is no limit.

    Examples
    --------
    >>> encoding = FourierFeatures([[1.0]])
    >>> model_radius(INR(encoding, PolynomialMLP(3, 4, 3, coefficients=(0, 0, 1)))), model_radius(encoding)
    (4, None)
    """
    network: Any = model.network if isinstance(model, INR) else None
    inner = network.network if isinstance(network, SinusoidalMapping) else network
    return harmonic_radius(inner.degree, inner.depth) if isinstance(inner, PolynomialMLP) else None


def aliased_energy(inr: INR, shape: int | Sequence[int], *, oversampling: int = 2) -> SamplingAliasing:
    """Compare an INR on a grid and on a grid of a multiple of the sampling rate.

    The finer grid tells frequencies up to ``oversampling * n / 2`` cycles per field of view apart, n pixels per
    axis. Those beyond fold onto both grids and stay unseen: 17 cycles on 8 pixels pass for 1 at twice the rate.
    Raise ``oversampling`` until the figures settle.

    Parameters
    ----------
    inr : INR
        Trained, of any kind; real or complex. On encodings that are not periodic the jump at the border of the
        field of view adds high frequencies of its own.
    shape : int or sequence of int
        Pixels per axis that it was trained on (one number: along all axes).
    oversampling : int, default 2
        Points of the finer grid per pixel and axis, at least 2.

    Returns
    -------
    SamplingAliasing

    Raises
    ------
    ValueError
        For a shape of another dimension, fewer than 2 pixels, an oversampling below 2, a finer grid of more than
        ``MAX_GRID_POINTS`` points (before anything is computed), or values that are not finite.

    Examples
    --------
    >>> from srinr import MLP
    >>> inr = INR(FourierFeatures([[7.0]]), MLP(3, width=8, depth=2, seed=1))
    >>> aliased_energy(inr, 8).beyond > 0.01  # 7 cycles on 8 pixels
    True
    """
    if not isinstance(inr, INR):
        raise TypeError(f"inr: expected an INR, got {type(inr).__name__}")
    factor = whole_number("oversampling", oversampling, 2)
    grid = _pixel_grid(shape, inr.dim)
    fine = Grid(tuple(factor * n for n in grid.shape))
    if fine.n_points > MAX_GRID_POINTS:
        raise ValueError(
            f"shape={shape!r} at oversampling={factor} takes {fine.n_points:.3g} points in {inr.dim} dimensions, at "
            f"most {MAX_GRID_POINTS} (2^26) are taken; lower shape or oversampling"
        )
    spectrum = measured_spectrum(inr, fine)
    k = grid_frequencies(fine.shape)
    over = 2 * np.abs(k) > np.array(grid.shape)  # the bins at n / 2 itself belong to the band
    energy = spectrum.modulus.ravel() ** 2
    total = float(energy.sum()) or 1.0
    high = np.where(over.any(axis=1).reshape(fine.shape), spectrum.coefficients, 0.0)
    between = np.fft.ifftn(np.fft.ifftshift(high), norm="forward")
    on_pixels = between[(slice(None, None, factor),) * grid.dim]
    return SamplingAliasing(
        grid,
        spectrum,
        float(energy[over.any(axis=1)].sum()) / total,
        tuple(float(energy[column].sum()) / total for column in over.T),
        float((np.abs(on_pixels) ** 2).mean()) / total,
        factor,
    )


def _pixel_grid(shape: int | Sequence[int], dim: int) -> Grid:
    given: Any = shape
    try:
        counts = tuple(operator.index(n) for n in ([given] * dim if np.ndim(given) == 0 else given))
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"shape must be the number of pixels per axis, one integer or {dim}, got {shape!r}"
        ) from error
    if len(counts) != dim or min(counts) < 2:
        raise ValueError(f"shape must name at least 2 pixels for each of {dim} axes, got {shape!r}")
    return Grid(counts)


def strongest_frequencies(spectrum: Spectrum, count: int = 5) -> list[tuple[tuple[float, ...], float]]:
    """Up to ``count`` frequencies with the largest energy and that energy, one of each pair {k, -k}, summed.

    Examples
    --------
    >>> strongest_frequencies(Spectrum(np.array([0.0, 0.5j, 1.0, -0.5j])), 2)
    [((0.0,), 1.0), ((1.0,), 0.5)]
    """
    if not isinstance(spectrum, Spectrum):
        raise TypeError(
            f"spectrum: expected a Spectrum (of measured_spectrum), got {type(spectrum).__name__}"
        )
    whole_number("count", count, 0)
    shape = spectrum.coefficients.shape
    return _strongest(grid_frequencies(shape).astype(float), spectrum.modulus.ravel() ** 2, count)


def _samples_coverage(
    frequencies: NDArray[np.float64], samples: FourierSamples, radius: int | None
) -> Coverage:
    if samples.dim != frequencies.shape[1]:
        raise ValueError(f"target lives in dimension {samples.dim}, the mapping in {frequencies.shape[1]}")
    k = samples.frequencies.astype(np.float64)
    energies = (np.abs(samples.values.reshape(-1, samples.n_samples)) ** 2).sum(axis=0)
    if radius is None:
        reached = in_generated_lattice(k, frequencies)
    else:
        harmonics = harmonic_frequencies(frequencies, radius)
        label = merge_frequencies(np.concatenate([harmonics, one_side(k)[0]]))[1]
        reached = np.isin(label[len(harmonics) :], label[: len(harmonics)])
    rule = _with("integer combinations of the mapping's frequencies", radius)
    return Coverage(k, energies, np.where(reached, 0.0, energies), rule)


def _strongest(
    k: NDArray[np.float64], energy: NDArray[np.float64], count: int
) -> list[tuple[tuple[float, ...], float]]:
    merged, inverse = merge_frequencies(one_side(k)[0])
    total = np.bincount(inverse, energy)
    order = np.argsort(-total, kind="stable")[:count]
    least = 1e-20 * float(energy.sum())
    return [(tuple(merged[i].tolist()), float(total[i])) for i in order if total[i] > least]


def _share_left(missed: NDArray[np.float64], energies: NDArray[np.float64]) -> float:
    total = float(energies.sum())
    return 1.0 - float(missed.sum()) / total if total > 0 else 1.0


def _with(rule: str, radius: int | None) -> str:
    return f"{rule}, any number of them" if radius is None else f"{rule}, at most {radius} of them"


def _shown(k: tuple[float, ...]) -> str:
    return "(" + ", ".join(f"{value:g}" for value in k) + ")"


def _shape(grid: Grid) -> str:
    return " x ".join(str(n) for n in grid.shape)
