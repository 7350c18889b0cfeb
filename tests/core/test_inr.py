"""INR: one image however it is evaluated, files that can be trusted, and the bridge to measures."""

import json
import pickle

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from problems import teacher
from srinr.domain import ContinuousImage, Grid
from srinr.encodings.fourier_features import FourierFeatures
from srinr.encodings.identity import Coordinates
from srinr.inr import INR, default_chunk_size, inr_from_measure, measure_from_inr
from srinr.measures import DiscreteMeasure
from srinr.networks.mlp import MLP
from srinr.networks.shallow import ShallowReLU
from srinr.networks.siren import Siren
from srinr.status import FileFormatError, OutOfMemoryError, SrinrError


def make(name, *, is_complex=False):
    out = 2 if is_complex else 1
    lattice, gaussian = FourierFeatures.lattice(2), FourierFeatures.gaussian(5, 2.0, seed=1)
    return {
        "shallow": lambda: INR(lattice, ShallowReLU(25, 7, out_features=out), complex_output=is_complex),
        "mlp": lambda: INR(gaussian, MLP(10, 6, 3, out_features=out), complex_output=is_complex),
        "siren": lambda: INR(Coordinates(), Siren(2, 8, 3, out_features=out), complex_output=is_complex),
        "siren on lattice": lambda: INR(
            lattice, Siren(25, 4, 2, out_features=out), complex_output=is_complex
        ),
        "1-D": lambda: INR(
            FourierFeatures.lattice(3, dim=1), ShallowReLU(7, 5, out_features=out), complex_output=is_complex
        ),
        "3-D": lambda: INR(
            FourierFeatures.lattice(1, dim=3), MLP(27, 5, 2, out_features=out), complex_output=is_complex
        ),
    }[name]()


NAMES = ["shallow", "mlp", "siren", "siren on lattice", "1-D", "3-D"]


@pytest.fixture(params=[(name, c) for name in NAMES for c in (False, True)], ids=str, name="inr")
def _inr(request):
    name, is_complex = request.param
    return make(name, is_complex=is_complex)


def grid_for(inr):
    return Grid({1: (9,), 2: (6, 7), 3: (3, 4, 2)}[inr.dim])


def test_points_and_grids_give_one_image(inr):
    grid = grid_for(inr)
    expected = np.complex128 if inr.complex_output else np.float64
    pixels = inr.on_grid(grid)
    assert pixels.dtype == expected
    assert pixels.shape == grid.shape
    np.testing.assert_allclose(inr.image(grid.points), pixels.ravel(), atol=1e-12)
    assert inr.image(grid.points).dtype == expected
    np.testing.assert_array_equal(grid.rasterize(inr), pixels)
    np.testing.assert_allclose(inr.pixels(grid).detach().numpy(), pixels, atol=1e-13)
    endpoint = Grid(grid.shape, endpoint=True)
    np.testing.assert_allclose(
        inr.image(endpoint.points).reshape(grid.shape), inr.on_grid(endpoint), atol=1e-12
    )
    assert isinstance(inr, ContinuousImage)


@pytest.mark.parametrize("chunk_size", [1, 5, 13, 10**6])
def test_chunks_change_nothing(inr, chunk_size):
    grid = grid_for(inr)
    pixels = inr.on_grid(grid)
    np.testing.assert_allclose(inr.on_grid(grid, chunk_size=chunk_size), pixels, atol=1e-13)
    np.testing.assert_allclose(inr.image(grid.points, chunk_size=chunk_size), pixels.ravel(), atol=1e-12)
    whole = torch.autograd.grad(inr.pixels(grid).abs().square().sum(), list(inr.parameters()))
    chunked = inr.pixels(grid, chunk_size=chunk_size)
    np.testing.assert_allclose(chunked.detach().numpy(), pixels, atol=1e-13)
    parts = torch.autograd.grad(chunked.abs().square().sum(), list(inr.parameters()))
    for one, other in zip(parts, whole, strict=True):
        torch.testing.assert_close(one, other, atol=1e-11, rtol=1e-9)


