"""``srinr spectrum``: what is printed and written, the exit codes, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from srinr import INR, MLP, Coordinates, FourierFeatures, FourierSamples, ShallowReLU, Siren
from srinr.analysis.diagnosis import harmonic_coverage
from srinr.cli_spectrum import spectrum
from srinr.networks.polynomial import PolynomialMLP
from srinr.run_folder import load_report

ENCODING = FourierFeatures([[2.0, 0.0], [0.0, 2.0]])

app = typer.Typer()
app.command()(spectrum)


def call(*arguments):
    return CliRunner().invoke(app, list(map(str, arguments)))


def refused(result, code, words):
    message = " ".join(result.stderr.split())
    assert result.exit_code == code, result.output + result.stderr
    assert words in message
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
    assert "unexpected" not in message


@pytest.fixture
def model(tmp_path):
    path = tmp_path / "model.safetensors"
    INR(ENCODING, MLP(5, 16, 3, seed=1, init_gain=2.0)).save(path)
    return path


@pytest.fixture(scope="module")
def image():
    return np.random.default_rng(0).random((16, 24))


def test_a_model_that_cannot_make_odd_frequencies(tmp_path, model, image):
    np.save(tmp_path / "target.npy", image)
    result = call(model, "--target", tmp_path / "target.npy", "-o", tmp_path / "out", "--strongest", 3)
    assert result.exit_code == 0, result.output + result.stderr
    assert {f.name for f in (tmp_path / "out").iterdir()} == {"report.json", "spectrum.png"}
    assert (tmp_path / "out" / "spectrum.png").stat().st_size > 10_000
    report = load_report(tmp_path / "out")
    figures = report["figures"]
    assert report["settings"]["grid"] == [16, 24]
    assert figures["reachable_bins"] == 0.25
    assert figures["reachable_energy"] == pytest.approx(1.0, abs=1e-12)
    expected = harmonic_coverage(ENCODING, image)
    assert figures["coverage"]["covered"] == pytest.approx(expected.covered, abs=1e-12)
    assert figures["coverage"]["missed"][0]["frequency"] == list(expected.strongest_missed(1)[0][0])
    assert len(figures["strongest"]) == 3
    assert all(k % 2 == 0 for entry in figures["strongest"] for k in entry["frequency"])
    assert 0 < figures["beyond_band"] < 1
    assert len(figures["beyond_band_by_axis"]) == 2
    for words in ("reachable bins", "25 %", "beyond the band", "target within reach", "strongest misses"):
        assert words in result.stdout


def test_the_rate_of_the_search_for_aliasing(tmp_path):
    path = tmp_path / "model.safetensors"
    INR(FourierFeatures([[17.0]]), PolynomialMLP(3, 4, 2, coefficients=(0, 1), seed=0)).save(path)
    beyond = {}
    for factor in (2, 5):
        result = call(path, "--grid", 8, "--oversampling", factor, "-o", tmp_path / str(factor))
        assert result.exit_code == 0, result.output + result.stderr
        report = load_report(tmp_path / str(factor))
        assert report["settings"]["oversampling"] == factor
        assert f"{factor} times as many" in result.stdout
        assert f"beyond {factor / 2:g} cycles per pixel" in result.stdout
        beyond[factor] = report["figures"]["beyond_band"]
    assert beyond[2] < 1e-25
    assert beyond[5] > 0.1
    refused(call(path, "--grid", 8, "--oversampling", 10**8, "-o", tmp_path / "no"), 2, "or --oversampling")
    assert call(path, "--oversampling", 1, "-o", tmp_path / "no").exit_code == 2
    assert not (tmp_path / "no").exists()


def test_trivial_coverage_is_called_trivial(tmp_path, image):
    path = tmp_path / "model.safetensors"
    INR(Coordinates(), Siren(2, 6, 3)).save(path)
    np.save(tmp_path / "target.npy", image)
    result = call(path, "--target", tmp_path / "target.npy", "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output + result.stderr
    assert "tells all pixels apart" in load_report(tmp_path / "out")["figures"]["coverage"]["rule"]
    assert "decided by" in result.stdout


def test_models_that_cannot_be_measured(tmp_path):
    out, path = tmp_path / "out", tmp_path / "diverged.safetensors"
    inr = INR(ENCODING, MLP(5, 8, 3))
    with torch.no_grad():
        inr.network.weights[1][0, 0] = torch.nan
    inr.save(path)
    refused(call(path, "--grid", 8, "-o", out), 3, "diverged.safetensors: the weights contain NaN")
    refused(call(tmp_path, "--grid", 8, "-o", out), 3, f"{tmp_path}: a folder; give the model file")
    INR(ENCODING, MLP(5, 8, 3)).save(path)
    refused(call(path, "--target", tmp_path, "-o", out), 3, f"{tmp_path}: a folder; give an image")
    INR(Coordinates(), Siren(2, 6, 3)).save(path)
    refused(call(path, "--grid", 8, "--radius", 2, "-o", out), 2, "--radius: nothing to limit")
    assert not out.exists()


def test_pictures_and_samples_are_targets(tmp_path, model):
    pixels = (255 * np.random.default_rng(1).random((12, 12))).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    assert call(model, "-t", tmp_path / "photo.png", "-o", tmp_path / "a", "--quiet").exit_code == 0
    covered = load_report(tmp_path / "a")["figures"]["coverage"]["covered"]
    assert covered == pytest.approx(harmonic_coverage(ENCODING, pixels).covered, abs=1e-12)
    FourierSamples([[2, 0], [1, 0]], [1.0, 1.0]).save(tmp_path / "samples.npz")
    result = call(model, "-t", tmp_path / "samples.npz", "-o", tmp_path / "b", "--grid", 20)
    assert result.exit_code == 0, result.stderr
    report = load_report(tmp_path / "b")
    assert report["figures"]["coverage"]["covered"] == pytest.approx(0.5)
    assert report["settings"]["grid"] == [20, 20]


def test_polynomials_have_a_radius_and_one_dimension_is_drawn(tmp_path):
    path = tmp_path / "model.safetensors"
    INR(FourierFeatures([[3.0]]), PolynomialMLP(3, 4, 3, coefficients=(0, 1, 1), seed=0)).save(path)
    assert call(path, "-o", tmp_path / "a", "--grid", 32).exit_code == 0
    assert load_report(tmp_path / "a")["figures"]["reachable_bins"] == 9 / 32  # |s| <= 4
    assert call(path, "-o", tmp_path / "b", "--grid", 32, "--radius", 1).exit_code == 0
    assert load_report(tmp_path / "b")["figures"]["reachable_energy"] < 1 - 1e-6


@pytest.mark.parametrize("dim", [1, 2, 3])
def test_models_without_a_lattice_say_so(tmp_path, dim):
    path = tmp_path / "model.safetensors"
    INR(Coordinates(dim), Siren(dim, 6, 3, omega_first=9.0)).save(path)
    result = call(path, "--grid", 8, "-o", tmp_path / "siren")
    assert result.exit_code == 0, result.stderr
    assert "leak into every DFT bin" in result.stdout
    assert load_report(tmp_path / "siren")["figures"]["reachable_energy"] is None
    INR(Coordinates(dim), ShallowReLU(dim, 6)).save(path)
    assert "no sinusoidal mapping" in call(path, "--grid", 8, "-o", tmp_path / "relu").stdout


def test_complex_models_in_three_dimensions(tmp_path):
    path = tmp_path / "model.safetensors"
    network = MLP(7, 8, 3, out_features=2, seed=0)
    INR(FourierFeatures(2.0 * np.eye(3)), network, complex_output=True).save(path)
    result = call(path, "--grid", 8, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.stderr
    assert load_report(tmp_path / "out")["figures"]["reachable_energy"] == pytest.approx(1.0, abs=1e-12)


def test_what_cannot_work_is_refused_before_anything_is_written(tmp_path, model, image):
    out = tmp_path / "out"
    np.save(tmp_path / "line.npy", image[0])
    np.save(tmp_path / "image.npy", image)
    np.save(tmp_path / "nan.npy", image * np.nan)
    np.savez(tmp_path / "other.npz", image=image)
    (tmp_path / "broken.png").write_bytes(b"not a picture")
    FourierSamples([[1]], [1.0]).save(tmp_path / "line.npz")
    for target, words in (
        ("line.npy", "dimension 2"),
        ("nan.npy", "NaN"),
        ("other.npz", "no Fourier samples"),
        ("broken.png", "cannot be read as an image"),
        ("line.npz", "dimension 1"),
        ("none.npz", "no such file"),
        ("none.npy", "no such file"),
        ("none.png", "no such file"),
    ):
        refused(call(model, "-t", tmp_path / target, "-o", out), 3, words)
    refused(call(tmp_path / "none.safetensors", "-o", out), 3, "no such file")
    refused(call(model, "-t", tmp_path / "image.npy", "--grid", 8, "-o", out), 2, "leave it out")
    refused(call(model, "--grid", 10**6, "-o", out), 2, "lower --grid")
    siren = tmp_path / "siren.safetensors"
    INR(Coordinates(1), Siren(1, 4, 3)).save(siren)
    refused(call(siren, "-t", tmp_path / "line.npz", "-o", out), 2, "pass radius")
    assert not out.exists()


def test_earlier_results_are_kept_unless_asked(tmp_path, model):
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "spectrum.png").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    refused(call(model, "--grid", 8, "-o", folder), 2, "already holds spectrum.png")
    assert (folder / "spectrum.png").read_text() == "mine"
    assert call(model, "--grid", 8, "-o", folder, "--overwrite").exit_code == 0
    assert (folder / "spectrum.png").stat().st_size > 10_000
    assert (folder / "notes.txt").read_text() == "mine"
    (tmp_path / "file").write_text("")
    refused(call(model, "--grid", 8, "-o", tmp_path / "file" / "out"), 5, "cannot create")


def test_the_help_is_light_and_states_what_is_written():
    result = call("--help")
    assert result.exit_code == 0
    assert "--target" in result.stdout
    code = "import sys; import srinr.cli_spectrum; " \
        "print([m for m in ('torch', 'numba', 'scipy', 'matplotlib', 'numpy') if m in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr
