"""Meta-learning: outer gradients against closed forms, ordinary training as a special case, resuming, refusals."""

import os
import signal
from dataclasses import replace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr import INR, LBFGS, MLP, Adam, Coordinates, FourierFeatures, Grid, ShallowReLU, Siren
from srinr.image_families import ImageFamily, faces
from srinr.meta_files import load_initialization, save_initialization
from srinr.meta_learning import (
    MetaMethod,
    MetaOptions,
    maml,
    reptile,
)
from srinr.meta_steps import (
    descend,
    first_order_direction,
    maml_direction,
    reptile_direction,
)
from srinr.pixel_model import PixelModel
from srinr.pretraining import adapt, adaptation_psnr, pretrain
from srinr.status import FileFormatError, SrinrError, Status

SHAPE = (6, 5)


class LinearNetwork(torch.nn.Module):
    """``f = <w, gamma>``: with the mean squared error, everything has a closed form."""

    out_features, first_bias, values_per_point = 1, None, 1

    def __init__(self, n_features, seed=0):
        super().__init__()
        values = np.random.default_rng(seed).standard_normal((1, n_features))
        self.first_weight = torch.nn.Parameter(torch.from_numpy(values))

    def after_first(self, preactivation):
        return preactivation

    def spec(self):
        return {"n_features": self.first_weight.shape[1]}


def linear_inr(seed=0):
    encoding = FourierFeatures.lattice(1, dim=2)
    return INR(encoding, LinearNetwork(encoding.n_features, seed))


def siren(seed=0):
    return INR(Coordinates(), Siren(2, 8, 3, seed=seed))


def family(n=5, shape=SHAPE, seed=0):
    images = np.random.default_rng(seed).random((n, *shape))
    return ImageFamily(images, [str(i) for i in range(n)], "noise")


def weights(inr):
    return torch.cat([p.detach().ravel() for p in inr.parameters()]).numpy()


def same(first, second):
    np.testing.assert_array_equal(weights(first), weights(second))


OPTIONS = MetaOptions(outer_steps=6, outer_rate=1e-3, inner_rate=1e-2, batch_size=3, seed=4)
LEARNERS = {
    "maml": maml,
    "first order": lambda *a, **k: maml(*a, first_order=True, **k),
    "reptile": reptile,
}
each_learner = pytest.mark.parametrize("learn", LEARNERS.values(), ids=LEARNERS.keys())
COUNTS, RATES = st.integers(0, 5), st.floats(0.0, 0.5)


# the outer gradients against closed forms


def quadratic(seed, n=7, size=3):
    """A plain linear module, its loss, the constant Hessian, targets."""
    rng = np.random.default_rng(seed)
    features = torch.from_numpy(rng.standard_normal((n, size)))
    module = torch.nn.Linear(size, 1, bias=False).double()
    targets = torch.from_numpy(rng.standard_normal((4, n)))

    def loss(parameters, target):
        values = torch.func.functional_call(module, parameters, (features,))[:, 0]
        return (values - target).square().mean()

    start = {"weight": torch.from_numpy(rng.standard_normal((1, size)))}
    hessian = (2 / n * features.T @ features).numpy()
    return loss, start, targets, hessian, features.numpy()


def mean_gradient(features, adapted, targets):
    """Gradients of the loss of each image at its own parameters, averaged."""
    residual = adapted @ features.T - targets.numpy()
    return (2 / len(features) * residual @ features), residual


def adapted_weights(loss, start, targets, rate, n_steps):
    found = [descend(loss, start, t, rate, n_steps)["weight"][0] for t in targets]
    return torch.stack(found).numpy()


@given(st.integers(0, 100), RATES, COUNTS)
def test_second_order_is_the_power_of_the_hessian_times_the_adapted_gradient(seed, rate, n_steps):
    loss, start, targets, hessian, features = quadratic(seed)
    adapted = adapted_weights(loss, start, targets, rate, n_steps)
    gradients, residual = mean_gradient(features, adapted, targets)
    power = np.linalg.matrix_power(np.eye(3) - rate * hessian, n_steps)
    found, value = maml_direction(loss, start, targets, rate, n_steps)
    np.testing.assert_allclose(
        found["weight"][0].numpy(), (gradients @ power.T).mean(0), rtol=1e-9, atol=1e-11
    )
    np.testing.assert_allclose(float(value), (residual**2).mean(), rtol=1e-10)


