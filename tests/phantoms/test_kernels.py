"""Sums of exponentials: the engines against the definition, accuracy, choice of engine, missing packages."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.phantoms import Engine, kernels
from srinr.phantoms.kernels import box_sums, scattered_sums
from srinr.phantoms.numba_kernels import sine_cosine
from srinr.status import MissingExtraError


def direct(points, strengths, frequencies):
    """The definition."""
    return strengths @ np.exp(-2j * np.pi * (frequencies @ points.T)).T


def half_box(cutoff):
    """Frequencies of the half box in the order of ``box_sums``."""
    k0, k1 = np.meshgrid(np.arange(cutoff + 1), np.arange(-cutoff, cutoff + 1), indexing="ij")
    return np.stack([k0.ravel(), k1.ravel()], axis=1).astype(float)


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("cutoff", [0, 1, 2, 7, 40])
@pytest.mark.parametrize("n_rhs", [1, 2, 3])
def test_box_against_the_definition(engine, cutoff, n_rhs, rng):
    points = rng.uniform(-0.3, 1.4, (700, 2))
    points[:4] = [[0, 0], [1, 1], [0.5, 0.5], [1e-17, 1 - 1e-16]]
    strengths = rng.standard_normal((n_rhs, 700))
    expected = direct(points, strengths, half_box(cutoff)).reshape(n_rhs, cutoff + 1, 2 * cutoff + 1)
    sums = box_sums(points, strengths, cutoff, engine)
    assert sums.shape == expected.shape
    assert np.abs(sums - expected).max() <= 2e-14 * np.abs(strengths).sum(axis=1).max()


@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("n_frequencies", [1, 63, 64, 65, 200])
def test_scattered_against_the_definition(engine, n_frequencies, rng):
    points, strengths = rng.random((500, 2)), rng.standard_normal((2, 500))
    k = rng.uniform(-80, 80, (n_frequencies, 2))
    sums = scattered_sums(points, strengths, k, engine)
    assert sums.shape == (2, n_frequencies)
    assert np.abs(sums - direct(points, strengths, k)).max() <= 2e-14 * np.abs(strengths).sum(axis=1).max()


@pytest.mark.parametrize("engine", [Engine.NUMPY, Engine.NUMBA])
def test_high_frequencies_keep_their_digits(engine, rng):
    # Nodes on multiples of 2^-20 make every phase exact, so that any loss is the engine's own.
    points = rng.integers(0, 2**20, (300, 2)) / 2**20
    strengths = rng.standard_normal((1, 300))
    k = rng.integers(-1000, 1001, (50, 2)).astype(float)
    turns = (k @ points.T) % 1.0
    exact = strengths @ np.exp(-2j * np.pi * turns).T
    sums = scattered_sums(points, strengths, k, engine)
    assert np.abs(sums - exact).max() <= 1e-15 * np.abs(strengths).sum()


@given(turns=st.floats(-1e4, 1e4))
def test_sine_and_cosine(turns):
    s, c = sine_cosine.py_func(turns)
    exact = np.exp(2j * np.pi * np.longdouble(turns % 1.0))
    assert abs(complex(c, s) - complex(exact)) <= 1e-15


def test_automatic_choice(monkeypatch):
    choose = kernels._choose
    assert choose(None, 1e-12, worthwhile=True) is Engine.FINUFFT
    assert choose(None, 1e-12, worthwhile=False) is Engine.NUMBA
    assert choose(None, 1e-15, worthwhile=True) is Engine.NUMBA
    monkeypatch.setattr(kernels, "_has_module", lambda name: name == "numba")
    assert choose(None, 1e-12, worthwhile=True) is Engine.NUMBA
    monkeypatch.setattr(kernels, "_has_module", lambda name: name == "numpy")
    assert choose(None, 1e-12, worthwhile=True) is Engine.NUMPY
    with pytest.raises(MissingExtraError, match=r"srinr\[nufft\]"):
        choose(Engine.FINUFFT, 1e-12, worthwhile=True)
    with pytest.raises(TypeError, match="member of Engine"):
        choose("numba", 1e-12, worthwhile=True)


def test_large_scattered_problems_use_the_nonuniform_transform(monkeypatch, rng):
    monkeypatch.setattr(kernels, "_SCATTERED_NUFFT", 100.0)
    calls = []
    original = kernels._scattered_finufft
    monkeypatch.setattr(kernels, "_scattered_finufft", lambda *a: calls.append(1) or original(*a))
    points, strengths, k = rng.random((50, 2)), rng.standard_normal((2, 50)), rng.uniform(-9, 9, (30, 2))
    sums = scattered_sums(points, strengths, k)
    assert calls == [1]
    assert np.abs(sums - direct(points, strengths, k)).max() <= 1e-12


@pytest.mark.parametrize("engine", list(Engine))
def test_inputs_are_left_alone(engine, rng):
    points, strengths = rng.random((20, 2)), rng.standard_normal((2, 20))
    for array in (points, strengths):
        array.setflags(write=False)
    before = points.copy(), strengths.copy()
    box_sums(points, strengths, 3, engine)
    scattered_sums(points, strengths, np.ones((2, 2)), engine)
    np.testing.assert_array_equal(points, before[0])
    np.testing.assert_array_equal(strengths, before[1])
