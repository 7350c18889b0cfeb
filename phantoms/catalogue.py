"""Small phantoms for tests and examples, and the list of phantoms by name."""

from __future__ import annotations

import difflib
from collections.abc import Callable
from typing import Any

from srinr.phantoms.brain import brain, smooth_brain
from srinr.phantoms.contours import ContourPhantom, cubic_spline
from srinr.phantoms.dots import dots
from srinr.phantoms.ellipsoids import shepp_logan_3d
from srinr.phantoms.phantom import Phantom, phantom_sum
from srinr.phantoms.polygons import polygon
from srinr.phantoms.shapes import disc, gaussian, rectangle
from srinr.phantoms.shepp_logan import shepp_logan

# An egg with a dent: no symmetry at all.
_BLOB = (
    (0.22, 0.30),
    (0.45, 0.18),
    (0.74, 0.26),
    (0.86, 0.52),
    (0.70, 0.70),
    (0.58, 0.60),
    (0.47, 0.82),
    (0.26, 0.66),
)


def spline_blob(amplitude: float = 1.0) -> ContourPhantom:
    """One closed cubic spline without any symmetry: the default for tests of orientation and convention.

    Examples
    --------
    >>> spline_blob().image([[0.5, 0.4], [0.05, 0.05]]).tolist()
    [1.0, 0.0]
    """
    return ContourPhantom([cubic_spline(_BLOB)], [amplitude])


def resolution_bars(amplitude: float = 1.0) -> Phantom:
    """Groups of three bars with periods from FOV/8 down to FOV/256, across axis 0 and across axis 1.

    A bar is half a period wide: the finest are FOV/512. The groups across axis 0 lie at low ``x_1``, those
    across axis 1 at high ``x_0``.
    """
    bars: list[Phantom] = []
    for axis, start, across in ((0, 0.05, 0.10), (1, 0.20, 0.90)):
        position = start
        for period in (1 / 8, 1 / 16, 1 / 32, 1 / 64, 1 / 128, 1 / 256):
            for i in range(3):
                center, sides = [across, across], [0.1, 0.1]
                center[axis], sides[axis] = position + (i + 0.25) * period, period / 2
                bars.append(rectangle(center, sides, amplitude=amplitude))
            position += 3 * period
    return phantom_sum(bars)


PHANTOMS: dict[str, Callable[..., Phantom]] = {
    "shepp_logan": shepp_logan,
    "dots": dots,
    "brain": brain,
    "smooth_brain": smooth_brain,
    "shepp_logan_3d": shepp_logan_3d,
    "disc": disc,
    "rectangle": rectangle,
    "gaussian": gaussian,
    "polygon": polygon,
    "spline_blob": spline_blob,
    "resolution_bars": resolution_bars,
}
"""Makers of the shipped phantoms by name; every one works without arguments."""


def phantom_by_name(name: str, **options: Any) -> Phantom:
    """Make a phantom of :data:`PHANTOMS`.

    Parameters
    ----------
    name : str
        One of the names in ``PHANTOMS``.
    **options
        Passed to its maker.

    Raises
    ------
    ValueError
        For an unknown name; the message lists the known ones and the closest match.

    Examples
    --------
    >>> phantom_by_name("disc", radius=0.1).dim
    2
    """
    if name not in PHANTOMS:
        close = difflib.get_close_matches(name, PHANTOMS, n=1)
        hint = f"did you mean {close[0]!r}? " if close else ""
        raise ValueError(f"unknown phantom {name!r}; {hint}known: {', '.join(PHANTOMS)}")
    return PHANTOMS[name](**options)
