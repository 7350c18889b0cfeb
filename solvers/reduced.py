"""Small exact models in large approximate measures: merge neighbors, keep the large atoms, fit them to the data.

Fits of a number of atoms that is wrong, or from too far, stop early at a residual; their atoms are often closer to
the solution all the same, and a convex program that is offered them takes those that help.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.merge import merge_atoms, prune
from srinr.solvers.polish import polish
from srinr.solvers.problem import MeasureProblem

Vector = NDArray[np.float64]

#: Relative residual on a grid from which on a fit is tried in the continuum, and part of the aliasing that may be left.
_NEAR, _ALIASING = 5e-3, 2.0
#: Steps in the continuum, where they are dear, and the part to which they must bring the residual.
_FEW_STEPS, _STEEP = 4, 0.5
#: Steps of a fit with fewer atoms, and the relative residual that is rounding.
_CLEANING_STEPS, _ROUNDING = 30, 1e-12
#: Cosine of atoms that are one, and size, relative to the largest, of those that are none.
_SAME, _NEGLIGIBLE = 0.98, 1e-6


@dataclass(frozen=True)
class Polish:
    """Options of :func:`reduced_fits` and :func:`reduced_model`.

    Parameters
    ----------
    max_steps : int, default 40
        Levenberg-Marquardt steps of one fit.
    accept : float, default 1e-6
        Relative residual from which on a reduced model counts as exact; it is then fitted to rounding.
    max_atoms : int, default 12
        Larger models are not tried.
    cosine : float, default 0.9
        Closeness of the atoms that are merged before the models are built.
    thresholds : tuple of float
        Sizes, relative to the largest, below which atoms are left out: one model each.
    rounded_steps : int, default 15
        Steps with kinks rounded off, at each width.
    fall : float, default 1
        Part of its residual to which ``patience`` steps must bring a fit that is to go on; 1 asks for nothing.
    patience : int, default 10

    Raises
    ------
    ValueError
        For options outside their ranges.
    """

    max_steps: int = 40
    accept: float = 1e-6
    max_atoms: int = 12
    cosine: float = 0.9
    thresholds: tuple[float, ...] = (0.3, 0.2, 0.1, 0.05, 0.02, 0.01)
    rounded_steps: int = 15
    fall: float = 1.0
    patience: int = 10

    def __post_init__(self) -> None:
        if self.max_steps < 1 or self.max_atoms < 1:
            raise ValueError(
                f"max_steps and max_atoms must be at least 1, got {self.max_steps} and {self.max_atoms}"
            )
        if not all(0 < threshold < 1 for threshold in self.thresholds):
            raise ValueError(f"thresholds must lie between 0 and 1, got {self.thresholds}")


@dataclass(frozen=True, eq=False)
class ReducedFits:
    """Fits of reduced models.

    Attributes
    ----------
    exact : DiscreteMeasure or None
        The first that met the data, polished to rounding and freed of superfluous atoms.
    others : tuple of DiscreteMeasure
        Fits that stopped at a residual.
    """

    exact: DiscreteMeasure | None
    others: tuple[DiscreteMeasure, ...]


def reduced_fits(
    problem: MeasureProblem,
    measure: DiscreteMeasure,
    options: Polish | None = None,
    rounded: tuple[float, ...] = (),
    *,
    continuum: MeasureProblem | None = None,
) -> ReducedFits:
    """Fit models of the largest atoms to the data, smallest model first, until one is exact.

    Parameters
    ----------
    problem : MeasureProblem
        Whose data are fitted.
    measure : DiscreteMeasure
        An approximate solution; its neighbors are merged first.
    options : Polish, optional
        Limits.
    rounded : tuple of float, optional
        Widths in pixels of roundings that each fit passes through before the sharp one.
    continuum : MeasureProblem, optional
        The same data with a dictionary of the continuum, when ``problem`` is a grid's stand-in: fits that come as
        near as the aliasing of the grid lets them are finished there, and judged there.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> rough = DiscreteMeasure([[0.7, 0.0, 0.7], [0.0, 1.0, 0.0]], [2.0, 0.05])
    >>> reduced_fits(problem, rough, rounded=(2.0,)).exact.n_atoms
    1
    """
    limits = options or Polish()
    merged = merge_atoms(measure, limits.cosine) if measure.n_atoms else measure
    tried: set[int] = set()
    others: list[DiscreteMeasure] = []
    for threshold in limits.thresholds:
        model = prune(merged, threshold)
        unknowns = model.n_atoms * measure.atoms.shape[1]
        if model.n_atoms in tried or not 0 < model.n_atoms <= limits.max_atoms:
            continue
        if unknowns > len(problem.data):
            break
        tried.add(model.n_atoms)
        fitted, residual = fitted_model(problem, model, limits, rounded, continuum)
        if residual <= limits.accept:
            return ReducedFits(cleaned(continuum or problem, fitted, limits), tuple(others))
        others.append(fitted)
    return ReducedFits(None, tuple(others))


def reduced_model(
    problem: MeasureProblem, measure: DiscreteMeasure, options: Polish | None = None
) -> DiscreteMeasure | None:
    """The exact model of :func:`reduced_fits`, or None when none was found.

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> problem = MeasureProblem(dictionary, dictionary.sample(teacher))
    >>> rough = DiscreteMeasure([[0.7, 0.0, 0.7], [0.5, 0.1, 0.9], [0.0, 1.0, 0.0]], [1.0, 1.0, 0.05])
    >>> reduced_model(problem, rough).n_atoms
    1
    """
    return reduced_fits(problem, measure, options).exact


def fitted_model(
    problem: MeasureProblem,
    model: DiscreteMeasure,
    limits: Polish,
    rounded: tuple[float, ...],
    continuum: MeasureProblem | None,
) -> tuple[DiscreteMeasure, float]:
    """Fit one model, and finish it in the continuum if there is one; infinite residual when it stays far from it."""
    fitted, residual = _fitted(problem, model, limits, rounded)
    if continuum is None:
        return fitted, residual
    if _as_near_as_the_grid_lets(problem, fitted, residual):
        return _finished(continuum, fitted, limits)
    return fitted, np.inf


def _fitted(
    problem: MeasureProblem, model: DiscreteMeasure, limits: Polish, rounded: tuple[float, ...]
) -> tuple[DiscreteMeasure, float]:
    """Fit through the roundings, then sharp, for as long as that helps."""
    for pixels in rounded:
        model, _ = polish(
            problem, model, max_steps=limits.rounded_steps, tolerance=limits.accept, rounded=pixels
        )
    residual, steps = np.inf, 0
    while steps < limits.max_steps and residual > limits.accept:
        before = residual
        n = min(limits.patience if limits.fall < 1 else limits.max_steps, limits.max_steps - steps)
        model, residual = polish(problem, model, max_steps=n, tolerance=limits.accept)
        steps += n
        if residual > limits.fall * before:
            break
    return model, residual


def _as_near_as_the_grid_lets(problem: MeasureProblem, fitted: DiscreteMeasure, residual: float) -> bool:
    if residual <= _NEAR:
        return True
    dictionary = problem.dictionary
    assert isinstance(dictionary, NeuronDictionary)
    return residual <= _ALIASING * dictionary.aliasing_estimate(fitted)


def _finished(
    problem: MeasureProblem, model: DiscreteMeasure, limits: Polish
) -> tuple[DiscreteMeasure, float]:
    """Fit in the continuum for as long as the residual falls steeply: near a solution it does."""
    residual = np.inf
    for _ in range(0, limits.max_steps, _FEW_STEPS):
        before = residual
        model, residual = polish(problem, model, max_steps=_FEW_STEPS, tolerance=limits.accept)
        if residual <= limits.accept or residual > _STEEP * before:
            break
    return model, residual


def cleaned(problem: MeasureProblem, fitted: DiscreteMeasure, limits: Polish) -> DiscreteMeasure:
    """Merge and drop what is superfluous as long as the model stays exact, then polish to rounding."""
    # Fits with superfluous atoms have singular Jacobians and creep: only the smallest model is taken to the end.
    models = [fitted]
    while (fewer := smaller(models[-1])) is not None:
        trial, residual = polish(problem, fewer, max_steps=_CLEANING_STEPS, tolerance=limits.accept)
        if residual > limits.accept:
            break
        models.append(trial)
    ends = []
    for model in reversed(models):
        ends.append(polish(problem, model, max_steps=limits.max_steps))
        if ends[-1][1] <= _ROUNDING:
            break
    return min(ends, key=lambda end: end[1])[0]


def smaller(model: DiscreteMeasure) -> DiscreteMeasure | None:
    """Close atoms merged, or else the smallest left out; None for a model of one atom."""
    merged = merge_atoms(prune(model, _NEGLIGIBLE), _SAME)
    if merged.n_atoms < model.n_atoms:
        return merged
    return DiscreteMeasure(merged.atoms[:-1], merged.amplitudes[:-1]) if merged.n_atoms > 1 else None
