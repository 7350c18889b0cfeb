"""Exact coefficients of planar rectified trigonometric polynomials: laws, quadrature, grids, singular points."""

import itertools
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.signal import convolve

from srinr.domain import lowpass_frequencies
from srinr.lattice import lattice_coefficients, lattice_frequencies
from srinr.rectified import rectified_coefficients_1d
from srinr.rectified_planar import (
    planar_indicator_coefficients,
    rectified_coefficients_planar,
)
from srinr.rectified_planar_products import convolve_boxes, planar_feature_products, planar_jacobian


def random_weights(n: int, max_frequency: int, seed: int = 0) -> np.ndarray:
    w = np.random.default_rng(seed).uniform(-1, 1, (n, (2 * max_frequency + 1) ** 2))
    return w / np.linalg.norm(w, axis=1, keepdims=True)


def polynomial(*terms: tuple[int, int, complex]) -> np.ndarray:
    """Box of ``sum Re(a exp(2 pi i (k_1 x_1 + k_2 x_2)))`` over terms ``(k_1, k_2, a)``, some k not 0."""
    limit = max(1, *(max(abs(p), abs(q)) for p, q, _ in terms))
    box = np.zeros((2 * limit + 1, 2 * limit + 1), dtype=complex)
    for p, q, a in terms:
        box[limit + p, limit + q] += a / 2
        box[limit - p, limit - q] += np.conj(a) / 2
    return box


def waves(limit: int, shift: np.ndarray) -> np.ndarray:
    k = np.arange(-limit, limit + 1)
    return np.exp(-2j * np.pi * (k[:, None] * shift[0] + k * shift[1]))


