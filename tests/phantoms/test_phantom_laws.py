"""Every kind of phantom obeys the laws, and the laws reject phantoms that are wrong in a plausible way."""

from dataclasses import dataclass, replace

import numpy as np
import pytest

import phantom_laws as laws
from srinr.phantoms import (
    Contour,
    ContourPhantom,
    DotKernel,
    EllipticalArc,
    ModulatedPhantom,
    Phantom,
    Segment,
    dot,
    dots,
    ellipse,
    ellipse_contour,
    gaussian,
    polygon,
    polygon_contour,
    quadratic_spline,
    rectangle,
    resolution_bars,
    shepp_logan,
    shepp_logan_3d,
    spline_blob,
)
from srinr.phantoms.pieces import Pieces, bezier_pieces


def half_disc() -> ContourPhantom:
    """An elliptical arc closed by its chord."""
    arc = EllipticalArc([0.5, 0.45], [[0.3, 0.1], [-0.05, 0.2]], 0.4, 2.5)
    start, end = (np.array([0.5, 0.45]) + np.array(arc.matrix) @ [np.cos(t), np.sin(t)] for t in (0.4, 2.9))
    return ContourPhantom([Contour.from_pieces([arc, Segment(end, start)])], [1.5])


def ring() -> ContourPhantom:
    """A spline with a hole, amplitudes of both signs."""
    outer = quadratic_spline([[0.2, 0.25], [0.5, 0.1], [0.85, 0.3], [0.8, 0.75], [0.45, 0.9], [0.15, 0.6]])
    return ContourPhantom([outer, ellipse_contour([0.5, 0.5], [[0.12, 0.02], [0.0, 0.2]])], [1.0, -0.7])


def wave() -> np.ndarray:
    """A positive trigonometric polynomial with generic phases."""
    rng = np.random.default_rng(3)
    box = 0.05 * (rng.standard_normal((5, 5)) + 1j * rng.standard_normal((5, 5)))
    box = box + box[::-1, ::-1].conj()
    box[2, 2] = 1.0
    return box


PHANTOMS = {
    "ellipse": (lambda: ellipse([0.45, 0.52], [0.31, 0.18], 0.7, 1.3), 3e-4, 1.2),
    "rectangle": (lambda: rectangle([0.47, 0.55], [0.41, 0.23], 0.3, -0.8), 2e-3, 1.0),
    "gaussian": (lambda: gaussian([0.5, 0.48], [0.13, 0.11], 0.5, 2.0), 1e-14, 1.0),
    "polygon": (lambda: polygon(amplitude=0.9), 1e-3, 1.0),
    "polygon as contour": (
        lambda: ContourPhantom([polygon_contour([[0.2, 0.2], [0.7, 0.3], [0.8, 0.8], [0.4, 0.5]])], [1.0]),
        1e-3,
        1.0,
    ),
    "cubic spline": (spline_blob, 3e-4, 1.2),
    "ring of splines": (ring, 3e-4, 1.2),
    "half disc": (half_disc, 1e-3, 1.0),
    "dot": (lambda: dot([0.44, 0.53], 4, 0.55, 2.0), 1e-5, 2.0),
    "Fejer dot": (lambda: dot([0.6, 0.5], 3, 0.6, 1.0, DotKernel.FEJER), 1e-5, 2.0),
    "modulated": (lambda: ModulatedPhantom(spline_blob(), wave()), 3e-4, 1.2),
    "sum": (lambda: 2.0 * spline_blob() - ellipse([0.4, 0.6], [0.1, 0.2]) + dot([0.5, 0.5]), 3e-4, 1.2),
    "affine": (lambda: dots(3, 5, seed=1).rotate(0.4).scale([0.7, 0.8]), 1e-5, 2.0),
    "Shepp-Logan": (shepp_logan, 1e-3, 1.0),
}


@pytest.mark.parametrize("name", PHANTOMS)
def test_phantom_obeys_the_laws(name):
    make, raster_tol, order = PHANTOMS[name]
    laws.check_phantom(make(), raster_tol=raster_tol, order=order)


@pytest.mark.parametrize(
    "name", ["ellipse", "polygon", "cubic spline", "ring of splines", "dot", "modulated"]
)
def test_partial_sums_stay_below_the_energy(name):
    laws.check_bessel(PHANTOMS[name][0]())


def test_three_dimensional_head_obeys_the_laws(rng):
    head = shepp_logan_3d()
    laws.check_hermitian(head, rng)
    laws.check_translation(head, rng)
    laws.check_affine(head, rng)
    laws.check_box(head, cutoff=4)
    laws.check_continuity(head, rng)
    laws.check_origin(head, rng)
    laws.check_raster(head, sizes=(32, 96), tol=3e-3)


