"""Grid, frequencies and the convention that everything else refers to."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import ContinuousImage, Grid, grid_frequencies, half_plane, lowpass_frequencies
from srinr.operators.fourier import FourierOperator
from srinr.status import OutOfMemoryError, SrinrError, Status


class Polynomial:
    """A function whose axes cannot be confused."""

    def image(self, points):
        return points[:, 0] + 10 * points[:, 1] ** 2


def test_points_are_i_over_n_in_c_order():
    grid = Grid((3, 5))
    expected = [[i / 3, j / 5] for i in range(3) for j in range(5)]
    np.testing.assert_array_equal(grid.points, expected)
    assert (grid.dim, grid.n_points, grid.spacing) == (2, 15, (1 / 3, 1 / 5))


@given(st.integers(2, 3000), st.booleans())
def test_axes_are_the_correctly_rounded_fractions(n, endpoint):
    # i * (1 / n) would miss i / n by a rounding error: 49 * (1 / 49) < 1, and 49 / 98 must be the center.
    (axis,) = Grid(n, dim=1, endpoint=endpoint).axes
    np.testing.assert_array_equal(axis, np.arange(n) / (n - 1 if endpoint else n))


def test_endpoint_grid_holds_both_ends():
    grid = Grid((50, 2), endpoint=True)
    assert grid.points[0].tolist() == [0.0, 0.0]
    assert grid.points[-1].tolist() == [1.0, 1.0]
    assert grid != Grid((50, 2))


def test_one_number_and_dim_is_a_cube():
    assert Grid(4, dim=3) == Grid((4, 4, 4)) == Grid((4, 4, 4), dim=3) == Grid(np.int64(4), dim=3)
    assert len({Grid(4, dim=2), Grid((4, 4))}) == 1, "equal grids have equal hashes"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"shape": 4}, "needs dim"),
        ({"shape": (4, 4), "dim": 3}, "does not match"),
        ({"shape": ()}, "positive integers"),
        ({"shape": (4, 0)}, "positive integers"),
        ({"shape": (4, -1)}, "positive integers"),
        ({"shape": 4, "dim": 0}, "dim must be"),
        ({"shape": (4, 1), "endpoint": True}, "at least 2 points"),
        ({"shape": (2.5, 4)}, "integers"),
        ({"shape": (4.0, np.nan)}, "integers"),
        ({"shape": 2.5, "dim": 2}, "integers"),
        ({"shape": "44"}, "integers"),
    ],
)
def test_grid_refuses(arguments, message):
    with pytest.raises(ValueError, match=message):
        Grid(**arguments)


def test_grid_is_immutable():
    with pytest.raises(AttributeError):
        Grid(4, dim=2).shape = (5, 5)


@pytest.mark.parametrize("shape", [(7,), (4, 5), (3, 1, 4)])
@pytest.mark.parametrize("chunk_size", [1, 3, 7, 1000])
def test_point_chunks_cover_the_points_in_order(shape, chunk_size):
    grid = Grid(shape)
    chunks = list(grid.point_chunks(chunk_size))
    np.testing.assert_array_equal(np.concatenate([points for _, points in chunks]), grid.points)
    assert all(len(points) <= chunk_size for _, points in chunks)
    covered = np.concatenate([np.arange(grid.n_points)[part] for part, _ in chunks])
    np.testing.assert_array_equal(covered, np.arange(grid.n_points))


@pytest.mark.parametrize("chunk_size", [1, 4, 10**6])
def test_rasterize_puts_component_i_on_axis_i(chunk_size):
    grid = Grid((3, 4))
    pixels = grid.rasterize(Polynomial(), chunk_size=chunk_size)
    expected = np.arange(3)[:, None] / 3 + 10 * (np.arange(4)[None] / 4) ** 2
    np.testing.assert_allclose(pixels, expected, rtol=1e-15)


def test_rasterize_keeps_the_kind_of_numbers():
    class Complex:
        def image(self, points):
            return points[:, 0] * 1j

    class Integer:
        def image(self, points):
            return (points[:, 0] > 0.5).astype(np.int64)

    assert Grid((4, 4)).rasterize(Complex()).dtype == np.complex128
    assert Grid((4, 4)).rasterize(Integer()).dtype == np.int64


def test_rasterize_prefers_on_grid():
    class Fast(Polynomial):
        def on_grid(self, grid):
            return np.full(grid.shape, 7.0)

    assert (Grid((2, 2)).rasterize(Fast()) == 7.0).all()


def test_rasterize_refuses_what_is_not_an_image():
    operator = FourierOperator(Grid((4, 4)))
    assert hasattr(operator, "on_grid"), "an operator has on_grid as well, with another meaning"
    for wrong in (operator, np.ones((4, 4)), lambda points: points[:, 0], None):
        with pytest.raises(TypeError, match="image"):
            Grid((4, 4)).rasterize(wrong)


def test_rasterize_refuses_wrong_shapes():
    class Column:
        def image(self, points):
            return points[:, :1]

    with pytest.raises(ValueError, match="must return shape"):
        Grid((4, 4)).rasterize(Column())
    with pytest.raises(ValueError, match="chunk_size"):
        Grid((4, 4)).rasterize(Polynomial(), chunk_size=0)


def test_out_of_memory_names_the_chunk_size():
    class Hungry:
        def image(self, points):
            return np.empty((2**24, 2**25))[:, 0]

    with pytest.raises(OutOfMemoryError, match="chunk_size below 64") as caught:
        Grid((16, 16)).rasterize(Hungry(), chunk_size=64)
    assert isinstance(caught.value, SrinrError | MemoryError)


def test_protocol_is_structural():
    assert isinstance(Polynomial(), ContinuousImage)
    assert not isinstance(np.ones(3), ContinuousImage)


@given(st.integers(0, 4), st.integers(1, 3))
def test_lowpass_frequencies_are_the_centered_box_in_c_order(cutoff, dim):
    k = lowpass_frequencies(cutoff, dim)
    assert k.dtype == np.int64
    assert k.tolist() == [list(t) for t in itertools.product(range(-cutoff, cutoff + 1), repeat=dim)]
    np.testing.assert_array_equal(k, -k[::-1])


@pytest.mark.parametrize("cutoff", [-1, 1.5, float("nan"), float("inf")])
def test_lowpass_frequencies_refuse(cutoff):
    with pytest.raises(ValueError, match="cutoff"):
        lowpass_frequencies(cutoff)


def test_lowpass_frequencies_refuse_dimension_zero():
    with pytest.raises(ValueError, match="dim"):
        lowpass_frequencies(2, dim=0)


@given(st.lists(st.integers(1, 6), min_size=1, max_size=3))
def test_grid_frequencies_are_the_shifted_dft_frequencies(shape):
    axes = [np.fft.fftshift(np.fft.fftfreq(n, 1 / n)) for n in shape]
    expected = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    np.testing.assert_array_equal(grid_frequencies(tuple(shape)), expected)


@given(st.integers(1, 3), st.integers(1, 3))
def test_half_plane_holds_one_of_each_pair(cutoff, dim):
    k = lowpass_frequencies(cutoff, dim)
    mask = half_plane(k)
    np.testing.assert_array_equal(mask ^ half_plane(-k), k.any(axis=1))
    assert mask.sum() == (len(k) - 1) // 2
    first = np.array([row[np.flatnonzero(row)[0]] for row in k[mask]])
    assert (first > 0).all()


def test_half_plane_refuses_a_flat_array():
    with pytest.raises(ValueError, match="shape"):
        half_plane(np.arange(3))


def test_every_status_has_a_message_with_a_remedy():
    for status in Status:
        assert len(status.message) > 20
        assert status.is_success == status.name.startswith("CONVERGED")