@pytest.mark.parametrize("chunk_size", [None, 32])
def test_chunk_size_bounds_the_memory(chunk_size, monkeypatch):
    monkeypatch.setattr("srinr.inr._CHUNK_NUMBERS", 64 * (9 + 100))
    seen = []

    class Spy(ShallowReLU):
        def after_first(self, preactivation):
            seen.append(len(preactivation))
            return super().after_first(preactivation)

    inr = INR(FourierFeatures.lattice(2), Spy(25, 3))
    inr.on_grid(Grid((16, 16)), chunk_size=chunk_size)
    inr.image(Grid((16, 16)).points, chunk_size=chunk_size)
    assert max(seen) == (chunk_size or 64)
    if chunk_size is None:  # what rasterize uses
        seen.clear()
        Grid((16, 16)).rasterize(inr)
        assert max(seen) == 64


def test_empty_points_keep_the_kind(inr):
    values = inr.image(np.zeros((0, inr.dim)))
    assert values.shape == (0,)
    assert values.dtype == (np.complex128 if inr.complex_output else np.float64)


def test_lattice_images_are_periodic():
    inr = make("shallow")
    points = np.random.default_rng(0).random((10, 2))
    np.testing.assert_allclose(inr.image(points + np.array([2, -3])), inr.image(points), atol=1e-12)


def test_wrong_arguments(inr):
    for wrong in (np.ones(inr.dim), np.ones((4, inr.dim + 1)), np.ones((2, 2, inr.dim))):
        with pytest.raises(ValueError, match=r"points must have shape \(n, "):
            inr.image(wrong)
    for chunk_size in (0, -5):
        with pytest.raises(ValueError, match="chunk_size"):
            inr.image(np.ones((2, inr.dim)), chunk_size=chunk_size)
        with pytest.raises(ValueError, match="chunk_size"):
            inr.on_grid(grid_for(inr), chunk_size=chunk_size)
    wrong_grid = Grid(4, dim=inr.dim + 1)
    for function in (inr.on_grid, inr.pixels):
        with pytest.raises(ValueError, match=f"lives in dimension {inr.dim}"):
            function(wrong_grid)


def test_parts_that_do_not_fit():
    lattice = FourierFeatures.lattice(2)
    with pytest.raises(ValueError, match="takes 24 features, the encoding gives 25"):
        INR(lattice, ShallowReLU(24, 3))
    with pytest.raises(ValueError, match="out_features=2"):
        INR(lattice, ShallowReLU(25, 3), complex_output=True)
    with pytest.raises(ValueError, match="out_features=1"):
        INR(lattice, ShallowReLU(25, 3, out_features=2))
    with pytest.raises(TypeError, match="encoding"):
        INR(ShallowReLU(25, 3), lattice)
    with pytest.raises(TypeError, match="network"):
        INR(lattice, torch.nn.Linear(25, 1))


def test_copy_is_independent(inr):
    other = inr.copy()
    with torch.no_grad():
        for p in other.parameters():
            p.add_(1.0)
    grid = grid_for(inr)
    assert not np.allclose(other.on_grid(grid), inr.on_grid(grid))
    assert other.complex_output == inr.complex_output
    assert other.n_parameters == inr.n_parameters == sum(p.numel() for p in inr.parameters())


def test_image_out_of_memory_names_the_chunk_size(tmp_path):
    inr = INR(FourierFeatures.gaussian(2**20, 1.0), ShallowReLU(2**21, 1))
    points = np.zeros((2**24, 2))
    with pytest.raises(OutOfMemoryError, match=f"chunk_size below {2**24}"):
        inr.image(points, chunk_size=2**24)


# Files


def test_save_and_load(inr, tmp_path):
    path = tmp_path / "image.srinr"
    inr.save(path)
    assert [p.name for p in tmp_path.iterdir()] == ["image.srinr"]
    loaded = INR.load(path)
    grid = grid_for(inr)
    for name, tensor in inr.module.state_dict().items():
        assert torch.equal(loaded.module.state_dict()[name], tensor)
    np.testing.assert_allclose(loaded.on_grid(grid), inr.on_grid(grid), rtol=1e-12)
    assert type(loaded.network) is type(inr.network)
    assert all(p.requires_grad for p in loaded.parameters())
    path.unlink()  # nothing is mapped from the file any more
    assert np.isfinite(loaded.on_grid(grid)).all()
    loaded.save(tmp_path / "again.srinr")
    np.testing.assert_allclose(INR.load(str(tmp_path / "again.srinr")).on_grid(grid), inr.on_grid(grid))


