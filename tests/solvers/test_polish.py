"""Merging, pruning and polishing of measures down to rounding."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr import DiscreteMeasure, NeuronDictionary
from srinr.solvers import MeasureProblem
from srinr.solvers.merge import balanced, from_balanced, merge_atoms, prune
from srinr.solvers.polish import _Normal, polish, stacked_jacobian
from srinr.solvers.reduced import Polish, reduced_model


@pytest.fixture(scope="module")
def planar():
    dictionary = NeuronDictionary.lattice(2, 10, n_grid=48)
    rng = np.random.default_rng(1)
    atoms = rng.uniform(-1, 1, (2, 25))
    teacher = DiscreteMeasure(atoms / np.linalg.norm(atoms, axis=1)[:, None], rng.uniform(1, 5, 2))
    return MeasureProblem(dictionary, dictionary.sample(teacher)), teacher


def moved(measure, size, seed=0):
    rng = np.random.default_rng(seed)
    return DiscreteMeasure(
        measure.atoms + size * rng.standard_normal(measure.atoms.shape), measure.amplitudes
    )


def cosines(found, teacher):
    """For each atom of the teacher the best match."""
    return (found.normalized().atoms @ teacher.atoms.T).max(axis=0)


@settings(deadline=None, max_examples=20)
@given(seed=st.integers(0, 10**6), n=st.integers(0, 8), cosine=st.floats(0.1, 1.0))
def test_merging_keeps_the_sum_of_each_sign(seed, n, cosine):
    rng = np.random.default_rng(seed)
    measure = DiscreteMeasure(rng.standard_normal((n, 3)), rng.standard_normal(n))
    merged = merge_atoms(measure, cosine)
    assert merged.n_atoms <= n
    for sign in (-1, 1):
        before, after = (
            (m.amplitudes * (np.sign(m.amplitudes) == sign)) @ m.atoms for m in (measure, merged)
        )
        assert np.allclose(before, after, atol=1e-12)
    assert merged.total_variation() <= measure.total_variation() * (1 + 1e-12)


def test_merging_keeps_opposite_signs_and_distant_atoms_apart():
    measure = DiscreteMeasure([[1.0, 0.0], [1.0, 0.01], [1.0, 0.0], [0.0, 1.0]], [1.0, 2.0, -1.0, 1.0])
    merged = merge_atoms(measure, 0.99)
    assert sorted(np.sign(merged.amplitudes)) == [-1, 1, 1]
    assert np.all(np.diff(np.abs(merged.amplitudes)) <= 0)
    assert merge_atoms(measure, 1.0).n_atoms == 4


@pytest.mark.parametrize("cosine", [0.0, -0.5, 1.1, np.nan])
def test_cosine_is_checked(cosine):
    with pytest.raises(ValueError, match="cosine must lie"):
        merge_atoms(DiscreteMeasure([[1.0]], [1.0]), cosine)


def test_pruning_and_balancing():
    measure = DiscreteMeasure([[0.5, 0.0], [0.0, 2.0], [0.0, 0.0]], [4.0, -0.01, 3.0])
    assert prune(measure, 0.1).n_atoms == 1
    assert prune(measure, 0.0).n_atoms == 2
    vectors, signs = balanced(measure)
    again = from_balanced(vectors, signs)
    assert np.allclose(
        again.amplitudes[:, None] * again.atoms, (measure.amplitudes[:, None] * measure.atoms)[:2]
    )
    assert prune(DiscreteMeasure(np.zeros((0, 2)), []), 0.1).n_atoms == 0


def test_jacobian_obeys_euler(planar):
    problem, teacher = planar
    vectors, signs = balanced(teacher)
    jacobian = stacked_jacobian(problem.dictionary, vectors, signs)
    assert np.allclose(jacobian @ vectors.ravel(), problem.data, atol=1e-12)


def test_polish_converges_to_rounding(planar):
    problem, teacher = planar
    found, residual = polish(problem, moved(teacher, 0.03))
    assert residual < 1e-13
    assert residual == pytest.approx(problem.relative_residual(found), abs=1e-14)
    assert cosines(found, teacher).min() > 1 - 1e-12


def test_polish_with_too_few_atoms_fails_and_never_gets_worse(planar):
    problem, teacher = planar
    start = DiscreteMeasure(teacher.atoms[:1], teacher.amplitudes[:1])
    found, residual = polish(problem, start)
    assert 1e-3 < residual <= problem.relative_residual(start)
    assert found.n_atoms == 1


def test_polish_with_repeated_atoms_and_with_none(planar):
    problem, teacher = planar
    double = DiscreteMeasure(np.repeat(teacher.atoms, 2, axis=0), np.repeat(teacher.amplitudes / 2, 2))
    assert polish(problem, moved(double, 0.01))[1] < 1e-12
    nothing = DiscreteMeasure(np.zeros((0, 25)), [])
    assert polish(problem, nothing)[1] == 1.0


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_jacobian_that_is_not_finite_ends_a_step(value):
    jacobian = np.ones((4, 3))
    jacobian[1, 2] = value
    with pytest.raises(ValueError, match="NaN"), np.errstate(invalid="ignore"):
        _Normal(jacobian, np.ones(4))


def test_reduced_model_finds_the_teacher_in_a_crowd(planar):
    problem, teacher = planar
    parts = [moved(teacher, 0.02, seed) for seed in range(3)]
    rng = np.random.default_rng(5)
    atoms = np.concatenate([*(part.atoms for part in parts), rng.standard_normal((3, 25)) / 5])
    amplitudes = np.concatenate([*(part.amplitudes / 3 for part in parts), np.full(3, 0.02)])
    found = reduced_model(problem, DiscreteMeasure(atoms, amplitudes))
    assert found is not None and found.n_atoms == 2
    assert problem.relative_residual(found) < 1e-13
    assert cosines(found, teacher).min() > 1 - 1e-12


def test_reduced_model_drops_superfluous_atoms(planar):
    problem, teacher = planar
    rng = np.random.default_rng(2)
    extra = DiscreteMeasure(
        np.concatenate([moved(teacher, 0.01).atoms, rng.standard_normal((1, 25)) / 5]),
        [*teacher.amplitudes, 0.6],
    )
    found = reduced_model(problem, extra)
    assert found is not None and found.n_atoms == 2


def test_reduced_model_says_when_there_is_none(planar):
    problem, teacher = planar
    assert reduced_model(problem, DiscreteMeasure(teacher.atoms[:1], [1.0])) is None
    assert reduced_model(problem, moved(teacher, 0.01), Polish(max_atoms=1)) is None
    assert reduced_model(problem, DiscreteMeasure(np.zeros((0, 25)), [])) is None
