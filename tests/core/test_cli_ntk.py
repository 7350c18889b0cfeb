"""``srinr ntk``: kernels of saved networks, what is written, the exit codes, and what is refused."""

import numpy as np
import pytest
import torch
import typer
from PIL import Image
from typer.testing import CliRunner

from srinr import INR, Coordinates, FourierFeatures, Grid, ShallowReLU, Siren
from srinr.analysis.kernel_spectrum import KernelSpectrum
from srinr.analysis.tangent_kernel import tangent_kernel
from srinr.cli_ntk import ntk
from srinr.image_families import image_folder
from srinr.run_folder import load_report
from srinr.studies.published_networks import published_siren

APP = typer.Typer()
APP.command()(ntk)
#: Seconds and few points.
SMALL = ["--grid", 12, "--functions", 4]


def call(*arguments):
    return CliRunner().invoke(APP, [*map(str, arguments)])


def refused(result, code, words):
    message = " ".join(result.stderr.split())
    assert result.exit_code == code, result.output + result.stderr
    assert words in message
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
    assert "unexpected" not in message


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    path = tmp_path_factory.mktemp("ntk") / "siren.safetensors"
    published_siren(width=16, n_hidden=2, seed=3).save(path)
    return path


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    folder = tmp_path_factory.mktemp("photos")
    rng = np.random.default_rng(0)
    for index in range(3):
        pixels = rng.integers(0, 255, (14, 18)).astype(np.uint8)
        Image.fromarray(pixels).save(folder / f"{index}.png")
    return folder


@pytest.fixture(scope="module")
def whole(model, photos, tmp_path_factory):
    """Folder and output of a dense decomposition with images."""
    folder = tmp_path_factory.mktemp("out") / "whole"
    result = call(model, *SMALL, "--images", photos, "-o", folder)
    assert result.exit_code == 0, result.output + result.stderr
    return folder, result


# what is found --------------------------------------------------------------------------------------------


def test_numbers_are_those_of_the_library(model, photos, whole):
    folder, result = whole
    report = load_report(folder)
    spectrum = KernelSpectrum.of_matrix(tangent_kernel(INR.load(model), Grid(12, dim=2).points))
    figures, mu = report["figures"], spectrum.eigenvalues
    assert report["status"] == "COMPLETE"
    assert figures["mu_0"] == pytest.approx(mu[0], rel=1e-12)
    assert figures["effective_rank"] == pytest.approx(mu.sum() / mu[0])
    assert figures["n_leading"] == np.sum(mu >= 0.1 * mu[0])
    assert figures["captured_trace"] == pytest.approx(1.0)
    assert figures["relative_noise_floor"] == pytest.approx(144 * np.finfo(float).eps)
    np.testing.assert_allclose(figures["centroids"], spectrum.centroids(Grid(12, dim=2))[:4])
    signals = image_folder(photos, 12, None).images.reshape(3, -1)
    assert figures["energy_at_tenth"] == pytest.approx(float(spectrum.energy_concentration(signals, 0.1)))
    assert report["settings"]["n_images"] == 3
    for words in (f"{mu[0]:.4g}", "E(0.1)", "centroids", "energy.png"):
        assert words in result.stdout