def test_loaded_parameters_can_be_trained(tmp_path):
    make("shallow").save(tmp_path / "a")
    loaded = INR.load(tmp_path / "a")
    loaded.pixels(Grid((4, 4))).sum().backward()
    with torch.no_grad():
        for p in loaded.parameters():
            assert p.grad is not None
            p.sub_(p.grad)
    assert loaded.n_parameters == 7 * 26


def test_frozen_parameters_stay_frozen_in_files(tmp_path):
    inr = INR(Coordinates(2), Siren(2, width=4, depth=3))
    inr.network.weights[0].requires_grad_(False)
    inr.save(tmp_path / "inr.safetensors")
    loaded = INR.load(tmp_path / "inr.safetensors")
    trained = {name: p.requires_grad for name, p in loaded.module.named_parameters()}
    assert trained == {name: name != "weights.0" for name in trained}


def test_saving_over_the_file_it_was_loaded_from(tmp_path):
    path = tmp_path / "a"
    make("shallow").save(path)
    loaded = INR.load(path)
    expected = loaded.on_grid(Grid((4, 4)))
    make("mlp").save(path)
    np.testing.assert_array_equal(loaded.on_grid(Grid((4, 4))), expected)


def test_every_truncation_is_detected(tmp_path):
    path = tmp_path / "image.srinr"
    make("shallow").save(path)
    content = path.read_bytes()
    for size in [0, 1, 7, 8, 9, *range(20, len(content), 211), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(FileFormatError, match=r"image\.srinr"):
            INR.load(path)


def test_damaged_headers_are_detected_or_harmless(tmp_path):
    path = tmp_path / "image.srinr"
    inr = make("shallow")
    inr.save(path)
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    n_detected = 0
    for position in range(0, header, 5):
        damaged = bytearray(content)
        damaged[position] ^= 0x11
        path.write_bytes(damaged)
        try:
            loaded = INR.load(path)
        except FileFormatError:
            n_detected += 1
        else:
            assert loaded.n_parameters == inr.n_parameters
    assert n_detected > header // 20


class Trap:
    """Unpickling this would run code."""

    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_pickles_and_garbage_are_refused(tmp_path):
    path = tmp_path / "a.pt"
    torch.save({"state": torch.ones(3)}, path)
    with pytest.raises(FileFormatError, match="not an INR"):
        INR.load(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileFormatError, match="not an INR"):
        INR.load(path)
    path.write_bytes(b"\x00" * 4096)
    with pytest.raises(FileFormatError, match="not an INR"):
        INR.load(path)
    with pytest.raises(FileFormatError, match="no such file"):
        INR.load(tmp_path / "absent")
    with pytest.raises(FileFormatError):
        INR.load(tmp_path)


def test_foreign_safetensors_are_refused(tmp_path):
    path = tmp_path / "a"
    tensors = {"inner": torch.ones(3, 5, dtype=torch.float64), "outer": torch.ones(1, 3, dtype=torch.float64)}
    good = {
        "format": "srinr-inr-1",
        "encoding": {"name": "FourierFeatures", "frequencies": [[1.0], [2.0]], "constant": True},
        "network": {"name": "ShallowReLU", "n_features": 5, "width": 3, "out_features": 1},
        "complex_output": False,
    }
    save_file(tensors, path, metadata={"srinr": json.dumps(good)})
    assert INR.load(path).n_parameters == 18
    bad = {
        "format": good | {"format": "srinr-inr-99"},
        "unknown network": good | {"network": good["network"] | {"name": "Transformer"}},
        "unknown encoding": good | {"encoding": {"name": "os.system"}},
        "sizes": good | {"network": good["network"] | {"width": 4}},
        "width a list": good | {"network": good["network"] | {"width": [4]}},
        "features": good | {"encoding": good["encoding"] | {"frequencies": [[1.0]]}},
        "no frequencies": good | {"encoding": good["encoding"] | {"frequencies": []}},
        "complex": good | {"complex_output": True},
        "list": [1, 2],
        "null": None,
        "string": "x",
        "encoding null": good | {"encoding": None},
        "encoding number": good | {"encoding": 3},
    }
    for name, description in bad.items():
        save_file(tensors, path, metadata={"srinr": json.dumps(description)})
        with pytest.raises(FileFormatError, match="a: "):
            INR.load(path)
        assert name
    save_file(tensors, path, metadata={"srinr": "{not json"})
    with pytest.raises(FileFormatError):
        INR.load(path)
    save_file(tensors, path)
    with pytest.raises(FileFormatError, match="expected a file of INR.save"):
        INR.load(path)
    save_file({"inner": tensors["inner"]}, path, metadata={"srinr": json.dumps(good)})
    with pytest.raises(FileFormatError, match="outer"):
        INR.load(path)


def test_networks_of_the_user_are_not_saved_silently(tmp_path):
    class Mine(ShallowReLU):
        pass

    with pytest.raises(SrinrError, match="state_dict"):
        INR(FourierFeatures.lattice(1, dim=1), Mine(3, 2)).save(tmp_path / "a")
    assert not list(tmp_path.iterdir())


def test_save_to_a_missing_folder(tmp_path):
    with pytest.raises(SrinrError, match="cannot write"):
        make("shallow").save(tmp_path / "absent" / "a")


# Measures


@given(st.integers(1, 6), st.integers(0, 2**31))
def test_measure_to_inr_to_measure(n_atoms, seed):
    rng = np.random.default_rng(seed)
    encoding = FourierFeatures.lattice(1, dim=2)
    measure = DiscreteMeasure(rng.standard_normal((n_atoms, 9)), rng.standard_normal(n_atoms) * 3)
    inr = inr_from_measure(measure, encoding)
    back, expected = measure_from_inr(inr), measure.normalized()
    order, other = np.argsort(back.amplitudes), np.argsort(expected.amplitudes)
    np.testing.assert_allclose(back.amplitudes[order], expected.amplitudes[other], rtol=1e-12)
    np.testing.assert_allclose(back.atoms[order], expected.atoms[other], atol=1e-12)
    assert back.total_variation() == pytest.approx(measure.total_variation())
    points = rng.random((8, 2))
    gamma = encoding.features(torch.from_numpy(points)).numpy()
    values = np.maximum(gamma @ measure.atoms.T, 0) @ measure.amplitudes
    np.testing.assert_allclose(inr.image(points), values, atol=1e-12)
    network = inr.network
    np.testing.assert_allclose(
        network.outer.detach().abs().numpy()[0], network.inner.detach().norm(dim=1).numpy(), rtol=1e-12
    )


def test_degenerate_measures():
    encoding = FourierFeatures.lattice(1, dim=1)
    zero = inr_from_measure(DiscreteMeasure(np.zeros((0, 3)), []), encoding)
    assert not zero.on_grid(Grid((5,))).any()
    assert measure_from_inr(zero).n_atoms == 0
    mixed = DiscreteMeasure([[1.0, 0, 0], [0.0, 0, 0], [0, 1.0, 0]], [0.0, 5.0, -2.0])
    back = measure_from_inr(inr_from_measure(mixed, encoding))
    assert back.amplitudes.tolist() == pytest.approx([-2.0])


def test_what_is_not_a_measure():
    with pytest.raises(ValueError, match="lives in dimension 3"):
        inr_from_measure(DiscreteMeasure([[1.0, 0, 0]], [1.0]), FourierFeatures.lattice(2))
    for other in (make("mlp"), make("siren"), make("shallow", is_complex=True)):
        with pytest.raises(ValueError, match="only a real INR"):
            measure_from_inr(other)


def test_teacher_is_balanced_and_chunks_fit():
    inr = teacher(width=3)
    assert measure_from_inr(inr).n_atoms == 3
    assert default_chunk_size(inr, 1, 8) == 1
    assert default_chunk_size(inr, 8 * inr.network.values_per_point * 100, 8) == 100
