"""Reading k-space: the convention against an asymmetric image, and files that are not what they claim."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from srinr.baselines.zero_filled import zero_filled
from srinr.domain import Grid, grid_frequencies
from srinr.operators.mri import SamplingMask
from srinr.readers import FFTNorm, Zeros, centered_pixel_axes, kspace_mask, read_kspace
from srinr.samples import FourierSamples
from srinr.status import FileFormatError
from srinr.trigonometric import TrigonometricPolynomial

SHAPES = [(8, 6), (7, 5), (8, 5), (7, 6), (9,), (4, 3, 5)]


@pytest.fixture(scope="session")
def brain_kspace():
    """A real 8-coil acquisition, when the machine has it; not distributed with the library."""
    name = Path("brain_8ch_poisson", "kspace.npy")
    root = Path(__file__).resolve().parents[2]
    folders = [Path(os.environ["SRINR_DATA"])] if "SRINR_DATA" in os.environ else []
    folders += sorted(root.parent.glob("*/data"))
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    return pytest.skip(f"{name} not found; set SRINR_DATA to the folder that holds brain_8ch_poisson")


def asymmetric_image(shape, seed=0):
    """A complex trigonometric polynomial without any symmetry, below every Nyquist limit."""
    rng = np.random.default_rng(seed)
    limits = [(n - 1) // 2 for n in shape]
    axes = [np.arange(-k, k + 1) for k in limits]
    k = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, len(shape))
    return TrigonometricPolynomial(k, rng.standard_normal(len(k)) + 1j * rng.standard_normal(len(k)))


def values_on(image, axes):
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1)
    return image.image(points.reshape(-1, len(axes))).reshape(points.shape[:-1])


def centered_fft(pixels, norm):
    """What a centered tool computes: the pixel floor(n/2) and the frequency 0 in the middle."""
    return np.fft.fftshift(np.fft.fftn(np.fft.ifftshift(pixels), norm=norm))


def coefficients_of(image, frequencies):
    table = {tuple(k): c for k, c in zip(image.frequencies, image.coefficients, strict=True)}
    return np.array([table.get(tuple(k), 0.0) for k in frequencies])


def names(shape):
    return ("z", "y", "x")[-len(shape) :]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("norm", list(FFTNorm))
def test_centered_tools_give_the_coefficients_of_the_continuous_image(tmp_path, shape, norm):
    image = asymmetric_image(shape)
    pixels = values_on(image, centered_pixel_axes(shape))
    np.save(tmp_path / "k.npy", centered_fft(pixels, norm.name.lower()))
    kspace = read_kspace(
        tmp_path / "k.npy", axes=names(shape), centered=True, zeros=Zeros.MEASURED, norm=norm
    )
    expected = coefficients_of(image, kspace.samples.frequencies)
    assert np.allclose(kspace.samples.values, expected, rtol=0, atol=1e-12)
    assert kspace.grid == Grid(shape)


@pytest.mark.parametrize("shape", SHAPES)
def test_plain_fft_order_refers_to_the_grid(tmp_path, shape):
    image = asymmetric_image(shape)
    np.save(tmp_path / "k.npy", np.fft.fftn(image.on_grid(Grid(shape)), norm="ortho"))
    kspace = read_kspace(
        tmp_path / "k.npy", axes=names(shape), centered=False, zeros=Zeros.MEASURED, norm=FFTNorm.ORTHO
    )
    expected = coefficients_of(image, kspace.samples.frequencies)
    assert np.allclose(kspace.samples.values, expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize(("shape", "is_ours"), [((8, 6), True), ((7, 5), False)])
def test_pixels_of_the_tool_are_ours_for_even_sizes_only(tmp_path, shape, is_ours):
    pixels = values_on(asymmetric_image(shape), centered_pixel_axes(shape))
    np.save(tmp_path / "k.npy", centered_fft(pixels, "ortho"))
    kspace = read_kspace(
        tmp_path / "k.npy", axes=("y", "x"), centered=True, zeros=Zeros.MEASURED, norm=FFTNorm.ORTHO
    )
    image = zero_filled(kspace.samples)
    assert np.allclose(image.on_grid(Grid(shape)), pixels, atol=1e-12) is is_ours
    assert np.allclose(values_on(image, centered_pixel_axes(shape)), pixels, atol=1e-12)


def test_axes_are_moved_where_they_belong(tmp_path):
    data = np.random.default_rng(0).standard_normal((4, 3, 2, 5)) + 1j
    np.save(tmp_path / "k.npy", data)
    kspace = read_kspace(
        tmp_path / "k.npy", axes=("y", "coil", "slice", "x"), centered=True, zeros=Zeros.MEASURED,
        norm=FFTNorm.FORWARD,
    )  # fmt: skip
    sign = (-1.0) ** np.add.outer(np.arange(-2, 2), np.arange(-2, 3))
    assert kspace.samples.values.shape == (2, 3, 20)
    assert np.allclose(kspace.samples.values[1, 2].reshape(4, 5), data[:, 2, 1, :] * sign)


@given(seed=st.integers(0, 10**6), shape=st.sampled_from([(4, 5), (6, 3)]))
@settings(deadline=None, max_examples=15)
def test_unsampled_positions_are_dropped_in_mask_order(tmp_path_factory, seed, shape):
    rng = np.random.default_rng(seed)
    mask = rng.random(shape) < 0.5
    mask[0, 0] = True
    data = (rng.standard_normal((2, *shape)) + 1j) * mask
    data[0, 0, 0] = 0.0  # one coil alone may measure exactly zero
    path = tmp_path_factory.mktemp("reader") / "k.npy"
    np.save(path, data)
    kspace = read_kspace(
        path, axes=("coil", "y", "x"), centered=True, zeros=Zeros.NOT_SAMPLED, norm=FFTNorm.ORTHO
    )
    assert np.array_equal(kspace.mask, mask)
    assert np.array_equal(SamplingMask(mask).frequencies, kspace.samples.frequencies)
    kept = read_kspace(path, axes=("coil", "y", "x"), centered=True, zeros=Zeros.MEASURED, norm=FFTNorm.ORTHO)
    assert kept.mask.all()
    scattered = np.zeros((2, *shape), dtype=complex)
    scattered[:, mask] = kspace.samples.values
    assert np.array_equal(scattered.reshape(2, -1), kept.samples.values)


def test_noise_is_converted_like_the_values(tmp_path):
    np.save(tmp_path / "k.npy", np.ones((4, 4), dtype=complex))
    kspace = read_kspace(
        tmp_path / "k.npy",
        axes=("y", "x"),
        centered=True,
        zeros=Zeros.MEASURED,
        norm=FFTNorm.ORTHO,
        noise_std=0.5,
    )
    assert kspace.samples.noise_std == 0.125


def test_archives_need_a_key_when_they_hold_several_arrays(tmp_path):
    data = np.ones((2, 2), dtype=np.complex64)
    np.savez(tmp_path / "one.npz", k=data)
    np.savez(tmp_path / "two.npz", k=data, other=2 * data)
    arguments = {"axes": ("y", "x"), "centered": True, "zeros": Zeros.MEASURED, "norm": FFTNorm.FORWARD}
    assert read_kspace(tmp_path / "one.npz", **arguments).samples.n_samples == 4
    assert np.abs(read_kspace(tmp_path / "two.npz", key="other", **arguments).samples.values).max() == 2
    with pytest.raises(FileFormatError, match="pass one of them as key"):
        read_kspace(tmp_path / "two.npz", **arguments)
    with pytest.raises(FileFormatError, match="key='none'"):
        read_kspace(tmp_path / "two.npz", key="none", **arguments)


def read_yx(path):
    return read_kspace(path, axes=("y", "x"), centered=True, zeros=Zeros.NOT_SAMPLED, norm=FFTNorm.ORTHO)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (np.ones((4, 4)), "must be complex"),
        (np.ones((4, 4, 4), dtype=complex), "names 2 axes"),
        (np.zeros((4, 4), dtype=complex), "all entries are zero"),
        (np.full((4, 4), np.nan + 0j), "16 entries are NaN"),
        (np.zeros((0, 4), dtype=complex), "empty"),
        (np.ones((2, 2), dtype=[("re", "f4"), ("im", "f4")]), "must be complex"),
    ],
)
def test_arrays_that_are_not_kspace_are_refused(tmp_path, data, message):
    np.save(tmp_path / "k.npy", data)
    with pytest.raises(FileFormatError, match=message):
        read_yx(tmp_path / "k.npy")


class Bomb:
    """Unpickling this would leave a trace."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (self.path,)


