"""SVG path data: all commands, terse forms, arcs, refusals."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.phantoms.contours import Contour
from srinr.phantoms.svg_paths import path_contours


def outline(data):
    """The single contour of some path data, in its own units with axes (x, y)."""
    (pieces,) = path_contours(data)
    return Contour.from_pieces(pieces)


def same(first, second):
    """Whether two contours agree piece by piece up to rounding."""
    assert len(first.pieces.kind) == len(second.pieces.kind)
    return np.abs(first.pieces.rows - second.pieces.rows).max() < 1e-12


@pytest.mark.parametrize(
    ("relative", "absolute"),
    [
        ("m1 1 2 0 0 3z", "M1 1 L3 1 L3 4 Z"),
        ("m1,1h2v3z", "M1 1 H3 V4 Z"),
        ("M.5.5q1-1 2 0t2,0V3z", "M.5 .5 Q1.5-.5 2.5.5 T4.5,.5 L4.5 3Z"),
        ("M0 0c0-1 2-1 2 0s2 1 2 0v3h-4z", "M0 0 C0-1 2-1 2 0 S4 1 4 0 V3 H0 Z"),
        ("m0 0a1 1 0 01.5.5v1z", "M0,0 A1,1 0 0,1 .5,.5 L .5 1.5 Z"),
        ("m1e0-1e-1 1 0 0 1z", "M1 -0.1 2 -.1 2 .9"),
    ],
)
def test_relative_and_terse_forms(relative, absolute):
    assert same(outline(relative), outline(absolute))


def test_smooth_commands_reflect_the_last_control_point():
    assert same(
        outline("M0 0 Q1 -1 2 0 T4 0 T6 0 V5 H0 Z"), outline("M0 0 Q1 -1 2 0 Q3 1 4 0 Q5 -1 6 0 V5 H0 Z")
    )
    assert same(
        outline("M0 0 C0 -1 2 -1 2 0 S4 1 4 0 V5 H0 Z"), outline("M0 0 C0 -1 2 -1 2 0 C2 1 4 1 4 0 V5 H0 Z")
    )


def test_smooth_commands_without_a_predecessor_of_their_kind_do_not_reflect():
    assert same(outline("M0 0 H2 T4 1 V5 H0 Z"), outline("M0 0 H2 Q2 0 4 1 V5 H0 Z"))
    assert same(outline("M0 0 Q1 -1 2 0 S3 -1 4 0 V5 H0 Z"), outline("M0 0 Q1 -1 2 0 C2 0 3 -1 4 0 V5 H0 Z"))


def test_open_subpaths_are_closed_and_moves_start_at_the_closed_point():
    first, second = path_contours("M1 1 h2 v2 z m5 5 h1 v1")
    assert len(first) == len(second) == 3
    assert Contour.from_pieces(second).bounding_box.tolist() == [[6, 6], [7, 7]]


def test_subpaths_that_paint_nothing_are_dropped():
    assert path_contours("M1 1 M2 2 z m0 0 h0 z") == []


@pytest.mark.parametrize(("large", "sweep"), [(0, 0), (0, 1), (1, 0), (1, 1)])
def test_arcs_follow_their_flags(large, sweep):
    # From (1, 0) to (0, 1) on a unit circle about (0, 0) or (1, 1), y downwards: sweep 1 is clockwise on paper.
    contour = outline(f"M1 0 A1 1 0 {large} {sweep} 0 1 Z")
    segment = np.pi / 4 - 0.5
    assert contour.area == pytest.approx(np.pi - segment if large else segment, abs=1e-14)
    # Which of the two discs, about (0, 0) or (1, 1), the far ends of the large arcs tell.
    low, high = (-1.0, 1.0) if large != sweep else (0.0, 2.0)
    reach = contour.bounding_box
    assert reach[0] == pytest.approx([low if large else 0.0] * 2, abs=1e-12)
    assert reach[1] == pytest.approx([high if large else 1.0] * 2, abs=1e-12)


def test_arcs_with_small_radii_are_enlarged_and_with_none_are_straight():
    assert outline("M0 0 A1 1 0 0 1 4 0 Z").area == pytest.approx(2 * np.pi)
    assert outline("M0 0 A0 1 0 0 1 4 0 V1 Z").area == pytest.approx(2.0)


def test_tilted_arcs_make_a_full_ellipse():
    c, s = 3 * np.cos(np.radians(30)), 3 * np.sin(np.radians(30))
    contour = outline(f"M{-c} {-s} A3 2 30 0 1 {c} {s} A3 2 30 0 1 {-c} {-s}")
    assert contour.area == pytest.approx(6 * np.pi, rel=1e-12)
    reach = np.hypot(
        [3 * np.cos(np.pi / 6), 3 * np.sin(np.pi / 6)], [2 * np.sin(np.pi / 6), 2 * np.cos(np.pi / 6)]
    )
    assert contour.bounding_box[1] == pytest.approx(reach, abs=1e-12)


@pytest.mark.parametrize(
    "data", ["L1 1", "M0", "M0 0 L1", "M0 0 X1 1", "1 2", "M0 0 A1 1 0 2 1 3 3", "M0 0 L1 1 e5 Z", "M0 0 Z 3"]
)
def test_malformed_path_data_are_refused(data):
    with pytest.raises(ValueError, match="path data"):
        path_contours(data)


@settings(max_examples=200)
@given(st.text(alphabet="MmLlHhVvQqTtCcSsAaZz0123456789.,-+e \n", max_size=60))
def test_any_path_data_are_read_or_refused(data):
    try:
        contours = path_contours("M1 1" + data)
    except ValueError as error:
        assert str(error)  # noqa: PT017
    else:
        assert all(len(pieces) > 0 for pieces in contours)
