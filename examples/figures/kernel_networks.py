"""Networks, images and sizes that the figures of tangent kernels share."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure

from srinr import INR
from srinr.image_families import ImageFamily, faces, image_folder, photo_crops
from srinr.kernel_figures import show_energy_concentration
from srinr.meta_files import load_initialization
from srinr.meta_learning import MetaOptions, maml
from srinr.studies.energy_study import EnergyRow, Start, rank_correlation
from srinr.studies.pixel_fits import GradientDescent
from srinr.studies.published_networks import published_ffn, published_mlp, published_siren

_N_TRAINING = 80
_META_PIXELS = 25


class Kind(StrEnum):
    """Offline stand-ins for the published images."""

    FACES = "faces"
    PHOTO_CROPS = "photo-crops"


@dataclass(frozen=True)
class Sizes:
    """Pixels per side, width of the networks, frequency factors, images trained on, and steps of the short MAML."""

    pixels: int
    width: int
    omegas: tuple[float, ...]
    n_trained: int
    meta_steps: int


QUICK = Sizes(25, 64, (5.0, 10.0, 30.0, 60.0, 100.0), 4, 150)
FULL = Sizes(64, 256, (5.0, 10.0, 20.0, 30.0, 40.0, 60.0, 80.0, 100.0), 20, 150)

Pixels = Annotated[int | None, typer.Option(min=8, help="Pixels per side, instead of 25 (quick) or 64.")]
Width = Annotated[
    int | None, typer.Option(min=2, help="Width of the networks, instead of 64 (quick) or 256.")
]
Images = Annotated[Kind, typer.Option(help="Faces (interpolated above 25 pixels), or crops of photographs.")]
Folder = Annotated[Path | None, typer.Option(help="Your own images instead, e.g. CelebA's aligned ones.")]
Meta = Annotated[
    Path | None, typer.Option(help="Saved initialization; without one, a short MAML on 25 x 25 pixels.")
]


def chosen_sizes(quick: bool, pixels: int | None, width: int | None) -> Sizes:
    """Quick or full sizes, with those that were given."""
    base = QUICK if quick else FULL
    return replace(base, pixels=pixels or base.pixels, width=width or base.width)


def image_family(kind: Kind, folder: Path | None, pixels: int) -> tuple[ImageFamily, ImageFamily]:
    """Images for meta-learning and for the test."""
    if folder is not None:
        family = image_folder(folder, pixels, limit=2 * _N_TRAINING)
        return family.split(len(family) // 2)
    if kind is Kind.FACES:
        return faces(pixels).split(_N_TRAINING)
    return photo_crops(pixels, _N_TRAINING + 20).split(_N_TRAINING)


def random_networks(sizes: Sizes, seed: int) -> dict[str, Start]:
    """MLP, and SIRENs of all frequency factors, which start from the middle of the gray scale as published."""
    starts = {"MLP": Start(published_mlp(width=sizes.width, seed=seed))}
    for omega in sizes.omegas:
        siren = published_siren(omega, width=sizes.width, seed=seed, output_shift=0.5)
        starts[f"SIREN {omega:g}"] = Start(siren)
    return starts


def feature_networks(sigmas: tuple[float, ...], sizes: Sizes, seed: int) -> dict[str, Start]:
    """Networks on Gaussian Fourier features."""
    build = {"n_frequencies": sizes.width, "width": sizes.width, "seed": seed}
    return {f"FFN {sigma:g}": Start(published_ffn(sigma, **build)) for sigma in sigmas}


def meta_network(start: INR, file: Path | None, kind: Kind, folder: Path | None, sizes: Sizes) -> Start:
    """The initialization of a file, or that of a short MAML from ``start``."""
    if file is not None:
        return Start(load_initialization(file).inr, GradientDescent(1e-2))
    training, _ = image_family(kind, folder, _META_PIXELS)
    result = maml(start, training, MetaOptions(outer_steps=sizes.meta_steps, outer_rate=1e-4))
    return Start(result.inr, GradientDescent(1e-2))


def tell(rows: dict[str, EnergyRow], step: int, seed: int) -> dict[str, dict[str, float | list[float]]]:
    """Print one line per network, and return its numbers for the file."""
    correlation = rank_correlation(rows, step)
    typer.echo(f"seed {seed}: rank correlation of E(0.1) and test PSNR {correlation:.2f}")
    typer.echo("network      E(0.1)  leading       mu_0  test PSNR  kernel regression (dB)")
    numbers: dict[str, dict[str, float | list[float]]] = {}
    for name, row in rows.items():
        e, psnr = row.energy, row.curves.mean_test_psnr(step)
        numbers[f"{name}, seed {seed}"] = {
            "energy_at_tenth": e.energy_at_tenth, "n_leading": e.n_leading, "mu_0": float(e.eigenvalues[0]),
            "kernel_norm": float(e.kernel_norms.mean()), "regression_psnr": float(e.regression_psnr.mean()),
            "test_psnr": psnr, "energy": e.energy.tolist(), "rank_correlation": correlation,
        }  # fmt: skip
        line = f"{name:12} {e.energy_at_tenth:6.3f} {e.n_leading:8d} {e.eigenvalues[0]:10.3g} {psnr:10.2f}"
        typer.echo(f"{line} {e.regression_psnr.mean():23.2f}")
    return numbers


def relative_floor(shape: tuple[int, int]) -> float:
    """``n eps``, below which relative eigenvalues are rounding."""
    return float(np.prod(shape) * np.finfo(float).eps)


def concentration_picture(
    rows: dict[str, EnergyRow], step: int, shape: tuple[int, int], width: int
) -> Figure:
    """Energy concentration of all networks with the test PSNR after ``step`` steps."""
    return show_energy_concentration(
        {name: (row.energy.thresholds, row.energy.energy) for name, row in rows.items()},
        relative_floor=relative_floor(shape),
        psnr={name: row.curves.mean_test_psnr(step) for name, row in rows.items()},
        psnr_label=f"test PSNR, {step} steps",
        title=f"{shape[0]} x {shape[1]} pixels, width {width}",
    )
