"""Cost of exact Fourier coefficients of planar neurons beside pruned DFTs of their rasters.

For random weights, uniform in [-1, 1] and normalized, prints the milliseconds per neuron of the exact coefficients
(with the indicator's, from which derivatives follow), those of the raster's with 1024 x 1024 and 64 x 64 points, and the
errors: estimated for the exact ones, measured against them for the rasters. Set OMP_NUM_THREADS=1 for a fair comparison.
"""

from __future__ import annotations

import argparse
import time

import numpy as np
from numpy.typing import NDArray

from srinr.lattice import lattice_coefficients
from srinr.rectified_planar import PlanarRectified, rectified_coefficients_planar

Complex = NDArray[np.complex128]

GRIDS = (1024, 64)


class PrunedDFT:
    """Separable synthesis of the polynomial on a grid, rectification, separable DFT: four real matrix products."""

    def __init__(self, n: int, max_frequency: int, cutoff: int) -> None:
        x = np.arange(n) / n
        self._synthesis = np.exp(2j * np.pi * np.outer(x, np.arange(-max_frequency, max_frequency + 1)))
        wave = np.exp(-2j * np.pi * np.outer(np.arange(cutoff + 1), x)) / n
        self._analysis = np.concatenate([wave.real, wave.imag])
        self._both = np.concatenate([self._synthesis.real, -self._synthesis.imag], axis=1).T.copy()

    def __call__(self, box: Complex) -> Complex:
        left = self._synthesis @ box
        values = np.concatenate([left.real, left.imag], axis=1) @ self._both
        np.maximum(values, 0.0, out=values)
        products = (self._analysis @ values) @ self._analysis.T
        n = len(products) // 2
        cc, cs, sc, ss = products[:n, :n], products[:n, n:], products[n:, :n], products[n:, n:]
        above, below = cc - ss + 1j * (sc + cs), cc + ss + 1j * (sc - cs)
        half = np.concatenate([below[:, :0:-1], above], axis=1)
        return np.concatenate([half[:0:-1, ::-1].conj(), half])


def random_boxes(n: int, max_frequency: int, seed: int) -> list[Complex]:
    """Polynomials of random neurons of norm 1."""
    rng = np.random.default_rng(seed)
    weights = rng.uniform(-1, 1, (n, (2 * max_frequency + 1) ** 2))
    weights /= np.linalg.norm(weights, axis=1, keepdims=True)
    return list(lattice_coefficients(weights, max_frequency))


def per_neuron(function: object, boxes: list[Complex]) -> tuple[float, list[object]]:
    """Mean milliseconds and results; the first call, which may compile, is not counted."""
    function(boxes[0])
    start = time.perf_counter()
    results = [function(box) for box in boxes]
    return 1e3 * (time.perf_counter() - start) / len(boxes), results


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="few neurons, to check that the script runs")
    parser.add_argument("--tolerance", type=float, default=1e-12, help="of the exact coefficients")
    arguments = parser.parse_args()
    print(
        f"{'K0':>3} {'K':>3} {'neurons':>7} {'method':>12} {'ms':>8} {'ms / exact':>10} "
        f"{'largest error':>14} {'missed':>6}"
    )
    for max_frequency, n in ((2, 200), (5, 20), (10, 8)):
        boxes = random_boxes(2 if arguments.quick else n, max_frequency, seed=max_frequency)
        for cutoff in (16, 30):
            compare(boxes, max_frequency, cutoff, arguments.tolerance)


def compare(boxes: list[Complex], max_frequency: int, cutoff: int, tolerance: float) -> None:
    """Print one block of the table."""
    exact_ms, exact = per_neuron(
        lambda box: rectified_coefficients_planar(box, cutoff, tolerance=tolerance), boxes
    )
    results = [result for result in exact if isinstance(result, PlanarRectified)]
    missed = sum(not result.converged for result in results)
    head = f"{max_frequency:3d} {cutoff:3d} {len(boxes):7d}"
    worst = max(result.error for result in results)
    print(f"{head} {'exact':>12} {exact_ms:8.2f} {1.0:10.2f} {worst:14.1e} {missed:6d}")
    for n in GRIDS:
        ms, rasters = per_neuron(PrunedDFT(n, max_frequency, cutoff), boxes)
        error = max(np.abs(r.values - values).max() for r, values in zip(results, rasters, strict=True))
        print(f"{head} {f'{n} x {n}':>12} {ms:8.2f} {ms / exact_ms:10.2f} {error:14.1e}")


if __name__ == "__main__":
    main()
