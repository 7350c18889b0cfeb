"""Figure 4: energy of images on the leading eigenfunctions of tangent kernels, beside what the networks then learn.

    python examples/figures/figure_04_energy_concentration.py --quick
    python examples/figures/figure_04_energy_concentration.py --images photo-crops --seeds 3

64 x 64 pixels and width 256 take one to two minutes per network.
"""

from pathlib import Path

import kernel_networks as common
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.kernel_figures import show_eigenvalues, show_energy_against_psnr
from srinr.plotting import save_figure
from srinr.studies.energy_study import energy_study, rank_correlation
from srinr.studies.pixel_fits import random_mask
from srinr.studies.published_networks import published_siren

NAME, STEPS = "figure_04_energy_concentration", 10


def main(
    quick: Quick = False,
    pixels: common.Pixels = None,
    width: common.Width = None,
    seeds: Seeds = 1,
    images: common.Images = common.Kind.FACES,
    folder: common.Folder = None,
    meta: common.Meta = None,
    output: Output = Path("figures"),
) -> None:
    """Energy concentration of MLP, SIRENs and a meta-learned SIREN, with the test PSNR after ten steps."""
    sizes = common.chosen_sizes(quick, pixels, width)
    _, test = common.image_family(images, folder, sizes.pixels)
    typer.echo(f"{test!r}, width {sizes.width}")
    numbers, pictures = {}, []
    for seed in range(seeds):
        starts = common.random_networks(sizes, seed)
        begun = published_siren(width=sizes.width, seed=seed)
        starts["Meta"] = common.meta_network(begun, meta, images, folder, sizes)
        mask = random_mask(test.shape, seed=seed)
        rows = energy_study(starts, test, mask, (0, STEPS), n_trained=sizes.n_trained)
        numbers |= common.tell(rows, STEPS, seed)
        points = {
            n: (row.energy.energy_at_tenth, row.curves.mean_test_psnr(STEPS)) for n, row in rows.items()
        }
        spectra = {name: row.energy.eigenvalues for name, row in rows.items()}
        pictures += [
            common.concentration_picture(rows, STEPS, test.shape, sizes.width),
            show_energy_against_psnr(points, title=f"rank correlation {rank_correlation(rows, STEPS):.2f}"),
            show_eigenvalues(spectra, relative_floor=common.relative_floor(test.shape)),
        ]
    write_output(output, NAME, pictures[0], numbers)  # those of seed 0
    save_figure(pictures[1], output / "figure_04_scatter.png")
    save_figure(pictures[2], output / "figure_04_eigenvalues.png")


if __name__ == "__main__":
    typer.run(main)
