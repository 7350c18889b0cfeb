"""Figure 16: first eigenfunctions of tangent kernels at random, pretrained and meta-learned weights.

    python examples/figures/figure_16_more_eigenfunctions.py --quick

Random starts by seed; one start pretrained on a face, for several numbers of steps and ``--seeds`` faces; MAML and
Reptile (read from the output folder where another script has left them).
"""

from pathlib import Path

import numpy as np
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr import INR, Grid
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.kernel_figures import show_eigenfunctions
from srinr.meta_learning import MetaMethod
from srinr.studies.eigenfunctions import Eigenfunctions, eigenfunctions
from srinr.studies.meta_starts import StartSettings, meta_start, pretrained_starts

N_FUNCTIONS = 10


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Ten eigenfunctions per network; correlations with training faces, and with the edges of the first one."""
    settings = StartSettings.small() if quick else StartSettings()
    train, _ = settings.families()
    grid = Grid(train.shape)

    def gallery(inr: INR, face: int) -> Eigenfunctions:
        spectrum = KernelSpectrum.of_matrix(tangent_kernel(inr, grid.points, progress=False))
        return eigenfunctions(spectrum, grid, N_FUNCTIONS, family=train, edges_of=train.images[face])

    galleries = {f"random, seed {seed}": gallery(settings.random(seed), 0) for seed in range(3)}
    for face in range(seeds):
        for steps, inr in pretrained_starts(settings, face, 0, output).items():
            galleries[f"face {face}, {steps} steps"] = gallery(inr, face)
    for name, method in (("MAML", MetaMethod.MAML), ("Reptile", MetaMethod.REPTILE)):
        galleries[name] = gallery(meta_start(settings, method, 0, output).inr, 0)

    typer.echo(
        f"{'means over the first ten':24} {'centroid (cycles)':>18} {'faces':>7} {'edges of the face':>18}"
    )
    numbers = {}
    for name, found in galleries.items():
        assert found.family_correlations is not None and found.edge_correlations is not None
        means = [
            float(np.mean(v)) for v in (found.centroids, found.family_correlations, found.edge_correlations)
        ]
        typer.echo(f"{name:24} {means[0]:18.2f} {means[1]:7.3f} {means[2]:18.3f}")
        numbers[name] = dict(zip(("centroid", "face_correlation", "edge_correlation"), means, strict=True))
    figure = show_eigenfunctions(galleries, title=f"SIREN of width {settings.width}, {grid.shape[0]} pixels")
    write_output(output, "figure_16_more_eigenfunctions", figure, {"quick": quick, "networks": numbers})


if __name__ == "__main__":
    typer.run(main)
