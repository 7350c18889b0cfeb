"""Small problems of certification, shared by its tests: one dimension, or four features in two."""

import numpy as np
from plain_checks import PlainGrid, largest_ratio

from srinr.dictionary import Dictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples
from srinr.solvers.certificate import Certificate, Level
from srinr.solvers.exchange import CertifyOptions

#: Searches that find what there is in three to five dimensions.
QUICK = CertifyOptions(n_starts=256, n_small_starts=64)


def line(cutoff: int, max_frequency: int = 1) -> NeuronDictionary:
    """Lattice features in one dimension on 64 points."""
    return NeuronDictionary.lattice(max_frequency, cutoff, dim=1, n_grid=64)


def restricted(cutoff: int, n_grid: int = 16) -> NeuronDictionary:
    """Frequencies (1, 0) and (0, 1) without a constant: four features."""
    encoding = FourierFeatures([[1, 0], [0, 1]], constant=False)
    return NeuronDictionary(encoding, FourierOperator(Grid(n_grid, dim=2), lowpass_frequencies(cutoff, 2)))


def random_teacher(n_atoms: int, n_features: int, seed: int, *, positive: bool = False) -> DiscreteMeasure:
    """Uniform directions, amplitudes in [1, 3] of either sign."""
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n_atoms, n_features))
    amplitudes = rng.uniform(1, 3, n_atoms) * rng.choice([-1, 1], n_atoms)
    return DiscreteMeasure(atoms, np.abs(amplitudes) if positive else amplitudes).normalized()


def sampled(dictionary: Dictionary, measure: DiscreteMeasure) -> FourierSamples:
    """Noiseless samples of a measure, with any dictionary."""
    values = measure.amplitudes @ dictionary.coefficients(measure.atoms)
    return FourierSamples(dictionary.real_samples.frequencies, dictionary.real_samples.unpack(values))


def plain_grid(dictionary: NeuronDictionary) -> PlainGrid:
    """The same grid problem, written out in plain NumPy."""
    encoding = dictionary.encoding
    assert isinstance(encoding, FourierFeatures)
    return PlainGrid(
        encoding.frequencies,
        dictionary.operator.frequencies,
        dictionary.grid.shape,
        constant=encoding.constant,
    )


def check_verdict(
    certificate: Certificate, measure: DiscreteMeasure, dictionary: NeuronDictionary, *, rho: str = "standard"
) -> None:
    """Raise AssertionError when a verdict is wrong: by 2048 fresh climbs, or by the witness's own samples."""
    plain = plain_grid(dictionary)
    costs = {
        "standard": lambda w: np.sqrt((w**2).sum(axis=1)),
        "fourier": lambda w: np.sqrt((np.abs(plain.samples(w)) ** 2).sum(axis=1)),
        "integral": lambda w: np.maximum(w @ plain.features.T, 0).mean(axis=1),
        "quartic": lambda w: (w**4).sum(axis=1) ** 0.25,
    }
    cost = costs[rho]
    data = plain.measure(measure.atoms, measure.amplitudes)
    if certificate.level is Level.REFUTED:
        assert certificate.witness is not None
        other = certificate.witness.measure
        error = np.linalg.norm(plain.measure(other.atoms, other.amplitudes) - data)
        assert error <= 1e-12 * np.linalg.norm(data)
        cheap, dear = (np.abs(m.amplitudes) @ cost(m.atoms) for m in (other, measure))
        assert cheap < dear
        assert np.isclose(certificate.witness.total_variation, cheap, rtol=1e-12)
    elif certificate.level is not Level.NONE:
        assert certificate.dual_variable is not None
        p = dictionary.dual_image(certificate.dual_variable)
        own = certificate.measure
        eta = plain.correlations(p, own.atoms) if own.n_atoms else np.zeros(0)
        np.testing.assert_allclose(eta, np.sign(own.amplitudes) * cost(own.atoms), atol=1e-8)
        found = largest_ratio(
            lambda w: plain.correlations(p, w), cost, dictionary.n_features, seed=77, near=own.atoms
        )
        assert found <= 1.0 + max(certificate.tolerance, 1e-9)
