"""Figure 10: the first ten training steps of the networks of figure 4, on half of the pixels.

    python examples/figures/figure_10_first_iterations.py --quick
    python examples/figures/figure_10_first_iterations.py --images photo-crops --steps 100

At 64 x 64 pixels and width 256 a step takes a second or two per network.
"""

from pathlib import Path
from typing import Annotated

import kernel_networks as common
import numpy as np
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.kernel_figures import show_fit_curves
from srinr.studies.pixel_fits import FitCurves, fit_curves, random_mask
from srinr.studies.published_networks import published_siren

NAME = "figure_10_first_iterations"
Steps = Annotated[int, typer.Option(min=1, help="Training steps.")]


def main(
    quick: Quick = False,
    pixels: common.Pixels = None,
    width: common.Width = None,
    seeds: Seeds = 1,
    images: common.Images = common.Kind.FACES,
    folder: common.Folder = None,
    meta: common.Meta = None,
    steps: Steps = 10,
    output: Output = Path("figures"),
) -> None:
    """Mean PSNR of both halves of the pixels after each step, pooled over the seeds."""
    sizes = common.chosen_sizes(quick, pixels, width)
    _, test = common.image_family(images, folder, sizes.pixels)
    found: dict[str, list[FitCurves]] = {}
    for seed in range(seeds):
        starts = common.random_networks(sizes, seed)
        starts["Meta"] = common.meta_network(
            published_siren(width=sizes.width, seed=seed), meta, images, folder, sizes
        )
        mask = random_mask(test.shape, seed=seed)
        for name, start in starts.items():
            kept = test.images[: sizes.n_trained]
            found.setdefault(name, []).append(
                fit_curves(start.inr, kept, mask, range(steps + 1), start.optimizer)
            )
    curves = {
        name: FitCurves(
            of[0].steps, np.concatenate([c.train_psnr for c in of]), np.concatenate([c.test_psnr for c in of])
        )
        for name, of in found.items()
    }
    typer.echo(f"{test!r}, width {sizes.width}, {seeds} seed(s), {sizes.n_trained} images: mean PSNR in dB")
    typer.echo("network      train, start    end   test, start    end")
    numbers = {}
    for name, curve in curves.items():
        train, other = curve.train_psnr.mean(axis=0), curve.test_psnr.mean(axis=0)
        typer.echo(f"{name:12} {train[0]:12.2f} {train[-1]:6.2f} {other[0]:13.2f} {other[-1]:6.2f}")
        numbers[name] = {"train_psnr": train.tolist(), "test_psnr": other.tolist()}
    write_output(output, NAME, show_fit_curves(curves), numbers)


if __name__ == "__main__":
    typer.run(main)
