"""The packing of Hermitian samples into real vectors: an isometry, with its adjoint as inverse."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import lowpass_frequencies
from srinr.real_samples import RealSamples


@st.composite
def frequency_sets(draw: st.DrawFn) -> np.ndarray:
    """Distinct integer frequencies in 1-D to 3-D: pairs, single ones, with and without zero."""
    dim = draw(st.integers(1, 3))
    rows = draw(st.sets(st.tuples(*[st.integers(-3, 3)] * dim), min_size=1, max_size=12))
    mirrored = draw(st.booleans())
    full = rows | {tuple(-k for k in row) for row in rows} if mirrored else rows
    return np.array(draw(st.permutations(sorted(full))), dtype=np.int64)


def hermitian_values(
    frequencies: np.ndarray, rng: np.random.Generator, batch: tuple[int, ...] = ()
) -> np.ndarray:
    """Values of a real image: conjugate at opposite frequencies, real at zero; written out entry by entry."""
    values = rng.standard_normal((*batch, len(frequencies))) + 1j * rng.standard_normal(
        (*batch, len(frequencies))
    )
    for i, k in enumerate(frequencies):
        for j, other in enumerate(frequencies):
            if (k == -other).all() and j <= i:
                values[..., i] = values[..., j].conj() if i != j else values[..., i].real
    return values


@given(frequency_sets(), st.integers(0, 1000))
def test_packing_keeps_inner_products_of_samples_of_real_images(frequencies: np.ndarray, seed: int) -> None:
    real, rng = RealSamples(frequencies), np.random.default_rng(seed)
    u, v = hermitian_values(frequencies, rng), hermitian_values(frequencies, rng)
    assert real.pack(u).shape == (real.n_real,)
    assert np.isclose(real.pack(u) @ real.pack(v), np.vdot(u, v).real, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(real.unpack(real.pack(u)), u, atol=1e-14)


@given(frequency_sets(), st.integers(0, 1000))
def test_unpacking_is_the_adjoint_of_packing_and_its_right_inverse(
    frequencies: np.ndarray, seed: int
) -> None:
    real, rng = RealSamples(frequencies), np.random.default_rng(seed)
    values = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    vector = rng.standard_normal(real.n_real)
    assert np.isclose(vector @ real.pack(values), np.vdot(real.unpack(vector), values).real, atol=1e-12)
    np.testing.assert_allclose(real.pack(real.unpack(vector)), vector, atol=1e-14)


@given(frequency_sets(), st.integers(0, 1000))
def test_data_of_a_complex_image_are_projected(frequencies: np.ndarray, seed: int) -> None:
    real, rng = RealSamples(frequencies), np.random.default_rng(seed)
    values = rng.standard_normal(len(frequencies)) + 1j * rng.standard_normal(len(frequencies))
    projected = real.unpack(real.pack(values))
    # An orthogonal projection: idempotent, and what it removes is orthogonal to all samples of real images.
    np.testing.assert_allclose(real.unpack(real.pack(projected)), projected, atol=1e-14)
    other = hermitian_values(frequencies, rng)
    assert abs(np.vdot(other, values - projected).real) < 1e-11
    assert np.isclose(real.asymmetry(values), np.linalg.norm(values - projected), atol=1e-12)
    assert real.asymmetry(other) < 1e-13 * max(1.0, np.linalg.norm(other))


def test_keeping_one_half_would_not_be_the_adjoint() -> None:
    # What a plain selection of half of the frequencies gives for data that are not Hermitian.
    real = RealSamples([[-1], [1]])
    values = np.array([1.0 + 0j, 3.0 + 0j])
    half = np.sqrt(2.0) * np.array([values[1].real, values[1].imag])
    np.testing.assert_allclose(real.pack(values), [2.0 * np.sqrt(2.0), 0.0])
    assert not np.isclose(half[0], real.pack(values)[0])
    assert real.asymmetry(values) == pytest.approx(np.sqrt(2.0))


def test_counts_of_pairs_singles_and_zero() -> None:
    assert RealSamples(lowpass_frequencies(2, dim=2)).n_real == 25
    singles = RealSamples([[1, 0], [0, 2], [-1, 0], [0, 0]])
    assert (singles.n_samples, singles.n_real) == (4, 5)
    # A frequency without its opposite keeps its two parts unscaled.
    assert RealSamples([[2]]).pack(np.array([3 - 4j])).tolist() == [3.0, -4.0]
    assert RealSamples([[0]]).pack(np.array([3 - 4j])).tolist() == [3.0]


@pytest.mark.parametrize(
    ("real_dtype", "dtype"), [(torch.float64, torch.complex128), (torch.float32, torch.complex64)]
)
def test_tensors_and_arrays_agree_and_keep_leading_axes(real_dtype: torch.dtype, dtype: torch.dtype) -> None:
    frequencies = np.array([[1, 0], [0, 0], [-1, 0], [2, 1]])
    real, rng = RealSamples(frequencies), np.random.default_rng(3)
    values = rng.standard_normal((2, 3, 4)) + 1j * rng.standard_normal((2, 3, 4))
    packed = real.pack(torch.from_numpy(values).to(dtype))
    assert packed.dtype == real_dtype
    assert packed.shape == (2, 3, 5)
    np.testing.assert_allclose(packed.numpy(), real.pack(values), rtol=1e-6, atol=1e-6)
    back = real.unpack(packed)
    assert back.dtype == dtype
    np.testing.assert_allclose(back.numpy(), real.unpack(real.pack(values)), rtol=1e-6, atol=1e-6)


def test_packing_is_differentiable() -> None:
    real = RealSamples([[1], [0], [-1], [3]])
    vector = torch.randn(real.n_real, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda v: real.pack(2.0 * real.unpack(v)), (vector,))


def test_real_values_are_taken_as_complex_ones() -> None:
    real = RealSamples([[1], [0], [-1]])
    np.testing.assert_array_equal(
        real.pack(np.array([1.0, 2.0, 1.0])), real.pack(np.array([1.0, 2.0, 1.0]) + 0j)
    )


def test_inputs_are_copied_and_left_alone() -> None:
    frequencies = np.array([[1], [0], [-1]])
    real = RealSamples(frequencies)
    frequencies[0] = 7
    assert real.frequencies[0, 0] == 1
    with pytest.raises(ValueError, match="read-only"):
        real.frequencies[0] = 7
    vector = np.arange(3.0)
    vector.setflags(write=False)
    real.unpack(vector)
    assert vector.tolist() == [0.0, 1.0, 2.0]


@pytest.mark.parametrize(
    ("frequencies", "match"),
    [
        ([1, 2], "shape"),
        (np.zeros((0, 2), dtype=int), "shape"),
        ([[0.5]], "integers"),
        ([[1, 0], [0, 1], [1, 0]], "repeat"),
    ],
)
def test_bad_frequencies_are_refused(frequencies: object, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        RealSamples(frequencies)
