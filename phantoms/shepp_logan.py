"""The Shepp-Logan head: ten ellipses."""

from __future__ import annotations

import math
from enum import Enum

from srinr.phantoms.phantom import Phantom, phantom_sum
from srinr.phantoms.shapes import ellipse

# Semi-axes along X and Y, center X and Y, angle in degrees (counterclockwise), all on [-1, 1]^2 with X to the
# right and Y up. L. A. Shepp and B. F. Logan, IEEE Trans. Nucl. Sci. 21 (1974) 21-43; A. C. Kak and M. Slaney,
# Principles of Computerized Tomographic Imaging (1988) p. 255.
_ELLIPSES = (
    (0.69, 0.92, 0.0, 0.0, 0.0),
    (0.6624, 0.874, 0.0, -0.0184, 0.0),
    (0.11, 0.31, 0.22, 0.0, -18.0),
    (0.16, 0.41, -0.22, 0.0, 18.0),
    (0.21, 0.25, 0.0, 0.35, 0.0),
    (0.046, 0.046, 0.0, 0.1, 0.0),
    (0.046, 0.046, 0.0, -0.1, 0.0),
    (0.046, 0.023, -0.08, -0.605, 0.0),
    (0.023, 0.023, 0.0, -0.606, 0.0),
    (0.023, 0.046, 0.06, -0.605, 0.0),
)


class SheppLoganVariant(Enum):
    """Published amplitudes: skull, brain, the two large dark ellipses, and the six small bright ones."""

    ORIGINAL = (2.0, -0.98, -0.02, -0.02, 0.01)
    """Shepp and Logan 1974: contrasts of 1 % inside the brain."""
    MATLAB = (1.0, -0.98, -0.02, -0.02, 0.01)
    """As in MATLAB and BART."""
    TOFT = (1.0, -0.8, -0.2, -0.2, 0.1)
    """P. Toft, The Radon Transform (thesis, 1996): the usual "modified" phantom with visible contrasts."""

    @property
    def amplitudes(self) -> tuple[float, ...]:
        """The ten amplitudes."""
        return (*self.value[:4], *(self.value[4],) * 6)


def shepp_logan(
    variant: SheppLoganVariant = SheppLoganVariant.TOFT, *, ellipse_9_y: float = -0.606
) -> Phantom:
    """The 2-D Shepp-Logan phantom.

    The table's X (to the right) runs along columns and its Y (up) against rows: ``x_0 = (1 - Y) / 2``,
    ``x_1 = (X + 1) / 2``. A raster shown with ``imshow`` (axis 0 downwards) stands upright, as in textbooks and
    as ``skimage.data.shepp_logan_phantom()``: frontal ellipse at the top, the larger dark ellipse on the left.
    The head is nearly mirror symmetric and hides left-right flips: do not use it to test orientations.

    Parameters
    ----------
    variant : SheppLoganVariant
        Which published amplitudes.
    ellipse_9_y : float, default -0.606
        Height of the ninth ellipse on [-1, 1]: -0.606 in MATLAB, BART, SigPy; -0.605 in ImagePhantoms.jl.

    Examples
    --------
    The frontal ellipse, the skull at the chin, and the background beside the head:

    >>> shepp_logan().image([[0.325, 0.5], [0.95, 0.5], [0.5, 0.95]]).round(12).tolist()
    [0.3, 1.0, 0.0]
    """
    if not isinstance(variant, SheppLoganVariant):
        raise TypeError(f"variant must be a member of SheppLoganVariant, got {variant!r}")
    terms: list[Phantom] = []
    for number, (amplitude, row) in enumerate(zip(variant.amplitudes, _ELLIPSES, strict=True), start=1):
        a, b, x, y, degrees = row
        y = ellipse_9_y if number == 9 else y
        # (X, Y) -> (-Y, X) is a quarter turn: the semi-axes change places, the angle keeps its sense.
        terms.append(ellipse([(1 - y) / 2, (x + 1) / 2], [b / 2, a / 2], math.radians(degrees), amplitude))
    return phantom_sum(terms)
