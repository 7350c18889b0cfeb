"""Figure 11: energy concentration for Fourier feature networks, with the test PSNR after three steps.

    python examples/figures/figure_11_ffn_energy.py --quick
    python examples/figures/figure_11_ffn_energy.py --images photo-crops --seeds 3

64 x 64 pixels and width 256 take one to two minutes per network.
"""

from pathlib import Path

import kernel_networks as common
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.studies.energy_study import energy_study
from srinr.studies.pixel_fits import random_mask

NAME, STEPS = "figure_11_ffn_energy", 3
SIGMAS = (0.5, 1.0, 2.0, 5.0, 10.0)


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
    """Energy concentration of networks on Gaussian Fourier features, the meta-learned one begun at sigma = 1."""
    sizes = common.chosen_sizes(quick, pixels, width)
    _, test = common.image_family(images, folder, sizes.pixels)
    typer.echo(f"{test!r}, width {sizes.width}")
    numbers, pictures = {}, []
    for seed in range(seeds):
        starts = common.feature_networks(SIGMAS, sizes, seed)
        starts["Meta"] = common.meta_network(starts["FFN 1"].inr, meta, images, folder, sizes)
        mask = random_mask(test.shape, seed=seed)
        rows = energy_study(starts, test, mask, (0, STEPS), n_trained=sizes.n_trained)
        numbers |= common.tell(rows, STEPS, seed)
        pictures.append(common.concentration_picture(rows, STEPS, test.shape, sizes.width))
    write_output(output, NAME, pictures[0], numbers)  # that of seed 0


if __name__ == "__main__":
    typer.run(main)
