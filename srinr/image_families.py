"""Families of images of one size: a folder of the user's, and offline stand-ins from scikit-image's wheel.

Nothing is downloaded: the stand-ins are read as files of the installed package, not through its fetching functions.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.image_files import center_square, read_image, resized
from srinr.status import FileFormatError

#: Names that count as images in a folder; everything else (lists of attributes, notes) is passed over.
IMAGE_SUFFIXES = frozenset(
    {".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".pgm", ".ppm", ".gif"}
)


#: Photographs inside the scikit-image wheel. Silhouettes, drawings, scanned text, and those whose crops are often
#: empty or blurred (retina, cell) are left out.
PHOTOGRAPHS = (
    "astronaut.png", "brick.png", "camera.png", "chelsea.png", "coffee.png", "coins.png", "grass.png", "gravel.png",
    "hubble_deep_field.jpg", "ihc.png", "moon.png", "rocket.jpg",
)  # fmt: skip


#: Pixels of the largest image that is made by resizing (half a gigabyte).
MAX_IMAGE_PIXELS = 2**26

_N_FACES = 100


@dataclass(frozen=True, eq=False)
class ImageFamily:
    """Images of one size.

    Parameters
    ----------
    images : array, shape (n, h, w), or (n, h, w, 3) for color
        Values in [0, 1]; kept as a read-only float64 array.
    names : sequence of str
        One per image.
    source : str
        Where they come from and what was done to them.

    Raises
    ------
    ValueError
        When the family is empty, values are not finite or leave [0, 1], or the names do not match.

    Examples
    --------
    >>> family = ImageFamily([[[0.0, 1.0], [0.5, 0.5]]], ["checks"], "by hand")
    >>> len(family), family.shape
    (1, (2, 2))
    """

    images: NDArray[np.float64]
    names: tuple[str, ...]
    source: str

    def __init__(self, images: ArrayLike, names: Sequence[str], source: str) -> None:
        array = np.array(images, dtype=np.float64)
        color = array.ndim == 4 and array.shape[-1] == 3
        if not (array.ndim == 3 or color) or array.size == 0:
            raise ValueError(
                f"images must have shape (n, h, w), or (n, h, w, 3) for color, without empty axes; got {array.shape}"
            )
        if not np.isfinite(array).all():
            raise ValueError("images hold NaN or infinite values; repair or leave out those images")
        if array.min() < 0.0 or array.max() > 1.0:
            raise ValueError(
                f"images must lie in [0, 1], got [{array.min():g}, {array.max():g}]; divide them by their peak"
            )
        if len(names) != len(array):
            raise ValueError(f"names must hold one name per image, got {len(names)} for {len(array)} images")
        array.flags.writeable = False
        object.__setattr__(self, "images", array)
        object.__setattr__(self, "names", tuple(names))
        object.__setattr__(self, "source", str(source))

    def __len__(self) -> int:
        return len(self.images)

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels."""
        return self.images.shape[1], self.images.shape[2]

    def split(self, n_first: int) -> tuple[ImageFamily, ImageFamily]:
        """The first images and the rest, e.g. for training and test.

        Examples
        --------
        >>> train, test = faces().split(80)
        >>> len(train), len(test)
        (80, 20)
        """
        if not 0 < n_first < len(self):
            raise ValueError(f"n_first must lie between 1 and {len(self) - 1}, got {n_first}")
        parts = (slice(None, n_first), slice(n_first, None))
        first, rest = (ImageFamily(self.images[part], self.names[part], self.source) for part in parts)
        return first, rest

    def __repr__(self) -> str:
        return (
            f"ImageFamily({len(self)} images of {'x'.join(map(str, self.images.shape[1:]))}: {self.source})"
        )


def checked_images(images: ImageFamily | ArrayLike, name: str, n_axes: int) -> NDArray[np.float64]:
    """A finite array (n, h, w) (``n_axes`` 3) or (h, w) (2), from an array or an ImageFamily."""
    try:
        raw = np.asarray(images.images if isinstance(images, ImageFamily) else images)
        if raw.dtype.kind not in "buif":
            raise TypeError(f"values of type {raw.dtype}")
        array = raw.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be real numbers, got {type(images).__name__} ({error})") from error
    axes = "(n, h, w)" if n_axes == 3 else "(h, w)"
    if array.ndim == n_axes + 1 and array.shape[-1] == 3:
        raise ValueError(
            f"{name}: color images have shape {array.shape}; an INR has one channel, use gray=True"
        )
    if array.ndim != n_axes or array.size == 0:
        raise ValueError(f"{name} must have shape {axes} without empty axes, got {array.shape}")
    if not np.isfinite(array).all():
        raise ValueError(f"{name}: NaN or infinite pixels; repair or leave out those images")
    return array


