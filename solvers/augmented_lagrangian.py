"""Augmented Lagrangian: training of a wide student under the equality constraint that it meets the samples."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.dictionary import Dictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.adam_stage import AdamSteps, Moments, Watch, adam_stage
from srinr.solvers.least_squares_stage import LevenbergMarquardtSteps, least_squares_stage
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.reduced import Polish, reduced_model
from srinr.solvers.solution import SolverState, Tolerances
from srinr.solvers.students import Students, draw_students, sampled
from srinr.status import Status

Vector = NDArray[np.float64]

#: Relative residual from which on exact models of few atoms are tried.
_TRY_BELOW = 5e-2


@dataclass(frozen=True)
class AugmentedLagrangian:
    """Train a student of many neurons so that it meets the data at least weight decay.

    Each step is a stage: minimize ``R + <lambda, r> + mu / 2 |r|^2`` over the parameters, with the residual
    ``r = A f - y`` and the weight decay ``R = 1/2 sum_i (a_i^2 + rho(w_i)^2)``, then add ``mu r`` to the multipliers
    lambda and raise the penalty mu. At a minimum R is the total variation of the measure that the student is
    ([S] Lemma 1).

    Parameters
    ----------
    n_neurons : int, default 100
        Width of the student.
    inner : AdamSteps or LevenbergMarquardtSteps
        The method inside a stage: Adam on a grid dictionary, as published; or Levenberg-Marquardt, with which few
        steps do (its stages drop neurons that vanish).
    max_steps : int, default 60
        Stages.
    penalty : float, default 10
        mu of the first stage.
    growth : float, default 1.5
        Factor of the penalty from stage to stage.
    feasibility : float, optional
        Raise the penalty only when a stage leaves more than this part of the residual; by default always, as published.
    models : Polish, optional
        Look for an exact model of few neurons after each stage; None trains the student only, as published.
    watch : callable, optional
        Sees the student's image (1, n_points) before every Adam step and ends the stage by returning True. The
        published experiments stop so when the true image is reached, which who recovers does not know.

    Raises
    ------
    ValueError
        For an option out of range.

    Notes
    -----
    The problem is not convex in the parameters, and an exact fit need not be the cheapest: the duality gap of
    :func:`srinr.solvers.solve` or :func:`srinr.solvers.certify` tell. It needs the equality form.

    References
    ----------
    [S] section IV-A, and the settings of the code published with [J].

    Examples
    --------
    >>> from srinr import NeuronDictionary
    >>> from srinr.solvers import MeasureProblem, solve
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=4, dim=1)
    >>> teacher = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    >>> solver = AugmentedLagrangian(n_neurons=10, inner=AdamSteps(n_steps=300, learning_rate=1e-2), models=Polish())
    >>> solution = solve(MeasureProblem(dictionary, dictionary.sample(teacher)), solver)
    >>> solution.relative_residual < 1e-9
    True
    """

    n_neurons: int = 100
    inner: AdamSteps | LevenbergMarquardtSteps = field(default_factory=AdamSteps)
    max_steps: int = 60
    penalty: float = 10.0
    growth: float = 1.5
    feasibility: float | None = None
    models: Polish | None = None
    watch: Watch | None = None

    def __post_init__(self) -> None:
        for name in ("n_neurons", "max_steps"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, got {getattr(self, name)}")
        if not (np.isfinite(self.penalty) and self.penalty > 0):
            raise ValueError(f"penalty must be a positive number, got {self.penalty!r}")
        if not self.growth >= 1:
            raise ValueError(f"growth must be at least 1, got {self.growth!r}")
        if self.feasibility is not None and not 0 < self.feasibility < 1:
            raise ValueError(f"feasibility must lie between 0 and 1, got {self.feasibility!r}")

    def start(
        self, problem: MeasureProblem, init: DiscreteMeasure | None, rng: np.random.Generator
    ) -> SolverState:
        """A random student, or the balanced network of a measure."""
        if problem.strength:
            raise ValueError(
                f"AugmentedLagrangian solves the equality form, got strength={problem.strength}; "
                "use DualExchange or SlidingFrankWolfe, or srinr.fit for the penalized form"
            )
        n_features = problem.dictionary.encoding.n_features
        if init is None:
            students = draw_students(self.n_neurons, n_features, [rng])
        else:
            unit, root = init.normalized(), np.sqrt(np.abs(init.normalized().amplitudes))
            students = Students(
                torch.from_numpy(unit.atoms * root[:, None])[None],
                torch.from_numpy(np.sign(unit.amplitudes) * root)[None],
            )
        arrays = {"multipliers": np.zeros_like(problem.data), "residual": np.full(1, np.inf)}
        return SolverState(
            _measure(students), None, np.inf, np.zeros((0, n_features)), self.penalty,
            arrays=arrays | _arrays("", students) | _moment_arrays(Moments.zero(students)),
        )  # fmt: skip

    def step(
        self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances, rng: np.random.Generator
    ) -> SolverState:
        """One stage of training, the update of the multipliers, perhaps an exact model."""
        if isinstance(self.inner, LevenbergMarquardtSteps):
            return self._least_squares_step(problem, state, self.inner, tolerances)
        dictionary = _on_grid(problem.dictionary)
        dtype = self.inner.dtype
        multipliers = state.arrays["multipliers"]
        students, moments = adam_stage(
            dictionary, problem.weighting, _students("", state, dtype), _moments(state, dtype),
            _tensor(problem.data[None], dtype), _tensor(multipliers[None], dtype), state.level, self.inner,
            watch=self.watch,
        )  # fmt: skip
        # The residual after the last update, in double precision: the published code is one step behind.
        double = Students(students.atoms.double(), students.amplitudes.double())
        residual = sampled(dictionary, double)[0].numpy() - problem.data
        if not np.isfinite(np.linalg.norm(residual)):
            return dataclasses.replace(
                state, status=Status.NONFINITE, n_steps=state.n_steps + 1,
                message="training diverged; lower the learning rate or the growth of the penalty",
            )  # fmt: skip
        training = _arrays("", students) | _moment_arrays(moments)
        return self._finished(
            problem, self._updated(state, _measure(students), residual, training), tolerances
        )

    def _least_squares_step(
        self,
        problem: MeasureProblem,
        state: SolverState,
        inner: LevenbergMarquardtSteps,
        tolerances: Tolerances,
    ) -> SolverState:
        measure = least_squares_stage(problem, state.measure, state.arrays["multipliers"], state.level, inner)
        state = self._updated(state, measure, problem.residual(measure), {})
        return self._finished(problem, state, tolerances)

    def _updated(
        self, state: SolverState, measure: DiscreteMeasure, residual: Vector, training: dict[str, Vector]
    ) -> SolverState:
        """The state after a stage: multipliers moved, the penalty raised where feasibility asks for it."""
        size = float(np.linalg.norm(residual))
        grow = self.feasibility is None or size > self.feasibility * float(state.arrays["residual"][0])
        multipliers = state.arrays["multipliers"] + state.level * residual
        return dataclasses.replace(
            state, measure=measure, level=state.level * (self.growth if grow else 1.0), n_steps=state.n_steps + 1,
            arrays={"multipliers": multipliers, "residual": np.full(1, size)} | training,
        )  # fmt: skip

    def _finished(self, problem: MeasureProblem, state: SolverState, tolerances: Tolerances) -> SolverState:
        """Ended when the student, or an exact model of its large neurons, meets the data."""
        residual = problem.relative_residual(state.measure)
        if residual <= tolerances.feasibility_tol:
            return dataclasses.replace(state, status=Status.CONVERGED)
        if self.models is None or residual > _TRY_BELOW:
            return state
        model = reduced_model(problem, state.measure, self.models)
        if model is None or problem.relative_residual(model) > tolerances.feasibility_tol:
            return state
        return dataclasses.replace(state, measure=model, status=Status.CONVERGED)


def _on_grid(dictionary: Dictionary) -> NeuronDictionary:
    if not isinstance(dictionary, NeuronDictionary):
        raise TypeError(
            f"AugmentedLagrangian trains on a grid and needs a NeuronDictionary, got {type(dictionary).__name__}"
        )
    return dictionary


def _measure(students: Students) -> DiscreteMeasure:
    atoms, amplitudes = (t[0].double().cpu().numpy() for t in students.tensors)
    return DiscreteMeasure(atoms, amplitudes)


def _tensor(array: Vector, dtype: torch.dtype) -> torch.Tensor:
    return torch.from_numpy(np.array(array)).to(dtype)


def _arrays(prefix: str, students: Students) -> dict[str, Vector]:
    return {
        f"{prefix}atoms": students.atoms[0].double().cpu().numpy(),
        f"{prefix}amplitudes": students.amplitudes[0].double().cpu().numpy(),
    }


def _students(prefix: str, state: SolverState, dtype: torch.dtype) -> Students:
    return Students(
        _tensor(state.arrays[f"{prefix}atoms"][None], dtype),
        _tensor(state.arrays[f"{prefix}amplitudes"][None], dtype),
    )


def _moment_arrays(moments: Moments) -> dict[str, Vector]:
    count = {"adam_steps": np.full(1, float(moments.n_steps))}
    return _arrays("first_", moments.first) | _arrays("second_", moments.second) | count


def _moments(state: SolverState, dtype: torch.dtype) -> Moments:
    first, second = (_students(name, state, dtype) for name in ("first_", "second_"))
    return Moments(first, second, int(state.arrays["adam_steps"][0]))
