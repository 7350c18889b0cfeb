"""Quadrature nodes on the boundary of the set where a trigonometric polynomial is positive.

Every chain of graphs gets Gauss-Legendre rules whose nodes are found by safeguarded Newton steps inside certified
cells. A rule is raised, or its interval halved, until the Legendre coefficients of the highest waves on it have
decayed.
"""

from __future__ import annotations

import functools
import math

import numpy as np
from numba import njit
from numpy.typing import NDArray

from srinr.rectified_planar_chains import MOST_ROOTS, Chains
from srinr.rectified_planar_lines import (
    TURN,
    isolate_roots,
    monotone_root,
    restrict,
    restrict_with_slope,
    slopes,
    value,
    value_and_slope,
)

Real = NDArray[np.float64]
Integers = NDArray[np.int64]

_RULES = (8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 32, 36, 40, 48)
#: Legendre coefficients that are looked at: the last ones, and as many before them.
_TAIL = 3
_LARGEST = _RULES[-1]
#: An interval is halved at once when a rule seems to need this many nodes more than the largest has.
_HOPELESS = 8
#: An interval is at most this many times longer than its smallest cell: small cells tell of a singularity close by,
#: whose effect may hide between the end of the interval and the first node.
_GRADING = 32.0


def boundary_nodes(
    sides: tuple[Real, Real], chains: Chains, frequency: float, tolerance: float
) -> tuple[Real, Real]:
    """Nodes that integrate waves up to ``frequency`` (max-norm), each rule to about ``tolerance``.

    Points (n, 2), and weights (n, 2): the components of the outward normal times the element of length.
    """
    rules, tails = _legendre()
    store = _chain_nodes(
        sides[0], sides[1], chains.pieces, chains.axis, chains.rising, chains.starts, frequency, tolerance,
        rules, tails,
    )  # fmt: skip
    return store[:, :2], store[:, 2:]


@functools.cache
def _legendre() -> tuple[Real, Real]:
    """Nodes and weights (rules, 2, n), and what maps values at nodes to the last coefficients (rules, 6, n)."""
    rules = np.zeros((len(_RULES), 2, _LARGEST))
    tails = np.zeros((len(_RULES), 2 * _TAIL, _LARGEST))
    for r, n in enumerate(_RULES):
        x, w = np.polynomial.legendre.leggauss(n)
        rules[r, 0, :n], rules[r, 1, :n] = x, w
        values = np.polynomial.legendre.legvander(x, n - 1)
        for row in range(2 * _TAIL):
            degree = n - 1 - row
            tails[r, row, :n] = (2 * degree + 1) / 2 * w * values[:, degree]
    return rules, tails


@njit(cache=True)
def _chain_nodes(
    side0: Real,
    side1: Real,
    pieces: Real,
    axis: Integers,
    rising: NDArray[np.bool_],
    starts: Integers,
    frequency: float,
    tolerance: float,
    rules: Real,
    tails: Real,
) -> Real:
    """Nodes of all chains: points and weights (n, 4)."""
    store = np.empty((1024, 4))
    trial = np.empty((rules.shape[2], 4))
    intervals = np.empty((64, 2))
    count = 0
    for c in range(len(starts) - 1):
        part = pieces[starts[c] : starts[c + 1]]
        i = axis[starts[c]]
        side = side0 if i == 0 else side1
        intervals[0, 0], intervals[0, 1] = part[0, 0], part[-1, 1]
        waiting = 1
        while waiting > 0:
            waiting -= 1
            a, b = intervals[waiting]
            n = _best_rule(side, i, part, rising[starts[c]], a, b, frequency, tolerance, rules, tails, trial)
            # An interval that is shorter than the tolerance cannot matter.
            if n == 0 and b - a > 0.1 * tolerance and waiting < 62:
                middle = 0.5 * (a + b)
                intervals[waiting, 0], intervals[waiting, 1] = middle, b
                intervals[waiting + 1, 0], intervals[waiting + 1, 1] = a, middle
                waiting += 2
                continue
            store = _room(store, count + n)
            store[count : count + n] = trial[:n]
            count += n
    return store[:count].copy()


@njit(cache=True)
def _best_rule(
    side: Real,
    i: int,
    pieces: Real,
    rising: bool,
    start: float,
    end: float,
    frequency: float,
    tolerance: float,
    rules: Real,
    tails: Real,
    trial: Real,
) -> int:
    """Number of nodes, in ``trial``, of a rule that is good enough; 0 when the interval should be halved."""
    last = rules.shape[0] - 1
    turns = frequency * (end - start)
    if turns > _LARGEST / 4 or end - start > _GRADING * _smallest_cell(pieces, start, end):
        return 0
    size = 0.5 * (end - start)
    wanted = math.sqrt(tolerance / size)
    rule = _rule_of(12.0 + 1.5 * turns)
    for _ in range(4):
        before, after = _rule_nodes(
            side, i, pieces, rising, start, end, frequency, rules[rule], tails[rule], _RULES[rule], trial
        )
        # Coefficients decay geometrically, and a rule of n nodes errs by those of degree 2 n: the last one squared.
        if after <= wanted:
            return _RULES[rule]
        rate = max(math.log(max(before, after) / after) / _TAIL, 0.05)
        needed = _RULES[rule] + math.log(after / wanted) / rate
        if rule == last or needed > _LARGEST + _HOPELESS:
            break
        rule = min(max(_rule_of(needed), rule + 1), last)
    return 0


