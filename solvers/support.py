"""The equations that optimality imposes on a dual vector at the support of a measure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.solvers.polish import stacked_jacobian
from srinr.solvers.problem import MeasureProblem
from srinr.weightings import weights_and_gradients

Vector = NDArray[np.float64]

#: Singular values below this part of the largest count as zero.
_RANK_TOL = 1e-9


@dataclass(frozen=True, eq=False)
class SupportEquations:
    """Stationarity ``J(w_i)^T q = sign_i grad rho(w_i)`` at all atoms (it implies ``eta(w_i) = sign_i rho(w_i)``).

    Attributes
    ----------
    signs : array, shape (s,)
    jacobians : array, shape (m, s D)
        The columns of all ``J(w_i)``.
    targets : array, shape (s D,)
        ``sign_i grad rho(w_i)``.
    center : array, shape (m,)
        Solution of smallest norm (least squares when there is none): the pre-certificate.
    basis : array, shape (m, r)
        Orthonormal basis of the range of the columns.
    residual : float
        Largest error of the equations at ``center``: zero to rounding when they can be met.
    condition : float
        Ratio of the largest to the smallest singular value counted.
    independent : bool
        Whether the samples ``phi(w_i)`` are linearly independent.
    """

    signs: Vector
    jacobians: Vector
    targets: Vector
    center: Vector
    basis: Vector
    residual: float
    condition: float
    independent: bool

    @property
    def is_full_rank(self) -> bool:
        """Whether all columns are independent, which makes the measure locally stable."""
        return self.basis.shape[1] == self.jacobians.shape[1]


def support_equations(problem: MeasureProblem, measure: DiscreteMeasure) -> SupportEquations:
    """Set up and solve the equations at the atoms of a measure (unit directions, non-zero amplitudes).

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> equations = support_equations(MeasureProblem(dictionary, dictionary.sample(teacher)), teacher)
    >>> equations.residual < 1e-12, equations.is_full_rank
    (True, True)
    """
    signs = np.sign(measure.amplitudes)
    _, gradients = weights_and_gradients(problem.weighting, problem.dictionary, measure.atoms)
    jacobians = stacked_jacobian(problem.dictionary, measure.atoms, np.ones(measure.n_atoms))
    targets = (signs[:, None] * gradients).ravel()
    left, singular, right = np.linalg.svd(jacobians, full_matrices=False)
    rank = int((singular > _RANK_TOL * singular[0]).sum())
    center = left[:, :rank] @ ((right[:rank] @ targets) / singular[:rank])
    phi = problem.dictionary.coefficients(measure.atoms)
    phi = phi / np.linalg.norm(phi, axis=1, keepdims=True).clip(1e-300)
    values = np.linalg.svd(phi, compute_uv=False)
    return SupportEquations(
        signs=signs,
        jacobians=jacobians,
        targets=targets,
        center=center,
        basis=left[:, :rank],
        residual=float(np.abs(jacobians.T @ center - targets).max()),
        condition=float(singular[0] / singular[rank - 1]),
        independent=bool(len(values) == len(phi) and values[-1] > 1e-10),
    )
