"""Time of the brain's low-pass coefficients, node set-up included, beside a plain NumPy evaluation.

    OMP_NUM_THREADS=1 NUMBA_NUM_THREADS=1 python benchmarks/phantom_coefficients.py [--quick]

Prints milliseconds and ratios. "plain NumPy" is what one writes first: quadrature nodes by the customary rule
``0.55 * 1.3 * pi * kappa * L + 10``, then two complex matrix products over the whole square. The engines use
fewer nodes where a bound allows it, half of the square, and a nonuniform FFT. Threads of the matrix library that
compete with other programs can make its times several times longer; one thread is steadier.
"""

import argparse
import time
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid
from srinr.phantoms import ContourPhantom, Engine, brain
from srinr.phantoms.kernels import available
from srinr.phantoms.pieces import positions, velocities


def plain_numpy(phantom: ContourPhantom, cutoff: int) -> NDArray[np.complex128]:
    """Full box by two complex matrix products."""
    s, w = np.polynomial.legendre.leggauss(8)
    lengths = np.linalg.norm(velocities(phantom.pieces, (s + 1) / 2), axis=2) @ (w / 2)
    orders = np.ceil(0.55 * 1.3 * np.pi * np.sqrt(2) * cutoff * lengths).astype(int) + 10
    points, strengths = [], []
    for order in np.unique(orders):
        chosen = np.flatnonzero(orders == order)
        s, w = np.polynomial.legendre.leggauss(order)
        part = phantom.pieces.take(chosen)
        weights = phantom.piece_amplitudes[chosen, None, None] * w[:, None] / 2
        points.append(positions(part, (s + 1) / 2).reshape(-1, 2))
        strengths.append((velocities(part, (s + 1) / 2) * weights).reshape(-1, 2))
    r, g = np.concatenate(points), np.concatenate(strengths)
    k = np.arange(-cutoff, cutoff + 1)
    sums = np.zeros((2, len(k), len(k)), dtype=np.complex128)
    for start in range(0, len(r), 4096):
        part = slice(start, start + 4096)
        e0, e1 = (np.exp(-2j * np.pi * np.outer(k, r[part, axis])) for axis in range(2))
        for axis in range(2):
            sums[axis] += (e0 * g[part, axis]) @ e1.T
    norm2 = np.add.outer(k**2, k**2).astype(float)
    norm2[cutoff, cutoff] = 1.0
    values = 1j / (2 * np.pi * norm2) * (k[:, None] * sums[1] - k[None, :] * sums[0])
    values[cutoff, cutoff] = phantom.integral
    return values


def best_time(function: Callable[[], object], repeats: int) -> float:
    """Smallest of several times, in seconds, after one warm-up."""
    function()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return min(times)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help="small sizes, to check that the script runs")
    quick = parser.parse_args().quick
    phantom = brain()
    scale = phantom.amplitude_area
    print(f"brain: {len(phantom.contours)} regions, {len(phantom.pieces.kind)} pieces")
    print(f"{'box':>10} {'nodes':>7} {'engine':>12} {'ms':>9} {'plain / this':>13} {'difference':>11}")
    for cutoff in (8,) if quick else (64, 128):
        box = f"{2 * cutoff + 1} x {2 * cutoff + 1}"
        n_nodes = len(phantom.nodes(np.sqrt(2) * cutoff).points)
        reference = plain_numpy(phantom, cutoff)
        plain = best_time(lambda c=cutoff: plain_numpy(phantom, c), 1)
        print(f"{box:>10} {'':>7} {'plain NumPy':>12} {1e3 * plain:9.1f} {1.0:13.1f}")
        for engine in Engine:
            if not available(engine):
                print(f"{box:>10} {n_nodes:7d} {engine.name:>12}  not installed")
                continue
            seconds = best_time(
                lambda c=cutoff, e=engine: phantom.lowpass_box(c, 1e-12, e), 1 if quick else 7
            )
            error = np.abs(phantom.lowpass_box(cutoff, 1e-12, engine) - reference).max() / scale
            print(
                f"{box:>10} {n_nodes:7d} {engine.name:>12} {1e3 * seconds:9.1f} {plain / seconds:13.1f} {error:11.1e}"
            )
    n = 64 if quick else 1024
    seconds = best_time(lambda: Grid(n, dim=2).rasterize(phantom), 1 if quick else 3)
    print(f"raster {n} x {n} (winding numbers on the exact curves): {1e3 * seconds:.0f} ms")


if __name__ == "__main__":
    main()
