"""Slow, independent values of Fourier coefficients: 50-digit arithmetic, and closed forms for parabolic pieces.

``python tests/phantom_oracles.py`` rewrites ``tests/phantoms/golden_coefficients.json`` from them.
"""

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import mpmath as mp
import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.special import wofz

from srinr.phantoms import PHANTOMS, AffineShape, ContourPhantom, Dots, Phantom, PhantomSum, Polygon
from srinr.phantoms.shapes import UnitBall, UnitBox, UnitGaussian

Array = NDArray[np.float64]

RULE_200 = np.polynomial.legendre.leggauss(200)


def mp_wave(turns: mp.mpf) -> mp.mpc:
    """exp(-2 pi i turns)."""
    return mp.expjpi(-2 * turns)


def mp_disc(s: mp.mpf) -> mp.mpf:
    """Transform of the unit disc at |k| = s."""
    return mp.pi if s == 0 else mp.besselj(1, 2 * mp.pi * s) / s


def mp_ball(s: mp.mpf) -> mp.mpf:
    """Transform of the unit ball at |k| = s."""
    t = 2 * mp.pi * s
    return mp.mpf(4) / 3 * mp.pi if s == 0 else (mp.sin(t) - t * mp.cos(t)) / (2 * mp.pi**2 * s**3)


def mp_box(kappa: Sequence[mp.mpf]) -> mp.mpf:
    """Transform of the unit cube."""
    return mp.fprod(mp.sinc(mp.pi * component) for component in kappa)


def mp_gaussian(kappa: Sequence[mp.mpf]) -> mp.mpf:
    """Transform of exp(-pi |u|^2)."""
    return mp.exp(-mp.pi * mp.fsum(component**2 for component in kappa))


def mp_affine(
    canonical: Callable[..., mp.mpf], matrix: Array, center: Array, amplitude: float, k: Array
) -> complex:
    """Affine rule in 50 digits; ``canonical`` takes the vector ``M^T k``."""
    with mp.workdps(50):
        m, c, v = mp.matrix(matrix.tolist()), [mp.mpf(x) for x in center], [mp.mpf(float(x)) for x in k]
        kappa = m.T * mp.matrix(v)
        phase = mp_wave(mp.fsum(a * b for a, b in zip(v, c, strict=True)))
        return complex(mp.mpf(float(amplitude)) * abs(mp.det(m)) * phase * canonical(list(kappa)))


def mp_norm(canonical: Callable[[mp.mpf], mp.mpf]) -> Callable[[Sequence[mp.mpf]], mp.mpf]:
    """Radial transform as a function of the vector."""
    return lambda kappa: canonical(mp.sqrt(mp.fsum(component**2 for component in kappa)))


def mp_polygon(vertices: Array, k: Array) -> complex:
    """Edge form in 70 digits, where its cancellation near k = 0 does no harm; the shoelace formula at 0."""
    with mp.workdps(70):
        v = [[mp.mpf(float(x)) for x in row] for row in vertices]
        k0, k1 = (mp.mpf(float(x)) for x in k)
        edges = [[b[0] - a[0], b[1] - a[1]] for a, b in zip(v, v[1:] + v[:1], strict=True)]
        if k0 == 0 and k1 == 0:
            return complex(mp.fsum(a[0] * d[1] - a[1] * d[0] for a, d in zip(v, edges, strict=True)) / 2)
        total = mp.mpc(0)
        for a, d in zip(v, edges, strict=True):
            middle = k0 * (a[0] + d[0] / 2) + k1 * (a[1] + d[1] / 2)
            total += (k0 * d[1] - k1 * d[0]) * mp.sinc(mp.pi * (k0 * d[0] + k1 * d[1])) * mp_wave(middle)
        return complex(1j / (2 * mp.pi * (k0**2 + k1**2)) * total)


