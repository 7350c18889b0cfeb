"""The command line: what it writes, what it refuses with which exit code, how it survives interruption."""

import json
import os
import resource
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
from typer.testing import CliRunner

from srinr import INR, FourierSamples, Grid, Status
from srinr.cli import app
from srinr.run_folder import FolderInUseError, load_report, open_run_folder
from srinr.status import FileFormatError, WriteError

FAST = ["--max-steps", "8", "--width", "6", "--quiet"]
OUTPUTS = {"report.json", "panel.png", "convergence.png", "inr.safetensors", "image.npz"}
KSPACE = ["--axes", "coil,y,x", "--centered", "--zeros", "not-sampled", "--norm", "ortho"]
runner = CliRunner()


def call(*arguments):
    return runner.invoke(app, [str(a) for a in arguments])


def message(result):
    """What was said on stderr, without line breaks."""
    return " ".join(result.stderr.split())


@pytest.fixture(scope="module")
def kspace_file(tmp_path_factory):
    rng = np.random.default_rng(0)
    image = np.zeros((24, 20))
    image[6:18, 5:14] = 500.0
    x, y = (grid.reshape(24, 20) for grid in Grid((24, 20)).points.T)
    maps = np.stack([np.ones_like(x), np.exp(2j * x), 1 + 0.5 * y]) / np.sqrt(3)
    data = np.fft.fftshift(np.fft.fft2(maps * image, norm="ortho"), axes=(1, 2))
    mask = rng.random((24, 20)) < 0.5
    mask[6:19, 4:17] = True
    path = tmp_path_factory.mktemp("kspace") / "kspace.npy"
    np.save(path, (data * mask).astype(np.complex64))
    return path


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """Folder of one finished run of a phantom."""
    folder = tmp_path_factory.mktemp("run") / "disc"
    result = call("recover", "disc", "-K", 6, "--max-steps", 60, "--width", 10, "-o", folder)
    assert result.exit_code == 0, result.output
    return folder, result


# what a run writes ---------------------------------------------------------------------------------------


def test_a_phantom_is_recovered_and_everything_is_written(finished):
    folder, result = finished
    assert {file.name for file in folder.iterdir()} == OUTPUTS
    report = load_report(folder)
    figures = report["figures"]
    assert report["status"] == "MAX_STEPS"
    assert report["settings"]["cutoff"] == 6
    assert figures["raster"] == [1024, 1024]
    assert figures["ratio"] == pytest.approx(figures["zero_filled"]["mse"] / figures["inr"]["mse"])
    assert figures["training"]["n_steps"] == 60
    assert report["seconds"]["total"] >= report["seconds"]["training"] > 0
    assert {"srinr", "numpy", "torch"} <= set(report["versions"])
    for text in ("MSE", "PSNR", "overshoot", "zero-filled", "panel.png"):
        assert text in result.output


def test_the_saved_image_is_that_of_the_saved_network(finished):
    folder, _ = finished
    inr = INR.load(folder / "inr.safetensors")
    with np.load(folder / "image.npz") as data:
        assert tuple(data["grid_shape"]) == data["pixels"].shape == data["zero_filled"].shape
        np.testing.assert_allclose(inr.on_grid(Grid(tuple(data["grid_shape"]))), data["pixels"], rtol=1e-12)
        assert "field of view" in str(data["meaning"])


def test_pictures_are_png_files_of_some_size(finished):
    folder, _ = finished
    for name in ("panel.png", "convergence.png"):
        content = (folder / name).read_bytes()
        assert content.startswith(b"\x89PNG")
        assert len(content) > 10_000


def test_a_finished_run_is_not_overwritten_unless_asked(finished):
    folder, _ = finished
    before = (folder / "report.json").read_bytes()
    result = call("recover", "disc", "-K", 6, "-o", folder, *FAST)
    assert result.exit_code == 2
    assert "finished run" in message(result)
    assert "--overwrite" in message(result)
    assert (folder / "report.json").read_bytes() == before