@given(st.integers(0, 100), RATES, COUNTS)
def test_first_order_is_the_gradient_at_the_adapted_point(seed, rate, n_steps):
    loss, start, targets, _, features = quadratic(seed)
    adapted = adapted_weights(loss, start, targets, rate, n_steps)
    gradients, residual = mean_gradient(features, adapted, targets)
    found, value = first_order_direction(loss, start, targets, rate, n_steps)
    np.testing.assert_allclose(found["weight"][0].numpy(), gradients.mean(0), rtol=1e-9, atol=1e-11)
    np.testing.assert_allclose(float(value), (residual**2).mean(), rtol=1e-10)


@given(st.integers(0, 100), st.floats(1e-3, 0.5))
def test_reptile_with_one_step_is_the_mean_gradient_times_the_rate(seed, rate):
    loss, start, targets, _, features = quadratic(seed)
    gradients, _ = mean_gradient(features, np.repeat(start["weight"].numpy(), 4, 0), targets)
    found, _ = reptile_direction(loss, start, targets, rate, 1)
    np.testing.assert_allclose(found["weight"][0].numpy(), rate * gradients.mean(0), rtol=1e-9, atol=1e-12)


@given(st.integers(0, 100), RATES, st.integers(1, 5))
def test_reptile_is_the_distance_to_the_mean_of_the_adapted(seed, rate, n_steps):
    loss, start, targets, hessian, features = quadratic(seed)
    found, _ = reptile_direction(loss, start, targets, rate, n_steps)
    gradients, _ = mean_gradient(features, np.repeat(start["weight"].numpy(), 4, 0), targets)
    # theta - theta_S = a sum_s (I - a H)^s grad l(theta)
    sums = sum(np.linalg.matrix_power(np.eye(3) - rate * hessian, s) for s in range(n_steps))
    np.testing.assert_allclose(
        found["weight"][0].numpy(), rate * sums @ gradients.mean(0), rtol=1e-8, atol=1e-10
    )


def test_the_closed_forms_tell_the_methods_apart():
    loss, start, targets, _, _ = quadratic(0)
    directions = (maml_direction, first_order_direction, reptile_direction)
    found = [d(loss, start, targets, 0.1, 2)[0]["weight"].numpy() for d in directions]
    assert all(np.abs(found[i] - found[j]).max() > 1e-2 for i, j in ((0, 1), (0, 2), (1, 2)))


def test_second_order_of_a_siren_against_finite_differences():
    model = PixelModel(siren(), SHAPE, torch.float64)
    targets = model.targets(family(3).images)

    def objective(parameters):
        adapted = [descend(model.loss, parameters, t, 1e-2, 2) for t in targets]
        return float(np.mean([float(model.loss(p, t)) for p, t in zip(adapted, targets, strict=True)]))

    gradient, value = maml_direction(model.loss, model.parameters, targets, 1e-2, 2)
    assert float(value) == pytest.approx(objective(model.parameters), rel=1e-12)
    rng = np.random.default_rng(0)
    along = {k: torch.from_numpy(rng.standard_normal(v.shape)) for k, v in model.parameters.items()}
    h = 1e-6
    moved = [objective({k: v + s * h * along[k] for k, v in model.parameters.items()}) for s in (1, -1)]
    slope = sum(float((gradient[k] * along[k]).sum()) for k in along)
    assert (moved[0] - moved[1]) / (2 * h) == pytest.approx(slope, rel=1e-6)


# the INR as a function of its parameters


def all_inrs():
    lattice = FourierFeatures.lattice(1, dim=2)
    yield "siren", siren()
    yield "mlp", INR(lattice, MLP(lattice.n_features, 6, 3))
    yield "shallow", INR(lattice, ShallowReLU(lattice.n_features, 6))
    yield "linear", linear_inr()