@njit(cache=True)
def _rule_of(n: float) -> int:
    """The first rule of at least n nodes, or the largest."""
    rule = 0
    while rule < len(_RULES) - 1 and _RULES[rule] < n:
        rule += 1
    return rule


@njit(cache=True)
def _piece_at(pieces: Real, t: float) -> int:
    """The piece of a chain that begins last before ``t``."""
    k = int(np.searchsorted(pieces[:, 0], t)) - 1
    return k if k > 0 else 0


@njit(cache=True)
def _smallest_cell(pieces: Real, start: float, end: float) -> float:
    """Size of the smallest cell over [start, end]."""
    smallest = np.inf
    k = _piece_at(pieces, start)
    while k < len(pieces) and pieces[k, 0] < end:
        if pieces[k, 1] > start:
            smallest = min(smallest, pieces[k, 3] - pieces[k, 2])
        k += 1
    return smallest


@njit(cache=True)
def _rule_nodes(
    side: Real,
    i: int,
    pieces: Real,
    rising: bool,
    start: float,
    end: float,
    frequency: float,
    rule: Real,
    tail: Real,
    n: int,
    trial: Real,
) -> tuple[float, float]:
    """Points and weights of one rule into ``trial``; sizes of the highest waves' last coefficients but three, and of
    the last three.
    """
    j = 1 - i
    line, slope = np.empty((2, side.shape[1]))
    half, middle = 0.5 * (end - start), 0.5 * (start + end)
    sums = np.zeros((2, tail.shape[0]), dtype=np.complex128)
    gradient, previous, x = 0.0, middle, -np.inf
    piece = _piece_at(pieces, start)
    for m in range(n):
        t = middle + half * rule[0, m]
        while piece < len(pieces) - 1 and t >= pieces[piece + 1, 0]:
            piece += 1
        restrict_with_slope(side, t, line, slope)
        guess = x + gradient * (t - previous)
        x = monotone_root(line, pieces[piece, 2], pieces[piece, 3], rising, guess)
        across, along = slopes(line, slope, x)
        gradient, previous = -along / across, t
        weight = half * rule[1, m]
        # The outward normal is -grad tau / |grad tau|; its component i times the length element is +-dt.
        trial[m, i], trial[m, j] = x, t
        trial[m, 2 + i] = -weight if rising else weight
        trial[m, 2 + j] = -along / abs(across) * weight
        size = 1.0 + 1.0j * gradient
        for sign in range(2):
            turns = frequency * (t - x) if sign else frequency * (t + x)
            wave = size * np.exp(1j * TURN * (turns - np.floor(turns)))
            for row in range(tail.shape[0]):
                sums[sign, row] += tail[row, m] * wave
    rows = tail.shape[0] // 2
    before, after = 0.0, 0.0
    for sign in range(2):
        after = max(after, np.abs(sums[sign, :rows]).sum())
        before = max(before, np.abs(sums[sign, rows:]).sum())
    return before, after


@njit(cache=True)
def _room(store: Real, needed: int) -> Real:
    """The store, or a longer copy."""
    if needed <= store.shape[0]:
        return store
    longer = np.empty((2 * needed, store.shape[1]))
    longer[: store.shape[0]] = store
    return longer


@njit(cache=True)
def line_measure(side: Real, at: float, start: float, n_cells: int, noise: float) -> tuple[float, float]:
    """Length of ``{tau > 0}`` on the closed line where the other variable is ``at``, and its condition.

    The condition is the smallest slope at a sign change (infinity without any). The line is cut at the edges of the
    first cells, so that its roots are those that close the boundary pieces.
    """
    line = np.empty(side.shape[1])
    roots = np.empty(MOST_ROOTS)
    restrict(side, at, line)
    total, flattest = 0.0, np.inf
    for c in range(n_cells):
        before, right = start + c * (1.0 / n_cells), start + (c + 1) * (1.0 / n_cells)
        found = max(isolate_roots(line, before, right, noise, roots), 0)
        for k in range(found + 1):
            after = roots[k] if k < found else right
            if value(line, 0.5 * (before + after)) > 0.0:
                total += after - before
            if k < found:
                flattest = min(flattest, abs(value_and_slope(line, after)[1]))
            before = after
    return total, flattest
