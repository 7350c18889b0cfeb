"""PSNR gained by meta-learned initializations after three inner steps, on faces that were not trained on.

SIREN of width 64 and depth 4 on the 25 x 25 faces of scikit-image's wheel: 80 for meta-learning, 20 for the figures,
and 20 patches that are not faces as a control. The random initialization is given the inner rate of meta-learning,
and the best of a list of rates as well. One thread.

    python benchmarks/meta_learning.py --quick
    python benchmarks/meta_learning.py
"""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial
from typing import Annotated

import numpy as np
import torch
import typer

from srinr import INR, Coordinates, Siren
from srinr.image_families import ImageFamily, faces, non_faces
from srinr.meta_learning import MetaOptions, MetaResult, maml, reptile
from srinr.meta_steps import first_order_direction, maml_direction, reptile_direction
from srinr.pixel_model import PixelModel
from srinr.pretraining import adaptation_psnr, pretrain

N_STEPS = 3
INNER_RATE = 1e-2
RATES = (1e-3, 3e-3, 1e-2, 2e-2, 3e-2, 5e-2, 1e-1)
GOAL = 2.0


def mean_psnr(inr: INR, family: ImageFamily, rate: float) -> float:
    """Mean PSNR after the steps, in dB; minus infinity where the descent diverged."""
    final = adaptation_psnr(inr, family, N_STEPS, rate)[:, -1]
    return float(np.where(np.isnan(final), -np.inf, final).mean())


def best_rate(inr: INR, family: ImageFamily) -> float:
    """The rate of the list with the highest mean PSNR on the first 40 images."""
    some, _ = family.split(40)
    return max(RATES, key=lambda rate: mean_psnr(inr, some, rate))


def show(
    name: str, inr: INR, train: ImageFamily, test: ImageFamily, control: ImageFamily, seconds: float
) -> float:
    """Print one row; return the PSNR at the inner rate. The best rate is chosen on the training faces."""
    rate = best_rate(inr, train)
    at_rate, at_best = mean_psnr(inr, test, INNER_RATE), mean_psnr(inr, test, rate)
    outside = mean_psnr(inr, control, INNER_RATE)
    print(f"{name:34} {at_rate:8.2f} {at_best:10.2f} ({rate:g}) {outside:10.2f} {seconds:8.0f} s", flush=True)
    return at_rate


def time_directions(inr: INR, train: ImageFamily) -> None:
    """Milliseconds per outer gradient, and what the vectorization over the batch and float32 change."""
    print("\nmilliseconds per outer gradient (batch of 3, 2 inner steps): vectorized, one image at a time")
    for dtype in (torch.float64, torch.float32):
        model = PixelModel(inr, train.shape, dtype)
        batch = model.targets(train.images[:3])
        for direction in (maml_direction, first_order_direction, reptile_direction):
            milliseconds = []
            for parts in ((batch,), batch.split(1)):
                best = np.inf
                for _ in range(5):
                    start = time.perf_counter()
                    for part in parts:
                        direction(model.loss, model.parameters, part, INNER_RATE, 2)
                    best = min(best, time.perf_counter() - start)
                milliseconds.append(f"{1e3 * best:8.1f}")
            print(f"  {direction.__name__:24} {dtype!s:14}", *milliseconds, flush=True)


def main(
    quick: Annotated[bool, typer.Option(help="Few outer steps: under five minutes on two cores.")] = False,
    seed: Annotated[int, typer.Option(help="Seed of the start and of the batches.")] = 0,
) -> None:
    """Compare random, meta-learned and pretrained initializations."""
    torch.set_num_threads(1)
    train, test = faces().split(80)
    control, _ = non_faces().split(20)
    start = INR(Coordinates(), Siren(2, 64, 4, seed=seed))
    print(f"mean PSNR in dB after {N_STEPS} steps of gradient descent")
    print(
        f"{'initialization':34} {f'rate {INNER_RATE:g}':>8} {'best rate':>10} {'':6} {'non-faces':>10} {'time':>10}"
    )
    baseline = show("random", start, train, test, control, 0.0)
    fair = mean_psnr(start, test, best_rate(start, train))

    # Name, how it learns, outer steps (quick, long), outer rate (quick, long), inner steps.
    runs: tuple[
        tuple[str, Callable[[MetaOptions], MetaResult], tuple[int, int], tuple[float, float], int], ...
    ] = (
        ("MAML", partial(maml, start, train, dtype=torch.float32), (150, 3000), (1e-3, 3e-4), 2),
        (
            "first-order MAML",
            partial(maml, start, train, first_order=True, dtype=torch.float32),
            (200, 3000),
            (1e-3, 3e-4),
            2,
        ),
        ("Reptile", partial(reptile, start, train, dtype=torch.float32), (150, 3000), (3e-4, 3e-4), 5),
    )
    gains = []
    for name, learn, steps, rates, inner_steps in runs:
        outer_steps, outer_rate = (pair[0 if quick else 1] for pair in (steps, rates))
        options = MetaOptions(int(outer_steps), outer_rate, inner_steps, INNER_RATE, seed=seed)
        began = time.perf_counter()
        result = learn(options)
        title = f"{name}, {result.n_steps} x {outer_rate:g}, S={inner_steps}"
        reached = show(title, result.inr, train, test, control, time.perf_counter() - began)
        gains.append((name, reached - baseline, reached - fair))

    counts = (30, 300) if quick else (100, 1000, 10_000)
    began = time.perf_counter()
    trained = pretrain(start, train.images[0], counts[-1], keep_at=counts, dtype=torch.float32)
    for count, inr in trained.kept.items():
        show(f"pretrained on one face, {count} steps", inr, train, test, control, time.perf_counter() - began)

    print(f"\ngain over the random start on held-out faces (goal {GOAL:g} dB): same rate, its best rate")
    for name, same, best in gains:
        verdict = "reached" if min(same, best) >= GOAL else "NOT reached"
        print(f"  {name:24} {same:6.2f} dB {best:6.2f} dB  {verdict}")
    time_directions(start, train)


if __name__ == "__main__":
    typer.run(main)
