"""FourierSamples: the door, the arithmetic, and files under full disks, cut wires and read-only folders."""

import os
import subprocess
import sys
import textwrap
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from srinr.domain import lowpass_frequencies
from srinr.files import atomic_path
from srinr.samples import FourierSamples
from srinr.status import FileFormatError, SrinrError


def some(n_coils=2, seed=0, dim=2):
    k = lowpass_frequencies(2, dim=dim)
    rng = np.random.default_rng(seed)
    shape = (n_coils, len(k))
    return FourierSamples(k, rng.standard_normal(shape) + 1j * rng.standard_normal(shape), noise_std=0.25)


def test_shapes_and_types():
    samples = FourierSamples([[0, 1], [2, -3]], np.ones((4, 3, 2), dtype=np.float32))
    assert (samples.n_samples, samples.dim, samples.cutoff) == (2, 2, 3.0)
    assert samples.frequencies.dtype == np.int64
    assert samples.values.dtype == np.complex128
    assert samples.values.shape == (4, 3, 2)
    assert samples.is_integer


def test_integer_and_real_frequencies():
    assert FourierSamples([[1.0], [-2.0]], [1, 2]).frequencies.dtype == np.int64
    real = FourierSamples([[1.0], [-2.5]], [1, 2])
    assert real.frequencies.dtype == np.float64
    assert not real.is_integer
    assert FourierSamples(np.array([[3]], dtype=np.uint8), [1]).frequencies.dtype == np.int64
    assert FourierSamples([[1e300]], [1]).frequencies[0, 0] == 1e300, "no integer holds this one"


@pytest.mark.parametrize(
    ("frequencies", "values", "noise_std", "message"),
    [
        ([0, 1], [1, 2], 0, r"shape \(m, d\)"),
        ([[0], [1]], [1, 2, 3], 0, "sample axis last"),
        ([[0], [1]], [[1], [2]], 0, "sample axis last"),
        ([[0]], 1.0, 0, "sample axis last"),
        (np.zeros((0, 2)), [], 0, "empty"),
        (np.zeros((2, 0)), [1, 2], 0, "shape"),
        ([[0], [np.nan]], [1, 2], 0, "NaN"),
        ([[0], [np.inf]], [1, 2], 0, "infinite"),
        ([[0], [1j]], [1, 2], 0, "real numbers"),
        ([["a"], ["b"]], [1, 2], 0, "real numbers"),
        ([[0], [1]], [1, np.nan], 0, "1 NaN or infinite"),
        ([[0], [1]], [1, complex(0, np.inf)], 0, "1 NaN or infinite"),
        ([[0], [1]], ["a", "b"], 0, "numbers"),
        ([[0], [1]], [1, 2], -1.0, "noise_std"),
        ([[0], [1]], [1, 2], np.nan, "noise_std"),
        ([[0], [1]], [1, 2], np.inf, "noise_std"),
    ],
)
def test_refused(frequencies, values, noise_std, message):
    with pytest.raises(ValueError, match=message):
        FourierSamples(frequencies, values, noise_std)


def test_arrays_are_private_and_frozen():
    k, y = np.array([[0], [1]]), np.array([1.0 + 0j, 2.0])
    samples = FourierSamples(k, y)
    k[:], y[:] = 9, 9
    assert samples.frequencies.ravel().tolist() == [0, 1]
    assert samples.values.tolist() == [1, 2]
    for array in (samples.frequencies, samples.values):
        with pytest.raises(ValueError, match="read-only"):
            array[0] = 5
    with pytest.raises(AttributeError):
        samples.noise_std = 1.0


@given(st.lists(st.integers(-25, 24), min_size=1, max_size=30))
def test_select_by_index(index):
    samples = some()
    chosen = samples.select(index)
    np.testing.assert_array_equal(chosen.frequencies, samples.frequencies[index])
    np.testing.assert_array_equal(chosen.values, samples.values[:, index])
    assert chosen.noise_std == samples.noise_std


def test_select_by_mask_equals_select_by_index():
    samples = some()
    mask = samples.frequencies[:, 0] > 0
    by_mask, by_index = samples.select(mask), samples.select(np.flatnonzero(mask))
    np.testing.assert_array_equal(by_mask.values, by_index.values)
    np.testing.assert_array_equal(by_mask.frequencies, by_index.frequencies)


