"""Tangent kernel of a SIREN from layer factors, beside rows of the Jacobian from torch.func, contracted in blocks.

Both sides: float64, same network, same points, same memory limit beyond the result, same number of threads, one
run, each in a process of its own so that the peak of its memory is its own. The direct side computes blocks of rows
with vmap over jacrev and contracts them parameter by parameter; it uses the symmetry of the kernel, as ours does.

    python benchmarks/tangent_kernel.py                 # 4 hidden layers of 256, 64 x 64 points (many minutes)
    python benchmarks/tangent_kernel.py --quick         # 4 hidden layers of 128, 24 x 24 points
    python benchmarks/tangent_kernel.py --n 32          # the full network on 32 x 32 points
    python benchmarks/tangent_kernel.py --layers-only   # the full size without the direct side
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import time
from dataclasses import dataclass
from multiprocessing.connection import Connection

import numpy as np
import torch
from numpy.typing import NDArray

from srinr import INR, Coordinates, Grid, Siren
from srinr.analysis.tangent_kernel import TangentMethod, tangent_kernel


@dataclass(frozen=True)
class Case:
    """Points per axis, neurons per hidden layer, bytes beyond the result, threads."""

    n: int
    width: int
    memory_limit: int
    threads: int


@dataclass(frozen=True)
class Outcome:
    """Seconds, peak bytes beyond the kernel (over the process before it began), and the first rows."""

    seconds: float
    beyond: int
    rows: NDArray[np.float64]


def _peak() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _side(case: Case, method: TangentMethod, pipe: Connection) -> None:
    torch.set_num_threads(case.threads)
    inr = INR(Coordinates(2), Siren(2, case.width, depth=5, seed=0))
    # Load what is loaded on first use: it is not part of the work.
    tangent_kernel(inr, Grid(2, dim=2).points, method=method)
    points, before, start = Grid(case.n, dim=2).points, _peak(), time.perf_counter()
    kernel = tangent_kernel(inr, points, method=method, memory_limit=case.memory_limit)
    seconds = time.perf_counter() - start
    pipe.send(Outcome(seconds, _peak() - before - kernel.nbytes, kernel[:16].copy()))


def measure(case: Case, method: TangentMethod) -> Outcome:
    """One side, in a fresh process."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_side, args=(case, method, theirs))
    process.start()
    theirs.close()  # so that a side that dies is an EOFError here and not a wait without end
    outcome: Outcome = ours.recv()
    process.join()
    return outcome


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small case")
    parser.add_argument("--n", type=int, help="points per axis, instead of 64 or 24")
    parser.add_argument("--layers-only", action="store_true", help="leave the direct side out")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--memory-limit", type=int, default=2**30, help="bytes beyond the result")
    arguments = parser.parse_args()
    n, width = (24, 128) if arguments.quick else (64, 256)
    n = arguments.n or n
    case = Case(n, width, arguments.memory_limit, arguments.threads)
    size = sum(p.numel() for p in Siren(2, width, depth=5).parameters())
    print(f"SIREN, 4 hidden layers of {width} ({size} parameters), {n} x {n} points, {case.threads} threads")
    print(f"{'side':<14} {'seconds':>9} {'MiB beyond the kernel':>22}")
    layers = measure(case, TangentMethod.LAYERS)
    print(f"{'layer factors':<14} {layers.seconds:9.2f} {layers.beyond / 2**20:22.0f}", flush=True)
    if arguments.layers_only:
        return
    direct = measure(case, TangentMethod.AUTODIFF)
    print(f"{'torch.func':<14} {direct.seconds:9.2f} {direct.beyond / 2**20:22.0f}")
    error = np.abs(layers.rows - direct.rows).max() / np.abs(direct.rows).max()
    print(f"ratio {direct.seconds / layers.seconds:.1f}, largest relative difference {error:.1e}")


if __name__ == "__main__":
    main()
