"""Batches of shallow students, trained together: sampled images and gradients without autograd.

A student of P neurons is ``sum_i a_i relu(<w_i, gamma>)`` with free sizes of ``a_i`` and ``w_i``. All students of a batch
share the dictionary. Nothing here waits for a device.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from srinr.neuron_dictionary import NeuronDictionary
from srinr.weightings import StandardWeighting, Weighting


@dataclass(frozen=True, eq=False)
class Students:
    """Parameters of B students.

    Attributes
    ----------
    atoms : tensor, shape (B, P, D)
        Inner weights, not normalized.
    amplitudes : tensor, shape (B, P)
        Outer weights.
    """

    atoms: torch.Tensor
    amplitudes: torch.Tensor

    @property
    def tensors(self) -> tuple[torch.Tensor, torch.Tensor]:
        """Both parameters."""
        return self.atoms, self.amplitudes


def draw_students(n_neurons: int, n_features: int, rngs: list[np.random.Generator]) -> Students:
    """Random students, one for each generator, as the published experiments draw them.

    Inner weights uniform in ``[-1, 1] / sqrt(D)``, outer weights uniform in ``[-1, 1] / 10``; float64 on the CPU.
    """
    bound = n_features**-0.5
    atoms = [rng.uniform(-bound, bound, (n_neurons, n_features)) for rng in rngs]
    amplitudes = [rng.uniform(-0.1, 0.1, n_neurons) for rng in rngs]
    return Students(torch.from_numpy(np.stack(atoms)), torch.from_numpy(np.stack(amplitudes)))


def sampled(dictionary: NeuronDictionary, students: Students) -> torch.Tensor:
    """Real samples of the students' images, shape (B, m)."""
    features = dictionary.features(students.atoms.dtype)
    hidden = (students.atoms @ features.T).relu_()
    images = (students.amplitudes[:, None] @ hidden)[:, 0]
    shaped = images.reshape(-1, *dictionary.grid.shape)
    return dictionary.real_samples.pack(dictionary.operator.forward(shaped))


def images(dictionary: NeuronDictionary, students: Students) -> torch.Tensor:
    """Pixels of the students' images, shape (B, n_points)."""
    hidden = (students.atoms @ dictionary.features(students.atoms.dtype).T).relu_()
    return (students.amplitudes[:, None] @ hidden)[:, 0]


def data_and_gradients(
    dictionary: NeuronDictionary,
    students: Students,
    data: torch.Tensor,
    multipliers: torch.Tensor,
    penalty: float,
) -> tuple[torch.Tensor, Students]:
    """Images (B, n_points), and the gradients of ``<multipliers, r> + penalty / 2 |r|^2``, ``r = A f - y``.

    With ``p = F^*(multipliers + penalty r)`` they are two matrix products: ``eta(w_i)`` and ``a_i grad eta(w_i)``.
    """
    features = dictionary.features(students.atoms.dtype)
    hidden = (students.atoms @ features.T).relu_()
    pixels = (students.amplitudes[:, None] @ hidden)[:, 0]
    operator, n_points = dictionary.operator, dictionary.grid.n_points
    residual = (
        dictionary.real_samples.pack(operator.forward(pixels.reshape(-1, *dictionary.grid.shape))) - data
    )
    coefficients = dictionary.real_samples.unpack(multipliers + penalty * residual)
    p = operator.adjoint(coefficients).real.reshape(len(data), n_points, 1)
    weighted = p * features
    # The mask overwrites the activations: a third of the memory, and one pass less.
    eta = (hidden @ p)[..., 0]
    slopes = hidden.gt_(0) @ weighted
    return pixels, Students(slopes * students.amplitudes[..., None], eta)


def decay_gradients(dictionary: NeuronDictionary, weighting: Weighting, students: Students) -> Students:
    """Gradients of the weight decay ``1/2 sum_i (a_i^2 + rho(w_i)^2)``."""
    if isinstance(weighting, StandardWeighting):
        return students
    flat = students.atoms.reshape(-1, students.atoms.shape[-1])
    rho, gradients = weighting.evaluate(dictionary, flat)
    return Students((rho[:, None] * gradients).reshape(students.atoms.shape), students.amplitudes)