@pytest.mark.parametrize(
    ("index", "message"),
    [
        (np.ones(3, dtype=bool), "boolean index"),
        (np.ones((25, 1), dtype=bool), "boolean index"),
        (np.zeros(25, dtype=bool), "empty"),
        ([], "empty"),
        ([25], "index"),
        ([0.5], "index"),
        (slice(0, 3), "index"),
        (3, "index"),
        ([[0, 1]], "index"),
    ],
)
def test_select_refuses(index, message):
    with pytest.raises(ValueError, match=message):
        some().select(index)


def test_noise_has_the_promised_size_per_component():
    samples = FourierSamples(np.arange(200_000)[:, None], np.zeros(200_000), noise_std=0.3)
    noisy = samples.with_noise(0.4, np.random.default_rng(0))
    assert noisy.values.real.std() == pytest.approx(0.4, rel=0.01)
    assert noisy.values.imag.std() == pytest.approx(0.4, rel=0.01)
    assert np.corrcoef(noisy.values.real, noisy.values.imag)[0, 1] == pytest.approx(0, abs=0.01)
    assert noisy.noise_std == pytest.approx(0.5), "standard deviations add in squares"
    assert not samples.values.any(), "the original is unchanged"


def test_noise_is_reproducible_and_needs_a_generator():
    samples = some()
    one, two = (samples.with_noise(1.0, np.random.default_rng(3)) for _ in range(2))
    np.testing.assert_array_equal(one.values, two.values)
    np.testing.assert_array_equal(samples.with_noise(0.0, np.random.default_rng(0)).values, samples.values)
    with pytest.raises(TypeError, match="default_rng"):
        samples.with_noise(1.0, 3)
    for bad in (-1.0, np.nan):
        with pytest.raises(ValueError, match="noise_std"):
            samples.with_noise(bad, np.random.default_rng(0))


@pytest.mark.parametrize("fractional", [0.0, 0.3])
def test_save_and_load(tmp_path, fractional):
    samples = some()
    samples = FourierSamples(samples.frequencies + fractional, samples.values, 0.25)
    path = tmp_path / "data with spaces.anything"
    samples.save(path)
    assert [p.name for p in tmp_path.iterdir()] == [path.name], "the given name, and no temporary file"
    for argument in (path, str(path)):
        loaded = FourierSamples.load(argument)
        np.testing.assert_array_equal(loaded.frequencies, samples.frequencies)
        np.testing.assert_array_equal(loaded.values, samples.values)
        assert loaded.frequencies.dtype == samples.frequencies.dtype
        assert loaded.noise_std == 0.25


def test_save_replaces_the_file_and_keeps_ordinary_permissions(tmp_path):
    path = tmp_path / "a.npz"
    some(seed=1).save(path)
    some(seed=2).save(path)
    np.testing.assert_array_equal(FourierSamples.load(path).values, some(seed=2).values)
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert path.stat().st_mode == plain.stat().st_mode


def test_a_reader_of_the_old_file_is_not_disturbed(tmp_path):
    path = tmp_path / "a.npz"
    some(seed=1).save(path)
    content = path.read_bytes()
    with open(path, "rb") as reader:
        some(seed=2).save(path)
        assert reader.read() == content, "the new file takes the name; the old one is not written into"