@pytest.mark.parametrize("inr", [inr for _, inr in all_inrs()], ids=[name for name, _ in all_inrs()])
def test_any_inr_is_evaluated_and_learned(inr):
    model = PixelModel(inr, SHAPE, torch.float64)
    expected = inr.on_grid(Grid(SHAPE))
    np.testing.assert_allclose(model.values(model.parameters).numpy().reshape(SHAPE), expected, atol=1e-12)
    same(model.inr_with(model.parameters), inr)
    before = weights(inr).copy()
    for learn in LEARNERS.values():
        result = learn(inr, family(), OPTIONS)
        assert result.status is Status.MAX_STEPS and result.n_steps == 6 and not result.interrupted
        assert np.abs(weights(result.inr) - before).max() > 1e-4
    np.testing.assert_array_equal(weights(inr), before)


def test_frozen_parameters_stay():
    start = siren()
    start.network.weights[0].requires_grad_(False)
    result = maml(start, family(), OPTIONS).inr.network
    torch.testing.assert_close(result.weights[0], start.network.weights[0], rtol=0, atol=0)
    assert not torch.equal(result.weights[1], start.network.weights[1])
    for parameter in start.parameters():
        parameter.requires_grad_(False)
    with pytest.raises(ValueError, match="no trainable parameter"):
        maml(start, family(), OPTIONS)


# ordinary training as a special case


def test_inner_rate_zero_is_ordinary_training_on_the_batch_mean():
    """Against a training written with autograd and torch's own Adam; the batch is the whole family."""
    images, start = family(4), siren()
    options = MetaOptions(outer_steps=20, outer_rate=1e-3, inner_steps=2, inner_rate=0.0, batch_size=4)
    result = maml(start, images, options)
    plain = start.copy()
    optimizer = torch.optim.Adam(plain.parameters(), lr=1e-3, eps=1e-8)
    losses = []
    for _ in range(20):
        optimizer.zero_grad()
        errors = plain.pixels(Grid(SHAPE)) - torch.from_numpy(images.images.copy())
        loss = errors.square().mean()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    np.testing.assert_allclose(result.losses, losses, rtol=1e-9)
    np.testing.assert_allclose(weights(result.inr), weights(plain), rtol=0, atol=1e-9)
    assert (
        np.abs(weights(maml(start, images, replace(options, inner_rate=1e-2)).inr) - weights(plain)).max()
        > 1e-4
    )


def test_pretraining_is_meta_learning_of_one_image_without_inner_steps():
    images = family(1)
    options = MetaOptions(outer_steps=15, outer_rate=1e-3, inner_steps=0, batch_size=1)
    learned = maml(siren(), images, options)
    trained = pretrain(siren(), images.images[0], 15, optimizer=Adam(1e-3, eps=1e-8), keep_at=(0, 7, 15))
    np.testing.assert_allclose(weights(trained.inr), weights(learned.inr), rtol=0, atol=1e-10)
    np.testing.assert_allclose(trained.losses, learned.losses, rtol=1e-10)
    same(trained.kept[0], siren())
    same(trained.kept[15], trained.inr)
    shorter = pretrain(siren(), images.images[0], 7, optimizer=Adam(1e-3, eps=1e-8))
    same(trained.kept[7], shorter.inr)
    assert shorter.n_steps == 7 and shorter.status is Status.MAX_STEPS


def test_adaptation_is_gradient_descent():
    """The linear INR: theta_S - theta* = (I - a H)^S (theta - theta*)."""
    inr, image = linear_inr(), family(1).images[0]
    features = inr.encoding.features(torch.from_numpy(Grid(SHAPE).points)).numpy()
    hessian = 2 / image.size * features.T @ features
    best = np.linalg.lstsq(features, image.ravel())[0]
    for n_steps in (0, 1, 5):
        power = np.linalg.matrix_power(np.eye(len(best)) - 0.3 * hessian, n_steps)
        found = weights(adapt(inr, image, n_steps, 0.3))
        np.testing.assert_allclose(found, best + power @ (weights(inr) - best), atol=1e-11)


def test_adapting_by_adam_is_pretraining():
    image = family(1).images[0]
    trained = pretrain(siren(), image, 5, optimizer=Adam(1e-2, eps=1e-8))
    same(adapt(siren(), image, 5, 1e-2, use_adam=True), trained.inr)
    same(adapt(siren(), image, 0, 1e-2, use_adam=True), siren())


