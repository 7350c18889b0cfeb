"""Phantoms made of ellipsoids in three dimensions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike, NDArray

from srinr.phantoms.checks import checked_rows
from srinr.phantoms.geometry import euler_rotation
from srinr.phantoms.phantom import Phantom, phantom_sum
from srinr.phantoms.shapes import ellipsoid
from srinr.phantoms.shepp_logan import SheppLoganVariant

Array = NDArray[np.float64]

# Center X Y Z, semi-axes X Y Z, angle about Z in degrees, on [-1, 1]^3: the corrected list of the 3-D head of
# Kak and Slaney (1988) that ImagePhantoms.jl distributes (J. Fessler, MIT license; credited there to L. Zhu).
# At Z = -0.25 it meets the plane of the 2-D phantom.
_ELLIPSOIDS = (
    (0.0, 0.0, 0.0, 0.69, 0.92, 0.9, 0.0),
    (0.0, -0.0184, 0.0, 0.6624, 0.874, 0.88, 0.0),
    (-0.22, 0.0, -0.25, 0.41, 0.16, 0.21, -72.0),
    (0.22, 0.0, -0.25, 0.31, 0.11, 0.22, 72.0),
    (0.0, 0.35, -0.25, 0.21, 0.25, 0.35, 0.0),
    (0.0, 0.1, -0.25, 0.046, 0.046, 0.046, 0.0),
    (-0.08, -0.605, -0.25, 0.046, 0.023, 0.02, 0.0),
    (0.0, -0.1, -0.25, 0.046, 0.046, 0.046, 0.0),
    (0.0, -0.605, -0.25, 0.023, 0.023, 0.023, 0.0),
    (0.06, -0.605, -0.25, 0.046, 0.023, 0.02, -90.0),
    (0.06, -0.105, 0.0625, 0.056, 0.04, 0.1, -90.0),
    (0.0, 0.1, 0.625, 0.056, 0.056, 0.1, 0.0),
)


def ellipsoids(
    centers: ArrayLike,
    semi_axes: ArrayLike,
    amplitudes: ArrayLike,
    rotations: Sequence[ArrayLike] | None = None,
) -> Phantom:
    """Sum of ellipsoids.

    Parameters
    ----------
    centers, semi_axes : array, shape (n, 3)
        In fields of view.
    amplitudes : array, shape (n,)
        They add where ellipsoids overlap.
    rotations : sequence of n rotation matrices (3, 3), optional
        For example from :func:`euler_rotation`.
    """
    c, axes = checked_rows(centers, 3, "centers"), checked_rows(semi_axes, 3, "semi_axes")
    a = np.asarray(amplitudes, dtype=np.float64)
    turns = [np.eye(3)] * len(c) if rotations is None else list(rotations)
    if not len(c) == len(axes) == len(turns) or a.shape != (len(c),) or not len(c):
        raise ValueError(
            f"need equal numbers of centers ({len(c)}), semi_axes ({len(axes)}), rotations ({len(turns)}) and "
            f"amplitudes {a.shape}, at least one of each"
        )
    return phantom_sum([ellipsoid(*row) for row in zip(c, axes, turns, a.tolist(), strict=True)])


def shepp_logan_3d(variant: SheppLoganVariant = SheppLoganVariant.TOFT) -> Phantom:
    """The 3-D Shepp-Logan head: 12 ellipsoids.

    The corrected Kak-Slaney list of ImagePhantoms.jl. With ``ORIGINAL`` the amplitudes are those of that list;
    ``MATLAB`` lowers the skull from 2 to 1, ``TOFT`` also raises the inner contrasts tenfold, as in 2-D.

    The cell [0, 1]^3 is the list's [-1, 1]^3 with ``x_0 = (1 - Y) / 2``, ``x_1 = (X + 1) / 2``,
    ``x_2 = (Z + 1) / 2``: a slice across axis 2 stands upright in ``imshow``, as :func:`shepp_logan` does. The
    plane of the 2-D head is Z = -0.25, ``x_2 = 0.375``.

    Examples
    --------
    The frontal ellipse, the brain at the back of the head, and the background beside it, in that plane:

    >>> points = [[0.325, 0.5, 0.375], [0.65, 0.5, 0.375], [0.5, 0.95, 0.375]]
    >>> shepp_logan_3d().image(points).round(12).tolist()
    [0.3, 0.2, 0.0]
    """
    if not isinstance(variant, SheppLoganVariant):
        raise TypeError(f"variant must be a member of SheppLoganVariant, got {variant!r}")
    table = np.array(_ELLIPSOIDS)
    skull, brain, dark, _, bright = variant.value
    amplitudes = [skull, brain, dark, dark, *[bright] * 6, 2 * bright, -2 * bright]
    rotations = [euler_rotation(phi) for phi in np.radians(table[:, 6])]
    # (X, Y, Z) -> (-Y, X, Z) is a quarter turn about Z: semi-axes X and Y change places, angles keep their sense.
    x, y, z = table[:, :3].T
    centers = np.column_stack([1 - y, x + 1, z + 1]) / 2
    return ellipsoids(centers, table[:, [4, 3, 5]] / 2, amplitudes, rotations)