def mp_polynomial_contour(coefficients: Array, k: Array) -> complex:
    """Edge form over polynomial pieces (n, 4, 2) of one contour, integrated in 40 digits; needs k != 0.

    Gaps of one rounding error between the pieces are closed by chords: divided by |k| they would show.
    """
    with mp.workdps(40):
        k0, k1 = (mp.mpf(float(x)) for x in k)
        pieces = [[[mp.mpf(float(x)) for x in row] for row in piece] for piece in coefficients]
        total = mp.mpc(0)
        for c, following in zip(pieces, pieces[1:] + pieces[:1], strict=True):
            along = [k0 * row[0] + k1 * row[1] for row in c]
            across = [(n + 1) * (k0 * c[n + 1][1] - k1 * c[n + 1][0]) for n in range(3)]
            gap = [following[0][axis] - mp.fsum(row[axis] for row in c) for axis in range(2)]
            total += mp.quad(
                lambda t, p=along, q=across: mp_wave(mp.polyval(p[::-1], t)) * mp.polyval(q[::-1], t), [0, 1]
            )
            total += (k0 * gap[1] - k1 * gap[0]) * mp_wave(k0 * following[0][0] + k1 * following[0][1])
        return complex(1j / (2 * mp.pi * (k0**2 + k1**2)) * total)


def parabolic_contour(coefficients: Array, frequencies: Array) -> NDArray[np.complex128]:
    """Closed form with the Faddeeva function for quadratic pieces (n, 3, 2): p + beta t + gamma t^2; k != 0.

    Integrals ``h_m`` of ``t^m exp(-A t - B t^2)`` over [0, 1], A = 2 pi i k.beta, B = 2 pi i k.gamma; a long
    Gauss rule where B is small.
    """
    p, beta, gamma = np.moveaxis(coefficients, 1, 0)
    out = np.empty(len(frequencies), dtype=np.complex128)
    for i, k in enumerate(np.asarray(frequencies, dtype=np.float64)):
        h0, h1 = _parabolic_integrals(beta @ k, gamma @ k)
        cross_beta = k[0] * beta[:, 1] - k[1] * beta[:, 0]
        cross_gamma = k[0] * gamma[:, 1] - k[1] * gamma[:, 0]
        total = np.sum(np.exp(-2j * np.pi * (p @ k)) * (cross_beta * h0 + 2.0 * cross_gamma * h1))
        out[i] = 1j / (2.0 * np.pi * (k @ k)) * total
    return out


def _parabolic_integrals(a: Array, b: Array) -> tuple[NDArray[np.complex128], NDArray[np.complex128]]:
    far = np.abs(b) >= 1e-3
    t, w = (RULE_200[0] + 1) / 2, RULE_200[1] / 2
    waves = np.exp(-2j * np.pi * (a[~far, None] * t + b[~far, None] * t * t)) * w
    h0, h1 = np.empty(len(a), dtype=np.complex128), np.empty(len(a), dtype=np.complex128)
    h0[~far], h1[~far] = waves.sum(axis=1), (waves * t).sum(axis=1)
    big_a, big_b = 2j * np.pi * a[far], 2j * np.pi * b[far]
    root = np.sqrt(big_b)
    z0, z1 = big_a / (2 * root), (big_a + 2 * big_b) / (2 * root)
    # exp(A^2 / 4B) erf(z) without overflow: erf z = s (1 - exp(-z^2) w(i s z)), s the sign of Re z.
    shared = big_a**2 / (4 * big_b)
    s0, s1 = np.where(z0.real < 0, -1.0, 1.0), np.where(z1.real < 0, -1.0, 1.0)
    # A^2/4B is imaginary, so its exponential is harmless; z1^2 = z0^2 + A + B.
    difference = (
        np.exp(shared) * (s1 - s0)
        - s1 * np.exp(-big_a - big_b) * wofz(1j * s1 * z1)
        + s0 * wofz(1j * s0 * z0)
    )
    h0[far] = np.sqrt(np.pi) / (2 * root) * difference
    h1[far] = (1 - np.exp(-big_a - big_b) - big_a * h0[far]) / (2 * big_b)
    return h0, h1


def contours_closed_form(image: ContourPhantom, frequencies: Array) -> NDArray[np.complex128]:
    """Coefficients of regions bounded by quadratic pieces: closed form per piece, the area at k = 0."""
    out = np.zeros(len(frequencies), dtype=np.complex128)
    zero = (frequencies == 0).all(axis=1)
    for contour, amplitude in zip(image.contours, image.amplitudes, strict=True):
        out[zero] += amplitude * contour.area
        out[~zero] += amplitude * parabolic_contour(contour.pieces.polynomials[:, :3], frequencies[~zero])
    return out