def test_psnr_after_each_step():
    images, start = family(3), siren()
    found = adaptation_psnr(start, images, 3, 1e-2)
    assert found.shape == (3, 4)
    for row, image in zip(found, images.images, strict=True):
        for n_steps, value in enumerate(row):
            error = adapt(start, image, n_steps, 1e-2).on_grid(Grid(SHAPE)) - image
            assert value == pytest.approx(-10 * np.log10((error**2).mean()), rel=1e-9)


def test_mask_hides_pixels_from_the_fit_and_shows_them_to_the_psnr():
    images, start = family(2), siren()
    mask = np.random.default_rng(1).random(SHAPE) < 0.5
    changed = images.images.copy()
    changed[:, ~mask] = 0.25
    same(adapt(start, images.images[0], 4, 1e-2, mask=mask), adapt(start, changed[0], 4, 1e-2, mask=mask))
    trained = [pretrain(start, i[0], 4, mask=mask).inr for i in (images.images, changed)]
    same(*trained)
    found = adaptation_psnr(start, images, 4, 1e-2, mask=mask)[0, -1]
    error = (adapt(start, images.images[0], 4, 1e-2, mask=mask).on_grid(Grid(SHAPE)) - images.images[0])[
        ~mask
    ]
    assert found == pytest.approx(-10 * np.log10((error**2).mean()), rel=1e-9)


# what it is for


@each_learner
def test_learned_starts_adapt_faster_on_held_out_faces(learn):
    train, test = faces().split(80)
    start = INR(Coordinates(), Siren(2, 16, 3))
    options = MetaOptions(outer_steps=60, outer_rate=1e-3 if learn is not reptile else 3e-4)
    result = learn(start, train, options, dtype=torch.float32)
    psnr = [adaptation_psnr(inr, test, 3, 1e-2)[:, -1].mean() for inr in (start, result.inr)]
    assert psnr[1] > psnr[0] + 2.0
    assert weights(result.inr).dtype == np.float64
    assert (result.n_images, result.source, result.dtype) == (80, train.source, "float32")


# seeds, resuming, interruption


@each_learner
def test_seeds_decide(learn):
    first, again = (learn(siren(), family(), OPTIONS) for _ in range(2))
    same(first.inr, again.inr)
    np.testing.assert_array_equal(first.losses, again.losses)
    assert not np.array_equal(learn(siren(), family(), replace(OPTIONS, seed=5)).losses, first.losses)


@each_learner
@pytest.mark.parametrize("dtype", [torch.float64, torch.float32], ids=str)
def test_resumed_is_uninterrupted(tmp_path, learn, dtype):
    path = tmp_path / "state.safetensors"
    whole = learn(siren(), family(), OPTIONS, dtype=dtype)
    part = learn(siren(), family(), OPTIONS, dtype=dtype, checkpoint=path, callback=lambda n, loss: n == 3)
    assert part.interrupted and part.n_steps == 3 and part.status is Status.USER_STOP
    assert np.abs(weights(part.inr) - weights(whole.inr)).max() > 0
    seen = []
    resumed = learn(
        siren(), family(), OPTIONS, dtype=dtype, checkpoint=path, callback=lambda n, loss: seen.append(n)
    )
    assert seen == [4, 5, 6]
    same(resumed.inr, whole.inr)
    np.testing.assert_array_equal(resumed.losses, whole.losses)
    finished = learn(siren(), family(), OPTIONS, dtype=dtype, checkpoint=path)
    same(finished.inr, whole.inr)


def test_a_finished_run_can_be_continued_but_not_shortened(tmp_path):
    path = tmp_path / "state"
    maml(siren(), family(), replace(OPTIONS, outer_steps=4), checkpoint=path)
    same(maml(siren(), family(), OPTIONS, checkpoint=path).inr, maml(siren(), family(), OPTIONS).inr)
    with pytest.raises(SrinrError, match="holds 6 steps already"):
        maml(siren(), family(), replace(OPTIONS, outer_steps=5), checkpoint=path)