@pytest.mark.parametrize(
    "extra",
    [
        ["--network", "mlp", "--depth", 3, "--precision", "double"],
        ["--network", "siren"],
        ["--regularizer", "integral"],
    ],
    ids=["mlp", "siren", "integral"],
)
def test_other_models_run_too(tmp_path, extra):
    result = call("recover", "gaussian", "-K", 6, "-o", tmp_path / "run", "--noise-std", 1e-3, *FAST, *extra)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert load_report(tmp_path / "run")["figures"]["training"]["n_steps"] <= 8


def test_coil_data_are_recovered_beside_cg_sense(tmp_path, kspace_file):
    folder = tmp_path / "run"
    result = call(
        "recover", kspace_file, *KSPACE, "--trials", 2, "--max-steps", 40, "--width", 16, "-o", folder
    )
    assert result.exit_code == 0, result.output
    assert {file.name for file in folder.iterdir()} == OUTPUTS
    figures = load_report(folder)["figures"]
    assert set(figures["report_error"]) == {"zero_filled", "cg_sense", "inr"}
    assert figures["report_error"]["cg_sense"] < figures["report_error"]["zero_filled"]
    assert figures["n_trials"] == {"inr": 2, "cg_sense": 2}
    assert figures["chosen"]["inr"]["settings"]["width"] == 16
    with np.load(folder / "image.npz") as data:
        assert data["pixels"].shape == data["cg_sense"].shape == (24, 20)
    assert "CG-SENSE" in result.stdout
    assert INR.load(folder / "inr.safetensors").complex_output


def test_samples_of_a_phantom_can_be_saved_and_recovered_as_a_real_image(tmp_path):
    result = call("phantom", "disc", "-K", 6, "--size", 32, "-o", tmp_path)
    assert result.exit_code == 0, result.output
    samples = FourierSamples.load(tmp_path / "samples.npz")
    assert samples.n_samples == 169
    assert (tmp_path / "phantom.png").read_bytes().startswith(b"\x89PNG")
    assert (tmp_path / "spectrum.png").exists()
    assert call("phantom", "disc", "-K", 6, "-o", tmp_path).exit_code == 2

    result = call("recover", tmp_path / "samples.npz", "--real", "-o", tmp_path / "run", *FAST)
    assert result.exit_code == 0, result.output
    report = load_report(tmp_path / "run")
    assert "ratio" not in report["figures"], "there is no truth to compare with"
    assert report["settings"]["amplitude"] is None


# what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["shep_logan"], 2, "did you mean 'shepp_logan'"),
        (["nothing.npy"], 3, "no such file"),
        (["disc", "--axes", "y,x"], 2, "--axes: for files only"),
        (["disc", "--depth", "4"], 2, "--depth"),
        (["disc", "--network", "siren", "--max-frequency", "4"], 2, "--max-frequency"),
        (["disc", "--network", "mlp", "--regularizer", "fourier"], 2, "shallow network only"),
        (["disc", "--grid", "8", "-K", "6"], 2, "13 points"),
        (["disc", "--network", "unet"], 2, "unet"),
        (["disc", "--cutoff", "0"], 2, "cutoff"),
        (["disc", "--device", "abacus"], 2, "--device"),
        (["disc", "--time-limit", "-1"], 2, "time"),
        (["disc", "--no-such-option"], 2, "no-such-option"),
    ],
)
def test_wrong_arguments_have_one_clear_line_and_the_right_code(
    tmp_path, monkeypatch, arguments, code, words
):
    monkeypatch.chdir(tmp_path)
    result = call("recover", *arguments)
    assert result.exit_code == code, result.output
    assert words in message(result)
    assert "Traceback" not in result.output
    assert not (tmp_path / "srinr-output").exists() or not any(tmp_path.rglob("panel.png"))


@pytest.mark.parametrize(
    ("changed", "code", "words"),
    [
        ({"--axes": "y,x"}, 3, "names 2 axes"),
        ({"--axes": "coil,y,w"}, 2, "axes must be"),
        ({"--axes": None}, 2, "--axes"),
        ({"--centered": None}, 2, "--not-centered"),
        ({"--zeros": None, "--norm": None}, 2, "--zeros, --norm"),
        ({"--cutoff": "8"}, 2, "--cutoff"),
        ({"--grid": "64"}, 2, "--grid"),
        ({"--slice": "1"}, 2, "--slice"),
        ({"--real": ""}, 2, "3 coils"),
    ],
)
def test_wrong_conventions_of_a_file_are_named(tmp_path, kspace_file, changed, code, words):
    options = {"--axes": "coil,y,x", "--centered": "", "--zeros": "not-sampled", "--norm": "ortho"} | changed
    flat = [part for name, value in options.items() if value is not None for part in (name, value) if part]
    result = call("recover", kspace_file, *flat, "-o", tmp_path / "run", *FAST)
    assert result.exit_code == code, result.output
    assert words in message(result)
    assert not (tmp_path / "run").exists()


