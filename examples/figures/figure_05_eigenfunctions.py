"""Figure 5: the first eigenfunctions of tangent kernels; higher frequencies of the mapping give higher ones.

    python examples/figures/figure_05_eigenfunctions.py --quick
    python examples/figures/figure_05_eigenfunctions.py --meta faces.safetensors

It needs a few leading eigenpairs only: at 64 x 64 pixels about half a minute per network.
"""

from pathlib import Path
from typing import Annotated

import kernel_networks as common
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import TangentKernelOperator
from srinr.domain import Grid
from srinr.kernel_figures import show_eigenfunctions
from srinr.studies.eigenfunctions import eigenfunctions
from srinr.studies.published_networks import published_ffn, published_mlp, published_siren

NAME, N_FUNCTIONS = "figure_05_eigenfunctions", 10
AsPrinted = Annotated[bool, typer.Option("--as-printed", help="FFN 10 built with sigma 1, as published.")]


def main(
    quick: Quick = False,
    pixels: common.Pixels = None,
    width: common.Width = None,
    seeds: Seeds = 1,
    images: common.Images = common.Kind.FACES,
    folder: common.Folder = None,
    meta: common.Meta = None,
    as_printed: AsPrinted = False,
    output: Output = Path("figures"),
) -> None:
    """The first ten eigenfunctions of seven networks, their centroids, and how much they look like the images."""
    sizes = common.chosen_sizes(quick, pixels, width)
    training, _ = common.image_family(images, folder, sizes.pixels)
    grid = Grid(training.shape)
    numbers: dict[str, dict[str, list[float]]] = {}
    pictures = []
    typer.echo("network, seed         mean centroid (cycles)  largest correlation with the training images")
    for seed in range(seeds):
        networks = {"MLP": published_mlp(width=sizes.width, seed=seed)}
        for omega in (5.0, 30.0, 100.0):
            networks[f"SIREN {omega:g}"] = published_siren(omega, width=sizes.width, seed=seed)
        sizes_of = {"n_frequencies": sizes.width, "width": sizes.width, "seed": seed}
        networks["FFN 1"] = published_ffn(1.0, **sizes_of)
        networks["FFN 10"] = published_ffn(10.0, as_printed=as_printed, **sizes_of)
        networks["Meta"] = common.meta_network(networks["SIREN 30"], meta, images, folder, sizes).inr
        galleries = {}
        for name, inr in networks.items():
            spectrum = KernelSpectrum.of_operator(TangentKernelOperator(inr, grid.points), N_FUNCTIONS + 5)
            found = eigenfunctions(spectrum, grid, N_FUNCTIONS, family=training)
            galleries[name] = found
            assert found.family_correlations is not None
            numbers[f"{name}, seed {seed}"] = {
                "eigenvalues": found.eigenvalues.tolist(), "centroids": found.centroids.tolist(),
                "family_correlations": found.family_correlations.tolist(),
            }  # fmt: skip
            line = f"{name + ', ' + str(seed):22} {found.centroids.mean():20.2f}"
            typer.echo(f"{line} {found.family_correlations.max():20.2f}")
        pictures.append(show_eigenfunctions(galleries, title=f"width {sizes.width}"))
    write_output(output, NAME, pictures[0], numbers)  # that of seed 0


if __name__ == "__main__":
    typer.run(main)
