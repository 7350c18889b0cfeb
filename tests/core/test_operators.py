"""Every operator and composition obeys the laws, agrees with the definition, and refuses what it cannot do."""

import copy
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

import srinr.operators.fourier as fourier
from laws import check_norm, check_operator, check_quadrature, random_array
from srinr.domain import Grid, grid_frequencies, lowpass_frequencies
from srinr.operators.fourier import FourierOperator
from srinr.operators.linear import LinearOperator
from srinr.operators.mri import CoilSensitivity, SamplingMask
from srinr.samples import FourierSamples

SHAPES = [(8,), (9,), (6, 6), (7, 4), (5, 8), (4, 3, 6)]


@pytest.fixture(params=["pruned", "fft"])
def path(request, monkeypatch):
    """Force one way of computing the transform."""
    monkeypatch.setattr(fourier, "FFT_COST", 1e9 if request.param == "pruned" else 0.0)
    return request.param


def maps(n_coils, shape, seed=5):
    return random_array((n_coils, *shape), np.random.default_rng(seed))


def some_frequencies(shape, seed=3):
    """An unordered subset, with the lowest frequency of even axes and one repetition."""
    k = grid_frequencies(shape)
    rng = np.random.default_rng(seed)
    chosen = rng.permutation(len(k))[: max(3, len(k) // 2)]
    return np.concatenate([k[chosen], k[:1], k[chosen[:1]]])


def definition(grid, frequencies, x):
    """The sum that the convention says, one term at a time."""
    waves = np.exp(-2j * np.pi * frequencies @ grid.points.T)
    return waves @ x.ravel() / grid.n_points


@pytest.mark.parametrize("shape", SHAPES)
def test_subset_of_frequencies(shape, path, rng):
    grid = Grid(shape)
    frequencies = some_frequencies(shape)
    operator = FourierOperator(grid, frequencies)
    assert operator.is_pruned == (path == "pruned")
    for is_complex in (False, True):
        x = random_array(shape, rng, is_complex=is_complex)
        np.testing.assert_allclose(operator.forward(x), definition(grid, frequencies, x), atol=1e-14)
    check_operator(operator)


@pytest.mark.parametrize("shape", SHAPES)
def test_lowpass_box(shape, path):
    cutoff = (min(shape) - 1) // 2
    frequencies = lowpass_frequencies(cutoff, dim=len(shape))
    operator = FourierOperator(Grid(shape), frequencies)
    check_operator(operator)
    check_norm(operator, 1 / np.sqrt(np.prod(shape)))
    y = random_array(operator.out_shape, np.random.default_rng(0))
    # A A* = 1/N for distinct frequencies: the adjoint is not the inverse.
    np.testing.assert_allclose(operator.forward(operator.adjoint(y)), y / np.prod(shape), atol=1e-14)


@pytest.mark.parametrize("shape", SHAPES)
def test_full_kspace(shape, rng):
    operator = FourierOperator(Grid(shape))
    assert operator.out_shape == shape
    x = random_array(shape, rng)
    np.testing.assert_allclose(operator.forward(x), np.fft.fftshift(np.fft.fftn(x)) / x.size, atol=1e-14)
    flat = operator.forward(x).ravel()
    np.testing.assert_allclose(flat, definition(Grid(shape), operator.frequencies, x), atol=1e-14)
    check_operator(operator)
    check_norm(operator, 1 / np.sqrt(x.size))


def test_zero_frequency_alone_is_the_mean(path, rng):
    x = rng.standard_normal((5, 6))
    operator = FourierOperator(Grid((5, 6)), [[0, 0]])
    assert operator.forward(x)[0] == pytest.approx(x.mean())
    check_operator(operator)


@given(st.lists(st.integers(1, 7), min_size=1, max_size=3), st.data())
def test_pruned_and_fft_agree(shape, data):
    k = grid_frequencies(tuple(shape))
    index = data.draw(st.lists(st.integers(0, len(k) - 1), min_size=1, max_size=12))
    x = random_array((2, *shape), np.random.default_rng(len(k)))
    results = []
    for cost in (0.0, 1e9):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(fourier, "FFT_COST", cost)
            operator = FourierOperator(Grid(tuple(shape)), k[index])
        y = operator.forward(x)
        results.append((y, operator.adjoint(y), operator.forward(x.real.copy())))
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-13)


def test_pruning_is_chosen_by_cost():
    grid = Grid((256, 256))
    assert FourierOperator(grid, lowpass_frequencies(8)).is_pruned
    assert not FourierOperator(grid).is_pruned


class Wave:
    """One complex exponential of frequency (2, -3)."""

    def image(self, points):
        return np.exp(2j * np.pi * (2 * points[:, 0] - 3 * points[:, 1]))


def test_convention_of_sign_order_and_scale(path):
    frequencies = lowpass_frequencies(3, dim=2)
    exact = (frequencies == [2, -3]).all(axis=1).astype(complex)
    check_quadrature(
        lambda grid: FourierOperator(grid, frequencies),
        Wave(),
        exact,
        [Grid((7, 8)), Grid((20, 9))],
        rtol=1e-13,
    )


class RectifiedWave:
    """``max(cos(2 pi x_1), 0)``, constant along the second axis."""

    def image(self, points):
        return np.maximum(np.cos(2 * np.pi * points[:, 0]), 0.0)


def test_quadrature_converges_at_the_order_of_a_kink(path):
    frequencies = np.array([[0, 0], [1, 0], [-1, 0], [2, 0], [0, 1]])
    exact = np.array([1 / np.pi, 0.25, 0.25, 1 / (3 * np.pi), 0.0], dtype=complex)
    grids = [Grid((n, 4)) for n in (15, 31, 63, 127)]
    check_quadrature(
        lambda grid: FourierOperator(grid, frequencies), RectifiedWave(), exact,
        [Grid((n, n)) for n in (15, 31, 63, 127)], order=1.8,
    )  # fmt: skip
    assert len(grids) == 4


def test_large_frequencies_lose_no_digits(monkeypatch):
    monkeypatch.setattr(fourier, "FFT_COST", 1e9)
    grid = Grid((4001,))
    operator = FourierOperator(grid, [[1999], [-2000]])
    x = np.cos(2 * np.pi * ((1999 * np.arange(4001)) % 4001) / 4001)
    np.testing.assert_allclose(operator.forward(x), [0.5, 0.0], atol=1e-13)


@pytest.mark.parametrize(
    ("shape", "frequencies", "message"),
    [
        ((8,), [[4]], "8 grid points represent at most 3"),
        ((8,), [[-5]], "use at least"),
        ((7,), [[4]], "use at least"),
        ((8, 8), [[0, 0], [1, 7]], "axis 1"),
        ((8, 8), [[0.5, 0]], "integer frequencies"),
        ((8, 8), [[np.nan, 0]], "frequencies"),
        ((8, 8), [[np.inf, 0]], "frequencies"),
        ((8, 8), [[1]], "shape"),
        ((8, 8), [1, 2], "shape"),
        ((8, 8), np.zeros((0, 2)), "shape"),
        ((8, 8), [["a", "b"]], "frequencies"),
        ((8, 8), [[1 + 1j, 0]], "frequencies"),
    ],
)
def test_frequencies_refused(shape, frequencies, message):
    with pytest.raises(ValueError, match=message):
        FourierOperator(Grid(shape), frequencies)


def test_the_suggested_number_of_points_is_enough():
    with pytest.raises(ValueError, match="use at least 11 points"):
        FourierOperator(Grid(8, dim=1), [[5], [-5]])
    assert FourierOperator(Grid(11, dim=1), [[5], [-5]]).out_shape == (2,)


def test_integer_valued_floats_are_integers():
    operator = FourierOperator(Grid((8, 8)), [[1.0, -2.0]])
    assert operator.frequencies.dtype == np.int64


def test_endpoint_grid_is_refused():
    with pytest.raises(ValueError, match="end point"):
        FourierOperator(Grid((8, 8), endpoint=True))


def test_wrong_inputs_are_refused():
    operator = FourierOperator(Grid((4, 5)), [[0, 1]])
    for shape in [(5, 4), (4,), (), (5,), (4, 5, 1)]:
        with pytest.raises(ValueError, match=r"forward expects an array whose last axes are \(4, 5\)"):
            operator.forward(np.ones(shape))
    with pytest.raises(ValueError, match="adjoint expects"):
        operator.adjoint(np.ones((1, 2)))
    with pytest.raises(TypeError, match="NumPy array or a torch tensor"):
        operator.forward([[1.0] * 5] * 4)
    with pytest.raises(ValueError, match="numbers"):
        operator.forward(np.full((4, 5), "a"))


@pytest.mark.parametrize("dtype", [torch.int64, torch.bool, torch.int32])
def test_integer_tensors_are_refused(dtype, path):
    # Matrices of cosines in an integer type would be rounded to 0 and 1 without a word.
    operator = FourierOperator(Grid((6,)), [[0], [1]])
    x = torch.tensor([1, 0, 0, 1, 1, 0]).to(dtype)
    with pytest.raises(ValueError, match="floating-point"):
        operator.forward(x)
    np.testing.assert_allclose(operator.forward(x.numpy()), operator.forward(x.double().numpy()))


def test_on_grid_keeps_the_frequencies(path):
    operator = FourierOperator(Grid((16, 16)), some_frequencies((4, 6)))
    coarse = operator.on_grid(Grid((8, 7)))
    np.testing.assert_array_equal(coarse.frequencies, operator.frequencies)
    assert coarse.grid == Grid((8, 7))
    full = FourierOperator(Grid((16, 16))).on_grid(Grid((4, 4)))
    assert full.out_shape == (4, 4)
    with pytest.raises(ValueError, match="2-D grid"):
        operator.on_grid(Grid(16, dim=3))
    with pytest.raises(ValueError, match="grid points represent"):
        operator.on_grid(Grid(3, dim=2))


@pytest.mark.parametrize("shape", [(6,), (5, 4), (3, 4, 2)])
@pytest.mark.parametrize("n_coils", [1, 3])
def test_coils(shape, n_coils, rng):
    sensitivities = maps(n_coils, shape)
    coils = CoilSensitivity(sensitivities)
    x = random_array(shape, rng)
    np.testing.assert_allclose(coils.forward(x), sensitivities * x)
    check_operator(coils)
    check_norm(coils, np.sqrt((np.abs(sensitivities) ** 2).sum(axis=0).max()), rtol=1e-2)
    np.testing.assert_array_equal(coils.maps, sensitivities)
    coils.maps[:] = 0
    np.testing.assert_array_equal(coils.maps, sensitivities)


def test_real_maps_and_alternating_precision(rng):
    coils = CoilSensitivity(rng.standard_normal((2, 4)))
    x = torch.from_numpy(rng.standard_normal(4))
    for _ in range(2):  # the cached copy of the maps follows the precision
        assert coils.forward(x).dtype == torch.complex128
        assert coils.forward(x.float()).dtype == torch.complex64


@pytest.mark.parametrize("shape", [(6,), (5, 4), (3, 4, 2)])
def test_mask(shape, rng):
    mask = rng.random(shape) < 0.5
    mask.flat[0] = True
    operator = SamplingMask(mask)
    x = random_array(shape, rng)
    np.testing.assert_array_equal(operator.forward(x), x[mask])
    np.testing.assert_array_equal(operator.frequencies, grid_frequencies(shape)[mask.ravel()])
    check_operator(operator)
    check_norm(operator, 1.0)


def test_mask_from_samples_refuses_misassigned_values(rng):
    k = lowpass_frequencies(1)
    values = np.arange(9) + 0j
    operator = SamplingMask.from_samples(FourierSamples(k, values), (4, 5))
    np.testing.assert_array_equal(operator.frequencies, k)
    shuffled = rng.permutation(9)
    with pytest.raises(ValueError, match="C order"):
        SamplingMask.from_samples(FourierSamples(k[shuffled], values), (4, 5))
    with pytest.raises(ValueError, match="unique"):
        SamplingMask.from_samples(FourierSamples(np.concatenate([k, k[-1:]]), np.ones(10)), (4, 5))
    with pytest.raises(ValueError, match="outside"):
        SamplingMask.from_samples(FourierSamples(k, values), (2, 5))
    with pytest.raises(ValueError, match="integer"):
        SamplingMask.from_samples(FourierSamples(k + 0.25, values), (4, 5))
    with pytest.raises(ValueError, match="dimension"):
        SamplingMask.from_samples(FourierSamples(k, values), (4, 5, 6))


@pytest.mark.parametrize("shape", [(6,), (6, 5), (3, 4, 5)])
def test_composition_of_mask_fourier_and_coils(shape, path, rng):
    mask = rng.random(shape) < 0.6
    mask.flat[0] = True
    coils = CoilSensitivity(maps(3, shape))
    masked = SamplingMask(mask) @ FourierOperator(Grid(shape)) @ coils
    frequencies = grid_frequencies(shape)[mask.ravel()]
    gathered = FourierOperator(Grid(shape), frequencies) @ coils
    other_way = SamplingMask(mask) @ (FourierOperator(Grid(shape)) @ coils)
    x = random_array((2, *shape), rng)
    for operator in (masked, gathered, other_way):
        assert operator.out_shape == (3, int(mask.sum()))
        assert operator.grid == Grid(shape)
        np.testing.assert_allclose(operator.forward(x), masked.forward(x), atol=1e-13)
        check_operator(operator)
        check_operator(operator.H)
        # Whoever matches data to the operator must be able to see the order of its frequencies.
        np.testing.assert_array_equal(operator.frequencies, frequencies)


def test_normal_operator_is_hermitian_and_positive(rng):
    shape = (5, 4)
    operator = FourierOperator(Grid(shape), lowpass_frequencies(1)) @ CoilSensitivity(maps(2, shape))
    normal = operator.H @ operator
    check_operator(normal)
    x = random_array(shape, rng)
    assert np.vdot(x, normal.forward(x)).imag == pytest.approx(0.0, abs=1e-13)
    assert np.vdot(x, normal.forward(x)).real > 0
    assert normal.grid == Grid(shape)


def test_grid_of_a_composition_is_that_of_its_input():
    fourier_operator = FourierOperator(Grid((4, 4)), [[0, 0], [1, 0]])
    assert (fourier_operator @ fourier_operator.H).grid is None, "its input is k-space, not pixels"


def test_composition_refuses():
    fourier_operator = FourierOperator(Grid((4, 5)))
    with pytest.raises(ValueError, match="cannot compose"):
        SamplingMask(np.ones((5, 4), dtype=bool)) @ fourier_operator
    with pytest.raises(ValueError, match="cannot compose"):
        CoilSensitivity(np.ones((2, 4, 5))) @ FourierOperator(Grid((4, 5)), [[0, 0]])
    with pytest.raises(TypeError):
        fourier_operator @ np.ones((4, 5))


def test_pixelwise_maps_bind_the_grid():
    operator = FourierOperator(Grid((4, 5)), [[0, 0]]) @ CoilSensitivity(np.ones((2, 4, 5)))
    with pytest.raises(ValueError, match="CoilSensitivity is bound to its grid"):
        operator.on_grid(Grid((2, 3)))
    with pytest.raises(ValueError, match="bound to its grid"):
        SamplingMask(np.ones((4, 5), dtype=bool)).on_grid(Grid((2, 3)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: CoilSensitivity(np.ones(3)), "n_coils"),
        (lambda: CoilSensitivity(np.full((2, 3), np.nan)), "NaN"),
        (lambda: CoilSensitivity(np.full((2, 3), "a")), "numbers"),
        (lambda: SamplingMask(np.ones((3, 3))), "boolean"),
        (lambda: SamplingMask(np.zeros((3, 3), dtype=bool)), "at least one True"),
    ],
)
def test_mri_operators_refuse(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_operators_do_not_share_the_callers_arrays():
    frequencies, mask, sensitivities = np.array([[1], [0]]), np.ones(4, dtype=bool), np.ones((2, 4))
    operators = [
        FourierOperator(Grid(4, dim=1), frequencies), SamplingMask(mask), CoilSensitivity(sensitivities),
    ]  # fmt: skip
    before = [operator.forward(np.arange(4.0)) for operator in operators]
    frequencies[:], mask[:], sensitivities[:] = 0, False, 5
    for operator, values in zip(operators, before, strict=True):
        np.testing.assert_array_equal(operator.forward(np.arange(4.0)), values)
    np.testing.assert_array_equal(operators[0].frequencies, [[1], [0]])


def test_operators_can_be_copied_and_sent_to_other_processes(path):
    shape = (5, 4)
    operator = (
        SamplingMask(np.eye(5, 4, dtype=bool))
        @ FourierOperator(Grid(shape))
        @ CoilSensitivity(maps(2, shape))
    )
    subset = FourierOperator(Grid(shape), some_frequencies(shape))
    x = np.arange(20.0).reshape(shape)
    for original in (operator, subset, subset.H):
        argument = x if original is not subset.H else original.H.forward(x)
        if original.in_shape != shape:
            argument = subset.forward(x)
        for other in (pickle.loads(pickle.dumps(original)), copy.deepcopy(original)):
            np.testing.assert_array_equal(other.forward(argument), original.forward(argument))


def test_an_operator_of_the_user_gets_everything(rng):
    class Shift(LinearOperator):
        """Cyclic shift by one pixel; it returns lazily conjugated tensors, as a user's may."""

        in_shape = out_shape = (5,)

        def _forward(self, x):
            return torch.roll(x, 1, dims=-1).conj().resolve_conj().conj()

        def _adjoint(self, y):
            return torch.roll(y, -1, dims=-1)

    check_operator(Shift())
    check_norm(Shift(), 1.0)
    check_operator(FourierOperator(Grid(5, dim=1), [[2], [-1]]) @ Shift())
    with pytest.raises(ValueError, match="Shift is bound to its grid"):
        Shift().on_grid(Grid(4, dim=1))
    assert repr(Shift()) == "Shift((5,) -> (5,))"


def test_tensors_made_in_inference_mode_do_not_spoil_later_training():
    operator = FourierOperator(Grid((9,)), [[0], [3]])
    with torch.inference_mode():
        operator.forward(torch.ones(9, dtype=torch.float64))
    x = torch.ones(9, dtype=torch.float64, requires_grad=True)
    operator.forward(x).abs().sum().backward()
    assert torch.isfinite(x.grad).all()