def test_nothing_is_unpickled(tmp_path):
    trace = tmp_path / "trace"
    np.save(tmp_path / "object.npy", np.array([Bomb(trace)], dtype=object))
    np.savez(tmp_path / "object.npz", k=np.array([Bomb(trace)], dtype=object))
    (tmp_path / "pickle.npy").write_bytes(pickle.dumps(Bomb(trace)))
    for name in ("object.npy", "object.npz", "pickle.npy"):
        with pytest.raises(FileFormatError, match="damaged"):
            read_yx(tmp_path / name)
    assert not trace.exists()


@pytest.mark.parametrize("suffix", ["npy", "npz"])
@pytest.mark.parametrize("kept", [0, 3, 20, 100, -1])
def test_truncated_files_are_refused(tmp_path, suffix, kept):
    path = tmp_path / f"k.{suffix}"
    data = np.random.default_rng(0).standard_normal((16, 16)) + 1j
    if suffix == "npy":
        np.save(path, data)
    else:
        np.savez(path, k=data)
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(FileFormatError, match=path.name):
        read_yx(path)


def test_missing_files_and_folders_are_refused(tmp_path):
    with pytest.raises(FileFormatError, match="no such file"):
        read_yx(tmp_path / "none.npy")
    with pytest.raises(FileFormatError):
        read_yx(tmp_path)


