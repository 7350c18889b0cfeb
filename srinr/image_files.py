"""Pictures from files: gray or color values in [0, 1], cropped and resized."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from srinr.status import FileFormatError

#: Weights of red, green and blue in the gray value (ITU-R BT.601).
GRAY_WEIGHTS = (0.299, 0.587, 0.114)
#: Kinds of pixels that are read as they are stored; others (palettes, CMYK, YCbCr) become RGB.
_PLAIN_MODES = frozenset({"1", "L", "LA", "RGB", "RGBA", "I", "I;16", "I;16B", "I;16L", "F"})


def read_image(file: Path, *, gray: bool = True) -> NDArray[np.float64]:
    """Values in [0, 1], shape (h, w) when gray (0.299 R + 0.587 G + 0.114 B), else (h, w, 3).

    The orientation that a camera notes in the file (EXIF) is applied: the picture comes upright, as it is shown
    elsewhere.

    Raises
    ------
    FileFormatError
        When the file cannot be read, or its values do not lie in the range of their kind.
    """
    from PIL import Image, ImageOps

    try:
        with Image.open(file) as opened:
            picture = ImageOps.exif_transpose(opened)
            stored = picture if picture.mode in _PLAIN_MODES else picture.convert("RGB")
            raw, mode = np.array(stored), stored.mode
    except FileNotFoundError as error:
        raise FileFormatError(f"{file}: no such file") from error
    except Exception as error:  # each format has its own reader with its own errors
        raise FileFormatError(
            f"{file}: cannot be read as an image ({error}); remove it or replace it"
        ) from error
    peak = 255.0 if raw.dtype == np.uint8 else 65535.0 if mode.startswith("I") else 1.0
    values = raw.astype(np.float64) / peak
    if not (np.isfinite(values).all() and values.min() >= 0.0 and values.max() <= 1.0):
        raise FileFormatError(
            f"{file}: {raw.dtype} values must lie in [0, {peak:g}], got [{raw.min()}, {raw.max()}]; "
            "rescale it or remove it"
        )
    if mode in ("LA", "RGBA"):
        values = values[..., :-1]
    if values.ndim == 3 and values.shape[2] == 1:
        values = values[..., 0]
    if not gray:
        return values if values.ndim == 3 else np.repeat(values[..., None], 3, axis=2)
    # The weights sum to 1 up to rounding: a white pixel must not leave [0, 1].
    return values if values.ndim == 2 else np.clip(values @ np.array(GRAY_WEIGHTS), 0.0, 1.0)


def center_square(image: NDArray[np.float64], crop: int | None, file: Path) -> NDArray[np.float64]:
    """The square of ``crop`` pixels in the middle, the largest when None; ``file`` is named in the error."""
    height, width = image.shape[:2]
    side = min(height, width) if crop is None else crop
    if side > min(height, width):
        raise ValueError(
            f"{file}: {height}x{width} pixels are too small for crop={crop}; pass a smaller crop, or crop=None"
        )
    top, left = (height - side) // 2, (width - side) // 2
    return image[top : top + side, left : left + side]


def resized(image: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """A square image in ``size x size`` pixels, with anti-aliasing."""
    if image.shape[:2] == (size, size):
        return image
    from skimage.transform import resize

    # Enlarging linearly would leave twenty times the cubic's spurious energy above the original band.
    order = 1 if size < image.shape[0] else 3
    return np.clip(resize(image, (size, size, *image.shape[2:]), order=order, anti_aliasing=True), 0.0, 1.0)
