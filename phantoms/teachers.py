"""Random one-hidden-layer ReLU INRs as ground truth, evaluated on grids."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.domain import Grid, lowpass_frequencies
from srinr.lattice import lattice_coefficients, lattice_frequencies
from srinr.measures import DiscreteMeasure
from srinr.phantoms.checks import checked_rows
from srinr.phantoms.composition import trigonometric_values
from srinr.rectified import rectified_coefficients_1d
from srinr.samples import FourierSamples

Array = NDArray[np.float64]
ComplexArray = NDArray[np.complex128]

_CHUNK = 2**15
_SCALE_GRID = {1: 4096, 2: 256, 3: 64}


@dataclass(frozen=True, eq=False)
class RandomTeacher:
    """The image ``sum_i a_i relu(<w_i, gamma(x)>)`` of a measure over integer-lattice features.

    Its coefficients are exact in one and two dimensions (:meth:`fourier_samples`), or computed on a grid with an
    aliasing error that :meth:`aliasing_estimate` estimates (:meth:`grid_samples`).

    Parameters
    ----------
    measure : DiscreteMeasure
        Atoms (P, D) in the feature order of :mod:`srinr.lattice`.
    max_frequency : int
        Limit K0 of the features.
    dim : int, default 2
    """

    measure: DiscreteMeasure
    max_frequency: int
    dim: int = 2

    def _polynomials(self) -> ComplexArray:
        return lattice_coefficients(self.measure.atoms, self.max_frequency, self.dim)

    def image(self, points: ArrayLike) -> Array:
        """Values at points (n, d)."""
        x = checked_rows(points, self.dim, "points")
        out = np.zeros(len(x))
        for start in range(0, len(x), _CHUNK):
            part = slice(start, start + _CHUNK)
            for a, box in zip(self.measure.amplitudes, self._polynomials(), strict=True):
                out[part] += a * np.maximum(trigonometric_values(box, x[part]), 0.0)
        return out

    def on_grid(self, grid: Grid) -> Array:
        """Values on a grid, shape ``grid.shape``: one separable synthesis per neuron."""
        if grid.dim != self.dim:
            raise ValueError(f"the teacher has dimension {self.dim}, the grid {grid.dim}")
        n = np.arange(-self.max_frequency, self.max_frequency + 1)
        waves = [np.exp(2j * np.pi * np.outer(axis, n)) for axis in grid.axes]
        out = np.zeros(grid.shape)
        for a, box in zip(self.measure.amplitudes, self._polynomials(), strict=True):
            values = box
            for axis, wave in enumerate(waves):
                values = np.moveaxis(np.tensordot(wave, values, axes=(1, axis)), 0, axis)
            out += a * np.maximum(values.real, 0.0)
        return out

    def fourier_samples(self, cutoff: int, *, tolerance: float = 1e-12) -> FourierSamples:
        """Exact low-pass coefficients of the continuous image, in one and two dimensions.

        Parameters
        ----------
        cutoff : int
            Frequencies up to it in the max-norm.
        tolerance : float, default 1e-12
            Absolute error aimed at for each neuron, relative to ``|w|`` (two dimensions).

        Raises
        ------
        ValueError
            In three dimensions, or for features beyond what the exact coefficients handle.
        """
        if self.dim not in (1, 2):
            raise ValueError(
                f"exact coefficients are known in 1 and 2 dimensions, not {self.dim}; use grid_samples"
            )
        # Compiled kernels: imported where used, so that phantoms stay light to import.
        from srinr.rectified_planar import rectified_coefficients_planar

        total = np.zeros((2 * cutoff + 1,) * self.dim, dtype=np.complex128)
        for a, box in zip(self.measure.amplitudes, self._polynomials(), strict=True):
            if self.dim == 1:
                total += a * rectified_coefficients_1d(box, cutoff)
            else:
                total += a * rectified_coefficients_planar(box, cutoff, tolerance=tolerance).values
        return FourierSamples(lowpass_frequencies(cutoff, self.dim), total.reshape(-1))

    def grid_samples(self, cutoff: int, n: int = 1024) -> FourierSamples:
        """Low-pass coefficients of the image sampled on an ``n``-point grid per axis (aliased; see the class)."""
        if not 0 <= cutoff < n / 2:
            raise ValueError(f"cutoff must lie in 0 .. {(n - 1) // 2} for a grid of {n} points, got {cutoff}")
        spectrum = np.fft.fftn(self.on_grid(Grid(n, dim=self.dim))) / n**self.dim
        k = lowpass_frequencies(cutoff, self.dim)
        return FourierSamples(k, spectrum[tuple(k.T)])

    def aliasing_estimate(self, cutoff: int, n: int = 1024) -> float:
        """Estimate of the largest absolute error of ``grid_samples(cutoff, n)``: its change on a grid of ``2n``.

        An estimate, not a bound: aliasing errors oscillate with n (they decay like ``n^-2.5`` in 2-D).
        """
        coarse, fine = self.grid_samples(cutoff, n), self.grid_samples(cutoff, 2 * n)
        return float(np.abs(coarse.values - fine.values).max())


def random_teacher(
    width: int,
    max_frequency: int,
    seed: int,
    *,
    dim: int = 2,
    signed: bool = False,
    axes_only: bool = False,
) -> RandomTeacher:
    """Random teacher: neuron directions uniform in a cube, scaled to unit length; amplitudes uniform in [1, 5].

    The image is then multiplied by a factor, never shifted, so that its maximum over a grid is 1: a shift
    would add one more neuron.

    Parameters
    ----------
    width : int
        Number of neurons.
    max_frequency : int
        Limit K0 of the integer-lattice features.
    seed : int
        Of the random draw.
    dim : int, default 2
        1, 2 or 3.
    signed : bool
        Give each amplitude a random sign.
    axes_only : bool
        Use only the frequencies on the coordinate axes, and no constant feature.

    Examples
    --------
    >>> teacher = random_teacher(width=3, max_frequency=2, seed=0)
    >>> teacher.measure.atoms.shape, teacher.grid_samples(cutoff=4, n=64).n_samples
    ((3, 25), 81)
    """
    if width < 1 or max_frequency < 1 or dim not in _SCALE_GRID:
        raise ValueError(f"need width >= 1, max_frequency >= 1, dim 1-3; got {width}, {max_frequency}, {dim}")
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-1.0, 1.0, (width, (2 * max_frequency + 1) ** dim))
    if axes_only:
        on_axis = (lattice_frequencies(max_frequency, dim) != 0).sum(axis=1) == 1
        atoms *= np.concatenate([on_axis, on_axis, [False]])
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    amplitudes = rng.uniform(1.0, 5.0, width)
    if signed:
        amplitudes *= rng.choice([-1.0, 1.0], width)
    raw = RandomTeacher(DiscreteMeasure(atoms, amplitudes), max_frequency, dim)
    largest = np.abs(raw.on_grid(Grid(_SCALE_GRID[dim], dim=dim))).max()
    if not largest > 0:
        raise ValueError(f"the neurons drawn with seed {seed} vanish everywhere; choose another seed")
    return RandomTeacher(DiscreteMeasure(atoms, amplitudes / largest), max_frequency, dim)