@pytest.mark.parametrize(
    ("axes", "error"),
    [(("coil",), ValueError), (("y", "y"), ValueError), (("y", "phase"), ValueError), ("yx", TypeError)],
)
def test_axes_must_be_known_names(tmp_path, axes, error):
    with pytest.raises(error, match="axes"):
        read_kspace(tmp_path / "k.npy", axes=axes, centered=True, zeros=Zeros.MEASURED, norm=FFTNorm.ORTHO)


def test_conventions_are_not_strings(tmp_path):
    with pytest.raises(TypeError, match=r"FFTNorm\.ORTHO"):
        read_kspace(tmp_path / "k", axes=("x",), centered=True, zeros=Zeros.MEASURED, norm="ortho")
    with pytest.raises(TypeError, match=r"Zeros\.NOT_SAMPLED"):
        read_kspace(tmp_path / "k", axes=("x",), centered=True, zeros="not sampled", norm=FFTNorm.ORTHO)


def test_mask_refuses_frequencies_outside():
    inside = grid_frequencies((4, 5))
    assert kspace_mask(FourierSamples(inside, np.ones(20)), (4, 5)).all()
    with pytest.raises(ValueError, match="outside"):
        kspace_mask(FourierSamples([[2, 0]], [1.0]), (4, 5))
    with pytest.raises(ValueError, match="outside"):
        kspace_mask(FourierSamples([[-3, 0]], [1.0]), (4, 5))
    with pytest.raises(ValueError, match="integer"):
        kspace_mask(FourierSamples([[0.5, 0]], [1.0]), (4, 5))
    with pytest.raises(ValueError, match="axes"):
        kspace_mask(FourierSamples([[0]], [1.0]), (4, 5))


def test_real_acquisition_gives_the_documented_image(brain_kspace):
    data = np.load(brain_kspace)
    kspace = read_kspace(
        brain_kspace, axes=("coil", "y", "x"), centered=True, zeros=Zeros.NOT_SAMPLED, norm=FFTNorm.ORTHO
    )
    assert kspace.grid.shape == (230, 180)
    assert kspace.mask.mean() == pytest.approx(0.124, abs=5e-4)
    documented = np.fft.fftshift(np.fft.ifft2(np.fft.ifftshift(data[0])))
    ours = TrigonometricPolynomial(kspace.samples.frequencies, kspace.samples.values[0]).on_grid(kspace.grid)
    assert np.allclose(ours, documented * np.sqrt(230 * 180), atol=1e-5 * np.abs(ours).max())
