"""One trial of the published exact-recovery protocol, its choices kept, so that a difference in outcome has a meaning.

Samples, student and image live on one closed grid (both end points), the teacher's image is scaled to [0, 1] by
minimum and maximum, a student of 100 neurons is trained by Adam in single precision, and passing through the
threshold at any step counts, upon which training stops.
"""

from __future__ import annotations

import time

import numpy as np
import torch

from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.recovery_trial import Figures
from srinr.samples import FourierSamples
from srinr.solvers.adam_stage import AdamSteps
from srinr.solvers.augmented_lagrangian import AugmentedLagrangian
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.solution import SolverState, Tolerances
from srinr.solvers.solve import solve
from srinr.teachers import random_teacher
from srinr.weightings import StandardWeighting, Weighting


def published_trial(
    rng: np.random.Generator,
    n_neurons: int,
    cutoff: int,
    *,
    encoding: FourierFeatures | None = None,
    weighting: Weighting | None = None,
    n_grid: int = 1024,
    n_stages: int = 60,
    n_steps: int = 5000,
    growth: float = 1.5,
    threshold: float = 1e-9,
    closed_grid: bool = True,
    minmax: bool = True,
    seconds: float | None = None,
    device: str = "cpu",
) -> Figures:
    """Train a wide student on the samples of a random teacher, as published ([S] IV-A and its code).

    Parameters
    ----------
    rng : numpy.random.Generator
        Of teacher and student.
    n_neurons, cutoff : int
        Width of the teacher, and limit of the sampled frequencies.
    encoding, weighting : optional
        By default lattice features up to 2 and standard weight decay.
    n_grid : int, default 1024
        Points per axis.
    n_stages, n_steps : int, default 60 and 5000
        Stages of the augmented Lagrangian and Adam steps of each.
    growth : float, default 1.5
        Of the penalty, from stage to stage.
    threshold : float, default 1e-9
        Image error at which training stops.
    closed_grid : bool, default True
        Both end points belong to the grid, while the transform takes them for neighbors.
    minmax : bool, default True
        Subtract the minimum, too: where it is positive the image is no longer one of ``n_neurons`` neurons.
    seconds : float, optional
        Time limit, looked at after each stage.
    device : str, default "cpu"
        Where the student is trained.

    Returns
    -------
    dict
        ``mse`` of the last image, ``best_mse`` of all, ``n_adam_steps``, ``relative_residual``, ``total_variation``,
        ``status``, ``seconds``, ``n_grid``.

    Raises
    ------
    ValueError
        For a teacher whose image is constant on the grid.
    """
    features = FourierFeatures.lattice(2, 2) if encoding is None else encoding
    if closed_grid:
        # The point i / (n - 1) where the transform assumes i / n: the features are stretched.
        stretch = n_grid / (n_grid - 1)
        features = FourierFeatures(features.frequencies * stretch, constant=features.constant)
    operator = FourierOperator(Grid(n_grid, dim=features.dim), lowpass_frequencies(cutoff, features.dim))
    dictionary = NeuronDictionary(features, operator, device=device)
    image = dictionary.image(random_teacher(rng, n_neurons, dictionary.n_features))
    span = float(image.max() - image.min())
    if not span > 0:
        raise ValueError("the teacher's image is constant on the grid; draw another one")
    image = (image - (image.min() if minmax else 0.0)) / span
    samples = FourierSamples(operator.frequencies, operator.forward(image))
    problem = MeasureProblem(dictionary, samples, StandardWeighting() if weighting is None else weighting)
    watch = Threshold(torch.from_numpy(image.ravel()).to(device=device, dtype=torch.float32), threshold)
    solver = AugmentedLagrangian(
        inner=AdamSteps(n_steps=n_steps), max_steps=n_stages, growth=growth, watch=watch
    )
    start = time.perf_counter()
    solution = solve(
        problem, solver, tolerances=Tolerances(gap_tol=np.inf), callback=watch.stop, time_limit=seconds,
        progress=False, seed=int(rng.integers(2**31)),
    )  # fmt: skip
    return {
        "mse": watch.last,
        "best_mse": watch.best,
        "n_adam_steps": watch.n_steps,
        "relative_residual": solution.relative_residual,
        "total_variation": solution.objective,
        "status": "REACHED" if watch.best <= threshold else solution.status.name,
        "seconds": time.perf_counter() - start,
        "n_grid": n_grid,
    }


class Threshold:
    """Follows the image error of every step, and ends the training once it is small."""

    def __init__(self, image: torch.Tensor, threshold: float) -> None:
        self._image, self._threshold = image, threshold
        self.n_steps, self.last, self.best = 0, float("inf"), float("inf")

    def __call__(self, images: torch.Tensor) -> bool:
        self.last = float((images[0] - self._image).square().mean())
        self.best = min(self.best, self.last)
        self.n_steps += 1
        return self.best <= self._threshold

    def stop(self, state: SolverState) -> bool:
        """As a callback between stages."""
        return self.best <= self._threshold
