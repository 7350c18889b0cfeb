"""Discrete measures: normalization keeps the image and the total variation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from srinr.measures import DiscreteMeasure

finite = st.floats(-1e3, 1e3).filter(lambda v: v == 0 or abs(v) > 1e-6)


def image(measure, gamma):
    return np.maximum(gamma @ measure.atoms.T, 0) @ measure.amplitudes


@given(arrays(float, (4, 3), elements=finite), arrays(float, (4,), elements=finite))
def test_normalization_keeps_image_and_total_variation(atoms, amplitudes):
    measure = DiscreteMeasure(atoms, amplitudes)
    normalized = measure.normalized()
    np.testing.assert_allclose(np.linalg.norm(normalized.atoms, axis=1), 1.0)
    assert normalized.n_atoms == np.count_nonzero(atoms.any(axis=1))
    gamma = np.random.default_rng(0).standard_normal((10, 3))
    scale = measure.total_variation() + 1.0
    np.testing.assert_allclose(image(normalized, gamma), image(measure, gamma), atol=1e-12 * scale)
    assert normalized.total_variation() == pytest.approx(measure.total_variation())
    assert measure.total_variation() >= 0


def test_weighted_total_variation():
    measure = DiscreteMeasure([[3.0, -4.0], [1.0, 0.0]], [2.0, -1.0])
    assert measure.total_variation() == pytest.approx(2 * 5 + 1)
    assert measure.total_variation(lambda w: np.abs(w).sum(axis=1)) == pytest.approx(2 * 7 + 1)


def test_empty_measure_is_allowed():
    empty = DiscreteMeasure(np.zeros((0, 5)), [])
    assert empty.n_atoms == 0
    assert empty.total_variation() == 0.0
    assert empty.normalized().atoms.shape == (0, 5)


@pytest.mark.parametrize(
    ("atoms", "amplitudes", "message"),
    [
        ([1.0, 2.0], [1.0, 2.0], "atoms"),
        ([[1.0, 2.0]], [1.0, 2.0], "amplitudes"),
        ([[1.0, 2.0]], [[1.0]], "amplitudes"),
        ([[1.0, np.nan]], [1.0], "NaN"),
        ([[1.0, 2.0]], [np.inf], "infinite"),
    ],
)
def test_refused(atoms, amplitudes, message):
    with pytest.raises(ValueError, match=message):
        DiscreteMeasure(atoms, amplitudes)


def test_arrays_are_private_and_frozen():
    atoms = np.ones((1, 2))
    measure = DiscreteMeasure(atoms, [1.0])
    atoms[:] = 7
    assert measure.atoms.tolist() == [[1.0, 1.0]]
    with pytest.raises(ValueError, match="read-only"):
        measure.amplitudes[0] = 3
