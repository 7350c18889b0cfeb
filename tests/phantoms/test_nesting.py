"""Which contours contain which, and painted pictures as sums."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.phantoms.contours import ellipse_contour, polygon_contour
from srinr.phantoms.nesting import Painted, additive_phantom, containment, find_contact


@settings(max_examples=30)
@given(st.permutations(range(7)), st.lists(st.sampled_from([0.0, 0.3, 0.6, 1.0]), min_size=7, max_size=7))
def test_additive_weights_follow_from_any_painting_order(order, levels):
    discs = [(0.5, 0.45), (0.3, 0.2), (0.3, 0.1), (0.25, 0.03), (0.75, 0.15), (0.75, 0.1), (0.97, 0.01)]
    contours = [ellipse_contour([0.5, discs[i][0]], np.eye(2) * discs[i][1]) for i in order]
    regions = [Painted(c, level, i) for i, (c, level) in enumerate(zip(contours, levels, strict=True))]
    points = np.stack([np.full(400, 0.5), (np.arange(400) + 0.5) / 400], axis=1)
    painted = np.zeros(400)
    for i, level in zip(order, levels, strict=True):
        painted[np.abs(points[:, 1] - discs[i][0]) < discs[i][1]] = level
    if painted.any():
        assert np.abs(additive_phantom(regions).image(points) - painted).max() < 1e-14
    else:
        with pytest.raises(ValueError, match="nothing but level 0"):
            additive_phantom(regions)


def test_containment_names_the_contours_that_touch():
    discs = [ellipse_contour([0.5, x], 0.1 * np.eye(2)) for x in (0.2, 0.5, 0.65)]
    with pytest.raises(ValueError, match="contours 1 and 2 cross or touch"):
        containment(discs)


@pytest.mark.parametrize("gap", [1e-3, 1e-6, -1e-6, -1e-3])
def test_gaps_and_overlaps_are_told_apart_down_to_a_millionth(gap):
    discs = [ellipse_contour([0.5, x], 0.1 * np.eye(2)) for x in (0.3, 0.5 + gap)]
    assert (find_contact(discs) is not None) == (gap < 0)


def test_shared_edges_count_as_contact():
    squares = [polygon_contour([[x, 0.2], [x, 0.4], [x + 0.2, 0.4], [x + 0.2, 0.2]]) for x in (0.2, 0.4)]
    assert find_contact(squares) == (0, 1)


def test_a_region_in_the_bay_of_another_is_not_inside_it():
    bay = polygon_contour(
        [[0.1, 0.1], [0.9, 0.1], [0.9, 0.9], [0.7, 0.9], [0.7, 0.3], [0.3, 0.3], [0.3, 0.9], [0.1, 0.9]]
    )
    disc = ellipse_contour([0.5, 0.6], 0.1 * np.eye(2))
    assert not containment([bay, disc]).any()
