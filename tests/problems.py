"""Small problems with a known answer, shared by the tests of training."""

import numpy as np
import torch

from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.inr import INR, inr_from_measure
from srinr.measures import DiscreteMeasure
from srinr.networks.shallow import ShallowReLU
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples


def teacher(width: int = 2, *, max_frequency: int = 1, dim: int = 1, seed: int = 0) -> INR:
    """A shallow ReLU INR with unit directions and positive amplitudes."""
    encoding = FourierFeatures.lattice(max_frequency, dim=dim)
    rng = np.random.default_rng(seed)
    atoms = rng.uniform(-1, 1, (width, encoding.n_features))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    return inr_from_measure(DiscreteMeasure(atoms, rng.uniform(1, 2, width)), encoding)


def problem(
    *, dim: int = 1, n: int = 32, cutoff: int = 5, width: int = 6, seed: int = 1, out_features: int = 1
) -> tuple[INR, FourierOperator, FourierSamples]:
    """A student, the operator, and the samples of a teacher from the same grid (so that zero residual exists)."""
    truth = teacher(dim=dim)
    operator = FourierOperator(Grid(n, dim=dim), lowpass_frequencies(cutoff, dim=dim))
    samples = FourierSamples(operator.frequencies, operator.forward(truth.on_grid(Grid(n, dim=dim))))
    network = ShallowReLU(truth.encoding.n_features, width, seed=seed, out_features=out_features)
    return INR(truth.encoding, network, complex_output=out_features == 2), operator, samples


def flat_parameters(inr: INR) -> np.ndarray:
    """All parameters in one vector."""
    return torch.cat([p.detach().reshape(-1) for p in inr.parameters()]).numpy()
