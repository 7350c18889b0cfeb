"""Laws that every phantom must obey, each as one function that raises AssertionError when it is broken.

``tests/phantoms/test_phantom_laws.py`` applies them to all kinds of phantoms, and shows that each of them
rejects a phantom that is wrong in a plausible way.
"""

import itertools

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid, lowpass_frequencies
from srinr.phantoms import Engine, Phantom

ENGINES = (Engine.NUMPY, Engine.NUMBA, Engine.FINUFFT)


def scattered(phantom: Phantom, rng: np.random.Generator, *, reach: float = 20.0) -> NDArray[np.float64]:
    """Frequencies to try: near zero, around the switches of the formulas, integers, and generic ones."""
    directions = rng.standard_normal((24, phantom.dim))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    radii = np.array(
        [0, 1e-12, 1e-9, 1e-6, 1e-4, 1e-2, 0.05, 0.3, 0.49, 0.51, 0.7, 1, 2, 3, 5, 8, 12, 15, 17, 19, 20]
    )
    near = directions[: len(radii)] * radii[:, None] * (reach / 20.0)
    corner = np.full((1, phantom.dim), reach)
    axis = reach * np.eye(phantom.dim)
    return np.concatenate([near, corner, axis, np.rint(reach * rng.uniform(-1, 1, (8, phantom.dim)))])


def _close(actual: object, expected: object, tol: float, phantom: Phantom, what: str) -> None:
    error = float(np.abs(np.asarray(actual) - np.asarray(expected)).max()) / phantom.amplitude_area
    assert error <= tol, f"{what}: off by {error:.3g} of amplitude x area, allowed {tol:.3g}"


def check_hermitian(phantom: Phantom, rng: np.random.Generator, *, tol: float = 1e-13) -> None:
    """The image is real: ``f^(-k)`` is the conjugate of ``f^(k)``, and ``f^(0)`` is real."""
    k = scattered(phantom, rng)
    _close(phantom.fourier_coefficients(-k), phantom.fourier_coefficients(k).conj(), tol, phantom, "f^(-k)")


def check_translation(phantom: Phantom, rng: np.random.Generator, *, tol: float = 1e-13) -> None:
    """Translation multiplies coefficients by a phase, and moves the image."""
    low, high = phantom.support
    shift = rng.uniform(-low, 1 - high)
    moved = phantom.translate(shift)
    k = scattered(phantom, rng)
    expected = np.exp(-2j * np.pi * (k @ shift)) * phantom.fourier_coefficients(k)
    _close(moved.fourier_coefficients(k), expected, tol, phantom, "phase of a translation")
    points = rng.random((200, phantom.dim))
    np.testing.assert_allclose(moved.image(points + shift), phantom.image(points), atol=1e-9)


def check_affine(phantom: Phantom, rng: np.random.Generator, *, tol: float = 1e-13) -> None:
    """``f(M^-1 (x - s))`` has the transform ``|det M| exp(-2 pi i k.s) f^(M^T k)``."""
    matrix = 0.5 * np.eye(phantom.dim) + rng.uniform(-0.1, 0.1, (phantom.dim, phantom.dim))
    center = phantom.support.mean(axis=0)
    shift = 0.5 - matrix @ center
    moved = phantom.affine(matrix, shift)
    k = scattered(phantom, rng)
    factor = np.abs(np.linalg.det(matrix)) * np.exp(-2j * np.pi * (k @ shift))
    expected = factor * phantom.fourier_coefficients(k @ matrix)
    _close(moved.fourier_coefficients(k), expected, tol, phantom, "affine rule")
    assert abs(moved.amplitude_area - phantom.amplitude_area * np.abs(np.linalg.det(matrix))) <= 1e-9
    # In all of R^d: the wrapped images differ where one of them crosses the border of the cell.
    points = rng.uniform(*phantom.support, (200, phantom.dim))
    np.testing.assert_allclose(
        moved.unwrapped_image(points @ matrix.T + shift), phantom.unwrapped_image(points), atol=1e-9
    )


def check_quarter_turn(phantom: Phantom, *, cutoff: int = 8, tol: float = 1e-13) -> None:
    """A rotation by 90 degrees about the middle of the cell permutes the integer lattice (2-D)."""
    turned = phantom.rotate(np.pi / 2)
    k = lowpass_frequencies(cutoff, 2)
    before = np.stack([k[:, 1], -k[:, 0]], axis=1)
    # The middle of the cell moves from (1/2, 1/2) to itself: a phase (-1)^(...) on the lattice.
    phase = np.exp(-1j * np.pi * (k.sum(axis=1) - before.sum(axis=1)))
    expected = phase * phantom.fourier_coefficients(before)
    _close(turned.fourier_coefficients(k), expected, tol, phantom, "quarter turn")


def check_box(phantom: Phantom, *, cutoff: int = 9, tol: float = 2e-13) -> None:
    """``fourier_samples`` gives, in the stated order, what scattered evaluation gives; the box is Hermitian."""
    samples = phantom.fourier_samples(cutoff)
    np.testing.assert_array_equal(samples.frequencies, lowpass_frequencies(cutoff, phantom.dim))
    k = samples.frequencies.astype(np.float64)
    _close(samples.values, phantom.transform(k, 1e-13, None), tol, phantom, "box against scattered")
    np.testing.assert_array_equal(samples.values[::-1], samples.values.conj())


