"""Dots from their low-pass samples: a shallow INR with modified weight decay I, in five minutes on two cores.

The image is a sum of 50 rectified trigonometric polynomials, realized exactly by a shallow ReLU network on
lattice features; its coefficients are exact. ``--published`` uses the dot image of the published experiments
instead, which no such network realizes, with its data as published (FFT of a raster on a closed grid).

    python examples/dots_recovery.py [--published] [--quick] [--output FOLDER]

Prints the mean squared errors on 1024 x 1024 points beside zero filling, and writes a picture.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from srinr import LBFGS, FitState, FourierSamples, Grid, coarse_to_fine
from srinr.lowpass_plan import LowpassPlan
from srinr.metrics import mse
from srinr.optimizers import Adam, CosineDecay
from srinr.phantoms import dots
from srinr.phantoms.published_dots import published_raster, published_samples
from srinr.plotting import save_figure
from srinr.recovery import recover_lowpass
from srinr.recovery_figures import lowpass_panel
from srinr.stages import Stage

#: Strengths from strong to weak, as factors of the last one; L-BFGS steps; divisor of the finest grid.
FULL = ((30.0, 1200, 2), (10.0, 800, 2), (3.0, 600, 1.5), (1.0, 250, 1))
QUICK = ((30.0, 60, 2), (10.0, 40, 2), (3.0, 20, 1.5), (1.0, 10, 1))


def main() -> None:
    """Recover, print, draw."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--published", action="store_true", help="the dot image of the published experiments")
    parser.add_argument("--quick", action="store_true", help="a few seconds, for a first look")
    parser.add_argument("--strength", type=float, default=1e-5, help="final strength")
    parser.add_argument("--time-limit", type=float, default=300.0, help="seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", type=Path, default=Path("examples/output"))
    arguments = parser.parse_args()
    truth, samples = published_data() if arguments.published else exact_data()
    grid = Grid(256, dim=2)
    plan = LowpassPlan(strength=arguments.strength)
    result = recover_lowpass(
        samples,
        plan=plan,
        grid=grid,
        stages=stages(grid, QUICK if arguments.quick else FULL),
        seed=arguments.seed,
        time_limit=arguments.time_limit,
        callback=report,
    )
    fine = Grid(len(truth), dim=2)
    image, zero = fine.rasterize(result.image), fine.rasterize(result.zero_filled).real
    errors = mse(zero, truth), mse(image, truth)
    fit = result.result
    print(
        f"{fit.status.name} after {fit.n_steps} steps, {fit.seconds:.0f} s, {torch.get_num_threads()} threads"
    )
    print(f"MSE zero-filled {errors[0]:.4e}, INR {errors[1]:.4e}, ratio {errors[0] / errors[1]:.2f}")
    print(f"residual {fit.data_residual:.2e}, total variation {fit.total_variation:.5f}")
    note = f"cutoff 32, width {plan.width}\nMSE {errors[0]:.3e} and {errors[1]:.3e}\nratio {errors[0] / errors[1]:.2f}"
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / ("published_dots.png" if arguments.published else "dots.png")
    save_figure(lowpass_panel(truth, zero, image, note), path)
    print(f"picture: {path}")


def exact_data() -> tuple[NDArray[np.float64], FourierSamples]:
    """Raster and exact samples of the library's dots."""
    phantom = dots()
    return np.asarray(Grid(1024, dim=2).rasterize(phantom), dtype=np.float64), phantom.fourier_samples(
        cutoff=32
    )


def published_data() -> tuple[NDArray[np.float64], FourierSamples]:
    """Raster and data of the published dots, on the closed grid as published."""
    return published_raster(), published_samples(cutoff=32)


def stages(grid: Grid, continuation: tuple[tuple[float, int, float], ...]) -> tuple[Stage, ...]:
    """A short Adam stage, then L-BFGS from strong to weak regularization on finer and finer grids."""
    start = coarse_to_fine(grid, [(2, 300 if continuation is FULL else 50, Adam(1e-2, CosineDecay(0.03)))])[0]
    plan = [Stage(start.max_steps, start.optimizer, start.grid, continuation[0][0])]
    for factor, steps, divisor in continuation:
        shape = tuple(2 * round(n / divisor / 2) for n in grid.shape)
        plan.append(Stage(steps, LBFGS(history=60), Grid(shape), factor))
    return tuple(plan)


def report(state: FitState) -> None:
    """A line every 100 steps."""
    if state.step % 100 == 0:
        print(f"step {state.step:5d}  {state.seconds:5.0f} s  residual {state.data_residual:.2e}", flush=True)


if __name__ == "__main__":
    main()
