"""Coefficients of the shipped phantoms against stored and computed independent values."""

import json

import numpy as np
import pytest

import phantom_oracles as oracles
from srinr.phantoms import PHANTOMS, brain, dots, smooth_brain

TABLE = json.loads(oracles.GOLDEN.read_text(encoding="utf-8"))


@pytest.mark.parametrize("name", TABLE)
def test_golden_coefficients(name):
    image = PHANTOMS[name]()
    k = np.array([row[0] for row in TABLE[name]], dtype=np.float64)
    golden = np.array([complex(row[1], row[2]) for row in TABLE[name]])
    assert len(k) >= 6
    assert np.abs(image.fourier_coefficients(k) - golden).max() <= 1e-13 * image.amplitude_area
    # Twelve digits where the coefficient is not tiny.
    large = np.abs(golden) > 1e-3 * image.amplitude_area
    relative = np.abs(image.fourier_coefficients(k) - golden)[large] / np.abs(golden)[large]
    assert large.any()
    assert relative.max() <= 1e-12


def test_every_shipped_phantom_has_independent_values():
    assert set(TABLE) | {"brain", "smooth_brain"} == set(PHANTOMS)


def test_stored_values_can_be_reproduced():
    rows = TABLE["disc"]
    values = oracles.oracle_values(PHANTOMS["disc"](), np.array([row[0] for row in rows], dtype=np.float64))
    np.testing.assert_array_equal(values, [complex(row[1], row[2]) for row in rows])


def test_dots_by_columns(rng):
    picture = dots(n_dots=4, max_frequency=8, seed=9)
    k = np.concatenate([rng.uniform(-30, 30, (10, 2)), np.zeros((1, 2)), [[1e-8, 0.0]]])
    error = np.abs(picture.fourier_coefficients(k) - oracles.dots_by_columns(picture, k)).max()
    assert error <= 1e-13 * picture.amplitude_area


def test_brain_against_the_closed_form():
    image = brain()
    k = np.array(oracles.FREQUENCIES_2)
    exact = oracles.contours_closed_form(image, k)
    # The closed form divides by |k|: it has no digits at 1e-7.
    usable = np.linalg.norm(k, axis=1) != np.linalg.norm([1e-7, 2e-7])
    assert np.abs(image.fourier_coefficients(k) - exact)[usable].max() <= 1e-13 * image.amplitude_area
    box = image.fourier_samples(128)
    corners = (np.abs(box.frequencies) == 128).all(axis=1)
    exact = oracles.contours_closed_form(image, box.frequencies[corners].astype(float))
    assert np.abs(box.values[corners] - exact).max() <= 1e-13 * image.amplitude_area


def test_smooth_brain_against_the_closed_form():
    image = smooth_brain()
    k = np.array([[0.0, 0.0], [3.0, -5.0], [20.0, 11.0]])
    for frequency, value in zip(k, image.fourier_coefficients(k), strict=True):
        offsets = np.stack(np.meshgrid(*[np.arange(-2, 3)] * 2, indexing="ij"), axis=-1).reshape(-1, 2)
        parts = oracles.contours_closed_form(image.base, frequency - offsets)
        assert abs(value - parts @ image.coefficients.ravel()) <= 1e-13 * image.amplitude_area