def check_engines(phantom: Phantom, rng: np.random.Generator, *, tol: float = 2e-13) -> None:
    """All engines agree, on boxes and at scattered frequencies."""
    k = scattered(phantom, rng)
    boxes = [phantom.lowpass_box(7, 1e-13, engine) for engine in ENGINES]
    values = [phantom.transform(k, 1e-13, engine) for engine in ENGINES]
    for box, value, engine in zip(boxes[1:], values[1:], ENGINES[1:], strict=True):
        _close(box, boxes[0], tol, phantom, f"box of {engine.name}")
        _close(value, values[0], tol, phantom, f"scattered sums of {engine.name}")


def check_continuity(phantom: Phantom, rng: np.random.Generator, *, tol: float = 1e-13) -> None:
    """No jump where formulas switch: values at k (1 - e) and k (1 + e) agree, e = 1e-15, on a fine ladder of |k|."""
    direction = rng.standard_normal(phantom.dim)
    direction /= np.linalg.norm(direction)
    radii = np.array([1e-2, 0.05, 0.5, *np.geomspace(1e-3, 2.0, 40)])
    for sizes in (radii, radii / float(np.ptp(phantom.support, axis=0).max() / 2)):
        k = sizes[:, None] * direction
        below, above = (
            phantom.transform(k * (1 - 1e-15), 1e-13, None),
            phantom.transform(k * (1 + 1e-15), 1e-13, None),
        )
        _close(below, above, tol, phantom, "jump at a switch")


def check_origin(phantom: Phantom, rng: np.random.Generator, *, n: int = 256, tol: float = 2e-2) -> None:
    """``f^(0)`` is the integral, and the slope at 0 is ``-2 pi i`` times the first moment."""
    grid = Grid(n if phantom.dim == 2 else 64, dim=phantom.dim)
    values = np.asarray(grid.rasterize(phantom)).ravel()
    zero, step = np.zeros((1, phantom.dim)), 1e-5
    integral = phantom.fourier_coefficients(zero)[0]
    assert integral.imag == 0.0, f"f^(0) = {integral} of a real image is not real"
    _close(integral.real, values.mean(), tol, phantom, "integral")
    for axis in np.eye(phantom.dim):
        plus, minus = phantom.fourier_coefficients(np.stack([step * axis, -step * axis]))
        slope = (plus - minus) / (2 * step)
        moment = (values * (grid.points @ axis)).mean()
        _close(slope, -2j * np.pi * moment, 2 * np.pi * tol, phantom, "slope at 0")


def check_raster(
    phantom: Phantom, *, sizes: tuple[int, int] = (256, 1024), order: float = 1.0, tol: float
) -> None:
    """Coefficients of rasters on ``i / n`` approach the exact ones, at ``order``, to ``tol`` on the finer one."""
    errors = []
    for n in sizes:
        spectrum = np.fft.fftn(np.asarray(Grid(n, dim=phantom.dim).rasterize(phantom))) / n**phantom.dim
        k = lowpass_frequencies(4, phantom.dim)
        exact = phantom.fourier_coefficients(k)
        errors.append(float(np.abs(spectrum[tuple(k.T)] - exact).max()) / phantom.amplitude_area)
    assert errors[1] <= tol, f"raster of {sizes[1]} differs by {errors[1]:.3g}, allowed {tol:.3g}"
    ratio = sizes[1] / sizes[0]
    # Aliasing errors oscillate; a factor 3 keeps the order visible over a ratio of 4.
    assert errors[1] <= max(3.0 * errors[0] * ratio**-order, 1e-14), (
        f"errors {errors} do not fall at order {order}"
    )


def check_bessel(phantom: Phantom, *, cutoffs: tuple[int, ...] = (4, 8, 16, 32), n: int = 512) -> None:
    """Partial sums of ``|f^|^2`` grow and stay below the integral of ``f^2`` (from a raster, 1 % slack)."""
    values = np.asarray(Grid(n, dim=phantom.dim).rasterize(phantom))
    energy = float((values**2).mean())
    sums = [float((np.abs(phantom.fourier_samples(cutoff).values) ** 2).sum()) for cutoff in cutoffs]
    assert all(a <= b for a, b in itertools.pairwise(sums)), f"partial sums {sums} do not grow"
    assert sums[-1] <= 1.01 * energy, f"{sums[-1]:.6g} in the spectrum, {energy:.6g} in the image"
    assert sums[-1] >= 0.8 * energy, (
        f"only {sums[-1]:.6g} of {energy:.6g} below {cutoffs[-1]}: not this image"
    )


def check_phantom(phantom: Phantom, *, raster_tol: float, order: float = 1.0) -> None:
    """All laws for a 2-D phantom inside the cell."""
    rng = np.random.default_rng(5)
    check_hermitian(phantom, rng)
    check_translation(phantom, rng)
    check_affine(phantom, rng)
    check_quarter_turn(phantom)
    check_box(phantom)
    check_engines(phantom, rng)
    check_continuity(phantom, rng)
    check_origin(phantom, rng)
    check_raster(phantom, tol=raster_tol, order=order)
