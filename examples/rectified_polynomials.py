"""What a shallow INR is made of: a trigonometric polynomial, its rectification, and a sum of several.

After the first figure of the sampling theory: one neuron on lattice features is a rectified trigonometric
polynomial, with a kink along the zero set of the polynomial; a network is a weighted sum of them.

    python examples/rectified_polynomials.py [--quick] [--max-frequency 2] [--width 8] [--seed 3] [--output FOLDER]

Writes a picture, and prints how much of each image lies above some cutoffs: a polynomial ends at its limit, while
the kinks of a neuron reach all frequencies. That is why sampling an INR is a question of super-resolution.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray

from srinr import (
    DiscreteMeasure,
    FourierFeatures,
    FourierOperator,
    Grid,
    inr_from_measure,
    lowpass_frequencies,
)
from srinr.metrics import mse
from srinr.panels import common_bar, draw_panel, panel_figure
from srinr.plotting import save_figure

Image = NDArray[np.float64]

#: Perceptually uniform and safe for color-blind readers; values around zero get two hues.
SIGNED, POSITIVE = "RdBu_r", "cividis"


def main() -> None:
    """Draw, evaluate, print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a coarser grid")
    parser.add_argument("--max-frequency", type=int, default=2, help="limit K0 of the features")
    parser.add_argument("--width", type=int, default=8, help="neurons of the INR")
    parser.add_argument("--seed", type=int, default=3)
    parser.add_argument("--output", type=Path, default=Path("examples/output"))
    arguments = parser.parse_args()
    grid = Grid(128 if arguments.quick else 512, dim=2)
    images = rectified_images(grid, arguments.max_frequency, arguments.width, arguments.seed)
    print("MSE of the image cut at a cutoff K, relative to its variance")
    print("   K" + "".join(f"{name:>26}" for name in images))
    for cutoff in (arguments.max_frequency * factor for factor in (1, 2, 4, 8)):
        missing = [missing_energy(image, grid, cutoff) for image in images.values()]
        print(f"{cutoff:4d}" + "".join(f"{value:26.1e}" for value in missing))
    arguments.output.mkdir(parents=True, exist_ok=True)
    path = arguments.output / "rectified_polynomials.png"
    save_figure(draw(images), path)
    print(f"picture: {path}")


def rectified_images(grid: Grid, max_frequency: int, width: int, seed: int) -> dict[str, Image]:
    """A random polynomial, its rectification, and the image of an INR with random positive amplitudes."""
    rng = np.random.default_rng(seed)
    encoding = FourierFeatures.lattice(max_frequency, dim=2)
    atoms = rng.uniform(-1, 1, (width, encoding.n_features))
    measure = DiscreteMeasure(atoms, rng.uniform(1, 5, width) / width).normalized()
    # relu(t) - relu(-t) = t: the polynomial itself is a measure of two neurons.
    both = DiscreteMeasure([measure.atoms[0], -measure.atoms[0]], [1.0, -1.0])
    one = DiscreteMeasure(measure.atoms[:1], [1.0])
    names = ("trigonometric polynomial", "its rectification", f"shallow INR of width {width}")
    inrs = (inr_from_measure(m, encoding) for m in (both, one, measure))
    return {name: inr.on_grid(grid) for name, inr in zip(names, inrs, strict=True)}


def missing_energy(image: Image, grid: Grid, cutoff: int) -> float:
    """Mean squared error of the image cut at ``|k| <= cutoff``, relative to its variance."""
    operator = FourierOperator(grid, lowpass_frequencies(cutoff, grid.dim))
    smooth = operator.adjoint(operator.forward(image)).real * grid.n_points
    return mse(smooth, image) / float(image.var())


def draw(images: dict[str, Image]) -> Figure:
    """Three panels: the first two on one scale with the zero set marked, the sum on its own."""
    panels = list(images.values())
    figure, axes = panel_figure(panels, list(images), n_columns=3, one_bar=False)
    limit = float(np.abs(panels[0]).max())
    shown = [draw_panel(axes[i], panels[i], SIGNED, -limit, limit) for i in (0, 1)]
    for axis in axes[:2]:
        mark_zero_set(axis, panels[0])
    axes[2].tick_params(labelleft=False)
    common_bar(figure, axes[:2], shown[0], "value (black line: zero of the polynomial)", "neither")
    last = draw_panel(axes[2], panels[2], POSITIVE, 0.0, float(panels[2].max()))
    common_bar(figure, axes[2:], last, "value", "neither")
    return figure


def mark_zero_set(axis: Axes, polynomial: Image) -> None:
    """The line on which a rectified polynomial has its kink."""
    rows, columns = (np.arange(n) / n for n in polynomial.shape)
    axis.contour(columns, rows, polynomial, levels=[0.0], colors="black", linewidths=0.8)


if __name__ == "__main__":
    main()
