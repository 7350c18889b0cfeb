"""One trial of an exact-recovery experiment: draw a network, sample it, recover it, and report raw figures."""

from __future__ import annotations

import time

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.exact_planar_dictionary import ExactPlanarDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.solvers.certify import certify
from srinr.solvers.continuum_exchange import ContinuumExchange
from srinr.solvers.dual_exchange import DualExchange
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import Solution, SolverState, Tolerances
from srinr.solvers.solve import Solver, solve
from srinr.status import Status
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
    continuum: bool = True,
    n_grid: int = 64,
    recovery_seconds: float = 3600.0,
    max_restarts: int = 0,
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
        By default proximal steps on a grid, ``40 + 4 cutoff`` of them at most.
    continuum : bool, default True
        Whether samples and fit use exact coefficients (one and two dimensions); otherwise both use the
        pixels of the same grid, which hides the aliasing error.
    n_grid : int, default 64
        Points per axis for pictures, the certificate and, without the continuum, the solver; raised where the
        cutoff needs more.
    recovery_seconds : float, default 3600
        Time limit of the recovery, restarts included.
    max_restarts : int, default 0
        How often a recovery that ran out of its steps begins anew with other random numbers. The run that
        converged counts; else the cheapest that meets the samples; else the closest to them.
    certify_seconds : float, default 0
        Time limit of the certificate of the teacher, a statement about the grid; 0 for none.

    Returns
    -------
    dict
        ``mse`` of the image (range 1) at the points of the grid, ``best_mse`` of all steps, ``relative_residual``,
        ``n_atoms``, ``atom_error`` (largest distance of a teacher's balanced neuron to the nearest found,
        relative), ``total_variation``, ``teacher_variation``, ``status``, ``n_steps`` and ``seconds`` of all runs,
        ``n_restarts``, ``n_grid``, ``aliasing`` (of the teacher's samples on the grid); with a certificate
        ``level``, ``unique``, ``max_ratio``, ``certify_seconds``.

    Raises
    ------
    ValueError
        When ``max_restarts`` is negative, or all draws of a teacher hold neurons that are active nowhere.
    """
    if max_restarts < 0:
        raise ValueError(f"max_restarts must be a number of restarts, 0 or more, got {max_restarts!r}")
    features = FourierFeatures.lattice(2, 2) if encoding is None else encoding
    cost = StandardWeighting() if weighting is None else weighting
    # At least twice the highest frequency of a sampled neuron that a feature can tell.
    n = max(n_grid, 2 * (cutoff + int(features.max_frequency)) + 2)
    grid = NeuronDictionary(
        features, FourierOperator(Grid(n, dim=features.dim), lowpass_frequencies(cutoff, features.dim))
    )
    teacher = _living_teacher(rng, n_neurons, grid)
    exact = _exact_dictionary(features, cutoff) if continuum else None
    problem = MeasureProblem(exact or grid, (exact or grid).sample(teacher), cost)
    if solver is None:
        exchange = DualExchange(max_steps=40 + 4 * cutoff)
        planar = isinstance(exact, ExactPlanarDictionary)
        solver = ContinuumExchange(exchange) if planar else exchange
    watch = _Watch(grid, grid.image(teacher))
    start = time.perf_counter()
    runs = _runs(problem, solver, rng, watch, recovery_seconds, max_restarts)
    solution = min(runs, key=_rank)
    mse = watch.mse(solution.measure)
    figures: Figures = {
        "mse": mse,
        "best_mse": min(mse, watch.best),
        "relative_residual": solution.relative_residual,
        "n_atoms": solution.measure.n_atoms,
        "atom_error": largest_atom_error(solution.measure, teacher),
        "total_variation": problem.total_variation(solution.measure),
        "teacher_variation": problem.total_variation(teacher),
        "status": solution.status.name,
        "n_steps": sum(run.n_steps for run in runs),
        "n_restarts": len(runs) - 1,
        "seconds": time.perf_counter() - start,
        "n_grid": n,
        "aliasing": grid.aliasing_estimate(teacher),
    }
    if certify_seconds > 0:
        answer = certify(
            teacher, grid.sample(teacher), cost, dictionary=grid, time_limit=certify_seconds, progress=False
        )
        figures |= {
            "level": answer.level.name,
            "unique": answer.unique,
            "max_ratio": answer.max_ratio,
            "certify_seconds": answer.seconds,
        }
    return figures


def _runs(
    problem: MeasureProblem,
    solver: Solver,
    rng: np.random.Generator,
    watch: _Watch,
    seconds: float,
    max_restarts: int,
) -> list[Solution]:
    """A run and, while they end for want of steps, others with other random numbers."""
    start, left = time.perf_counter(), seconds
    runs: list[Solution] = []
    while not runs or (runs[-1].status is Status.MAX_STEPS and len(runs) <= max_restarts and left > 0):
        solution = solve(
            problem, solver, tolerances=Tolerances(gap_tol=np.inf), progress=False, time_limit=left,
            seed=int(rng.integers(2**31)), callback=watch,
        )  # fmt: skip
        runs.append(solution)
        left = seconds - (time.perf_counter() - start)
    return runs


def _rank(run: Solution) -> tuple[bool, tuple[bool, float]]:
    """Small for the run that counts; the teacher has no say."""
    return not run.status.is_success, run.tolerances.rank(run.objective, run.relative_residual)


def _exact_dictionary(features: FourierFeatures, cutoff: int) -> ExactDictionary | ExactPlanarDictionary:
    """Dictionary of the continuum; in one dimension searches among it cost little."""
    if features.dim == 1:
        limit = int(features.max_frequency)
        if not np.array_equal(features.frequencies, FourierFeatures.lattice(limit, 1).frequencies):
            raise ValueError(
                "exact coefficients in 1-D need all frequencies of a lattice; use continuum=False"
            )
        return ExactDictionary(limit, lowpass_frequencies(cutoff, 1), constant=features.constant)
    return ExactPlanarDictionary(features, lowpass_frequencies(cutoff, features.dim))


class _Watch:
    """A callback that compares every iterate with the true image; it never stops the solver."""

    def __init__(self, grid: NeuronDictionary, image: NDArray[np.float64]) -> None:
        self._grid, self._image = grid, image
        self.best = float("inf")

    def mse(self, measure: DiscreteMeasure) -> float:
        return float(np.mean((self._grid.image(measure) - self._image) ** 2))

    def __call__(self, state: SolverState) -> bool:
        measures = [state.measure]
        if "explored_atoms" in state.arrays:
            measures.append(
                DiscreteMeasure(state.arrays["explored_atoms"], state.arrays["explored_amplitudes"])
            )
        self.best = min([self.best, *(self.mse(measure) for measure in measures)])
        return False


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
