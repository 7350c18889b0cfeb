"""Trials per second of two Dask workers beside two plain worker processes, on one machine.

The same trials (same seeds, about 0.3 s of computing each, one thread) are run by ``phase_transition`` with
processes of this machine and with a Dask cluster of as many workers of one thread. Times include the start of
the processes that run the trials and a store on the disk, not the start of the cluster, which a user does once.
The two take turns, so that other load on the machine meets both.

    python benchmarks/sweep_workers.py            # 5 rounds of 60 trials each way (about 2 minutes)
    python benchmarks/sweep_workers.py --quick    # 1 round of 16 trials
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from distributed import Client, LocalCluster

from srinr.sweeps import phase_transition

_PRODUCTS = 230


def trial(rng: np.random.Generator, size: int) -> Mapping[str, float]:
    """Some 0.3 s of matrix products, and the processor time they took."""
    start = time.process_time()
    matrix = np.linalg.qr(rng.standard_normal((size, size)))[0]
    product = matrix
    for _ in range(_PRODUCTS):
        product = product @ matrix
    return {"norm": float(np.linalg.norm(product)), "cpu_seconds": time.process_time() - start}


def sweep(n_trials: int, folder: str, n_workers: int, client: Client | None) -> tuple[float, float]:
    """Trials per second, and mean processor seconds of a trial."""
    store = Path(folder) / f"{time.monotonic_ns()}.db"
    start = time.perf_counter()
    how = {"n_workers": n_workers} if client is None else {"client": client}
    diagram = phase_transition(trial, {"size": [300]}, n_trials=n_trials, store=store, progress=False, **how)
    wall = time.perf_counter() - start
    if (
        diagram.n_missing
        or diagram.success(lambda figures: abs(figures["norm"] ** 2 - 300) < 1e-3).n_success < n_trials
    ):
        raise SystemExit("some trials failed")
    return n_trials / wall, statistics.mean(float(row.figures["cpu_seconds"] or 0) for row in diagram.rows)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="1 round of 16 trials")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    os.environ["OMP_NUM_THREADS"] = "1"  # for both kinds of workers alike
    n_trials, n_rounds = (16, 1) if arguments.quick else (60, 5)
    print(
        f"{arguments.workers} workers, {n_trials} trials a round, load {os.getloadavg()[0]:.1f} at the start"
    )
    print(f"{'round':>5} {'processes':>12} {'Dask':>12}  {'ratio':>6}   {'cpu s a trial':>14}")
    ratios = []
    with (
        tempfile.TemporaryDirectory() as folder,
        LocalCluster(
            n_workers=arguments.workers, threads_per_worker=1, processes=True, dashboard_address=None
        ) as cluster,
        Client(cluster) as client,
    ):
        for number in range(n_rounds):
            plain, cpu = sweep(n_trials, folder, arguments.workers, None)
            dask, cpu_dask = sweep(n_trials, folder, arguments.workers, client)
            ratios.append(dask / plain)
            times = f"{cpu:.3f} {cpu_dask:.3f}"
            print(
                f"{number + 1:>5} {plain:8.3f} /s  {dask:8.3f} /s  {ratios[-1]:6.3f}   {times:>14}",
                flush=True,
            )
    print(f"median ratio {statistics.median(ratios):.3f} (goal: at least 0.9)")


if __name__ == "__main__":
    main()