def test_checkpoints_of_other_problems_are_refused(tmp_path):
    path = tmp_path / "state"
    maml(siren(), family(), OPTIONS, checkpoint=path)
    others = (
        lambda: maml(siren(1), family(), OPTIONS, checkpoint=path),
        lambda: maml(siren(), family(seed=1), OPTIONS, checkpoint=path),
        lambda: maml(siren(), family(), replace(OPTIONS, inner_steps=3), checkpoint=path),
        lambda: maml(siren(), family(), OPTIONS, checkpoint=path, dtype=torch.float32),
        lambda: maml(siren(), family(), OPTIONS, checkpoint=path, first_order=True),
        lambda: reptile(siren(), family(), OPTIONS, checkpoint=path),
    )
    for other in others:
        with pytest.raises(SrinrError, match="belongs to another problem"):
            other()
    path.write_bytes(b"torn")
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        maml(siren(), family(), OPTIONS, checkpoint=path)


def test_resumed_pretraining_keeps_what_was_kept(tmp_path):
    image, path = family(1).images[0], tmp_path / "state"
    whole = pretrain(siren(), image, 8, keep_at=(2, 6))
    pretrain(siren(), image, 8, keep_at=(2, 6), checkpoint=path, callback=lambda n, loss: n == 4)
    resumed = pretrain(siren(), image, 8, keep_at=(2, 6), checkpoint=path)
    same(resumed.inr, whole.inr)
    for step in (2, 6):
        same(resumed.kept[step], whole.kept[step])


def test_ctrl_c_returns_what_was_reached():
    handler = signal.getsignal(signal.SIGINT)

    def press(n_steps, loss):
        if n_steps == 2:
            os.kill(os.getpid(), signal.SIGINT)

    result = maml(siren(), family(), OPTIONS, callback=press)
    assert result.interrupted and result.n_steps in (2, 3)
    assert signal.getsignal(signal.SIGINT) is handler
    same(result.inr, maml(siren(), family(), replace(OPTIONS, outer_steps=result.n_steps)).inr)


@each_learner
def test_divergence_is_a_status_and_keeps_finite_parameters(learn):
    result = learn(linear_inr(), family(), replace(OPTIONS, inner_rate=1e200))
    assert result.status is Status.NONFINITE and not result.interrupted and result.n_steps == 0
    same(result.inr, linear_inr())
    psnr = adaptation_psnr(linear_inr(), family(), 3, 1e200)
    assert np.isfinite(psnr[:, 0]).all() and not np.isfinite(psnr[:, -1]).any()


def test_progress_bar_only_when_asked(capfd):
    maml(siren(), family(), OPTIONS)
    assert capfd.readouterr() == ("", "")
    maml(siren(), family(), OPTIONS, progress=True)
    assert "6/6" in capfd.readouterr().err


# saved initializations


def test_saved_initialization_comes_back_with_its_settings(tmp_path):
    result = reptile(siren(), family(), OPTIONS)
    path = tmp_path / "start.safetensors"
    assert save_initialization(result, path) == tmp_path / "start.safetensors.json"
    found = load_initialization(path)
    same(found.inr, result.inr)
    same(INR.load(path), result.inr)
    np.testing.assert_array_equal(found.losses, result.losses)
    assert (found.method, found.options, found.source) == (MetaMethod.REPTILE, OPTIONS, "noise")
    assert (found.status, found.n_images, found.n_steps) == (Status.MAX_STEPS, 5, 6)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["start.safetensors", "start.safetensors.json"]

    sidecar = tmp_path / "start.safetensors.json"
    text = sidecar.read_text()
    siren(7).save(path)
    with pytest.raises(FileFormatError, match="written for other weights"):
        load_initialization(path)
    for torn in ("", "[]", text[:50], text.replace("REPTILE", "OTHER"), text.replace("inner_rate", "rate"),
                 text.replace('"n_images": 5', '"n_images": "lots"'), "[" * 100_000):  # fmt: skip
        save_initialization(result, path)
        sidecar.write_text(torn)
        with pytest.raises(FileFormatError, match="not the settings of this initialization"):
            load_initialization(path)
    sidecar.unlink()
    with pytest.raises(FileFormatError, match="not the settings"):
        load_initialization(path)
    with pytest.raises(TypeError, match="result: expected a MetaResult, got INR"):
        save_initialization(siren(), path)


# refusals


