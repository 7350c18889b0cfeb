"""Phantoms: continuous images with exact Fourier coefficients (installed as ``srinr.phantoms``).

>>> from srinr.phantoms import shepp_logan
>>> samples = shepp_logan().fourier_samples(cutoff=32)
>>> samples.values.shape
(4225,)

Nothing here imports torch.
"""

if __name__ != "srinr.phantoms":
    raise ImportError(
        "this folder is the package srinr.phantoms: install srinr (pip install -e .) and use "
        "'import srinr.phantoms'; see CONTRIBUTING.md"
    )

# Imported at once and not on first use: several functions share the name of their file (dots, shepp_logan,
# brain), and the file loaded first would otherwise hide the function.
from srinr.phantoms.brain import brain, smooth_brain
from srinr.phantoms.catalogue import PHANTOMS, phantom_by_name, resolution_bars, spline_blob
from srinr.phantoms.composition import AffinePhantom, ModulatedPhantom
from srinr.phantoms.contours import (
    Contour,
    ContourPhantom,
    cubic_spline,
    ellipse_contour,
    polygon_contour,
    quadratic_spline,
)
from srinr.phantoms.dot_lobes import DotKernel
from srinr.phantoms.dots import Dots, dot, dots
from srinr.phantoms.ellipsoids import ellipsoids, shepp_logan_3d
from srinr.phantoms.geometry import euler_rotation
from srinr.phantoms.kernels import Engine
from srinr.phantoms.phantom import Phantom, PhantomSum, phantom_sum
from srinr.phantoms.pieces import CubicBezier, EllipticalArc, QuadraticBezier, Segment
from srinr.phantoms.polygons import Polygon, polygon
from srinr.phantoms.published_dots import PublishedDots, published_dots, published_raster, published_samples
from srinr.phantoms.shapes import AffineShape, UnitShape, disc, ellipse, ellipsoid, gaussian, rectangle
from srinr.phantoms.shepp_logan import SheppLoganVariant, shepp_logan
from srinr.phantoms.svg import contours_from_svg
from srinr.phantoms.teachers import RandomTeacher, random_teacher

__all__ = [
    "PHANTOMS",
    "AffinePhantom",
    "AffineShape",
    "Contour",
    "ContourPhantom",
    "CubicBezier",
    "DotKernel",
    "Dots",
    "EllipticalArc",
    "Engine",
    "ModulatedPhantom",
    "Phantom",
    "PhantomSum",
    "Polygon",
    "PublishedDots",
    "QuadraticBezier",
    "RandomTeacher",
    "Segment",
    "SheppLoganVariant",
    "UnitShape",
    "brain",
    "contours_from_svg",
    "cubic_spline",
    "disc",
    "dot",
    "dots",
    "ellipse",
    "ellipse_contour",
    "ellipsoid",
    "ellipsoids",
    "euler_rotation",
    "gaussian",
    "phantom_by_name",
    "phantom_sum",
    "polygon",
    "polygon_contour",
    "published_dots",
    "published_raster",
    "published_samples",
    "quadratic_spline",
    "random_teacher",
    "rectangle",
    "resolution_bars",
    "shepp_logan",
    "shepp_logan_3d",
    "smooth_brain",
    "spline_blob",
]
