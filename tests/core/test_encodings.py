"""Encodings: features against their formula, and the linear layer on grids against the features."""

import itertools
import json

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import Grid, half_plane, lowpass_frequencies
from srinr.encodings.base import Encoding, grid_points
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.lattice import lattice_coefficients, lattice_frequencies

ENCODINGS = {
    "lattice 1-D": FourierFeatures.lattice(3, dim=1),
    "lattice": FourierFeatures.lattice(2, dim=2),
    "lattice without constant": FourierFeatures.lattice(2, dim=2, constant=False),
    "lattice 3-D": FourierFeatures.lattice(1, dim=3),
    "Gaussian": FourierFeatures.gaussian(7, scale=3.0, dim=2, seed=4),
    "Gaussian with constant": FourierFeatures.gaussian(4, scale=3.0, dim=1, constant=True),
    "logarithmic": FourierFeatures.logarithmic(3, dim=2),
    "restricted": FourierFeatures([[1, 0], [0, 1]], constant=False),
    "restricted, one axis": FourierFeatures([[0, 3], [0, 1]]),
    "other half plane": FourierFeatures([[-1, 2], [0, -1], [2, 0]]),
    "coordinates": Coordinates(dim=2),
    "coordinates on [0, 1)": Coordinates(dim=1, low=0.0, high=1.0),
}


@pytest.fixture(params=ENCODINGS, name="encoding")
def _encoding(request):
    return ENCODINGS[request.param]


def grids(dim):
    return {1: [Grid((8,)), Grid((5,)), Grid((1,))], 2: [Grid((6, 5)), Grid((3, 8)), Grid((16, 16))],
            3: [Grid((3, 4, 5)), Grid((2, 2, 2))]}[dim]  # fmt: skip


def test_the_protocol_holds(encoding):
    assert isinstance(encoding, Encoding)
    points = torch.rand(9, encoding.dim, dtype=torch.float64)
    assert encoding.features(points).shape == (9, encoding.n_features)
    assert encoding.features(points.float()).dtype == torch.float32
    assert encoding.features(points[:0]).shape == (0, encoding.n_features)


