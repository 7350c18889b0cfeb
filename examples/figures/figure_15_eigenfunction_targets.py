"""Figure 15: a meta-learned SIREN learns the eigenfunctions of its own tangent kernel, the first ones best.

    python examples/figures/figure_15_eigenfunction_targets.py --quick

Gradient descent 1e-2 is the paper's way from meta-learned weights; Adam 1e-4, for comparison, evens out what the kernel
prefers.
"""

from pathlib import Path

import torch
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr import Adam
from srinr.meta_figures import plot_against_index
from srinr.meta_learning import MetaMethod
from srinr.studies.eigenfunction_targets import fit_eigenfunctions
from srinr.studies.meta_starts import StartSettings, initialization_path, meta_start
from srinr.studies.pixel_fits import GradientDescent

INDICES = (0, 1, 2, 4, 9, 19, 49, 99, 199, 299, 499)
QUICK_INDICES = (0, 2, 9, 24, 49, 99, 199, 499)
OPTIMIZERS = {"descent": GradientDescent(1e-2), "adam": Adam(1e-4, eps=1e-8)}


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Fit eigenfunctions of each seed's MAML start by both optimizers."""
    settings = StartSettings.small() if quick else StartSettings()
    indices, n_steps = (QUICK_INDICES, 100) if quick else (INDICES, 2000)
    train, _ = settings.families()
    curves, numbers = {}, []
    for seed in range(seeds):
        start = meta_start(settings, MetaMethod.MAML, seed, output).inr
        folder = initialization_path(settings, MetaMethod.MAML, seed, output).with_suffix(".eigenfunctions")
        for name, optimizer in OPTIMIZERS.items():
            (folder / name).mkdir(parents=True, exist_ok=True)
            fits = fit_eigenfunctions(
                start,
                train.shape,
                indices,
                n_steps,
                optimizer=optimizer,
                dtype=torch.float32,
                folder=folder / name,
            )
            typer.echo(f"seed {seed}, width {settings.width}, {n_steps} steps, {optimizer}\n{fits.table()}")
            typer.echo(f"Spearman correlation of index and PSNR: {fits.rank_correlation:.3f}")
            curves[f"{name}, seed {seed}"] = (fits.indices, fits.psnr)
            numbers.append(
                {
                    "seed": seed,
                    "optimizer": name,
                    "spearman": fits.rank_correlation,
                    "psnr_db": fits.psnr.tolist(),
                }
            )
    title = f"SIREN {settings.width} from MAML: fits of its eigenfunctions, {n_steps} steps"
    figure = plot_against_index(curves, ylabel="dB relative to the target's mean square", title=title)
    found = {"quick": quick, "indices": list(indices), "n_steps": n_steps, "fits": numbers}
    write_output(output, "figure_15_eigenfunction_targets", figure, found)


if __name__ == "__main__":
    typer.run(main)
