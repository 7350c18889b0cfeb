"""Pixels as a file that says where they lie."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from srinr.domain import Grid
from srinr.files import atomic_path

_MEANING = "entry [i, j, ...] is the value at the point (i / n_0, j / n_1, ...) of the field of view [0, 1)^d"


def save_pixels(path: str | os.PathLike[str], grid: Grid, images: Mapping[str, NDArray[Any]]) -> None:
    """Write images on a grid to one ``.npz`` file, with the entries ``grid_shape`` and ``meaning`` beside them.

    Raises
    ------
    ValueError
        An image that is not on the grid.
    WriteError
        The file cannot be written.
    """
    for name, image in images.items():
        if image.shape != grid.shape:
            raise ValueError(f"image {name!r} has shape {image.shape}, the grid {grid.shape}")
    with atomic_path(path) as temporary, open(temporary, "wb") as stream:
        entries: dict[str, Any] = {"grid_shape": np.array(grid.shape), "meaning": np.array(_MEANING)}
        np.savez_compressed(stream, **(entries | dict(images)))