def test_linear_layer_on_grids_is_that_of_the_features(encoding):
    weight = torch.randn(4, encoding.n_features, dtype=torch.float64)
    for grid in [*grids(encoding.dim), Grid((4,) * encoding.dim, endpoint=True)]:
        expected = weight @ encoding.features(torch.from_numpy(grid.points)).T
        torch.testing.assert_close(encoding.linear_on_grid(weight, grid), expected, atol=1e-12, rtol=0)
        cuts = sorted({0, grid.shape[0] // 2, grid.shape[0]})
        parts = [encoding.linear_on_grid(weight, grid, (a, b)) for a, b in itertools.pairwise(cuts)]
        torch.testing.assert_close(torch.cat(parts, dim=1), expected, atol=1e-12, rtol=0)
        single = encoding.linear_on_grid(weight.float(), grid)
        assert single.dtype == torch.float32
        torch.testing.assert_close(single.double(), expected, atol=1e-4, rtol=0)


def test_gradient_of_the_linear_layer(encoding):
    grid = grids(encoding.dim)[0]
    weight = torch.randn(2, encoding.n_features, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda w: encoding.linear_on_grid(w, grid).sin(), (weight,))
    assert torch.autograd.gradgradcheck(lambda w: encoding.linear_on_grid(w, grid).sin(), (weight,))


def test_spec_round_trip(encoding):
    rebuilt = type(encoding).from_spec(json.loads(json.dumps(encoding.spec())))
    points = torch.rand(5, encoding.dim, dtype=torch.float64)
    assert torch.equal(rebuilt.features(points), encoding.features(points))


def test_feature_formula():
    x = np.array([[0.1, 0.7], [0.25, 0.5]])
    k = lattice_frequencies(2)
    angle = 2 * np.pi * x @ k.T
    expected = np.hstack([np.sqrt(2) * np.sin(angle), np.sqrt(2) * np.cos(angle), np.ones((2, 1))])
    features = FourierFeatures.lattice(2).features(torch.from_numpy(x)).numpy()
    np.testing.assert_allclose(features, expected, atol=1e-14)


@given(st.integers(1, 3), st.integers(1, 3), st.booleans())
def test_lattice_features_are_orthonormal(max_frequency, dim, constant):
    encoding = FourierFeatures.lattice(max_frequency, dim, constant=constant)
    assert encoding.n_features == (2 * max_frequency + 1) ** dim - (not constant)
    assert encoding.max_frequency == max_frequency
    grid = Grid(2 * max_frequency + 1, dim=dim)
    gamma = encoding.features(torch.from_numpy(grid.points)).numpy()
    np.testing.assert_allclose(gamma.T @ gamma / grid.n_points, np.eye(encoding.n_features), atol=1e-13)


def test_features_have_constant_norm():
    gamma = FourierFeatures.lattice(3, dim=2).features(torch.rand(50, 2, dtype=torch.float64))
    np.testing.assert_allclose(gamma.square().sum(dim=1).numpy(), 49.0)


@pytest.mark.parametrize(("max_frequency", "dim"), [(3, 1), (2, 2), (1, 3)])
def test_one_sided_coefficients_against_the_lattice(max_frequency, dim, rng):
    encoding = FourierFeatures.lattice(max_frequency, dim)
    weights = rng.standard_normal((4, encoding.n_features))
    one_sided = encoding.coefficients(torch.from_numpy(weights)).numpy()
    both = lattice_coefficients(weights, max_frequency, dim)
    assert one_sided.shape == both.shape
    flip = tuple(slice(None, None, -1) for _ in range(dim))
    symmetric = 0.5 * (one_sided + one_sided[:, *flip].conj())
    np.testing.assert_allclose(symmetric, both, atol=1e-14)
    below = half_plane(-lowpass_frequencies(max_frequency, dim)).reshape(both.shape[1:])
    assert not one_sided[:, below].any()


def test_aliasing_on_coarse_grids_is_exact(rng):
    # The lattice is finer than the grid: pixel values must still be those of the function.
    encoding = FourierFeatures.lattice(6, dim=2)
    weight = torch.from_numpy(rng.standard_normal((2, encoding.n_features)))
    grid = Grid((4, 5))
    expected = weight @ encoding.features(torch.from_numpy(grid.points)).T
    torch.testing.assert_close(encoding.linear_on_grid(weight, grid), expected, atol=1e-11, rtol=0)


def test_gaussian_frequencies_have_the_promised_spread():
    encoding = FourierFeatures.gaussian(20_000, scale=2.5, dim=2, seed=1)
    assert encoding.frequencies.std() == pytest.approx(2.5, rel=0.02)
    assert encoding.n_features == 40_000
    other = FourierFeatures.gaussian(20_000, scale=2.5, dim=2, seed=2)
    assert not np.array_equal(encoding.frequencies, other.frequencies)
    again = FourierFeatures.gaussian(20_000, scale=2.5, dim=2, seed=1)
    np.testing.assert_array_equal(encoding.frequencies, again.frequencies)


def test_logarithmic_frequencies():
    expected = [[1, 0], [2, 0], [4, 0], [0, 1], [0, 2], [0, 4]]
    assert FourierFeatures.logarithmic(3).frequencies.tolist() == expected


def test_many_octaves_do_not_fill_the_box_they_span():
    # 41 features span a box of 1025 x 1025: synthesizing it separably would need 1.7 GB and five seconds.
    encoding = FourierFeatures.logarithmic(10, dim=2)
    weight = torch.randn(100, encoding.n_features, dtype=torch.float64)
    assert not encoding.is_separable_on(Grid((32, 32)))
    values = encoding.linear_on_grid(weight, Grid((32, 32)))
    assert values.shape == (100, 1024)
    for lattice, grid in [
        (1, Grid((256, 256))),
        (2, Grid((32, 32))),
        (10, Grid((64, 64))),
        (20, Grid((256, 256))),
    ]:
        assert FourierFeatures.lattice(lattice).is_separable_on(grid)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: FourierFeatures([1, 2]), "shape"),
        (lambda: FourierFeatures(np.zeros((0, 2))), "shape"),
        (lambda: FourierFeatures([[np.nan, 0]]), "NaN"),
        (lambda: FourierFeatures([[0, 0], [1, 0]]), "constant=True"),
        (lambda: FourierFeatures([[1, 0], [1, 0]]), "distinct"),
        (lambda: FourierFeatures([[1, -2], [-1, 2]]), "one of each pair"),
        (lambda: FourierFeatures.lattice(0), "max_frequency"),
        (lambda: FourierFeatures.lattice(1.5), "integer"),
        (lambda: FourierFeatures.gaussian(0, 1.0), "n_frequencies"),
        (lambda: FourierFeatures.gaussian(3, 0.0), "scale"),
        (lambda: FourierFeatures.gaussian(3, float("nan")), "scale"),
        (lambda: FourierFeatures.gaussian(3, float("inf")), "NaN or inf|scale"),
        (lambda: FourierFeatures.logarithmic(0), "n_octaves"),
        (lambda: FourierFeatures([[0.5]]).coefficients(torch.ones(1, 3)), "integer frequencies"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message), np.errstate(invalid="ignore"):
        make()


def test_frequencies_are_private_and_frozen():
    k = np.array([[1.0, 0.0]])
    encoding = FourierFeatures(k)
    k[:] = 5
    assert encoding.frequencies.tolist() == [[1.0, 0.0]]
    with pytest.raises(ValueError, match="read-only"):
        encoding.frequencies[0, 0] = 2
    assert "1 frequencies up to 1" in repr(encoding)


def test_single_precision_phases_of_high_frequencies():
    encoding = FourierFeatures([[1000, 0]], constant=False)
    points = torch.tensor([[0.375, 0.5], [0.12890625, 0.0]])  # exact in float32
    expected = encoding.features(points.double())
    torch.testing.assert_close(encoding.features(points).double(), expected, atol=2e-7, rtol=0)


def test_grid_points_in_c_order():
    grid = Grid((3, 4))
    points = grid_points(grid, None, torch.float64, torch.device("cpu"))
    np.testing.assert_array_equal(points.numpy(), grid.points)
    rows = grid_points(grid, (1, 3), torch.float64, torch.device("cpu"))
    np.testing.assert_array_equal(rows.numpy(), grid.points[4:])


def test_features_made_in_inference_mode_do_not_spoil_later_training():
    encoding = FourierFeatures.lattice(2, dim=1)
    with torch.inference_mode():
        encoding.linear_on_grid(torch.ones(1, 5, dtype=torch.float64), Grid((7,)))
    weight = torch.ones(1, 5, dtype=torch.float64, requires_grad=True)
    encoding.linear_on_grid(weight, Grid((7,))).square().sum().backward()
    assert torch.isfinite(weight.grad).all()
