"""The equations of optimality at a support."""

import numpy as np
import pytest
from certified_teachers import certified_teacher, lattice_2d

from srinr.dictionary import Dictionary
from srinr.domain import Grid, lowpass_frequencies
from srinr.encodings.fourier_features import FourierFeatures
from srinr.exact_dictionary import ExactDictionary
from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.operators.fourier import FourierOperator
from srinr.samples import FourierSamples
from srinr.solvers.atom_search import AtomSearch, ratios, search_atoms
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import support_equations
from srinr.weightings import FourierWeighting, IntegralWeighting, StandardWeighting, Weighting


def teacher(n_atoms: int, n_features: int, seed: int = 0) -> DiscreteMeasure:
    rng = np.random.default_rng(seed)
    atoms = rng.standard_normal((n_atoms, n_features))
    return DiscreteMeasure(atoms, rng.choice([-1, 1], n_atoms) * rng.uniform(1, 2, n_atoms)).normalized()


def problem_of(
    dictionary: Dictionary, measure: DiscreteMeasure, weighting: Weighting | None = None
) -> MeasureProblem:
    values = dictionary.real_samples.unpack(measure.amplitudes @ dictionary.coefficients(measure.atoms))
    samples = FourierSamples(dictionary.real_samples.frequencies, values)
    return MeasureProblem(dictionary, samples, weighting or StandardWeighting())


@pytest.mark.parametrize(
    "dictionary",
    [NeuronDictionary.lattice(2, 14, dim=1, n_grid=64), ExactDictionary.lattice(2, 14)],
    ids=["grid", "exact"],
)
@pytest.mark.parametrize("weighting", [StandardWeighting(), FourierWeighting(), IntegralWeighting()])
def test_center_meets_the_equations_and_interpolates_the_signs(
    dictionary: Dictionary, weighting: Weighting
) -> None:
    measure = teacher(3, 5)
    equations = support_equations(problem_of(dictionary, measure, weighting), measure)
    assert equations.residual < 1e-9
    assert equations.is_full_rank and equations.independent
    assert equations.basis.shape == (29, 15)
    np.testing.assert_allclose(equations.basis.T @ equations.basis, np.eye(15), atol=1e-12)
    # Euler: stationarity implies the values.
    found = ratios(dictionary, weighting, equations.center, measure.atoms)
    np.testing.assert_allclose(found, np.sign(measure.amplitudes), atol=1e-9)
    # The smallest solution lies in the span of the columns.
    outside = equations.center - equations.basis @ (equations.basis.T @ equations.center)
    assert np.linalg.norm(outside) < 1e-9 * np.linalg.norm(equations.center)


def test_free_directions_leave_the_equations_alone() -> None:
    dictionary, measure = NeuronDictionary.lattice(1, 8, dim=1, n_grid=64), teacher(2, 3)
    equations = support_equations(problem_of(dictionary, measure), measure)
    z = np.random.default_rng(0).standard_normal(17)
    free = z - equations.basis @ (equations.basis.T @ z)
    np.testing.assert_allclose(
        equations.jacobians.T @ (equations.center + free), equations.targets, atol=1e-10
    )
    # A direction that was not projected breaks them.
    assert np.abs(equations.jacobians.T @ (equations.center + z) - equations.targets).max() > 0.1


def test_too_few_samples_leave_a_residual() -> None:
    dictionary, measure = NeuronDictionary.lattice(2, 2, dim=1, n_grid=64), teacher(3, 5)
    equations = support_equations(problem_of(dictionary, measure), measure)
    assert equations.residual > 1e-3
    assert not equations.is_full_rank


def test_repeated_atom_is_dependent() -> None:
    dictionary = NeuronDictionary.lattice(1, 6, dim=1, n_grid=64)
    measure = DiscreteMeasure([[0.6, 0.0, 0.8], [0.6, 0.0, 0.8]], [1.0, 2.0])
    equations = support_equations(problem_of(dictionary, measure), measure)
    assert not equations.independent
    assert not equations.is_full_rank
    assert equations.residual < 1e-10
    opposite = DiscreteMeasure(measure.atoms, [1.0, -2.0])
    assert support_equations(problem_of(dictionary, opposite), opposite).residual > 0.1


def test_pre_certificate_of_a_wide_teacher_is_not_a_certificate() -> None:
    # The smallest solution of the equations overshoots by far: only an exchange can tell.
    measure = certified_teacher(3, 0)
    dictionary = lattice_2d(14)
    problem = MeasureProblem(dictionary, dictionary.sample(measure))
    equations = support_equations(problem, measure)
    assert equations.residual < 1e-10
    peaks = search_atoms(
        dictionary, problem.weighting, equations.center, np.random.default_rng(0), AtomSearch(64)
    )
    assert peaks.max_ratio > 1.2


def test_restricted_features_in_two_dimensions() -> None:
    encoding = FourierFeatures([[1, 0], [0, 1]], constant=False)
    dictionary = NeuronDictionary(encoding, FourierOperator(Grid(16, dim=2), lowpass_frequencies(4, 2)))
    measure = teacher(2, 4, 3)
    equations = support_equations(problem_of(dictionary, measure), measure)
    assert equations.residual < 1e-10
    assert equations.condition > 1
