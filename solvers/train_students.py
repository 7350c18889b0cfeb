"""The published training for many problems at once, on one device: one batch, no step that waits for it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from srinr.interruption import DeferredInterrupt
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.progress import progress_bar
from srinr.solvers.adam_stage import AdamSteps, Moments, adam_stage
from srinr.solvers.augmented_lagrangian import AugmentedLagrangian
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.students import Students, draw_students, images, sampled


@dataclass(frozen=True, eq=False)
class TrainedStudents:
    """Students of a batch of problems.

    Attributes
    ----------
    measures : tuple of DiscreteMeasure
        The networks after the last stage.
    relative_residuals : array, shape (B,)
        In double precision.
    best_errors : array, shape (B,), or None
        Smallest mean squared image error of any step, when the true images were given.
    n_stages : int
        Stages made.
    """

    measures: tuple[DiscreteMeasure, ...]
    relative_residuals: NDArray[np.float64]
    best_errors: NDArray[np.float64] | None
    n_stages: int


def train_students(
    problems: Sequence[MeasureProblem],
    solver: AugmentedLagrangian,
    *,
    device: str = "cpu",
    seed: int = 0,
    true_images: NDArray[np.float64] | None = None,
    progress: bool | None = None,
) -> TrainedStudents:
    """Train one student for each problem, all in one batch.

    Parameters
    ----------
    problems : sequence of MeasureProblem
        Equality form; grid, features, frequencies and weighting in common.
    solver : AugmentedLagrangian
        With :class:`AdamSteps` inside; stages, penalty and growth as there. Options that decide for each problem
        (``feasibility``, ``models``, ``watch``) must be off.
    device : str, default "cpu"
        E.g. ``"cuda"``; nothing is brought back before a stage ends.
    seed : int, default 0
        Student ``b`` is drawn from ``numpy.random.default_rng([seed, b])``.
    true_images : array, shape (B, n_points), optional
        To follow the error of every step, on the device; training does not see them.
    progress : bool, optional
        Progress bar over stages; by default on a terminal only.

    Raises
    ------
    ValueError
        For no problems, problems that differ in more than their samples, or options that decide for each.

    Examples
    --------
    >>> dictionary = NeuronDictionary.lattice(max_frequency=1, cutoff=3, dim=1, n_grid=32)
    >>> teachers = [DiscreteMeasure([[0.6, 0.0, 0.8]], [a]) for a in (1.0, 2.0)]
    >>> problems = [MeasureProblem(dictionary, dictionary.sample(t)) for t in teachers]
    >>> solver = AugmentedLagrangian(n_neurons=8, inner=AdamSteps(n_steps=200, learning_rate=1e-2), max_steps=8)
    >>> bool((train_students(problems, solver).relative_residuals < 0.05).all())
    True
    """
    dictionary = _common_dictionary(problems, solver, device)
    inner = solver.inner
    assert isinstance(inner, AdamSteps)
    rngs = [np.random.default_rng([seed, b]) for b in range(len(problems))]
    students = _on(draw_students(solver.n_neurons, dictionary.n_features, rngs), inner.dtype, device)
    moments = Moments.zero(students)
    data = torch.from_numpy(np.stack([problem.data for problem in problems])).to(device)
    multipliers = torch.zeros_like(data)
    best = None if true_images is None else _BestErrors(true_images, inner.dtype, device)
    penalty, stage = solver.penalty, 0
    residual = sampled(dictionary, _on(students, torch.float64, device)) - data
    with DeferredInterrupt() as interrupt, progress_bar(solver.max_steps, "train", progress) as report:
        for stage in range(1, solver.max_steps + 1):
            students, moments = adam_stage(
                dictionary, problems[0].weighting, students, moments, data.to(inner.dtype),
                multipliers.to(inner.dtype), penalty, inner, watch=best,
            )  # fmt: skip
            residual = sampled(dictionary, _on(students, torch.float64, device)) - data
            multipliers = multipliers + penalty * residual
            penalty *= solver.growth
            report(stage, f"largest residual {float(residual.norm(dim=1).max()):.1e}")
            if interrupt.requested:
                break
    if best is not None:
        best(images(dictionary, students))
    scale = data.norm(dim=1).clamp_min(torch.finfo(torch.float64).tiny)
    atoms, amplitudes = (t.double().cpu().numpy() for t in students.tensors)
    return TrainedStudents(
        tuple(DiscreteMeasure(w, a) for w, a in zip(atoms, amplitudes, strict=True)),
        (residual.norm(dim=1) / scale).cpu().numpy(),
        None if best is None else best.errors.double().cpu().numpy(),
        stage,
    )


class _BestErrors:
    """Smallest image error of every student so far, kept on the device."""

    def __init__(self, true_images: NDArray[np.float64], dtype: torch.dtype, device: str) -> None:
        self._truth = torch.from_numpy(np.array(true_images)).to(device=device, dtype=dtype)
        self.errors = torch.full((len(true_images),), torch.inf, dtype=dtype, device=device)

    def __call__(self, pixels: torch.Tensor) -> None:
        torch.minimum(self.errors, (pixels - self._truth).square().mean(dim=1), out=self.errors)


def _on(students: Students, dtype: torch.dtype, device: str) -> Students:
    atoms, amplitudes = (t.to(device=device, dtype=dtype) for t in students.tensors)
    return Students(atoms, amplitudes)


def _common_dictionary(
    problems: Sequence[MeasureProblem], solver: AugmentedLagrangian, device: str
) -> NeuronDictionary:
    """The dictionary of all problems, on the device."""
    if not problems:
        raise ValueError("problems is empty: pass at least one")
    if not isinstance(solver.inner, AdamSteps):
        raise ValueError("train_students needs AdamSteps inside; use solve for LevenbergMarquardtSteps")
    if solver.feasibility is not None or solver.models is not None or solver.watch is not None:
        raise ValueError(
            "feasibility, models and watch decide for each problem: leave them None, or use solve"
        )
    first = problems[0].dictionary
    if not isinstance(first, NeuronDictionary):
        raise TypeError(f"training needs a NeuronDictionary, got {type(first).__name__}")
    for index, problem in enumerate(problems):
        if problem.dictionary is not first or problem.weighting != problems[0].weighting or problem.strength:
            raise ValueError(
                f"problem {index} has a dictionary or weighting of its own, or a strength: build all problems from "
                "one dictionary object, in the equality form"
            )
    return dataclasses.replace(first, device=device)