def test_damaged_files_are_told_apart_from_wrong_arguments(tmp_path, kspace_file):
    content = kspace_file.read_bytes()
    (tmp_path / "half.npy").write_bytes(content[: len(content) // 2])
    (tmp_path / "text.npy").write_text("not numbers")
    call("phantom", "disc", "-K", 6, "-o", tmp_path / "disc")
    samples = (tmp_path / "disc" / "samples.npz").read_bytes()
    (tmp_path / "half.npz").write_bytes(samples[: len(samples) // 2])
    for name in ("half.npy", "text.npy", "half.npz"):
        result = call("recover", tmp_path / name, *KSPACE, "-o", tmp_path / "run")
        assert result.exit_code == 3, f"{name}: {result.output}"
        assert name in message(result)
    for name in ("half.npz", "text.npy", "half.npy", "nowhere"):
        assert call("info", tmp_path / name).exit_code == 3


def test_debug_shows_the_traceback_and_keeps_the_code():
    result = call("recover", "nothing.npy", "--debug")
    assert result.exit_code == 3
    assert "Traceback" in result.stderr


def test_numerical_failure_is_told_and_what_was_finite_is_written(tmp_path):
    result = call("recover", "disc", "-K", 6, *FAST, "--strength", 1e300, "-o", tmp_path / "run")
    assert result.exit_code == 4, result.output
    assert "NaN" in message(result)
    assert load_report(tmp_path / "run")["status"] == "NONFINITE"
    assert {file.name for file in (tmp_path / "run").iterdir()} == OUTPUTS


# info and help -------------------------------------------------------------------------------------------


def test_info_shows_the_environment_and_what_files_hold(finished, tmp_path):
    folder, _ = finished
    result = call("info")
    assert result.exit_code == 0
    for word in ("srinr", "torch", "threads", "CUDA", "finufft"):
        assert word in result.stdout
    FourierSamples([[0, 0], [1, 2]], [1.0, 2.0]).save(tmp_path / "s.npz")
    for path, word in (
        (folder, "figures.inr.mse"),
        (folder / "report.json", "MAX_STEPS"),
        (folder / "inr.safetensors", "ShallowReLU"),
        (folder / "image.npz", "zero_filled"),
        (tmp_path / "s.npz", "cutoff"),
    ):
        result = call("info", path)
        assert result.exit_code == 0, result.output
        assert word in result.stdout


def test_all_phantoms_are_listed():
    from srinr.phantoms import PHANTOMS

    result = call("phantom")
    assert result.exit_code == 0
    assert all(name in result.stdout for name in PHANTOMS)


def test_the_help_states_examples_and_exit_codes():
    result = call("recover", "--help")
    assert result.exit_code == 0
    for words in ("srinr recover shepp_logan", "Exit codes", "130", "checkpoint.safetensors", "--zeros"):
        assert words in result.stdout


def test_the_help_loads_neither_torch_nor_numba():
    code = "import sys; from srinr.cli import app; from typer.testing import CliRunner; " \
        "assert CliRunner().invoke(app, ['recover', '--help']).exit_code == 0; " \
        "print([m for m in ('torch', 'numba', 'scipy', 'matplotlib', 'numpy') if m in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


# run folders ---------------------------------------------------------------------------------------------


def test_a_folder_tells_finished_unfinished_and_foreign_content_apart(tmp_path):
    settings = {"cutoff": 8, "grid": (4, 4), "strength": 1e-3}
    folder = open_run_folder(tmp_path / "a", settings)
    assert not folder.is_resumed
    assert load_report(tmp_path / "a")["status"] == "RUNNING"
    assert open_run_folder(tmp_path / "a", settings).is_resumed
    assert not open_run_folder(tmp_path / "a", settings | {"cutoff": 9}).is_resumed, "nothing is lost"
    folder = open_run_folder(tmp_path / "a", settings)
    folder.checkpoint.write_text("x")
    assert open_run_folder(tmp_path / "a", settings).is_resumed
    with pytest.raises(FolderInUseError, match=r"other settings \(cutoff\)"):
        open_run_folder(tmp_path / "a", settings | {"cutoff": 9})
    folder.finish(Status.USER_STOP, {"figures": {}})
    assert folder.checkpoint.exists()
    folder.finish(Status.MAX_STEPS, {"figures": {"psnr": np.float64(np.inf), "n": np.int64(3)}})
    assert not folder.checkpoint.exists()
    assert load_report(tmp_path / "a")["figures"] == {"psnr": None, "n": 3}
    with pytest.raises(FolderInUseError, match="finished"):
        open_run_folder(tmp_path / "a", settings)
    assert not open_run_folder(tmp_path / "a", settings, overwrite=True).is_resumed


def test_files_of_others_are_never_removed_silently(tmp_path):
    (tmp_path / "image.npz").write_text("mine")
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(FolderInUseError, match=r"image\.npz"):
        open_run_folder(tmp_path, {})
    assert (tmp_path / "image.npz").read_text() == "mine"
    (tmp_path / "report.json").write_text("{}")
    with pytest.raises(FolderInUseError, match="not a report"):
        open_run_folder(tmp_path, {})
    open_run_folder(tmp_path, {}, overwrite=True)
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_folder_that_cannot_be_made_is_a_write_error(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(WriteError, match="cannot create"):
        open_run_folder(tmp_path / "file" / "run", {})
    with pytest.raises(FileFormatError, match="no such file"):
        load_report(tmp_path / "nowhere")


# real processes ------------------------------------------------------------------------------------------


def start(folder, *arguments, **options):
    """A long run of the command in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "srinr.cli",
        "recover",
        "disc",
        "-K",
        "6",
        "--width",
        "10",
        "-o",
        str(folder),
    ]
    command += ["--max-steps", "1000000", "--checkpoint-every", "0.1", "--threads", "1", *arguments]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, **options
    )


def wait_for_checkpoints(folder, process):
    """Wait until training has written three more checkpoints: the first is written before the first step."""
    file, seen = folder / "checkpoint.safetensors", set()
    for _ in range(1200):
        if process.poll() is not None:
            pytest.fail(f"the run ended early: {process.communicate()}")
        if file.exists():
            seen.add(file.stat().st_mtime_ns)
            if len(seen) > 3:
                return
        time.sleep(0.02)
    process.kill()
    pytest.fail("too few checkpoints within the time allowed")


def test_interrupted_by_ctrl_c_then_killed_then_resumed(tmp_path):
    process = start(tmp_path)
    wait_for_checkpoints(tmp_path, process)
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "what was reached is saved" in errors
    report = load_report(tmp_path)
    assert report["status"] == "USER_STOP"
    assert {file.name for file in tmp_path.iterdir()} == OUTPUTS | {"checkpoint.safetensors"}

    process = start(tmp_path)
    wait_for_checkpoints(tmp_path, process)
    process.kill()
    process.communicate(timeout=60)
    assert load_report(tmp_path)["status"] == "RUNNING"

    process = start(tmp_path, "--time-limit", "0.01")
    output, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    assert "resuming" in output
    final = load_report(tmp_path)
    assert final["status"] == "TIME_LIMIT"
    assert final["figures"]["training"]["n_steps"] > report["figures"]["training"]["n_steps"]


def test_a_full_disk_is_told_and_leaves_no_half_written_file(tmp_path):
    limit = 20_000  # enough for the settings, too small for a checkpoint

    def full_disk():
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))

    process = start(tmp_path, "--max-frequency", "6", "--width", "40", preexec_fn=full_disk)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 5, errors
    assert "cannot write" in errors
    assert "Traceback" not in errors
    assert [file.name for file in tmp_path.iterdir()] == ["report.json"]
    assert json.loads((tmp_path / "report.json").read_text())["status"] == "RUNNING"
