"""Seconds per training step, beside a step that forms all features and transforms every hidden image.

The comparison step does what a direct implementation does: features gamma at every pixel, a dense matrix
product for the hidden layer, and a full FFT of every hidden image (also for standard weight decay), of which
the low-pass square is kept. Same grid, same data, same float type, same number of threads, one run.

    python benchmarks/training_step.py            # all cases (about 3 minutes)
    python benchmarks/training_step.py --quick    # two small cases
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from srinr import (
    INR,
    FourierFeatures,
    FourierOperator,
    FourierSamples,
    FourierWeightDecay,
    Grid,
    ShallowReLU,
    WeightDecay,
    lowpass_frequencies,
)
from srinr.allocation import reuse_freed_memory
from srinr.encodings.base import grid_points
from srinr.regularizers import Regularizer
from srinr.stages import Stage
from srinr.training_run import TrainingRun


@dataclass(frozen=True)
class Case:
    """One row of the table."""

    n: int
    cutoff: int
    max_frequency: int
    width: int
    regularizer: Regularizer


CASES = [
    Case(n, cutoff, k0, width, regularizer)
    for n, cutoff, k0, width in [
        (128, 32, 10, 100),
        (256, 32, 10, 100),
        (512, 32, 10, 100),
        (256, 64, 20, 500),
    ]
    for regularizer in (WeightDecay(1e-4), FourierWeightDecay(1e-4))
]


def ours(case: Case, dtype: torch.dtype) -> Callable[[], None]:
    """One optimizer step as ``fit`` takes it."""
    grid = Grid(case.n, dim=2)
    frequencies = lowpass_frequencies(case.cutoff)
    encoding = FourierFeatures.lattice(case.max_frequency)
    inr = INR(encoding, ShallowReLU(encoding.n_features, case.width, seed=0))
    samples = FourierSamples(frequencies, torch.ones(len(frequencies)).numpy())
    operator = FourierOperator(grid, frequencies)
    run = TrainingRun(
        inr, operator, samples, case.regularizer, (Stage(10**9),), None, dtype, torch.device("cpu"), 2**34
    )  # fmt: skip
    return lambda: run.advance(1) and None


def direct(case: Case, dtype: torch.dtype) -> Callable[[], None]:
    """A step with dense features and a full FFT of every hidden image."""
    n, cutoff = case.n, case.cutoff
    encoding = FourierFeatures.lattice(case.max_frequency)
    features = encoding.features(grid_points(Grid(n, dim=2), None, dtype, torch.device("cpu")))
    network = ShallowReLU(encoding.n_features, case.width, seed=0).to(dtype)
    optimizer = torch.optim.Adam(network.parameters())
    keep = (torch.arange(-cutoff, cutoff + 1)) % n
    target = torch.ones(2 * cutoff + 1, 2 * cutoff + 1, dtype=dtype)
    modified = isinstance(case.regularizer, FourierWeightDecay)

    def step() -> None:
        optimizer.zero_grad()
        hidden = torch.relu(features @ network.inner.T).T.reshape(case.width, n, n)
        spectra = torch.fft.fft2(hidden, norm="forward")[:, keep][:, :, keep]
        prediction = torch.einsum("p,pij->ij", network.outer[0].to(spectra.dtype), spectra)
        rho = spectra.abs().square().sum() if modified else network.inner.square().sum()
        penalty = 0.5 * (network.outer.square().sum() + rho)
        residual = prediction - target
        loss = 0.5 * residual.abs().square().sum() + case.regularizer.strength * penalty
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()

    return step


def seconds(step: Callable[[], None], budget: float) -> float:
    """Median time of a step over at least three steps and about ``budget`` seconds."""
    step()
    times: list[float] = []
    while len(times) < 3 or (sum(times) < budget and len(times) < 50):
        start = time.perf_counter()
        step()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="two small cases")
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)
    print(f"float32, {arguments.threads} threads; seconds per step (median)")
    print(
        f"{'grid':>6} {'cutoff':>6} {'K0':>4} {'width':>5}  {'weight decay':<20} {'srinr':>9} {'direct':>9}  ratio"
    )
    for case in CASES[:2] if arguments.quick else CASES:
        with reuse_freed_memory():  # as fit does
            fast = seconds(ours(case, torch.float32), 1.0)
            reusing = seconds(direct(case, torch.float32), 1.0)
        slow = seconds(direct(case, torch.float32), 1.0)
        name = type(case.regularizer).__name__
        print(
            f"{case.n:>6} {case.cutoff:>6} {case.max_frequency:>4} {case.width:>5}  {name:<20} "
            f"{fast:9.4f} {slow:9.4f} {slow / fast:6.1f} {reusing:9.4f} {reusing / fast:6.1f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
