"""``srinr certify``: verdicts of real networks, what is written, the exit codes, and what is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from srinr import INR, MLP, DiscreteMeasure, FourierFeatures, FourierSamples, ShallowReLU, inr_from_measure
from srinr.cli import app
from srinr.inr import measure_from_inr
from srinr.neuron_dictionary import NeuronDictionary
from srinr.run_folder import load_report
from srinr.solvers.certificate import Certificate, Level, Witness

#: One neuron in 1-D: seconds, and known to be the minimizer.
EASY = [
    "--random",
    1,
    "--dim",
    1,
    "--max-frequency",
    3,
    "--cutoff",
    10,
    "--grid",
    64,
    "--starts",
    256,
    "--seed",
    1,
]


def call(*arguments):
    return CliRunner().invoke(app, ["certify", *map(str, arguments)])


def message(result):
    return " ".join(result.stderr.split())


def refused(result, code, words):
    assert result.exit_code == code, result.output + result.stderr
    assert words in message(result)
    assert len(result.stderr.strip().splitlines()) == 1
    assert "Traceback" not in result.output
    assert "unexpected" not in message(result)


@pytest.fixture(scope="module")
def easy(tmp_path_factory):
    """Folder and output of one certified random teacher."""
    folder = tmp_path_factory.mktemp("certify") / "easy"
    result = call(*EASY, "-o", folder)
    assert result.exit_code == 0, result.output
    return folder, result


@pytest.fixture
def files(tmp_path):
    """A model of one neuron in 1-D and its samples, as files."""
    encoding = FourierFeatures.lattice(1, dim=1)
    measure = DiscreteMeasure([[0.6, 0.0, 0.8]], [2.0])
    dictionary = NeuronDictionary.lattice(1, cutoff=5, dim=1, n_grid=64)
    model, samples = tmp_path / "model.safetensors", tmp_path / "samples.npz"
    inr_from_measure(measure, encoding).save(model)
    dictionary.sample(measure).save(samples)
    return model, samples


def pretend(monkeypatch, **changes):
    """Replace the search by a certificate with these entries, for the measure it is asked about."""
    asked = {}

    def certify(measure, samples, weighting, **options):
        asked.update(options, measure=measure, samples=samples, weighting=weighting)
        chosen = {name: value(measure) if callable(value) else value for name, value in changes.items()}
        base = Certificate(Level.NONE, measure, domain=options["dictionary"].description, max_ratio=1.5)
        return replace(base, **chosen)

    monkeypatch.setattr("srinr.cli_certify_run.certify", certify)
    return asked


# verdicts ------------------------------------------------------------------------------------------------


def test_a_random_teacher_is_certified_in_one_line(easy):
    folder, result = easy
    names = {file.name for file in folder.iterdir()}
    assert names == {"report.json", "certificate.npz", "atoms.png", "slices.png", "translates.png",
                     "teacher.safetensors", "samples.npz"}  # fmt: skip
    report = load_report(folder)
    assert report["status"] == "SEARCHED"
    figures = report["figures"]
    assert figures["is_optimal"] is True
    assert figures["max_ratio"] <= 1 + figures["search"]["tolerance"]
    assert figures["search"]["n_starts"] >= 256
    assert figures["relative_residual"] < 1e-12
    assert any("not proof" in caveat for caveat in report["caveats"])
    assert any("grid (64,)" in caveat for caveat in report["caveats"])
    for words in ("OPTIMAL", "largest |eta|/rho", "total variation", "report.json", "grid (64,)"):
        assert words in result.stdout
    for name in ("atoms.png", "slices.png", "translates.png"):
        assert (folder / name).read_bytes().startswith(b"\x89PNG")


def test_the_saved_dual_vector_is_a_certificate_of_the_saved_teacher(easy):
    folder, _ = easy
    teacher = measure_from_inr(INR.load(folder / "teacher.safetensors"))
    samples = FourierSamples.load(folder / "samples.npz")
    dictionary = NeuronDictionary.lattice(3, cutoff=10, dim=1, n_grid=64)
    with np.load(folder / "certificate.npz") as data:
        dual = dictionary.real_samples.pack(data["dual_variable"])
        np.testing.assert_allclose(data["atoms"], teacher.atoms, atol=1e-6)
    eta = dictionary.coefficients(teacher.atoms) @ dual
    np.testing.assert_allclose(eta, np.sign(teacher.amplitudes), atol=1e-6)
    value = float(dual @ dictionary.real_samples.pack(samples.values))
    assert value == pytest.approx(teacher.total_variation(), rel=1e-5), "no gap"
    rng = np.random.default_rng(0)
    others = rng.standard_normal((2000, 7))
    others /= np.linalg.norm(others, axis=1, keepdims=True)
    assert np.abs(dictionary.coefficients(others) @ dual).max() <= 1 + 1e-3


def test_files_that_the_command_wrote_can_be_asked_about(easy, tmp_path):
    folder, _ = easy
    arguments = [folder / "teacher.safetensors", folder / "samples.npz", "--grid", 64, "--starts", 256]
    result = call(*arguments, "--polish", "--check", "-o", tmp_path / "again")
    assert result.exit_code == 0, result.output + result.stderr
    report = load_report(tmp_path / "again")
    assert report["status"] == "SEARCHED"
    assert report["settings"]["random"] is None
    assert not (tmp_path / "again" / "teacher.safetensors").exists()
    info = CliRunner().invoke(app, ["info", str(tmp_path / "again")])
    assert "SEARCHED" in info.stdout
    assert info.exit_code == 0


def test_a_network_that_is_not_optimal_is_refuted_with_a_cheaper_one(tmp_path):
    # Four neurons of three weights against eleven samples: optimality would be twelve equations for a dual vector.
    encoding = FourierFeatures.lattice(1, dim=1)
    atom = np.array([0.6, 0.0, 0.8])
    measure = DiscreteMeasure([atom, -atom, [0.0, 0.6, 0.8], [0.0, -0.6, -0.8]], [1.0, 1.0, -1.0, 1.0])
    inr_from_measure(measure, encoding).save(tmp_path / "m.safetensors")
    result = call(tmp_path / "m.safetensors", "-K", 5, "--grid", 64, "--starts", 256, "-o", tmp_path / "out",
                  "--check")  # fmt: skip
    assert result.exit_code == 6, result.output + result.stderr
    report = load_report(tmp_path / "out")
    assert report["status"] == "REFUTED"
    assert "NOT OPTIMAL" in result.stdout
    witness = measure_from_inr(INR.load(tmp_path / "out" / "witness.safetensors"))
    assert witness.total_variation() < measure.total_variation()
    dictionary = NeuronDictionary.lattice(1, cutoff=5, dim=1, n_grid=64)
    wanted, found = (dictionary.sample(m).values for m in (measure, witness))
    assert np.linalg.norm(found - wanted) < 1e-6 * np.linalg.norm(wanted), "the witness was not feasible"


@pytest.mark.parametrize(
    ("level", "code"), [(Level.RIGOROUS, 0), (Level.SEARCHED, 0), (Level.REFUTED, 6), (Level.NONE, 7)]
)
def test_verdicts_are_exit_codes_only_when_asked(tmp_path, files, monkeypatch, level, code):
    pretend(monkeypatch, level=level, message="because")
    for check, expected in ((["--check"], code), ([], 0)):
        folder = tmp_path / f"out{len(check)}"
        result = call(*files, "--grid", 64, "-o", folder, *check)
        assert result.exit_code == expected, result.output
        report = load_report(folder)
        assert (report["status"], report["details"]) == (level.name, "because")
        assert "because" in result.stdout
        assert not (folder / "slices.png").exists(), "there is no dual vector to draw"


def test_a_witness_and_the_worst_direction_are_written(tmp_path, files, monkeypatch):
    pretend(
        monkeypatch,
        level=Level.REFUTED,
        witness=lambda measure: Witness(measure, 1.5, 2.0, 1e-13),
        dual_variable=np.zeros(11),
        argmax=np.array([0.0, 1.0, 0.0]),
    )
    result = call(*files, "--grid", 64, "-o", tmp_path / "out")
    assert result.exit_code == 0, result.output
    report = load_report(tmp_path / "out")
    assert report["figures"]["witness"]["relative_saving"] == 0.25
    assert any("1.0e-13" in caveat for caveat in report["caveats"])
    assert "saves 2.5e-01" in " ".join(result.stdout.split())
    assert INR.load(tmp_path / "out" / "witness.safetensors").dim == 1
    with np.load(tmp_path / "out" / "certificate.npz") as data:
        assert data["argmax"].tolist() == [0.0, 1.0, 0.0]
    assert (tmp_path / "out" / "slices.png").exists()


def test_options_reach_the_search(tmp_path, files, monkeypatch):
    from srinr.weightings import FourierWeighting

    asked = pretend(monkeypatch)
    result = call(*files, "--grid", 64, "--weighting", "modified-I", "--starts", 77, "--seed", 5,
                  "--time-limit", 9, "--quiet", "-o", tmp_path / "out")  # fmt: skip
    assert result.exit_code == 0, result.output + result.stderr
    assert result.stdout == ""
    assert isinstance(asked["weighting"], FourierWeighting)
    assert (asked["options"].n_starts, asked["seed"], asked["time_limit"]) == (77, 5, 9.0)
    assert asked["dictionary"].grid.shape == (64,)
    assert asked["progress"] is False
    report = load_report(tmp_path / "out")
    assert report["settings"]["weighting"] == "modified-I"
    assert any("under this weighting" in caveat for caveat in report["caveats"])


def test_polishing_fits_a_rough_model_exactly(tmp_path, files, monkeypatch):
    asked = pretend(monkeypatch)
    rough = DiscreteMeasure([[0.65, 0.05, 0.8], [0.55, 0.0, 0.8]], [1.1, 0.8])
    inr_from_measure(rough, FourierFeatures.lattice(1, dim=1)).save(tmp_path / "rough.safetensors")
    arguments = [tmp_path / "rough.safetensors", files[1], "--grid", 64, "-o", tmp_path / "out"]
    refused(call(*arguments), 2, "pass --polish")
    assert not (tmp_path / "out").exists()
    result = call(*arguments, "--polish")
    assert result.exit_code == 0, result.output + result.stderr
    assert asked["measure"].n_atoms == 1
    np.testing.assert_allclose(asked["measure"].atoms, [[0.6, 0.0, 0.8]], atol=1e-6)
    saved = measure_from_inr(INR.load(tmp_path / "out" / "polished.safetensors"))
    np.testing.assert_allclose(saved.amplitudes, asked["measure"].amplitudes, rtol=1e-6)


def test_polishing_that_finds_no_exact_fit_says_so(tmp_path, files):
    samples = FourierSamples.load(files[1])
    noise = np.random.default_rng(0).standard_normal(samples.n_samples)
    FourierSamples(samples.frequencies, samples.values + noise + noise[::-1]).save(tmp_path / "odd.npz")
    result = call(files[0], tmp_path / "odd.npz", "--grid", 64, "--polish", "-o", tmp_path / "out")
    refused(result, 2, "no exact fit was found")


def test_a_search_without_time_is_undecided(tmp_path, files):
    result = call(*files, "--grid", 64, "--time-limit", 1e-6, "--check", "-o", tmp_path / "out")
    assert result.exit_code == 7, result.output + result.stderr
    assert "time limit" in result.stdout
    assert any("Undecided says nothing" in caveat for caveat in load_report(tmp_path / "out")["caveats"])


def test_exact_coefficients_make_it_a_statement_about_the_continuum(tmp_path):
    result = call("--random", 1, "--dim", 1, "--max-frequency", 1, "-K", 5, "--exact", "--starts", 256, "--seed", 1,
                  "-o", tmp_path / "out", "--check")  # fmt: skip
    assert result.exit_code == 0, result.output + result.stderr
    report = load_report(tmp_path / "out")
    assert report["figures"]["domain"] == "exact"
    assert not any("continuum" in caveat for caveat in report["caveats"])


# what is refused -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "--random WIDTH"),
        (["m.safetensors", "--random", 2], "--random WIDTH"),
        (["m.safetensors", "s.npz", "--dim", 2], "--dim: with --random only"),
        (["--random", 2, "--max-frequency", 500], "lower --random or --max-frequency"),
        (["--random", 1, "--cutoff", 5000], "lower --cutoff"),
        (["--random", 1, "--grid", 10**6], "lower --grid"),
        (["--random", 1, "--cutoff", 10, "--grid", 8], "grid"),
        (["--random", 1, "--dim", 1, "--max-frequency", 1], "vanish everywhere; choose another seed"),
        (["--random", 1, "--exact"], "--exact is for"),
        (["--random", 1, "--dim", 1, "--exact", "--grid", 64], "no grid with --exact"),
        (["--random", 1, "--time-limit", 0], "--time-limit must be positive"),
        (["--random", 1, "--time-limit", "nan"], "--time-limit must be positive"),
    ],
)
def test_arguments_that_cannot_work_are_refused_at_once(tmp_path, arguments, words):
    refused(call(*arguments, "-o", tmp_path / "out"), 2, words)
    assert not (tmp_path / "out").exists()


def test_model_files_that_cannot_be_certified_are_named(tmp_path, files):
    model, samples = files
    deep, complex_, half = (tmp_path / f"{n}.safetensors" for n in ("deep", "complex", "half"))
    encoding = FourierFeatures.lattice(1, dim=1)
    INR(encoding, MLP(3, width=4, depth=3)).save(deep)
    INR(encoding, ShallowReLU(3, 4, out_features=2), complex_output=True).save(complex_)
    half.write_bytes(model.read_bytes()[:100])
    for path, words in (
        (deep, "a network MLP"),
        (complex_, "a complex image"),
        (half, "or damaged"),
        (tmp_path / "nowhere.safetensors", "no such file"),
        (samples, "not an INR"),
    ):
        result = call(path, samples, "-o", tmp_path / "out")
        refused(result, 3, words)
        assert path.name in message(result)
    refused(call(model), 2, "--cutoff to ask about the model's own samples")
    refused(call(model, samples, "--cutoff", 3), 2, "leave one of the two out")
    assert not (tmp_path / "out").exists()


def test_sample_files_that_cannot_be_certified_are_named(tmp_path, files):
    model, path = files
    good = FourierSamples.load(path)
    k, values = good.frequencies, good.values
    plane = FourierSamples(np.concatenate([k, k], axis=1), values)
    cases = {
        "noisy": (FourierSamples(k, values, 1e-3), 3, "noisy"),
        "coils": (FourierSamples(k, np.stack([values, values])), 3, "several images"),
        "between": (FourierSamples(k + 0.5, values), 3, "not integers"),
        "plane": (plane, 3, "dimension 2"),
        "complex": (FourierSamples(k, values * 1j), 2, "not those of a real image"),
        "far": (FourierSamples(k[:3] * 1000, values[:3]), 2, "grid"),
        "other": (FourierSamples(k, values * 1.01), 2, "does not have these samples"),
    }
    for name, (samples, code, words) in cases.items():
        samples.save(tmp_path / f"{name}.npz")
        refused(call(model, tmp_path / f"{name}.npz", "--grid", 64, "-o", tmp_path / "out"), code, words)
    (tmp_path / "half.npz").write_bytes(path.read_bytes()[:200])
    refused(call(model, tmp_path / "half.npz"), 3, "half.npz")
    refused(call(model, tmp_path / "none.npz"), 3, "no such file")
    assert not (tmp_path / "out").exists()


def test_earlier_verdicts_are_kept_unless_asked(tmp_path, files, monkeypatch):
    pretend(monkeypatch)
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "witness.safetensors").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    refused(call(*files, "--grid", 64, "-o", folder), 2, "already holds witness.safetensors")
    assert (folder / "witness.safetensors").read_text() == "mine"
    assert call(*files, "--grid", 64, "-o", folder, "--overwrite").exit_code == 0
    assert not (folder / "witness.safetensors").exists(), "an old witness beside a new verdict would mislead"
    assert (folder / "notes.txt").read_text() == "mine"


def test_an_output_that_is_no_folder_is_an_output_error(tmp_path, files):
    (tmp_path / "file").write_text("")
    refused(call(*files, "--grid", 64, "-o", tmp_path / "file" / "out"), 5, "cannot create")


# help and processes --------------------------------------------------------------------------------------


def test_the_help_states_verdicts_and_exit_codes_and_is_light():
    result = call("--help")
    assert result.exit_code == 0
    text = " ".join(result.stdout.split())
    for words in ("--random 2 --cutoff 10", "6 refuted", "7 undecided", "witness.safetensors", "--polish"):
        assert words in text
    code = "import sys; from srinr.cli import app; from typer.testing import CliRunner; " \
        "assert CliRunner().invoke(app, ['certify', '--help']).exit_code == 0; " \
        "print([m for m in ('torch', 'numba', 'scipy', 'matplotlib', 'numpy') if m in sys.modules])"  # fmt: skip
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert done.stdout.strip() == "[]", done.stderr


def test_the_installed_command_certifies(tmp_path):
    script = Path(sys.executable).parent / "srinr"
    command = [script, "certify", *EASY, "--check", "-o", "out"]
    done = subprocess.run(
        [str(c) for c in command], cwd=tmp_path, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "OPTIMAL" in done.stdout
    assert load_report(tmp_path / "out")["status"] == "SEARCHED"