def dots_by_columns(image: Dots, frequencies: Array) -> NDArray[np.complex128]:
    """Dots integrated in Cartesian coordinates: Gauss rules along columns of each lobe, then across them."""
    s, w = np.polynomial.legendre.leggauss(120)
    out = np.zeros(len(frequencies), dtype=np.complex128)
    for center, n, b, a in zip(image.centers, image.degrees, image.offsets, image.amplitudes, strict=True):
        first_zero = image.kernel.first_zero(n)
        value = lambda t, n=n: float(image.kernel.values(np.array(t), n))  # noqa: E731
        reach = brentq(lambda t: value(t) - b, 0.0, first_zero, xtol=1e-16)  # noqa: B023
        # x = reach sin(pi s / 2) removes the square root of the column heights at both ends.
        x, dx = reach * np.sin(np.pi * s / 2), reach * np.pi / 2 * np.cos(np.pi * s / 2)
        heights = [brentq(lambda t, x=x: value(t) - b / value(x), 0.0, first_zero, xtol=1e-16) for x in x]  # noqa: B023
        y = np.outer(heights, s)
        tau = image.kernel.values(x, n)[:, None] * image.kernel.values(y, n) - b
        weights = a * tau * np.outer(w * dx * heights, w)
        for i, k in enumerate(frequencies):
            phase = (center[0] + x[:, None]) * k[0] + (center[1] + y) * k[1]
            out[i] += np.sum(weights * np.exp(-2j * np.pi * phase))
    return out


def shape_value(shape: AffineShape, k: Array) -> complex:
    """One affine shape in 50 digits."""
    canonical = {
        (UnitBall, 2): mp_norm(mp_disc),
        (UnitBall, 3): mp_norm(mp_ball),
        (UnitBox, 2): mp_box,
        (UnitGaussian, 2): mp_gaussian,
    }[type(shape.shape), shape.dim]
    return mp_affine(canonical, shape.matrix, shape.center, shape.amplitude, k)


def oracle_values(image: Phantom, frequencies: Array) -> NDArray[np.complex128]:
    """Coefficients of a shipped phantom by the independent formulas of this file."""
    if isinstance(image, PhantomSum):
        return sum(w * oracle_values(term, frequencies) for w, term in image.pairs())
    if isinstance(image, AffineShape):
        return np.array([shape_value(image, k) for k in frequencies])
    if isinstance(image, Polygon):
        return image.amplitude * np.array([mp_polygon(image.vertices, k) for k in frequencies])
    if isinstance(image, Dots):
        return dots_by_columns(image, frequencies)
    assert isinstance(image, ContourPhantom)
    total = np.zeros(len(frequencies), dtype=np.complex128)
    for contour, amplitude in zip(image.contours, image.amplitudes, strict=True):
        for i, k in enumerate(frequencies):
            value = mp_polynomial_contour(contour.pieces.polynomials, k) if k.any() else contour.area
            total[i] += amplitude * value
    return total


FREQUENCIES_2 = [
    [0, 0], [1, 0], [3, -2], [0, 17], [64, 64], [-128, 127], [0.37, -1.29], [1e-7, 2e-7], [0.5, 0.0], [25.5, -13.25]
]  # fmt: skip
FREQUENCIES_3 = [
    [0, 0, 0], [1, 0, 0], [3, -2, 1], [0, 0, 17], [32, 32, 32], [-64, 63, 5], [0.37, -1.29, 0.2], [1e-7, 2e-7, -1e-7],
    [0.5, 0.0, 0.0], [25.5, -13.25, 7.125]
]  # fmt: skip
GOLDEN = Path(__file__).parent / "phantoms" / "golden_coefficients.json"


def main() -> None:
    """Write the golden coefficients of the shipped phantoms except the brains (tested against the closed form)."""
    table = {}
    for name, make in PHANTOMS.items():
        if "brain" in name:
            continue
        image = make()
        k = np.array(FREQUENCIES_2 if image.dim == 2 else FREQUENCIES_3, dtype=np.float64)
        low, high = image.support
        if (low < 0).any() or (high > 1).any():
            k = k[(k == np.rint(k)).all(axis=1)]
        values = oracle_values(image, k)
        rows = [[row.tolist(), float(v.real), float(v.imag)] for row, v in zip(k, values, strict=True)]
        table[name] = rows
    body = ",\n".join(
        f'  "{name}": [\n' + ",\n".join("    " + json.dumps(row) for row in rows) + "\n  ]"
        for name, rows in table.items()
    )
    GOLDEN.write_text("{\n" + body + "\n}\n", encoding="utf-8")


if __name__ == "__main__":
    main()
