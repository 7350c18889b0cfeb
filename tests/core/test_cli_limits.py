"""The command line against sizes, files and data that cannot work: one line, the documented code, no trace left."""

import numpy as np
import pytest
from typer.testing import CliRunner

from srinr import FourierSamples, lowpass_frequencies
from srinr.cli import app
from srinr.run_folder import load_report

FAST = ["--max-steps", "4", "--width", "8", "--trials", "1", "--quiet"]
KSPACE = ["--axes", "coil,y,x", "--centered", "--zeros", "not-sampled", "--norm", "ortho"]


def call(*arguments):
    return CliRunner().invoke(app, [str(a) for a in arguments])


def message(result):
    return " ".join(result.stderr.split())


def refused(result, code, words):
    assert result.exit_code == code, result.output
    assert words in message(result)
    assert "Traceback" not in result.output
    assert "unexpected" not in message(result)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["recover", "disc", "-K", 5000], "lower --cutoff"),
        (["recover", "disc", "-K", 4, "--grid", 10**6], "lower --grid"),
        (["recover", "disc", "-K", 4, "--width", 10**9], "lower --width"),
        (["recover", "disc", "-K", 4, "--network", "mlp", "--depth", 10**9], "--depth"),
        (["recover", "disc", "-K", 4, "--network", "siren", "--width", 10**6], "lower --width"),
        (["recover", "shepp_logan_3d", "-K", 200], "lower --cutoff"),
        (["recover", "disc", "--threads", 10**6], "--threads"),
        (["phantom", "disc", "--size", 10**6], "lower --size"),
        (["phantom", "disc", "--cutoff", 5000], "lower --cutoff"),
    ],
)
def test_sizes_beyond_any_memory_are_refused_at_once(tmp_path, arguments, words):
    refused(call(*arguments, "-o", tmp_path / "run"), 2, words)
    assert not (tmp_path / "run").exists()


def test_frequencies_that_reach_too_far_are_refused(tmp_path):
    FourierSamples([[0, 0], [10**9, 0], [-(10**9), 0]], [1.0, 1.0, 1.0]).save(tmp_path / "s.npz")
    for extra in (["--real", *FAST[:4]], FAST):
        refused(call("recover", tmp_path / "s.npz", *extra, "-o", tmp_path / "run"), 2, "grid points")


def test_a_compressed_file_that_is_damaged_is_a_wrong_input(tmp_path, rng):
    path = tmp_path / "s.npz"
    k = rng.integers(-5, 5, (300, 2))
    np.savez_compressed(path, frequencies=k, values=rng.standard_normal(300) + 0j, noise_std=0.0)
    content = bytearray(path.read_bytes())
    for i in range(300, 330):
        content[i] ^= 0x5A
    path.write_bytes(bytes(content))
    refused(call("info", path), 3, "s.npz")
    refused(call("recover", path, "--real", "-o", tmp_path / "run"), 3, "s.npz")


def coil_file(path, mask, *, is_noise=False):
    rng = np.random.default_rng(0)
    image = np.zeros((24, 20))
    image[6:18, 5:14] = 1.0
    x = np.arange(24)[:, None] / 24
    coils = np.stack([np.ones_like(x), np.exp(2j * x), 1 + 0.5 * x]) * image
    data = np.fft.fftshift(np.fft.fft2(coils, norm="ortho"), axes=(1, 2))
    if is_noise:
        data = rng.standard_normal(data.shape) + 1j * rng.standard_normal(data.shape)
    np.save(path, data * mask)
    return path


def test_fully_sampled_data_can_be_recovered(tmp_path):
    path = coil_file(tmp_path / "full.npy", np.ones((24, 20)))
    result = call("recover", path, *KSPACE, *FAST, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output
    positions = load_report(tmp_path / "run")["figures"]["positions"]
    assert positions == {"fit": 408, "choose": 24, "report": 48}


def test_lowpass_samples_without_real_can_be_recovered(tmp_path):
    k = lowpass_frequencies(5)
    FourierSamples(k, 1j / (1.0 + (k**2).sum(axis=1))).save(tmp_path / "s.npz")
    result = call("recover", tmp_path / "s.npz", *FAST, "-o", tmp_path / "run")
    assert result.exit_code == 0, result.output


def some_positions(center):
    mask = np.random.default_rng(1).random((24, 20)) < 0.5
    mask[12 - center : 13 + center, 10 - center : 11 + center] = True
    if center == 0:
        mask[11:14, 9] = False
    return mask


def test_data_without_an_image_are_refused_not_fitted(tmp_path):
    path = coil_file(tmp_path / "noise.npy", some_positions(5), is_noise=True)
    result = call("recover", path, *KSPACE, *FAST, "-o", tmp_path / "run")
    refused(result, 2, "no pixel passes the threshold")


def test_a_center_too_small_names_what_helps_and_the_folder_is_not_in_the_way(tmp_path):
    path = coil_file(tmp_path / "small.npy", some_positions(0))
    result = call("recover", path, *KSPACE, *FAST, "-o", tmp_path / "run")
    refused(result, 2, "--maps low-resolution")
    again = call("recover", path, *KSPACE, *FAST, "--maps", "low-resolution", "-o", tmp_path / "run")
    assert again.exit_code == 0, again.output


def test_zeros_taken_for_measurements_are_noticed(tmp_path):
    mask = np.zeros((24, 20))
    mask[9:16, 7:14] = 1
    path = coil_file(tmp_path / "center.npy", mask)
    measured = [*KSPACE[:3], "--zeros", "measured", *KSPACE[5:]]
    result = call("recover", path, *measured, *FAST, "-o", tmp_path / "run")
    assert result.exit_code in (0, 2)
    assert result.exit_code == 0 or "--zeros not-sampled" in message(result)


def test_one_dimension_is_refused_with_the_way_that_works(tmp_path):
    np.save(tmp_path / "line.npy", np.ones((2, 32), dtype=complex))
    axes = ["--axes", "coil,x", *KSPACE[2:]]
    refused(call("recover", tmp_path / "line.npy", *axes, *FAST, "-o", tmp_path / "run"), 2, "in Python")


def test_names_and_keys_that_mean_nothing_are_refused(tmp_path):
    path = coil_file(tmp_path / "k.npy", some_positions(5))
    refused(call("recover", path, *KSPACE, "--key", "kspace", *FAST, "-o", tmp_path / "run"), 2, "--key")
    refused(
        call("recover", path, "--axes", "", *KSPACE[2:], *FAST, "-o", tmp_path / "run"), 2, "axes must be"
    )
