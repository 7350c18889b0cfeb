"""Witnesses: strictly cheaper feasible measures, checked by plain NumPy; none where there is none."""

import numpy as np
import pytest
from certified_teachers import certified_teacher, lattice_2d, plain
from small_teachers import line, plain_grid, random_teacher, sampled

from srinr.measures import DiscreteMeasure
from srinr.neuron_dictionary import NeuronDictionary
from srinr.solvers.problem import MeasureProblem
from srinr.solvers.support import SupportEquations, support_equations
from srinr.solvers.witness import cheaper, find_witness


def setting(
    dictionary: NeuronDictionary, measure: DiscreteMeasure
) -> tuple[MeasureProblem, SupportEquations]:
    problem = MeasureProblem(dictionary, sampled(dictionary, measure))
    return problem, support_equations(problem, measure)


def test_equations_that_cannot_be_met_give_a_witness_by_moving_atoms() -> None:
    # Two neurons of one dimension are determined by more than five numbers: they can be moved.
    dictionary, teacher = line(2), random_teacher(2, 3, 0)
    problem, equations = setting(dictionary, teacher)
    assert equations.residual > 1e-3
    witness = find_witness(problem, teacher, equations, teacher.atoms[:0], np.zeros(0))
    assert witness is not None
    grid = plain_grid(dictionary)
    data = grid.measure(teacher.atoms, teacher.amplitudes)
    error = np.linalg.norm(grid.measure(witness.measure.atoms, witness.measure.amplitudes) - data)
    assert error <= 1e-12 * np.linalg.norm(data)
    assert witness.measure.total_variation() < teacher.total_variation()
    assert witness.relative_saving == pytest.approx(
        1 - witness.measure.total_variation() / teacher.total_variation(), rel=1e-9
    )
    np.testing.assert_allclose(np.linalg.norm(witness.measure.atoms, axis=1), 1.0)


def test_one_violated_constraint_gives_a_witness_in_two_dimensions() -> None:
    # Cutoff 2 leaves no freedom: the dual vector is determined, and a neuron where it is too large is the proof.
    teacher, dictionary = certified_teacher(1, 0), lattice_2d(2)
    problem, equations = setting(dictionary, teacher)
    rng = np.random.default_rng(0)
    atoms = rng.standard_normal((400, 25))
    atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
    eta = dictionary.coefficients(atoms) @ equations.center
    best = np.abs(eta).argmax()
    assert abs(eta[best]) > 1
    sign = np.sign(eta[best])
    witness = find_witness(problem, teacher, equations, atoms[[best]], np.array([sign]))
    assert witness is not None
    residual, saving = plain.check_witness(teacher, witness.measure, 2)
    assert residual <= 1e-12
    assert saving > 1e-9
    # With the other sign the direction leads upward.
    assert find_witness(problem, teacher, equations, atoms[[best]], np.array([-sign])) is None


def test_an_optimal_measure_has_no_witness() -> None:
    dictionary, teacher = line(6), random_teacher(1, 3, 3)
    problem, equations = setting(dictionary, teacher)
    rng = np.random.default_rng(1)
    for _ in range(5):
        atoms = rng.standard_normal((2, 3))
        atoms /= np.linalg.norm(atoms, axis=1, keepdims=True)
        assert find_witness(problem, teacher, equations, atoms, rng.standard_normal(2)) is None
    assert find_witness(problem, teacher, equations, teacher.atoms[:0], np.zeros(0)) is None


def test_cheaper_accepts_only_feasible_and_strictly_cheaper_measures() -> None:
    dictionary = line(6)
    w = np.array([0.6, 0.0, 0.8])
    wasteful = DiscreteMeasure([w, w], [3.0, -1.0])
    problem = MeasureProblem(dictionary, sampled(dictionary, wasteful))
    plainer = DiscreteMeasure([w], [2.0])
    found = cheaper(problem, plainer, wasteful)
    assert found is not None
    assert (found.total_variation, found.reference) == (pytest.approx(2.0), pytest.approx(4.0))
    assert found.relative_saving == pytest.approx(0.5)
    assert found.relative_residual < 1e-14
    # As dear, dearer, and cheaper but off the samples.
    assert cheaper(problem, plainer, plainer) is None
    assert cheaper(problem, wasteful, plainer) is None
    assert cheaper(problem, DiscreteMeasure([w], [2.0 * (1 - 1e-11)]), wasteful) is None
    # A saving that the residual could explain does not count.
    assert cheaper(problem, DiscreteMeasure([w], [2.0 * (1 - 5e-13)]), plainer) is None


def test_scale_of_the_problem_does_not_matter() -> None:
    dictionary = line(2)
    for factor in (1e-8, 1e8):
        teacher = random_teacher(2, 3, 0)
        scaled = DiscreteMeasure(teacher.atoms, factor * teacher.amplitudes)
        problem, equations = setting(dictionary, scaled)
        witness = find_witness(problem, scaled, equations, scaled.atoms[:0], np.zeros(0))
        assert witness is not None
        assert witness.relative_residual <= 1e-12