def grid_coefficients(box: np.ndarray, cutoff: int, n: int) -> np.ndarray:
    """Pruned DFT of the rectified polynomial on an n x n grid, by blocks of rows."""
    x = np.arange(n) / n
    limits = [side // 2 for side in box.shape]
    second = np.exp(2j * np.pi * np.outer(np.arange(-limits[1], limits[1] + 1), x))
    out = np.exp(-2j * np.pi * np.outer(x, np.arange(-cutoff, cutoff + 1)))
    total = np.zeros((2 * cutoff + 1, 2 * cutoff + 1), dtype=complex)
    for start in range(0, n, 256):
        part = slice(start, start + 256)
        first = np.exp(2j * np.pi * np.outer(x[part], np.arange(-limits[0], limits[0] + 1)))
        left = first @ box
        values = np.maximum(left.real @ second.real - left.imag @ second.imag, 0)
        total += out[part].T @ (values @ out)
    return total / n**2


# --- laws, each with a wrong object that it rejects -----------------------------------------------------------


def check_difference(plus: np.ndarray, minus: np.ndarray, box: np.ndarray, tol: float) -> None:
    """``max(tau, 0) - max(-tau, 0) = tau``."""
    margin = [(a - b) // 2 for a, b in zip(plus.shape, box.shape, strict=True)]
    padded = np.pad(box, [(m, m) for m in margin])
    assert np.abs(plus - minus - padded).max() <= tol


def check_translation(moved: np.ndarray, values: np.ndarray, shift: np.ndarray, tol: float) -> None:
    """Moving the image by t multiplies coefficient k by ``exp(-2 pi i k.t)``."""
    assert np.abs(moved - values * waves(len(values) // 2, shift)).max() <= tol


def check_indicator(h: np.ndarray, tol: float) -> None:
    """Real set, area within [0, 1], Bessel's inequality."""
    center = len(h) // 2
    assert np.abs(h - h[::-1, ::-1].conj()).max() <= tol
    area = h[center, center].real
    assert -tol <= area <= 1 + tol
    assert (np.abs(h) ** 2).sum() <= area + tol


def check_boundary_on_zero_set(box: np.ndarray, h: np.ndarray, tol: float) -> None:
    """``tau grad 1{tau > 0} = 0``: the jump lies where tau vanishes."""
    k = np.arange(len(h)) - len(h) // 2
    for gradient in (h * k[:, None], h * k):
        assert np.abs(convolve(gradient, box, mode="valid")).max() <= tol


def check_bessel(values: np.ndarray, size: float, tol: float) -> None:
    """The coefficients' norm is at most that of the rectified, which is at most that of the polynomial."""
    assert np.linalg.norm(values) <= size + tol


@pytest.mark.parametrize(("max_frequency", "cutoff", "n"), [(1, 8, 6), (2, 16, 6), (5, 12, 2), (10, 10, 1)])
def test_laws(max_frequency, cutoff, n):
    shift = np.array([0.3137, 0.7713])
    for w in random_weights(n, max_frequency):
        box = lattice_coefficients(w, max_frequency)
        plus, minus = (rectified_coefficients_planar(s * box, cutoff) for s in (1, -1))
        moved = rectified_coefficients_planar(box * waves(max_frequency, shift), cutoff)
        assert plus.converged and plus.error < 1e-12 and plus.indicator.lost_area == 0
        tol = 5e-14
        h = plus.indicator.values
        fields = {"difference": (plus.values, minus.values, box), "translation": (moved.values, plus.values, shift),
                  "indicator": (h,), "zero set": (box, h), "bessel": (plus.values, 1.0)}  # fmt: skip
        bent = plus.values.copy()
        bent[0, 0] += 1e-9
        hole = h.copy()
        hole[len(h) // 2, len(h) // 2] -= 0.9
        spoiled = h * (1 + 1e-9 * np.arange(len(h)))
        wrong = {"difference": (bent, minus.values, box), "translation": (bent, moved.values, -shift),
                 "indicator": (hole,), "zero set": (box, spoiled), "bessel": (3 * plus.values, 1.0)}  # fmt: skip
        checks = {"difference": check_difference, "translation": check_translation, "indicator": check_indicator,
                  "zero set": check_boundary_on_zero_set, "bessel": check_bessel}  # fmt: skip
        for name, check in checks.items():
            check(*fields[name], tol)
            with pytest.raises(AssertionError):
                check(*wrong[name], tol)


# --- independent computations -----------------------------------------------------------------------------------


def row_zeros(box: np.ndarray, x: float) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients of the row ``tau(x, .)``, and its zeros from the companion matrix, sorted."""
    first = box.shape[0] // 2
    row = np.exp(2j * np.pi * x * np.arange(-first, first + 1)) @ box
    roots = np.roots(row[::-1])
    return row, np.sort(np.angle(roots[np.abs(np.abs(roots) - 1) < 1e-7]) / (2 * np.pi) % 1.0)


def row_integral(box: np.ndarray, x: float, k: int) -> complex:
    """``integral of max(tau(x, .), 0) exp(-2 pi i k x_2)`` by Gauss rules between the zeros."""
    row, zeros = row_zeros(box, x)
    ends = np.concatenate([[0.0], zeros, [1.0]])
    nodes, weights = np.polynomial.legendre.leggauss(32)
    half, middle = np.diff(ends)[:, None] / 2, (ends[1:] + ends[:-1])[:, None] / 2
    y = (middle + half * nodes).ravel()
    second = len(row) // 2
    values = (np.exp(2j * np.pi * np.outer(y, np.arange(-second, second + 1))) @ row).real
    return complex(((half * weights).ravel() * np.maximum(values, 0)) @ np.exp(-2j * np.pi * k * y))


def tangencies(box: np.ndarray) -> list[float]:
    """Rows where the number of zeros changes, by bisection: there the integrals of rows are not smooth."""

    def count(x: float) -> int:
        return len(row_zeros(box, x)[1])

    scan = np.linspace(0, 1, 301)
    found = []
    for low, high in itertools.pairwise(scan):
        if count(low) != (after := count(high)):
            for _ in range(40):
                middle = (low + high) / 2
                low, high = (low, middle) if count(middle) == after else (middle, high)
            found.append(high)
    return found


@pytest.mark.parametrize(("max_frequency", "seed"), [(1, 0), (2, 1)])
def test_adaptive_quadrature(max_frequency, seed):
    box = lattice_coefficients(random_weights(1, max_frequency, seed)[0], max_frequency)
    got = rectified_coefficients_planar(box, 7).values
    ends = [0.0, *tangencies(box), 1.0]
    for k1, k2 in ((2, -3), (7, 5)):
        total, options = 0j, {"epsabs": 1e-11, "epsrel": 1e-12, "limit": 100}
        for low, high in itertools.pairwise(ends):
            for unit, part in ((1, np.real), (1j, np.imag)):
                # x = low + (high - low) sin^2 makes square roots at the ends smooth.
                def integrand(angle, part=part, low=low, high=high, k1=k1, k2=k2):
                    x = low + (high - low) * np.sin(angle) ** 2
                    value = part(row_integral(box, x, k2) * np.exp(-2j * np.pi * k1 * x))
                    return value * (high - low) * np.sin(2 * angle)

                total += unit * quad(integrand, 0, np.pi / 2, **options)[0]
        assert abs(got[7 + k1, 7 + k2] - total) < 1e-10
    assert abs(rectified_coefficients_planar(1.0001 * box, 0).values[0, 0] - got[7, 7]) > 1e-6


def test_fine_grids_to_their_aliasing_error():
    box = lattice_coefficients(random_weights(1, 2, seed=3)[0], 2)
    exact = rectified_coefficients_planar(box, 16).values
    errors = {n: np.abs(grid_coefficients(box, 16, n) - exact).max() for n in (512, 1024, 4096)}
    assert errors[4096] < 2e-9
    assert errors[4096] < errors[1024] / 4**2 < errors[512] / 4**2
    assert errors[512] < 1e-5


def test_one_dimension_along_either_axis():
    c = lattice_coefficients(np.random.default_rng(0).standard_normal(7), 3, dim=1)
    line = rectified_coefficients_1d(c, 9)
    for axis, box in enumerate((c[:, None], c[None, :])):
        result = rectified_coefficients_planar(box, 9)
        expected = np.zeros((19, 19), dtype=complex)
        np.moveaxis(expected, axis, 0)[:, 9] = line
        np.testing.assert_allclose(result.values, expected, atol=1e-14)
        assert result.converged


def test_turned_by_a_quarter():
    """Exchanging the axes and mirroring one exchanges the frequencies."""
    box = lattice_coefficients(random_weights(1, 2, seed=8)[0], 2)
    turned = rectified_coefficients_planar(box.T[::-1], 6).values
    np.testing.assert_allclose(turned, rectified_coefficients_planar(box, 6).values.T[::-1], atol=1e-14)


# --- derivatives --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("constant", [True, False])
@pytest.mark.parametrize("max_frequency", [1, 2, 4])
def test_jacobian(max_frequency, constant):
    frequencies, sampled = lattice_frequencies(max_frequency), lowpass_frequencies(5)
    w, direction = random_weights(2, max_frequency, seed=4)
    if not constant:
        w[-1] = direction[-1] = 0.0

    def phi(weights: np.ndarray):
        return rectified_coefficients_planar(lattice_coefficients(weights, max_frequency), 5)

    jacobian = planar_jacobian(phi(w).indicator.values, frequencies, sampled, constant=constant)
    n_features = len(w) if constant else len(w) - 1
    assert jacobian.shape == (121, n_features)
    np.testing.assert_allclose(jacobian @ w[:n_features], phi(w).values.ravel(), atol=1e-14)  # Euler
    step = 1e-5
    difference = (phi(w + step * direction).values - phi(w - step * direction).values).ravel() / (2 * step)
    np.testing.assert_allclose(difference, jacobian @ direction[:n_features], atol=1e-8)
    assert np.abs(difference - jacobian @ np.roll(direction[:n_features], 1)).max() > 1e-3


def test_feature_products():
    x = np.array([0.3, 0.85])
    k = np.arange(-2, 3)
    s = np.exp(2j * np.pi * (k[:, None] * x[0] + k * x[1]))
    f = np.array([[1, -2], [0, 1]])
    expected = [np.sqrt(2) * g(2 * np.pi * (f @ x)) for g in (np.sin, np.cos)]
    np.testing.assert_allclose(planar_feature_products(s, f), [*np.ravel(expected), 1.0], atol=1e-14)
    with pytest.raises(ValueError, match="odd axes"):
        planar_feature_products(s[:, :4], f)
    with pytest.raises(ValueError, match="odd axes"):
        planar_feature_products(s, 2 * f)


def test_convolution():
    rng = np.random.default_rng(0)
    values, other = rng.standard_normal((2, 9, 7)) + 0j, rng.standard_normal((3, 5)) + 0j
    for row, got in zip(values, convolve_boxes(values, other, 1), strict=True):
        expected = convolve(row, other, mode="valid")
        np.testing.assert_allclose(got, expected[2:5, :3] if expected.shape == (7, 3) else None, atol=1e-13)
    with pytest.raises(ValueError, match="cannot be convolved"):
        convolve_boxes(values, other, 2)


# --- no sign change, singular points ------------------------------------------------------------------------------


def test_no_sign_change():
    above = polynomial((0, 0, 2.0), (1, 1, 0.3), (0, 1, 0.4j))
    result = rectified_coefficients_planar(above, 1)
    np.testing.assert_allclose(result.values, above, atol=1e-15)
    assert result.indicator.values[2, 2] == 1.0 and np.abs(result.indicator.values).sum() == 1.0
    assert not rectified_coefficients_planar(-above, 3).values.any()
    zero = rectified_coefficients_planar(np.zeros((5, 5)), 3)
    assert not zero.values.any() and not zero.indicator.values.any() and zero.converged
    constant = rectified_coefficients_planar([[2.0]], 1)
    np.testing.assert_allclose(constant.values, [[0, 0, 0], [0, 2, 0], [0, 0, 0]], atol=1e-15)


COS, SIN = 1.0, -1.0j
SINGULAR = {
    "checkerboard": polynomial((1, 1, COS), (1, -1, COS)),
    "diamonds": polynomial((1, 0, COS), (0, 1, COS)),
    "almost diamonds": polynomial((1, 0, COS), (0, 1, COS), (0, 0, 1e-7)),
    "tiny oval": polynomial((1, 0, COS), (0, 1, COS), (0, 0, -2 + 1e-6)),
    "touching point from above": polynomial((1, 0, -COS), (0, 1, -COS), (0, 0, 2.0)),
    "touching point from below": polynomial((1, 0, COS), (0, 1, COS), (0, 0, -2.0)),
    "lines": polynomial((2, -1, COS)),
    "parallel lines": polynomial((1, 0, SIN), (3, 0, 0.4), (0, 0, 0.3)),
}


@pytest.mark.parametrize("name", SINGULAR)
def test_singular_polynomials(name):
    box = SINGULAR[name]
    box = box / np.linalg.norm(box)
    shift = np.array([0.1234, 0.4321])
    plus, minus = (rectified_coefficients_planar(s * box, 6) for s in (1, -1))
    moved = rectified_coefficients_planar(box * waves(len(box) // 2, shift), 6)
    assert plus.error < 1e-11
    check_difference(plus.values, minus.values, box, 1e-12)
    check_translation(moved.values, plus.values, shift, 1e-12)
    check_indicator(plus.indicator.values, 1e-10)
    grid = grid_coefficients(box, 6, 1024)
    assert np.abs(grid - plus.values).max() < 3e-6


def test_known_coefficients():
    """``cos(2 pi x_1) cos(2 pi x_2)`` is positive where both factors agree in sign."""
    half = rectified_coefficients_1d([0.5, 0.0, 0.5], 5)
    other = rectified_coefficients_1d([-0.5, 0.0, -0.5], 5)
    product = rectified_coefficients_planar(SINGULAR["checkerboard"] / 2, 5)
    np.testing.assert_allclose(
        product.values, np.outer(half, half) + np.outer(other, other), atol=product.error + 1e-14
    )
    oval = planar_indicator_coefficients(SINGULAR["tiny oval"], 2)
    assert abs(oval.values[2, 2].real - 1e-6 / (2 * np.pi)) < 1e-12


def test_missed_tolerance_is_visible():
    ridge = polynomial((1, 2, COS), (0, 0, 1.0))  # touches zero along a whole curve
    result = rectified_coefficients_planar(ridge, 3)
    assert not result.converged and result.error > result.tolerance
    assert not result.indicator.converged
    assert 0 < result.indicator.lost_area < 0.1
    np.testing.assert_allclose(result.values[1:6, 1:6], ridge, atol=result.error)
    assert not rectified_coefficients_planar(polynomial((1, 2, COS)), 3, tolerance=1e-30).converged


def test_errors_follow_the_tolerance():
    boxes = lattice_coefficients(random_weights(8, 2, seed=11), 2)
    exact = [rectified_coefficients_planar(box, 16, tolerance=1e-15).values for box in boxes]
    nodes = []
    for tolerance in (1e-5, 1e-8, 1e-12):
        results = [rectified_coefficients_planar(box, 16, tolerance=tolerance) for box in boxes]
        for result, values in zip(results, exact, strict=True):
            assert result.converged
            assert np.abs(result.values - values).max() <= min(result.error, tolerance)
        nodes.append(sum(result.indicator.n_nodes for result in results))
    assert nodes[0] < nodes[1] < nodes[2]


@pytest.mark.parametrize("scale", [1e-200, 1e-12, 1e100])
def test_scale(scale):
    box = lattice_coefficients(random_weights(1, 2, seed=2)[0], 2)
    result, unit = rectified_coefficients_planar(scale * box, 5), rectified_coefficients_planar(box, 5)
    np.testing.assert_allclose(result.values, scale * unit.values, atol=1e-14 * scale, rtol=0)
    np.testing.assert_allclose(result.indicator.values, unit.indicator.values, atol=1e-14)


@given(
    st.lists(st.one_of(st.floats(-1, 1), st.sampled_from([0.0, 1.0, -1.0])), min_size=9, max_size=9),
    st.tuples(st.floats(0, 1), st.floats(0, 1)),
)
@settings(max_examples=60, deadline=None)
def test_laws_for_any_weights(numbers, shift):
    box = lattice_coefficients(numbers, 1)
    plus, minus = (rectified_coefficients_planar(s * box, 5) for s in (1, -1))
    moved = rectified_coefficients_planar(box * waves(1, np.array(shift)), 5)
    slack = 1e-14 * np.linalg.norm(numbers)
    check_difference(plus.values, minus.values, box, plus.error + minus.error + slack)
    check_translation(moved.values, plus.values, np.array(shift), plus.error + moved.error + slack)
    check_indicator(plus.indicator.values, 2 * plus.indicator.error + 1e-14)
    check_bessel(plus.values, float(np.linalg.norm(numbers)), 2 * plus.error + slack)


# --- wrong arguments ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("coefficients", "message"),
    [
        (np.ones(3), "2 A"),
        (np.ones((2, 3)), "2 A"),
        (np.ones((1, 3, 3)), "2 A"),
        (np.full((3, 3), np.nan), "NaN"),
        (np.arange(9.0).reshape(3, 3), "Hermitian"),
        (np.zeros((67, 1)), "32"),
    ],
)
@pytest.mark.parametrize("function", [planar_indicator_coefficients, rectified_coefficients_planar])
def test_wrong_coefficients(function, coefficients, message):
    with pytest.raises(ValueError, match=message):
        function(coefficients, 2)


def test_wrong_arguments():
    for cutoff in (-1, 1.5, 10**6):
        with pytest.raises(ValueError, match="cutoff"):
            rectified_coefficients_planar([[1.0]], cutoff)
    for tolerance in (0.0, -1.0, np.nan, np.inf):
        with pytest.raises(ValueError, match="tolerance"):
            planar_indicator_coefficients([[1.0]], 1, tolerance=tolerance)
    with pytest.raises(ValueError, match="too low"):
        planar_jacobian(np.zeros((3, 3), dtype=complex), np.array([[1, 0]]), np.array([[1, 0]]))


def test_import_is_torch_free():
    code = "import sys, srinr.rectified_planar; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], timeout=120).returncode == 0
