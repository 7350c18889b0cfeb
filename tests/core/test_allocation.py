"""Reuse of freed memory: it nests, ends with the block whatever happens, and says whether it took effect."""

import ctypes
import sys

import pytest

from srinr import allocation
from srinr.allocation import reuse_freed_memory


class FakeLibrary:
    """Stands for the C library; ``refuses`` names a parameter that mallopt does not take."""

    def __init__(self, refuses=None):
        self.refuses, self.calls, self.trims = refuses, [], 0

    def mallopt(self, parameter, value):
        self.calls.append((parameter, value))
        return 0 if parameter == self.refuses else 1

    def malloc_trim(self, pad):
        self.trims += 1
        return 1


@pytest.fixture(name="library")
def _library(monkeypatch):
    library = FakeLibrary()
    monkeypatch.setattr(allocation, "_glibc", lambda: library)
    return library


def test_thresholds_are_raised_within_the_block_and_lowered_after_it(library):
    with reuse_freed_memory() as active:
        assert active
        assert {value for _, value in library.calls} == {2**31 - 1}
        assert library.trims == 0
    assert [parameter for parameter, _ in library.calls] == [-3, -1, -3, -1]
    assert all(value <= 64 * 2**20 for _, value in library.calls[2:])
    assert library.trims == 1


def test_only_the_outermost_of_nested_blocks_acts(library):
    with reuse_freed_memory():
        with reuse_freed_memory() as inner:
            assert inner
        assert library.trims == 0
        assert len(library.calls) == 2
    assert library.trims == 1


def test_an_exception_ends_the_block_like_any_other_way(library):
    with pytest.raises(RuntimeError, match="step"), reuse_freed_memory():
        raise RuntimeError("step")
    assert library.trims == 1
    with reuse_freed_memory():
        assert len(library.calls) == 6, "a block after the failed one acts again"


def test_a_library_that_refuses_is_told_truly(monkeypatch):
    monkeypatch.setattr(allocation, "_glibc", lambda: FakeLibrary(refuses=-3))
    with reuse_freed_memory() as active:
        assert not active


def test_elsewhere_nothing_happens(monkeypatch):
    monkeypatch.setattr(sys, "platform", "darwin")
    with reuse_freed_memory() as active:
        assert not active


def test_a_c_library_without_the_functions_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: object())
    with reuse_freed_memory() as active:
        assert not active


def test_it_works_on_this_machine():
    with reuse_freed_memory() as active:
        assert active == (allocation._glibc() is not None)
    assert allocation._depth == 0
