"""Contours: exact values of every kind of piece, the certificate, orientation, point evaluation, refusals."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import phantom_oracles as oracles
from srinr.domain import Grid, lowpass_frequencies
from srinr.phantoms import (
    Contour,
    ContourPhantom,
    CubicBezier,
    EllipticalArc,
    Engine,
    QuadraticBezier,
    Segment,
    cubic_spline,
    ellipse,
    ellipse_contour,
    polygon,
    polygon_contour,
    quadratic_spline,
    spline_blob,
)
from srinr.phantoms.pieces import bezier_pieces, bounding_box, positions, restricted, reversed_pieces
from srinr.phantoms.quadrature import gauss_nodes, ray_primitive

CONTROLS = np.array(
    [[0.2, 0.25], [0.5, 0.1], [0.85, 0.3], [0.8, 0.75], [0.45, 0.9], [0.5, 0.55], [0.15, 0.6]]
)
LEAF = [
    CubicBezier([0.2, 0.3], [0.5, -0.1], [0.9, 0.2], [0.8, 0.6]),
    QuadraticBezier([0.8, 0.6], [0.7, 0.9], [0.4, 0.8]),
    Segment([0.4, 0.8], [0.2, 0.3]),
]


def wiggly(rng, n, radius=0.4, wiggle=0.25, center=(0.5, 0.5)):
    """Controls of a wiggly closed curve that stays simple."""
    angle = 2 * np.pi * np.arange(n) / n
    r = radius * (1 - wiggle * rng.random(n))
    return np.asarray(center) + r[:, None] * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def phantom(contour, amplitude=1.0):
    return ContourPhantom([contour], [amplitude])


def quadratic_coefficients(image):
    return image.pieces.polynomials[:, :3]


@pytest.mark.parametrize("cutoff", [4, 32, 128])
def test_quadratic_splines_against_the_closed_form(cutoff, rng):
    image = ContourPhantom([quadratic_spline(CONTROLS), quadratic_spline(wiggly(rng, 40))], [1.0, 1.0])
    k = np.concatenate(
        [rng.integers(-cutoff, cutoff + 1, (30, 2)), [[cutoff, cutoff], [cutoff, 0], [0, -cutoff]]]
    )
    k = k[(k != 0).any(axis=1)]
    exact = oracles.parabolic_contour(quadratic_coefficients(image), k)
    box = image.fourier_samples(cutoff).values.reshape(2 * cutoff + 1, -1)
    for values in (box[tuple((k + cutoff).T)], image.transform(k.astype(float), 1e-12, None)):
        assert np.abs(values - exact).max() <= 1e-12 * image.amplitude_area
        # What is promised is 1e-12; what is reached is rounding.
        assert np.abs(values - exact).max() <= 5e-14 * image.amplitude_area


def test_real_frequencies_against_the_closed_form(rng):
    image = phantom(quadratic_spline(CONTROLS))
    k = np.concatenate([rng.uniform(-40, 40, (30, 2)), rng.uniform(-1, 1, (20, 2))])
    exact = oracles.parabolic_contour(quadratic_coefficients(image), k)
    assert np.abs(image.fourier_coefficients(k) - exact).max() <= 1e-13 * image.amplitude_area


@pytest.mark.parametrize("size", [1e-12, 1e-6, 1e-3, 0.1, 0.49, 0.51, 3.0, 11.7])
@pytest.mark.parametrize("make", [lambda: cubic_spline(CONTROLS[:5]), lambda: Contour.from_pieces(LEAF)])
def test_mixed_and_cubic_pieces_against_forty_digits(make, size):
    image = phantom(make())
    k = size * np.array([0.8, -0.6])
    exact = oracles.mp_polynomial_contour(image.pieces.polynomials, k)
    assert abs(image.fourier_coefficients([k])[0] - exact) <= 1e-14 * image.amplitude_area


def test_straight_pieces_are_the_polygon():
    vertices = polygon().vertices
    k = np.array([[0, 0], [0.2, 0.1], [3, -2], [60, 60], [17.5, 0.0]])
    as_contour = phantom(polygon_contour(vertices))
    np.testing.assert_allclose(
        as_contour.fourier_coefficients(k), polygon(vertices).fourier_coefficients(k), atol=2e-15
    )
    points = np.random.default_rng(0).random((2000, 2))
    np.testing.assert_array_equal(as_contour.image(points), polygon(vertices).image(points))


@pytest.mark.parametrize("cutoff", [3, 60])
def test_elliptical_arcs_are_the_ellipse(cutoff, rng):
    exact = ellipse([0.5, 0.45], [0.3, 0.15], 0.6)
    whole = phantom(ellipse_contour(exact.center, exact.matrix))
    arcs = [
        EllipticalArc(exact.center, exact.matrix, start, 2 * np.pi / 3)
        for start in 2 * np.pi / 3 * np.arange(3)
    ]
    parts = phantom(Contour.from_pieces(arcs))
    k = np.concatenate([rng.uniform(-cutoff, cutoff, (20, 2)), np.zeros((1, 2))])
    points = rng.random((3000, 2))
    for image in (whole, parts):
        assert abs(image.amplitude_area - exact.amplitude_area) <= 1e-15
        np.testing.assert_allclose(image.fourier_coefficients(k), exact.fourier_coefficients(k), atol=3e-15)
        np.testing.assert_array_equal(image.image(points), exact.image(points))


def test_area_is_exact():
    # Of a quadratic piece: (p x c)/3 + (c x q)/3 + (p x q)/6.
    c = CONTROLS
    p, q = (np.roll(c, 1, axis=0) + c) / 2, (c + np.roll(c, -1, axis=0)) / 2
    cross = lambda a, b: a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]  # noqa: E731
    expected = (cross(p, c) / 3 + cross(c, q) / 3 + cross(p, q) / 6).sum()
    assert abs(quadratic_spline(c).area - expected) <= 1e-16
    assert phantom(quadratic_spline(c)).fourier_coefficients([[0, 0]])[0] == quadratic_spline(c).area


def test_orientation_does_not_matter():
    forward, backward = phantom(cubic_spline(CONTROLS[:5])), phantom(cubic_spline(CONTROLS[4::-1]))
    assert forward.amplitude_area > 0
    k = np.array([[0, 0], [1, 2], [0.3, -0.1], [-20, 7]])
    np.testing.assert_allclose(backward.fourier_coefficients(k), forward.fourier_coefficients(k), atol=1e-15)
    points = np.random.default_rng(1).random((1000, 2))
    np.testing.assert_array_equal(backward.image(points), forward.image(points))


def test_reversed_and_restricted_pieces_are_the_same_curve(rng):
    pieces = Contour.from_pieces([*LEAF[:2], LEAF[2]]).pieces
    t = rng.random(5)
    np.testing.assert_allclose(
        positions(reversed_pieces(pieces), t), positions(pieces, 1 - t)[::-1], atol=1e-15
    )
    part = restricted(pieces, np.full(3, 0.25), np.full(3, 0.75))
    np.testing.assert_allclose(positions(part, t), positions(pieces, 0.25 + 0.5 * t), atol=1e-15)


def test_a_region_split_by_a_spline_is_the_sum_of_its_parts():
    cut = QuadraticBezier([0.8, 0.6], [0.5, 0.5], [0.2, 0.3])
    back = QuadraticBezier([0.2, 0.3], [0.5, 0.5], [0.8, 0.6])
    whole = phantom(Contour.from_pieces(LEAF))
    parts = ContourPhantom(
        [Contour.from_pieces([LEAF[0], cut]), Contour.from_pieces([back, LEAF[1], LEAF[2]])], [1.0, 1.0]
    )
    k = np.array([[0, 0], [1, 2], [0.3, -0.1], [-20, 7], [50, 50]])
    np.testing.assert_allclose(parts.fourier_coefficients(k), whole.fourier_coefficients(k), atol=1e-15)
    points = np.random.default_rng(1).random((3000, 2))
    np.testing.assert_array_equal(parts.image(points), whole.image(points))


@pytest.mark.parametrize("tol", [1e-4, 1e-8, 1e-12, 1e-14])
@pytest.mark.parametrize("kappa", [1.0, 30.0, 400.0])
def test_certificate_bounds_the_error(tol, kappa, rng):
    # Strongly uneven speed, a long straight piece and a sharp bend: where a fixed order fails.
    contour = Contour.from_pieces([
        QuadraticBezier([0.1, 0.1], [0.9, 0.05], [0.92, 0.5]),
        CubicBezier([0.92, 0.5], [0.9, 1.2], [0.55, 0.4], [0.5, 0.9]),
        Segment([0.5, 0.9], [0.1, 0.1]),
    ])  # fmt: skip
    image = phantom(contour)
    nodes = image.nodes(kappa, tol)
    fine = image.nodes(2 * kappa, 1e-15)
    assert 0 < nodes.bound <= tol * image.amplitude_area * (1 + 1e-9)
    angle = rng.uniform(0, 2 * np.pi, 40)
    k = kappa * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    unit = np.stack([-np.sin(angle), np.cos(angle)], axis=1)
    sums = [np.exp(-2j * np.pi * (k @ part.points.T)) @ part.strengths.T for part in (nodes, fine)]
    error = np.abs(((sums[0] - sums[1]) * unit).sum(axis=1)).max()
    assert error <= nodes.bound + 2e-14


def test_fixed_order_would_be_wrong():
    image = phantom(quadratic_spline(CONTROLS))
    coarse = gauss_nodes(image.pieces, image.piece_amplitudes, 4.0, 1e-8)
    k = np.array([[64.0, 64.0]])
    exact = oracles.parabolic_contour(quadratic_coefficients(image), k)[0]
    sums = np.exp(-2j * np.pi * (k @ coarse.points.T)) @ coarse.strengths.T
    value = 1j / (2 * np.pi * (k[0] @ k[0])) * (k[0, 0] * sums[0, 1] - k[0, 1] * sums[0, 0])
    assert abs(value - exact) > 1e-6


def test_tolerance_is_kept_at_low_accuracy(rng):
    image = phantom(quadratic_spline(wiggly(rng, 60)))
    k = lowpass_frequencies(40)
    exact = image.fourier_coefficients(k, tol=1e-14)
    for tol in (1e-3, 1e-6):
        assert np.abs(image.fourier_coefficients(k, tol=tol) - exact).max() <= tol * image.amplitude_area
    assert len(image.nodes(60.0, 1e-3).points) < 0.6 * len(image.nodes(60.0, 1e-14).points)


def test_ray_primitive_is_continuous_and_right():
    import mpmath as mp

    for u in (0.0, 1e-9j, 0.3j, 0.4999j, 0.5001j, 2.0j, 0.35 + 0.35j, 6.0j):
        with mp.workdps(40):
            exact = complex(mp.quad(lambda s, u=u: s * mp.exp(-mp.mpmathify(u) * s), [0, 1]))
        assert abs(ray_primitive(np.array([u], dtype=complex))[0] - exact) <= 1e-15


def test_points_and_lines_of_points_agree(rng):
    """The two ways to count crossings: many points on a line, and one point on each."""
    image = ContourPhantom(
        [quadratic_spline(wiggly(rng, 50)), cubic_spline(wiggly(rng, 9, 0.2)), Contour.from_pieces(LEAF)],
        [1.0, 0.5, -2.0],
    )
    grid = Grid((61, 67), dim=2)
    points = grid.points
    expected = image.image(points)
    np.testing.assert_array_equal(np.concatenate([image.image(points[i : i + 1]) for i in range(0, 4087, 7)]),
                                  expected[::7])  # fmt: skip
    shuffled = rng.permutation(len(points))
    np.testing.assert_array_equal(image.image(points[shuffled]), expected[shuffled])
    assert set(np.unique(expected)) <= {0.0, 1.0, 0.5, 1.5, -2.0, -1.0, -1.5, -0.5}


@given(seed=st.integers(0, 10_000), degree=st.sampled_from([1, 2, 3]))
def test_winding_against_a_fine_polygon(seed, degree):
    rng = np.random.default_rng(seed)
    controls = wiggly(rng, 12)
    contour = {1: polygon_contour, 2: quadratic_spline, 3: cubic_spline}[degree](controls)
    fine = positions(contour.pieces, np.linspace(0, 1, 200, endpoint=False)).reshape(-1, 2)
    points = rng.random((300, 2))
    distance = np.linalg.norm(points[:, None] - fine[None, ::5], axis=2).min(axis=1)
    z = (fine[None, :, 0] + 1j * fine[None, :, 1]) - (points[:, :1] + 1j * points[:, 1:])
    turns = np.angle(np.roll(z, -1, axis=1) / z).sum(axis=1) / (2 * np.pi)
    clear = distance > 0.01
    np.testing.assert_array_equal(phantom(contour).image(points)[clear], np.rint(turns)[clear])


def test_evaluation_on_the_curve_and_at_vertices_leaves_no_streaks():
    # Scan lines through vertices, extrema and joints must neither lose nor double a crossing.
    image = ContourPhantom([polygon_contour([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.5, 0.5], [0.25, 0.75]]),
                            quadratic_spline([[0.25, 0.25], [0.75, 0.25], [0.75, 0.75], [0.25, 0.75]])],
                           [1.0, 1.0])  # fmt: skip
    raster = Grid(64, dim=2).rasterize(image)
    assert set(np.unique(raster)) <= {0.0, 1.0, 2.0}
    assert (raster[:16] == 0).all()
    assert (raster[49:] == 0).all()
    assert (raster[:, :16] == 0).all()
    assert (raster[:, 49:] == 0).all()


def test_bounding_box_is_exact(rng):
    for contour in (
        quadratic_spline(CONTROLS),
        Contour.from_pieces(LEAF),
        ellipse_contour([0.5, 0.5], [[0.3, 0.1], [0, 0.2]]),
    ):
        fine = positions(contour.pieces, np.linspace(0, 1, 20001)).reshape(-1, 2)
        box = bounding_box(contour.pieces)
        np.testing.assert_allclose(box, [fine.min(axis=0), fine.max(axis=0)], atol=1e-8)
        assert (box[0] <= fine.min(axis=0) + 1e-15).all()
        assert (box[1] >= fine.max(axis=0) - 1e-15).all()


@pytest.mark.parametrize("engine", list(Engine))
def test_box_is_the_same_on_every_engine(engine, rng):
    image = phantom(quadratic_spline(wiggly(rng, 80)))
    np.testing.assert_allclose(
        image.fourier_samples(20, engine=engine).values,
        image.fourier_samples(20).values,
        atol=1e-14 * image.amplitude_area,
    )


def test_small_sets_of_integers_do_not_cost_a_box(monkeypatch):
    image = spline_blob()
    monkeypatch.setattr(
        ContourPhantom, "lowpass_box", lambda *a: pytest.fail("a whole box for two frequencies")
    )
    assert image.fourier_coefficients([[500, 3], [0, 1]]).shape == (2,)


def test_refusals():
    square = [[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.2, 0.8]]
    with pytest.raises(ValueError, match="at least 3 points"):
        quadratic_spline(square[:2])
    with pytest.raises(ValueError, match="NaN or infinite"):
        quadratic_spline([*square, [np.nan, 0.5]])
    with pytest.raises(ValueError, match="not closed: piece 0"):
        Contour.from_pieces([Segment([0.2, 0.2], [0.8, 0.2]), Segment([0.8, 0.3], [0.2, 0.2])])
    with pytest.raises(ValueError, match="encloses no area"):
        polygon_contour([[0.2, 0.2], [0.5, 0.5], [0.8, 0.8]])
    with pytest.raises(ValueError, match="amplitudes must be 1 finite"):
        ContourPhantom([polygon_contour(square)], [1.0, 2.0])
    with pytest.raises(ValueError, match="at least one contour"):
        ContourPhantom([], [])
    with pytest.raises(ValueError, match="sweep must be"):
        EllipticalArc([0.5, 0.5], np.eye(2), 0.0, 7.0).pieces()


CROSSING = {
    "figure eight": lambda: polygon_contour([[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.9]]),
    "spline eight": lambda: quadratic_spline([[0.2, 0.2], [0.8, 0.8], [0.8, 0.2], [0.2, 0.9], [0.1, 0.5]]),
    "crossing neighbors": lambda: Contour.from_pieces(
        [QuadraticBezier([0.2, 0.2], [0.8, 0.2], [0.5, 0.5]), CubicBezier([0.5, 0.5], [0.5, 0.0], [0.9, 0.0], [0.2, 0.2])]
    ),
    "loop in a cubic": lambda: Contour.from_pieces(
        [CubicBezier([0.2, 0.5], [0.9, 0.9], [0.1, 0.9], [0.8, 0.5]), Segment([0.8, 0.5], [0.2, 0.5])]
    ),
    "touching vertex": lambda: polygon_contour([[0.2, 0.2], [0.8, 0.2], [0.8, 0.8], [0.5, 0.2], [0.2, 0.8]]),
    "there and back": lambda: Contour.from_pieces([
        QuadraticBezier([0.2, 0.2], [0.9, 0.2], [0.6, 0.2]),
        Segment([0.6, 0.2], [0.5, 0.6]),
        Segment([0.5, 0.6], [0.2, 0.2]),
    ]),
}  # fmt: skip


@pytest.mark.parametrize("name", CROSSING)
def test_curves_that_meet_themselves_are_refused(name):
    with pytest.raises(ValueError, match="not simple"):
        CROSSING[name]()


def test_narrow_but_simple_curves_are_accepted(rng):
    # A horseshoe with a gap of 1e-5, a very acute corner, a cusp-like bend.
    gap = 1e-5
    horseshoe = [
        [0.2, 0.2],
        [0.8, 0.2],
        [0.8, 0.5 - gap],
        [0.3, 0.5 - gap],
        [0.3, 0.5],
        [0.8, 0.5],
        [0.8, 0.8],
        [0.2, 0.8],
    ]
    assert polygon_contour(horseshoe).area > 0
    assert polygon_contour([[0.1, 0.5], [0.9, 0.5], [0.9, 0.501]]).area > 0
    assert quadratic_spline(wiggly(rng, 300, 0.4, 0.1)).area > 0
    folded = np.array(
        [
            [0.1, 0.3],
            [0.9, 0.3],
            [0.9, 0.32],
            [0.12, 0.32],
            [0.12, 0.34],
            [0.9, 0.34],
            [0.9, 0.36],
            [0.1, 0.36],
        ]
    )
    assert quadratic_spline(folded).area > 0


@given(seed=st.integers(0, 1000))
def test_random_polygons_are_judged_right(seed):
    rng = np.random.default_rng(seed)
    v = rng.random((7, 2))
    a, b = v, np.roll(v, -1, axis=0)
    cross = lambda p, q, r: (q[0] - p[0]) * (r[1] - p[1]) - (q[1] - p[1]) * (r[0] - p[0])  # noqa: E731
    simple = not any(
        cross(a[i], b[i], a[j]) * cross(a[i], b[i], b[j]) < 0
        and cross(a[j], b[j], a[i]) * cross(a[j], b[j], b[i]) < 0
        for i in range(7)
        for j in range(i + 1, 7)
    )
    if simple:
        assert polygon_contour(v).area > 0
    else:
        with pytest.raises(ValueError, match="not simple"):
            polygon_contour(v)


def test_one_closed_piece_is_a_contour():
    drop = Contour.from_pieces([CubicBezier([0.5, 0.2], [1.1, 0.9], [-0.1, 0.9], [0.5, 0.2])])
    assert drop.area > 0
    assert phantom(drop).image([[0.5, 0.5], [0.5, 0.1]]).tolist() == [1.0, 0.0]


def test_pieces_from_control_points_match_bezier():
    p = np.random.default_rng(2).random((4, 2))
    t = np.linspace(0, 1, 7)
    b = np.stack([(1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t**2 * (1 - t), t**3], axis=1)
    np.testing.assert_allclose(positions(bezier_pieces(p[None]), t)[0], b @ p, atol=1e-15)