def test_resolution_bars_obey_the_laws(rng):
    bars = resolution_bars()
    laws.check_hermitian(bars, rng)
    laws.check_box(bars)
    laws.check_translation(bars, rng)


@dataclass(frozen=True, eq=False)
class Broken(Phantom):
    """A phantom whose coefficients are computed wrongly by ``fault``."""

    base: Phantom
    fault: str

    box_advantage = 8.0

    @property
    def dim(self):
        return self.base.dim

    @property
    def support(self):
        return self.base.support

    @property
    def amplitude_area(self):
        return self.base.amplitude_area

    def unwrapped_image(self, points):
        return self.base.unwrapped_image(points)

    def transform(self, frequencies, tol, engine):
        k = np.asarray(frequencies, dtype=float)
        if self.fault == "half a pixel":
            return self.base.transform(k, tol, engine) * np.exp(-2j * np.pi * k.sum(axis=1) * 0.5 / 256)
        if self.fault == "sign of the exponent":
            return self.base.transform(-k, tol, engine)
        if self.fault == "axes swapped":
            return self.base.transform(k[:, ::-1], tol, engine)
        if self.fault == "cell of 256 pixels":
            return self.base.transform(k, tol, engine) * 256**2
        return self.base.transform(k, tol, engine)

    def affine(self, matrix, shift):
        return replace(self, base=self.base.affine(matrix, shift))


@pytest.mark.parametrize(
    "fault", ["half a pixel", "sign of the exponent", "axes swapped", "cell of 256 pixels"]
)
def test_wrong_convention_is_rejected(fault):
    # The asymmetric blob shows what a symmetric phantom would hide.
    with pytest.raises(AssertionError, match="raster"):
        laws.check_raster(Broken(spline_blob(), fault), tol=3e-4)
    laws.check_raster(Broken(spline_blob(), "none"), tol=3e-4)


def test_flattened_spline_piece_is_rejected():
    blob = spline_blob()
    pieces = blob.pieces
    rows = pieces.rows.copy()
    chord = bezier_pieces(np.stack([rows[2].reshape(4, 2)[0], rows[2].reshape(4, 2).sum(axis=0)])[None])
    rows[2] = chord.rows[0]
    flat = ContourPhantom([Contour.from_pieces(Pieces(pieces.kind, rows))], [1.0])

    class Flattened(Broken):
        def transform(self, frequencies, tol, engine):
            return flat.transform(frequencies, tol, engine)

    with pytest.raises(AssertionError, match="raster"):
        laws.check_raster(Flattened(blob, "flattened"), tol=3e-4)


def test_omitted_margin_is_rejected():
    class NoMargin(ModulatedPhantom):
        def lowpass_box(self, cutoff, tol, engine):
            narrow = self.base.lowpass_box(cutoff, tol, engine)
            padded = np.pad(narrow, self.margin)
            total = np.zeros_like(narrow)
            for index, value in np.ndenumerate(self.coefficients):
                total += value * padded[tuple(slice(4 - i, 4 - i + len(narrow)) for i in index)]
            return total

    with pytest.raises(AssertionError, match="box against scattered"):
        laws.check_box(NoMargin(spline_blob(), wave()))


def test_one_sided_coefficients_are_rejected(rng):
    class NotReal(Broken):
        def transform(self, frequencies, tol, engine):
            return self.base.transform(frequencies, tol, engine) * (1 + 1e-9j)

    with pytest.raises(AssertionError, match=r"f\^\(-k\)"):
        laws.check_hermitian(NotReal(spline_blob(), "none"), rng)


def test_jump_at_a_switch_is_rejected(rng):
    class Jump(Broken):
        def transform(self, frequencies, tol, engine):
            near = np.linalg.norm(frequencies, axis=1) < 0.5
            return self.base.transform(frequencies, tol, engine) * (1 + 1e-11 * near)

    with pytest.raises(AssertionError, match="jump"):
        laws.check_continuity(Jump(spline_blob(), "none"), rng)


def test_wrong_translation_and_affine_rule_are_rejected(rng):
    class Unmoved(Broken):
        def affine(self, matrix, shift):
            return Unmoved(self.base, self.fault)

    with pytest.raises(AssertionError, match="translation"):
        laws.check_translation(Unmoved(spline_blob(), "none"), rng)
    with pytest.raises(AssertionError, match="affine"):
        laws.check_affine(Unmoved(spline_blob(), "none"), rng)
    with pytest.raises(AssertionError, match="quarter"):
        laws.check_quarter_turn(Unmoved(spline_blob(), "none"))