def test_files_are_written_and_hold_what_they_say(whole):
    folder, _ = whole
    names = {"report.json", "eigenvalues.npz", "eigenfunctions.png", "eigenvalues.png", "energy.png"}
    assert {file.name for file in folder.iterdir()} == names
    with np.load(folder / "eigenvalues.npz", allow_pickle=False) as data:
        assert set(data.files) == {"eigenvalues", "eigenfunctions", "centroids", "thresholds", "energy"}
        assert data["eigenvalues"].shape == (144,)
        assert data["eigenfunctions"].shape == (4, 12, 12)
        assert (np.diff(data["energy"]) >= 0).all()
        assert data["energy"][-1] <= 1.0
    for name in ("eigenfunctions.png", "eigenvalues.png", "energy.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_leading_pairs_agree_and_say_how_far_they_reach(model, photos, whole, tmp_path):
    result = call(model, *SMALL, "--rank", 20, "--images", photos, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output + result.stderr
    some, all_ = load_report(tmp_path / "out"), load_report(whole[0])
    assert some["status"] == "LEADING"
    np.testing.assert_allclose(some["figures"]["eigenvalues"], all_["figures"]["eigenvalues"], rtol=1e-8)
    assert some["figures"]["effective_rank"] == pytest.approx(all_["figures"]["effective_rank"])
    assert some["figures"]["captured_trace"] < 1
    with np.load(tmp_path / "out" / "eigenvalues.npz") as data, np.load(whole[0] / "eigenvalues.npz") as full:
        assert data["thresholds"].min() >= data["eigenvalues"][-1] / data["eigenvalues"][0]
        reached = len(data["thresholds"])
        np.testing.assert_allclose(data["energy"], full["energy"][:reached], atol=1e-6)


def test_too_few_pairs_leave_the_energy_open(model, photos, tmp_path):
    result = call(model, *SMALL, "--rank", 4, "--images", photos, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output + result.stderr
    figures = load_report(tmp_path / "out")["figures"]
    assert figures["eigenvalues"][-1] > 0.1 * figures["mu_0"]
    assert figures["energy_at_tenth"] is None
    assert figures["n_leading"] is None
    assert "raise --rank" in " ".join(result.stdout.split())


def test_one_image_and_none(model, photos, tmp_path):
    result = call(model, *SMALL, "--images", photos / "1.png", "-o", tmp_path / "one")
    assert result.exit_code == 0, result.output + result.stderr
    assert load_report(tmp_path / "one")["settings"]["n_images"] == 1
    spectrum = KernelSpectrum.of_matrix(tangent_kernel(INR.load(model), Grid(12, dim=2).points))
    signal = image_folder(photos, 12, None).images[1].ravel()
    expected = float(spectrum.energy_concentration(signal, 0.1))
    assert load_report(tmp_path / "one")["figures"]["energy_at_tenth"] == pytest.approx(expected)
    result = call(model, *SMALL, "--quiet", "-o", tmp_path / "none")
    assert (result.exit_code, result.stdout) == (0, "")
    assert not (tmp_path / "none" / "energy.png").exists()


def test_an_old_run_is_replaced_only_when_asked(model, photos, tmp_path):
    folder = tmp_path / "out"
    assert call(model, *SMALL, "--images", photos, "-o", folder).exit_code == 0
    refused(call(model, *SMALL, "-o", folder), 2, "pass --overwrite")
    assert call(model, *SMALL, "-o", folder, "--overwrite").exit_code == 0
    assert not (folder / "energy.png").exists(), "the picture of the earlier run is gone"


# what is refused ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ["--grid", 200],
            "takes about 47.7 GiB, above --memory-limit 2048 (2.0 GiB); pass --rank, a smaller --grid",
        ),
        (["--grid", 100_000], "GiB"),
        (["--grid", 100_000, "--rank", 5], "a smaller --rank, a smaller --grid, or a larger --memory-limit"),
        (["--grid", 2000, "--rank", 10, "--memory-limit", 1], "above --memory-limit 1 (1 MiB)"),
        (["--grid", 40, "--memory-limit", 10], "above --memory-limit 10"),
        (["--grid", 2, "--functions", 5], "more than the 4 grid points"),
        (["--grid", 4, "--functions", 3, "--rank", 16], "--rank must lie between"),
        (["--grid", 12, "--rank", 5, "--functions", 6], "--functions=6 are more than --rank=5"),
    ],
)
def test_sizes_that_cannot_work_are_refused_at_once(model, tmp_path, arguments, words):
    refused(call(model, *arguments, "-o", tmp_path / "out"), 2, words)
    assert not (tmp_path / "out").exists()


def test_files_that_do_not_fit_are_named(model, photos, tmp_path):
    line, complex_ = tmp_path / "line.safetensors", tmp_path / "complex.safetensors"
    INR(Coordinates(1), Siren(1, width=4, depth=2)).save(line)
    encoding = FourierFeatures.lattice(1, dim=2)
    network = ShallowReLU(encoding.n_features, 4, out_features=2)
    INR(encoding, network, complex_output=True).save(complex_)
    for path, words in (
        (line, "dimension 1"),
        (complex_, "a complex image"),
        (tmp_path / "no", "no such file"),
    ):
        result = call(path, *SMALL, "-o", tmp_path / "out")
        refused(result, 3, words)
        assert path.name in result.stderr
    notes, gray = tmp_path / "notes.txt", tmp_path / "gray"
    notes.write_text("not an image")
    gray.mkdir()
    Image.fromarray(np.full((20, 20), 90, dtype=np.uint8)).save(gray / "even.png")
    damaged = tmp_path / "damaged.png"
    damaged.write_bytes((photos / "0.png").read_bytes()[:40])
    cases = (
        (notes, "cannot be read as an image"),
        (gray, "even.png is constant"),
        (tmp_path / "nowhere.png", "no such file or folder"),
        (damaged, str(damaged)),
    )
    for path, words in cases:
        refused(call(model, *SMALL, "--images", path, "-o", tmp_path / "out"), 3, words)
    too_small = call(model, *SMALL, "--images", photos, "--crop", 50, "-o", tmp_path / "out")
    refused(too_small, 2, "too small for crop=50")
    assert "a smaller --crop" in too_small.stderr
    assert "crop=None" not in too_small.stderr
    assert not (tmp_path / "out").exists()


def test_functions_that_were_not_asked_for_follow_the_rank(model, tmp_path):
    result = call(model, "--grid", 12, "--rank", 5, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output + result.stderr
    assert len(load_report(tmp_path / "out")["figures"]["eigenvalues"]) == 5


def test_models_without_use_are_named(tmp_path):
    refused(call(tmp_path, *SMALL, "-o", tmp_path / "out"), 3, "a folder; give the file of one model")
    inr = published_siren(width=8, n_hidden=2, seed=0)
    with torch.no_grad():
        inr.network.weights[1][0, 0] = float("nan")
    inr.save(tmp_path / "diverged.safetensors")
    result = call(tmp_path / "diverged.safetensors", *SMALL, "-o", tmp_path / "out")
    refused(result, 3, "diverged.safetensors: weights.1 holds NaN")


def test_a_wide_network_needs_a_larger_limit_in_terms_of_the_options(tmp_path):
    encoding = FourierFeatures.lattice(1, dim=2)
    INR(encoding, ShallowReLU(encoding.n_features, 20_000)).save(tmp_path / "wide.safetensors")
    wide = ["--grid", 4, "--functions", 2, "--memory-limit", 1, "-o", tmp_path / "out"]
    for more in ([], ["--rank", 3]):
        result = call(tmp_path / "wide.safetensors", *wide, *more)
        refused(result, 2, "pass a larger --memory-limit")
        assert "raise memory_limit" not in result.stderr
