"""One trial of an exact-recovery experiment: draw a network, sample it, recover it, and report raw figures."""

from __future__ import annotations

import time

import numpy as np

from srinr.dictionary import NeuronDictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.measures import DiscreteMeasure
from srinr.operators.fourier import FourierOperator
from srinr.solvers.certify import certify
from srinr.solvers.dual_exchange import DualExchange
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import Tolerances
from srinr.solvers.solve import Solver, solve
from srinr.teachers import random_teacher, scaled_to_unit_range
from srinr.weightings import StandardWeighting, Weighting

Figures = dict[str, float | int | str | bool | None]
_MAX_DRAWS = 100


def recovery_trial(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    encoding: FourierFeatures | None = None,
    weighting: Weighting | None = None,
    solver: Solver | None = None,
    n_grid: int = 64,
    recovery_seconds: float = 600.0,
    certify_seconds: float = 0.0,
) -> Figures:
    """Recover a random network from its Fourier coefficients up to ``cutoff``, and perhaps certify it.

    The solver sees samples, dictionary and tolerances; never the teacher, its width or the error of the image.

    Parameters
    ----------
    rng : numpy.random.Generator
        Of the teacher and of the solver.
    n_neurons, cutoff : int
        Width of the teacher, and limit of the sampled frequencies.
    encoding : FourierFeatures, optional
        Features; by default the lattice up to 2 in two dimensions.
    weighting : Weighting, optional
        Of the total variation; by default standard weight decay.
    solver : Solver, optional
        By default :class:`srinr.solvers.DualExchange`.
    n_grid : int, default 64
        Points per axis on which teacher and solution are sampled; raised where the cutoff needs more.
    recovery_seconds : float, default 600
        Time limit of the recovery.
    certify_seconds : float, default 0
        Time limit of the certificate of the teacher; 0 for none.

    Returns
    -------
    dict
        ``mse`` of the image (range 1) on the grid, ``relative_residual``, ``n_atoms``, ``atom_error`` (largest
        distance of a teacher's balanced neuron to the nearest found, relative), ``total_variation``,
        ``teacher_variation``, ``status``, ``seconds``; with a certificate ``level``, ``unique``, ``max_ratio``,
        ``certify_seconds``.
    """
    features = FourierFeatures.lattice(2, 2) if encoding is None else encoding
    cost = StandardWeighting() if weighting is None else weighting
    # At least twice the highest frequency of a sampled neuron that a feature can tell.
    n = max(n_grid, 2 * (cutoff + int(features.max_frequency)) + 2)
    dictionary = NeuronDictionary(
        features, FourierOperator(Grid(n, dim=features.dim), lowpass_frequencies(cutoff, features.dim))
    )
    teacher = _living_teacher(rng, n_neurons, dictionary)
    samples = dictionary.sample(teacher)
    problem = MeasureProblem(dictionary, samples, cost)
    start = time.perf_counter()
    solution = solve(
        problem, solver or DualExchange(), tolerances=Tolerances(gap_tol=np.inf), progress=False,
        time_limit=recovery_seconds, seed=int(rng.integers(2**31)),
    )  # fmt: skip
    figures: Figures = {
        "mse": float(np.mean((dictionary.image(solution.measure) - dictionary.image(teacher)) ** 2)),
        "relative_residual": solution.relative_residual,
        "n_atoms": solution.measure.n_atoms,
        "atom_error": largest_atom_error(solution.measure, teacher),
        "total_variation": problem.total_variation(solution.measure),
        "teacher_variation": problem.total_variation(teacher),
        "status": solution.status.name,
        "seconds": time.perf_counter() - start,
        "n_grid": n,
    }
    if certify_seconds > 0:
        answer = certify(
            teacher, samples, cost, dictionary=dictionary, time_limit=certify_seconds, progress=False
        )
        figures |= {
            "level": answer.level.name,
            "unique": answer.unique,
            "max_ratio": answer.max_ratio,
            "certify_seconds": answer.seconds,
        }
    return figures


def _living_teacher(
    rng: np.random.Generator, n_neurons: int, dictionary: NeuronDictionary
) -> DiscreteMeasure:
    """A random network of range 1; drawn again while one of its neurons is active nowhere."""
    for _ in range(_MAX_DRAWS):
        teacher = random_teacher(rng, n_neurons, dictionary.n_features)
        if (dictionary.coefficients(teacher.atoms) != 0).any(axis=1).all():
            return scaled_to_unit_range(teacher, dictionary)
    raise ValueError(f"no network of {n_neurons} active neurons in {_MAX_DRAWS} draws; use more features")


def largest_atom_error(found: DiscreteMeasure, teacher: DiscreteMeasure) -> float:
    """Largest distance of a neuron ``a_i w_i`` of the teacher to the nearest found, relative to its size.

    Examples
    --------
    >>> teacher = DiscreteMeasure([[1.0, 0.0], [0.0, 1.0]], [2.0, 1.0])
    >>> largest_atom_error(DiscreteMeasure([[2.0, 0.0], [0.0, 0.5]], [1.0, 1.0]), teacher)
    0.5
    """
    if not found.n_atoms:
        return 1.0
    wanted, unit = (np.abs(m.amplitudes)[:, None] * m.atoms for m in (teacher, found))
    same_sign = np.sign(teacher.amplitudes)[:, None] == np.sign(found.amplitudes)[None]
    distances = np.linalg.norm(wanted[:, None] - unit[None], axis=2)
    nearest = np.where(same_sign, distances, np.inf).min(axis=1)
    return float(np.min([np.max(nearest / np.linalg.norm(wanted, axis=1)), 1e300]))