def test_every_truncation_is_detected(tmp_path):
    path = tmp_path / "a.npz"
    some().save(path)
    content = path.read_bytes()
    for size in [0, 1, 3, 4, 30, *range(50, len(content), 97), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(FileFormatError, match="damaged|not a file of Fourier samples"):
            FourierSamples.load(path)


def test_flipped_bytes_are_detected_or_harmless(tmp_path):
    path = tmp_path / "a.npz"
    samples = some()
    samples.save(path)
    content = path.read_bytes()
    n_detected = 0
    for position in range(0, len(content), 3):
        damaged = bytearray(content)
        damaged[position] ^= 0xFF
        path.write_bytes(damaged)
        try:
            loaded = FourierSamples.load(path)
        except FileFormatError:
            n_detected += 1
        else:
            np.testing.assert_array_equal(loaded.values, samples.values)
            np.testing.assert_array_equal(loaded.frequencies, samples.frequencies)
    assert n_detected > len(content) // 6


def write_fields(path, **fields):
    with open(path, "wb") as stream:
        np.savez(stream, **fields)


def test_files_that_are_something_else(tmp_path):
    path = tmp_path / "a.npz"
    fields = {"frequencies": np.array([[0]]), "values": np.array([1.0]), "noise_std": np.array(0.0)}

    def bare_array():
        with open(path, "wb") as stream:
            np.save(stream, np.ones(3))

    def foreign_zip():
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("frequencies.npy", b"garbage")

    writers = {
        "text": lambda: path.write_text("kx,ky,value\n0,0,1\n"),
        "one array": bare_array,
        "zip": foreign_zip,
        "field missing": lambda: write_fields(
            path, frequencies=fields["frequencies"], values=fields["values"]
        ),
        "noise_std an array": lambda: write_fields(path, **(fields | {"noise_std": np.zeros(2)})),
        "noise_std complex": lambda: write_fields(path, **(fields | {"noise_std": np.array(1j)})),
        "objects": lambda: write_fields(path, **(fields | {"values": np.array([{}], dtype=object)})),
        "wrong shapes": lambda: write_fields(path, **(fields | {"values": np.ones(5)})),
        "NaN": lambda: write_fields(path, **(fields | {"values": np.array([np.nan])})),
        "text values": lambda: write_fields(path, **(fields | {"values": np.array(["a"])})),
    }
    for name, write in writers.items():
        write()
        with pytest.raises(FileFormatError, match=r"a\.npz"):
            FourierSamples.load(path)
        assert name
    with pytest.raises(FileFormatError, match="no such file"):
        FourierSamples.load(tmp_path / "absent.npz")
    with pytest.raises(FileFormatError):
        FourierSamples.load(tmp_path)


def run_python(code, **keywords):
    """Run code in a fresh interpreter; return its completed process."""
    return subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=120, **keywords
    )


def test_full_disk_leaves_the_earlier_file(tmp_path):
    small = FourierSamples([[0]], [1.0])
    small.save(tmp_path / "a.npz")
    result = run_python(
        """
        import resource, numpy as np
        from srinr.samples import FourierSamples
        from srinr.status import SrinrError
        resource.setrlimit(resource.RLIMIT_FSIZE, (4000, 4000))
        big = FourierSamples(np.arange(5000)[:, None], np.ones(5000))
        try:
            big.save("a.npz")
        except SrinrError as error:
            print(error)
        """,
        cwd=tmp_path,
    )
    assert result.returncode == 0, result.stderr
    assert "cannot write a.npz: File too large" in result.stdout
    assert "free space or choose another folder" in result.stdout
    assert [p.name for p in tmp_path.iterdir()] == ["a.npz"]
    assert FourierSamples.load(tmp_path / "a.npz").values.tolist() == [1.0]


def test_read_only_folder(tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    folder.chmod(0o555)
    result = run_python(
        """
        import os
        from srinr.samples import FourierSamples
        from srinr.status import SrinrError
        if os.geteuid() == 0:  # root may write anywhere
            os.setgid(65534)
            os.setuid(65534)
        try:
            FourierSamples([[0]], [1.0]).save("a.npz")
        except SrinrError as error:
            print(error)
        """,
        cwd=folder,
    )
    assert result.returncode == 0, result.stderr
    assert "cannot write a.npz: Permission denied; check the folder" in result.stdout
    assert not list(folder.iterdir())


def test_paths_that_cannot_be_written(tmp_path):
    samples = some()
    with pytest.raises(SrinrError, match="No such file or directory"):
        samples.save(tmp_path / "absent" / "a.npz")
    (tmp_path / "folder").mkdir()
    with pytest.raises(SrinrError, match="folder"):
        samples.save(tmp_path / "folder")
    (tmp_path / "file").write_text("x")
    with pytest.raises(SrinrError, match="cannot write"):
        samples.save(tmp_path / "file" / "a.npz")
    with pytest.raises(SrinrError, match="name too long"):
        samples.save(tmp_path / ("a" * 300))
    assert sorted(os.listdir(tmp_path)) == ["file", "folder"], "no temporary file is left"


def test_an_interrupted_write_leaves_nothing(tmp_path):
    path = tmp_path / "a"
    path.write_text("earlier")
    with pytest.raises(KeyboardInterrupt), atomic_path(path) as temporary:
        temporary.write_text("half")
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == ["a"]
    assert path.read_text() == "earlier"


def test_an_error_of_the_writer_itself_passes_through(tmp_path):
    with pytest.raises(ZeroDivisionError), atomic_path(tmp_path / "a"):
        _ = 1 / 0
    assert not os.listdir(tmp_path)