def image_folder(
    path: str | os.PathLike[str],
    size: int = 64,
    crop: int | None = 178,
    gray: bool = True,
    limit: int | None = None,
) -> ImageFamily:
    """All images of a folder: center crop, gray value, resize with anti-aliasing, values in [0, 1].

    The defaults are what the published experiments do to CelebA (178 x 218 pixels, aligned).

    Parameters
    ----------
    path : path
        A folder; the images directly in it are taken in the order of their names (:data:`IMAGE_SUFFIXES`;
        hidden files and other kinds are passed over).
    size : int, default 64
        Pixels per side of the result, at most 8192 (``MAX_IMAGE_PIXELS``).
    crop : int or None, default 178
        Pixels per side of the square cut from the center; None takes the largest square. Images with fewer pixels
        along a side are refused, not enlarged: pass a smaller crop, or None, for them.
    gray : bool, default True
        ``0.299 R + 0.587 G + 0.114 B``; False keeps three channels (gray files are repeated).
    limit : int, optional
        Only the first so many.

    Returns
    -------
    ImageFamily
        An alpha channel is dropped; of several frames the first is taken; the orientation that a camera notes in
        the file (EXIF) is applied, before the crop. The resize is linear after a Gaussian
        of (factor - 1) / 2 pixels, and cubic where ``size`` exceeds the crop: the result then holds no energy
        above the band of the crop.

    Raises
    ------
    FileFormatError
        When the folder is missing or holds no image, or a file (named) cannot be read.
    ValueError
        When an image (named) is smaller than the crop, a size is not positive or too large, or ``gray`` is neither
        True nor False.

    Source: preprocessing of Yüce et al., CVPR 2022, appendix D.
    """
    _check_size("size", size)
    for name, value in (("crop", crop), ("limit", limit)):
        if value is not None:
            _check_size(name, value)
    if not isinstance(gray, bool | np.bool_):
        raise ValueError(f"gray must be True (gray values) or False (three channels), got {gray!r}")
    folder = Path(path)
    if not folder.is_dir():
        raise FileFormatError(f"{folder}: not a folder; give the folder that holds the images")
    files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in IMAGE_SUFFIXES and _is_plain(f)][
        :limit
    ]
    if not files:
        raise FileFormatError(
            f"{folder}: no images in this folder (looked for {', '.join(sorted(IMAGE_SUFFIXES))})"
        )
    images = [resized(center_square(read_image(file, gray=gray), crop, file), size) for file in files]
    cut = "largest center square" if crop is None else f"center {crop}x{crop}"
    source = f"folder {folder.resolve().name}, {cut}, {'gray' if gray else 'color'}, resized to {size}x{size}"
    return ImageFamily(np.stack(images), [file.name for file in files], source)


def faces(size: int | None = None) -> ImageFamily:
    """100 gray faces of 25 x 25 pixels (scikit-image's subset of Labeled Faces in the Wild).

    Parameters
    ----------
    size : int, optional
        Resize to so many pixels per side. Interpolated images hold no energy above the original band, 12 cycles
        per field of view: at 64 pixels about 1e-4 of the energy, the interpolation's error, lies above 16 cycles,
        against 4e-2 for :func:`photo_crops`.

    Returns
    -------
    ImageFamily
        ``faces().split(80)`` gives the 80 for training and the 20 for test.

    Examples
    --------
    >>> faces()
    ImageFamily(100 images of 25x25: faces of skimage.data.lfw_subset)
    """
    return _lfw("face", slice(None, _N_FACES), size)


def non_faces(size: int | None = None) -> ImageFamily:
    """100 gray patches of 25 x 25 pixels that are not faces: the control for :func:`faces`.

    Parameters
    ----------
    size : int, optional
        As in :func:`faces`.
    """
    return _lfw("non-face", slice(_N_FACES, None), size)


def photo_crops(size: int = 64, n: int = 100, seed: int = 0) -> ImageFamily:
    """Random gray crops of scikit-image's installed photographs, at their own resolution.

    Unlike interpolated patches they hold energy up to the Nyquist frequency of their grid.

    Parameters
    ----------
    size : int, default 64
        Pixels per side, at most 300 (the smallest photograph).
    n : int, default 100
        Number of crops; each takes a photograph of :data:`PHOTOGRAPHS` and a place at random.
    seed : int, default 0
        Seed of both.

    Returns
    -------
    ImageFamily
        Names tell photograph, row and column of the upper left pixel.

    Examples
    --------
    >>> photo_crops(16, n=2).images.shape
    (2, 16, 16)
    """
    _check_size("size", size)
    _check_size("n", n)
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(PHOTOGRAPHS), size=n)
    photographs = {i: read_image(_installed(PHOTOGRAPHS[i])) for i in sorted(set(chosen.tolist()))}
    images, names = [], []
    for i in chosen.tolist():
        photograph = photographs[i]
        if min(photograph.shape) < size:
            raise ValueError(
                f"size={size} exceeds {PHOTOGRAPHS[i]} with {photograph.shape} pixels; take at most 300"
            )
        row, column = (int(rng.integers(length - size + 1)) for length in photograph.shape)
        images.append(photograph[row : row + size, column : column + size])
        names.append(f"{Path(PHOTOGRAPHS[i]).stem} {row} {column}")
    return ImageFamily(
        np.stack(images), names, f"crops of scikit-image's photographs, {size}x{size}, seed {seed}"
    )


def _lfw(kind: str, part: slice, size: int | None) -> ImageFamily:
    patches = np.load(_installed("lfw_subset.npy"), allow_pickle=False)[part].astype(np.float64)
    source = f"{kind}s of skimage.data.lfw_subset"
    if size is not None:
        _check_size("size", size)
        patches = np.stack([resized(patch, size) for patch in patches])
        source += f", interpolated to {size}x{size}"
    return ImageFamily(patches, [f"{kind} {i}" for i in range(len(patches))], source)


def _installed(name: str) -> Path:
    import skimage

    path = Path(skimage.__file__).parent / "data" / name
    if not path.is_file():
        raise FileFormatError(
            f"{path}: this file came with scikit-image 0.26 and is missing; use image_folder"
        )
    return path


def _is_plain(file: Path) -> bool:
    return not file.name.startswith(".") and file.is_file()


def _check_size(name: str, value: int) -> None:
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    if name == "size" and int(value) ** 2 > MAX_IMAGE_PIXELS:
        raise ValueError(
            f"size={value} makes images of {int(value) ** 2:.3g} pixels, at most {MAX_IMAGE_PIXELS} (8192 x 8192) are "
            "made; take a smaller size"
        )
