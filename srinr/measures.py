"""Discrete measures over neuron directions: the convex side of a one-hidden-layer ReLU INR."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray


@dataclass(frozen=True, eq=False)
class DiscreteMeasure:
    """A finite sum of Dirac masses, ``sum_i amplitudes[i] * delta(atoms[i])``.

    Read over the features ``gamma`` of an encoding, it is the image
    ``sum_i amplitudes[i] * relu(<atoms[i], gamma(x)>)``.

    Parameters
    ----------
    atoms : array, shape (P, D)
        Neuron directions; any positive length (use :meth:`normalized` for unit length).
    amplitudes : array, shape (P,)
        Real coefficients.

    Examples
    --------
    >>> measure = DiscreteMeasure([[3.0, 4.0]], [2.0])
    >>> measure.total_variation()
    10.0
    """

    atoms: NDArray[np.float64]
    amplitudes: NDArray[np.float64]

    def __init__(self, atoms: ArrayLike, amplitudes: ArrayLike) -> None:
        w = np.array(atoms, dtype=np.float64)
        a = np.array(amplitudes, dtype=np.float64)
        if w.ndim != 2 or a.shape != (len(w),):
            raise ValueError(f"expected atoms (P, D) and amplitudes (P,), got {w.shape} and {a.shape}")
        if not (np.isfinite(w).all() and np.isfinite(a).all()):
            raise ValueError("atoms or amplitudes contain NaN or infinite entries")
        w.setflags(write=False)
        a.setflags(write=False)
        object.__setattr__(self, "atoms", w)
        object.__setattr__(self, "amplitudes", a)

    @property
    def n_atoms(self) -> int:
        """Number P of atoms."""
        return len(self.amplitudes)

    def normalized(self) -> DiscreteMeasure:
        """Rescale atoms to unit length, amplitudes accordingly; atoms of zero length are dropped."""
        norms = np.linalg.norm(self.atoms, axis=1)
        keep = norms > 0
        return DiscreteMeasure(self.atoms[keep] / norms[keep, None], self.amplitudes[keep] * norms[keep])

    def total_variation(
        self, weighting: Callable[[NDArray[np.float64]], NDArray[np.float64]] | None = None
    ) -> float:
        """Weighted total variation ``sum_i |a_i| rho(w_i)``; ``rho`` is the 2-norm unless given.

        Parameters
        ----------
        weighting : callable, optional
            Positively homogeneous ``rho``: atoms (P, D) to (P,).
        """
        rho = np.linalg.norm(self.atoms, axis=1) if weighting is None else np.asarray(weighting(self.atoms))
        return float(np.abs(self.amplitudes) @ rho)
