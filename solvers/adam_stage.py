"""One stage of an augmented Lagrangian by Adam, for a batch of students; no step waits for the device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.students import Students, data_and_gradients, decay_gradients
from srinr.weightings import Weighting

#: Follows a training: called with the images (B, n_points) of all students before a step; True ends the stage.
Watch = Callable[[torch.Tensor], bool | None]


@dataclass(frozen=True, eq=False)
class Moments:
    """Adam's running means of the gradients and their squares, and the number of steps behind them."""

    first: Students
    second: Students
    n_steps: int

    @classmethod
    def zero(cls, students: Students) -> Moments:
        """Before the first step."""
        nothing = Students(torch.zeros_like(students.atoms), torch.zeros_like(students.amplitudes))
        return cls(nothing, nothing, 0)


@dataclass(frozen=True)
class AdamSteps:
    """Adam as the inner method of :class:`AugmentedLagrangian`.

    Parameters
    ----------
    n_steps : int, default 5000
        Of a stage.
    learning_rate : float, default 1e-3
    dtype : torch.dtype, default torch.float32
        Of the parameters while they are trained.
    betas : pair of float, default (0.9, 0.999)
    epsilon : float, default 1e-8
    """

    n_steps: int = 5000
    learning_rate: float = 1e-3
    dtype: torch.dtype = torch.float32
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8

    def __post_init__(self) -> None:
        if self.n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, got {self.n_steps}")
        if not self.learning_rate > 0:
            raise ValueError(f"learning_rate must be positive, got {self.learning_rate!r}")


def adam_stage(
    dictionary: NeuronDictionary,
    weighting: Weighting,
    students: Students,
    moments: Moments,
    data: torch.Tensor,
    multipliers: torch.Tensor,
    penalty: float,
    options: AdamSteps,
    *,
    watch: Watch | None = None,
) -> tuple[Students, Moments]:
    """Train with fixed multipliers and penalty; the arguments are not changed.

    Parameters
    ----------
    dictionary, weighting
        Neurons and their cost.
    students, moments
        Where the stage before stopped.
    data : tensor, shape (B, m)
        Real samples of each problem.
    multipliers : tensor, shape (B, m)
        Of the constraint.
    penalty : float
        Of the squared residual.
    options : AdamSteps
        Number of steps and their size.
    watch : callable, optional
        Called with the images (B, n_points) before every step, e.g. to follow an error; the stage ends early when
        it returns True. What it returns is asked for on the host: True, False or None, not a tensor.
    """
    values = [t.clone() for t in students.tensors]
    first = [t.clone() for t in moments.first.tensors]
    second = [t.clone() for t in moments.second.tensors]
    beta1, beta2 = options.betas
    count = moments.n_steps
    for _ in range(options.n_steps):
        now = Students(values[0], values[1])
        pixels, slope = data_and_gradients(dictionary, now, data, multipliers, penalty)
        if watch is not None and watch(pixels):
            break
        decay = decay_gradients(dictionary, weighting, now)
        count += 1
        step = options.learning_rate / (1.0 - beta1**count)
        root = (1.0 - beta2**count) ** -0.5
        for index, (a, b) in enumerate(zip(slope.tensors, decay.tensors, strict=True)):
            gradient = a + b
            first[index].mul_(beta1).add_(gradient, alpha=1.0 - beta1)
            second[index].mul_(beta2).addcmul_(gradient, gradient, value=1.0 - beta2)
            denominator = second[index].sqrt().mul_(root).add_(options.epsilon)
            values[index].addcdiv_(first[index], denominator, value=-step)
    trained = Students(values[0], values[1])
    return trained, Moments(Students(first[0], first[1]), Students(second[0], second[1]), count)