@each_learner
def test_options_of_the_wrong_kind_are_refused(learn):
    with pytest.raises(TypeError, match="options: expected MetaOptions, got dict"):
        learn(siren(), family(), {"outer_steps": 3})
    for seconds in (float("nan"), -1.0, "soon"):
        with pytest.raises(ValueError, match="checkpoint_seconds must be"):
            learn(siren(), family(), OPTIONS, checkpoint_seconds=seconds)


@each_learner
@pytest.mark.parametrize(
    ("images", "match"),
    [
        (np.zeros((0, 6, 5)), "without empty axes"),
        (np.zeros((6, 5)), r"must have shape \(n, h, w\)"),
        (np.full((5, 6, 5), np.nan), "NaN or infinite pixels"),
        (np.zeros((5, 6, 5, 3)), "one channel"),
        (np.zeros((5, 6, 5), dtype=complex), "real numbers"),
        (np.zeros((2, 6, 5)), "batch_size=3 exceeds the 2 images"),
    ],
)
def test_images_that_are_refused(learn, images, match):
    with pytest.raises(ValueError, match=match):
        learn(siren(), images, OPTIONS)


def test_inrs_that_are_refused():
    with pytest.raises(TypeError, match="expected an INR, got Siren"):
        maml(Siren(2, 8, 3), family(), OPTIONS)
    complex_inr = INR(Coordinates(), Siren(2, 8, 3, out_features=2), complex_output=True)
    with pytest.raises(ValueError, match="complex output"):
        maml(complex_inr, family(), OPTIONS)
    with pytest.raises(ValueError, match="lives in dimension 1"):
        maml(INR(Coordinates(dim=1), Siren(1, 8, 3)), family(), OPTIONS)
    broken = siren()
    with torch.no_grad():
        broken.network.weights[0][0, 0] = float("nan")
    with pytest.raises(ValueError, match="NaN or infinite parameters"):
        maml(broken, family(), OPTIONS)
    with pytest.raises(ValueError, match=r"dtype must be torch.float32 or torch.float64, got torch.float16"):
        maml(siren(), family(), OPTIONS, dtype=torch.float16)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("outer_steps", 0), ("outer_rate", 0), ("outer_rate", np.nan), ("inner_steps", -1), ("inner_steps", 1.5),
        ("inner_rate", -1e-2), ("inner_rate", np.inf), ("batch_size", 0), ("seed", -1), ("seed", None),
    ],
)  # fmt: skip
def test_options_that_are_refused(name, value):
    with pytest.raises(ValueError, match=name):
        MetaOptions(**{name: value})


def test_numbers_that_are_refused():
    image = family().images[0]
    for change in ({"inner_steps": 0}, {"inner_rate": 0.0}):
        with pytest.raises(ValueError, match="Reptile needs"):
            reptile(siren(), family(), replace(OPTIONS, **change))
    with pytest.raises(ValueError, match="n_steps must be an integer"):
        adapt(siren(), image, -1, 1e-2)
    with pytest.raises(ValueError, match="rate must be a number"):
        adaptation_psnr(siren(), family(), 3, -1.0)
    with pytest.raises(ValueError, match=r"mask must be a boolean array of shape \(6, 5\)"):
        adapt(siren(), image, 1, 1e-2, mask=np.ones(SHAPE))
    with pytest.raises(ValueError, match="mask is True everywhere"):
        adaptation_psnr(siren(), family(), 1, 1e-2, mask=np.ones(SHAPE, dtype=bool))
    with pytest.raises(ValueError, match="keep_at asks for step 9"):
        pretrain(siren(), image, 3, keep_at=(9,))
    with pytest.raises(ValueError, match="LBFGS evaluates"):
        pretrain(siren(), image, 3, optimizer=LBFGS())


def test_single_precision_leaves_frozen_tensors_as_they_were():
    start = INR(Coordinates(), Siren(2, width=6, depth=3, seed=1))
    start.network.weights[0].requires_grad_(False)
    trained = pretrain(start, faces().images[0], 3, optimizer=Adam(1e-2), dtype=torch.float32).inr
    assert torch.equal(trained.network.weights[0], start.network.weights[0])
    assert not torch.equal(trained.network.weights[1], start.network.weights[1])
