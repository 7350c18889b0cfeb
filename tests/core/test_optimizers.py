"""Schedules, steps, and states of the optimizers of ``fit``."""

import copy
import math

import pytest
import torch

from srinr.optimizers import LBFGS, Adam, ConstantRate, CosineDecay, StepDecay


def quadratic(n=6, seed=0):
    """Parameters and the closure of a convex quadratic with known minimum."""
    generator = torch.Generator().manual_seed(seed)
    target = torch.randn(n, generator=generator, dtype=torch.float64)
    scale = torch.linspace(1.0, 30.0, n, dtype=torch.float64)
    parameter = torch.nn.Parameter(torch.zeros(n, dtype=torch.float64))

    def closure():
        parameter.grad = None
        loss = 0.5 * (scale * (parameter - target).square()).sum()
        loss.backward()
        return loss

    return parameter, closure, target


def test_schedules():
    assert ConstantRate().factor(7, 10) == 1.0
    decay = StepDecay((3, 5), 0.1)
    assert [decay.factor(i, 10) for i in (0, 2, 3, 4, 5, 9)] == pytest.approx([1, 1, 0.1, 0.1, 0.01, 0.01])
    cosine = CosineDecay(final=0.2)
    assert cosine.factor(0, 100) == 1.0
    assert cosine.factor(100, 100) == pytest.approx(0.2)
    assert cosine.factor(10**6, 100) == pytest.approx(0.2)
    for step in range(100):
        expected = 0.2 + 0.8 * 0.5 * (1 + math.cos(math.pi * step / 100))
        assert cosine.factor(step, 100) == pytest.approx(expected)
    warm = CosineDecay(warmup=4)
    assert [warm.factor(i, 100) for i in range(4)] == pytest.approx([0.2, 0.4, 0.6, 0.8])
    assert warm.factor(4, 100) == 1.0


def test_adam_is_the_published_update():
    parameter, closure, _ = quadratic()
    settings = Adam(0.05, StepDecay((3,), 0.5), betas=(0.8, 0.99), eps=1e-7)
    running = settings.start([parameter])
    x = parameter.detach().clone()
    m = v = torch.zeros_like(x)
    for step in range(1, 7):
        with torch.no_grad():
            parameter.copy_(x)
        closure()
        g = parameter.grad.clone()
        m, v = 0.8 * m + 0.2 * g, 0.99 * v + 0.01 * g**2
        rate = 0.05 * (0.5 if step - 1 >= 3 else 1.0)
        x = x - rate * (m / (1 - 0.8**step)) / ((v / (1 - 0.99**step)).sqrt() + 1e-7)
        assert running.advance(closure, step - 1, 1, 6) == 1
        torch.testing.assert_close(parameter.detach(), x, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("settings", [Adam(0.02), LBFGS(), LBFGS(history=2)])
def test_steps_are_counted_and_lead_downhill(settings):
    parameter, closure, target = quadratic()
    running = settings.start([parameter])
    before = float(closure().detach())
    assert 1 <= running.advance(closure, 0, 5, 100) <= 5
    assert float(closure().detach()) < before
    for _ in range(100):
        running.advance(closure, 0, 20, 3000)
    torch.testing.assert_close(parameter.detach(), target, atol=1e-3, rtol=0)


def test_lbfgs_is_exact_on_a_quadratic_and_then_stands_still():
    parameter, closure, target = quadratic()
    running = LBFGS().start([parameter])
    for _ in range(10):
        running.advance(closure, 0, 20, 100)
    torch.testing.assert_close(parameter.detach(), target, atol=1e-10, rtol=0)
    assert running.advance(closure, 0, 20, 100) == 0, "a step that moves nothing is not a step"


@pytest.mark.parametrize("settings", [Adam(0.05, CosineDecay()), LBFGS(history=3)])
def test_a_restored_state_continues_bit_by_bit(settings):
    parameter, closure, _ = quadratic()
    running = settings.start([parameter])
    running.advance(closure, 0, 3, 12)
    middle, state = parameter.detach().clone(), copy.deepcopy(running.state())
    other, other_closure, _ = quadratic()
    with torch.no_grad():
        other.copy_(middle)
    second = settings.start([other])
    second.load_state(state)
    for start in (3, 6):
        running.advance(closure, start, 3, 12)
    for start in (3, 6):
        second.advance(other_closure, start, 3, 12)
    assert torch.equal(parameter, other)


def test_a_fresh_state_can_be_restored():
    for settings in (Adam(), LBFGS()):
        parameter, closure, _ = quadratic()
        running = settings.start([parameter])
        running.load_state(settings.start([parameter]).state())
        assert running.advance(closure, 0, 1, 10) == 1


def test_adam_fetches_nothing_from_the_device():
    """On a GPU every fetch (``.item()`` and relatives) waits for the whole queue; on "meta" it cannot be done."""
    parameter = torch.nn.Parameter(torch.zeros(6, device="meta"))

    def closure():
        parameter.grad = None
        loss = (parameter - 1.0).square().sum()
        loss.backward()
        return loss

    running = Adam(schedule=CosineDecay()).start([parameter])
    assert running.advance(closure, 0, 10, 10) == 10
    with pytest.raises(RuntimeError, match="meta"):
        closure().item()


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Adam(0.0), "learning_rate"),
        (lambda: Adam(-1e-3), "learning_rate"),
        (lambda: Adam(float("nan")), "learning_rate"),
        (lambda: Adam(float("inf")), "learning_rate"),
        (lambda: LBFGS(history=0), "history"),
        (lambda: LBFGS(learning_rate=0.0), "learning_rate"),
    ],
)
def test_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
