"""The brain phantoms: an axial slice bounded by closed splines, piecewise constant or smoothly shaded.

The class of phantoms is that of Guerquin-Kern, Lejeune, Pruessmann and Unser, IEEE Trans. Med. Imaging 31
(2012) 626. The drawing is our own: ``data/brain.json``, written by :mod:`srinr.phantoms.draw_brain`.
"""

from __future__ import annotations

import json
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.composition import ModulatedPhantom
from srinr.phantoms.contours import ContourPhantom, cubic_spline, quadratic_spline

# The shading: a constant plus a Gaussian bump, the bump's center and standard deviations in fields of view.
_SHADING_FLOOR = 0.35
_SHADING_CENTER = np.array([0.41, 0.57])
_SHADING_WIDTHS = np.array([0.20, 0.24])
_SHADING_DEGREE = 2


def brain() -> ContourPhantom:
    """Piecewise constant brain slice, 79 regions bounded by quadratic B-splines.

    Row 0 of a raster is the front of the head. The picture is deliberately asymmetric, so that flips and
    shifts show. Gray levels lie between 0 (outside) and 1; neighbors differ by at least 0.1; the smallest
    vessels are 0.004 fields of view wide; everything lies within 0.47 of the center of the field of view.

    Returns
    -------
    ContourPhantom
        One contour per region; its amplitude is the region's gray level minus that of the region around it.

    Examples
    --------
    >>> phantom = brain()
    >>> len(phantom.contours)
    79
    >>> phantom.image([[0.01, 0.01], [0.52, 0.5]]).round(12).tolist()     # outside, third ventricle
    [0.0, 0.25]
    """
    data = json.loads(
        resources.files("srinr.phantoms").joinpath("data/brain.json").read_text(encoding="utf-8")
    )
    spline = {2: quadratic_spline, 3: cubic_spline}[data["degree"]]
    regions = data["regions"]
    # That the contours are simple and nested is a property of the data, which the tests prove.
    contours = [
        spline(0.5 + data["unit"] * np.array(region["points"], dtype=np.float64), check_simple=False)
        for region in regions
    ]
    outer = [0.0 if region["parent"] is None else regions[region["parent"]]["level"] for region in regions]
    return ContourPhantom(
        contours, [round(r["level"] - around, 12) for r, around in zip(regions, outer, strict=True)]
    )


def smooth_brain() -> ModulatedPhantom:
    """Brain slice shaded by a positive trigonometric polynomial of degree 2 per axis: piecewise smooth.

    The factor is ``c + (1 - c) g(x) / g(x_0)`` with ``c`` = 0.35 and ``g`` the Fourier series, cut off at
    ``|n|_inf <= 2``, of a Gaussian around ``x_0 = (0.41, 0.57)`` repeated with period 1. Its maximum is 1, at ``x_0``,
    and its minimum is above 0.35. Coefficients are the exact finite convolution with those of :func:`brain`.

    Returns
    -------
    ModulatedPhantom

    Examples
    --------
    >>> phantom = smooth_brain()
    >>> phantom.margin
    2
    >>> float(phantom.image([[0.52, 0.5]])[0]) < 0.25       # darker than the plain brain
    True
    """
    return ModulatedPhantom(brain(), _shading())


def _shading() -> NDArray[np.complex128]:
    """Centered box of the coefficients of the shading."""
    n = np.arange(-_SHADING_DEGREE, _SHADING_DEGREE + 1)
    weights = np.exp(-2 * (np.pi * _SHADING_WIDTHS[:, None] * n) ** 2)
    waves = np.exp(-2j * np.pi * _SHADING_CENTER[:, None] * n)
    bump = np.outer(*(weights * waves))
    # At the center all terms are in phase: the sum of the weights is the maximum of the bump.
    coefficients = (1 - _SHADING_FLOOR) * bump / np.outer(*weights).sum()
    coefficients[_SHADING_DEGREE, _SHADING_DEGREE] += _SHADING_FLOOR
    return np.asarray(coefficients, dtype=np.complex128)
