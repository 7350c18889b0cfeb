"""SVG path data as pieces of curves: all commands of the ``d`` attribute, absolute and relative."""

from __future__ import annotations

import re

import numpy as np
from numpy.typing import NDArray

from srinr.phantoms.pieces import CubicBezier, EllipticalArc, Piece, QuadraticBezier, Segment

Array = NDArray[np.float64]

_SEPARATOR = re.compile(r"[\s,]*")
_NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?")
_COUNTS = {"M": 2, "L": 2, "H": 1, "V": 1, "Q": 4, "T": 2, "C": 6, "S": 4, "A": 7, "Z": 0}
# Positions of the two flags among the arguments of an arc; they may be written without separators.
_FLAGS = (3, 4)


def path_contours(data: str) -> list[list[Piece]]:
    """Closed sequences of pieces, one per subpath, in the path's own units and order.

    Open subpaths are closed by a straight piece, as filling does.

    Raises
    ------
    ValueError
        Naming the position in ``data`` where it stops being path data.

    Examples
    --------
    >>> [len(pieces) for pieces in path_contours("M0 0h1v1z m.25.25 .5.1-.1.5")]
    [3, 3]
    """
    pen = _Pen()
    for command, arguments in _commands(data):
        pen.follow(command, arguments)
    pen.close()
    return pen.contours


def _commands(data: str) -> list[tuple[str, Array]]:
    """Commands with their arguments, repeated ones written out."""
    found: list[tuple[str, Array]] = []
    at = _skip(data, 0)
    while at < len(data):
        command = data[at]
        if command.upper() not in _COUNTS or (not found and command.upper() != "M"):
            raise ValueError(
                f"path data must start with M and continue with commands; at {at}: {data[at : at + 20]!r}"
            )
        at = _skip(data, at + 1)
        count, first = _COUNTS[command.upper()], True
        while first or (count and at < len(data) and _NUMBER.match(data, at)):
            arguments, at = _arguments(data, at, command, count)
            found.append((command, arguments))
            # Further pairs after a move are lines.
            command = {"M": "L", "m": "l"}.get(command, command)
            first = False
    return found


def _arguments(data: str, at: int, command: str, count: int) -> tuple[Array, int]:
    values = []
    for index in range(count):
        if command in "Aa" and index in _FLAGS and data[at : at + 1] in ("0", "1"):
            text = data[at]
        else:
            match = _NUMBER.match(data, at)
            if match is None or (command in "Aa" and index in _FLAGS):
                raise ValueError(
                    f"path data: command {command} needs {count} numbers, number {index + 1} is missing or "
                    f"malformed at {at}: {data[at : at + 20]!r}"
                )
            text = match.group()
        values.append(float(text))
        at = _skip(data, at + len(text))
    return np.array(values), at


def _skip(data: str, at: int) -> int:
    match = _SEPARATOR.match(data, at)
    return match.end() if match else at


class _Pen:
    """Position, start of the subpath, last control point and pieces so far."""

    def __init__(self) -> None:
        self.contours: list[list[Piece]] = []
        self._pieces: list[Piece] = []
        self._start = np.zeros(2)
        self._position = np.zeros(2)
        self._control = np.zeros(2)
        self._control_degree = 0

    def follow(self, command: str, arguments: Array) -> None:
        """Carry out one command."""
        kind, a = command.upper(), arguments.copy()
        if command.islower():
            a = self._absolute(kind, a)
        here, degree, control = self._position, 0, self._position
        match kind:
            case "M":
                self.close()
                self._start = self._position = a
            case "Z":
                self.close()
            case "L":
                self._add(Segment(here, a), a)
            case "H":
                self._add(Segment(here, [a[0], here[1]]), np.array([a[0], here[1]]))
            case "V":
                self._add(Segment(here, [here[0], a[0]]), np.array([here[0], a[0]]))
            case "Q" | "T":
                degree, control = 2, a[:2] if kind == "Q" else self._reflected(2)
                self._add(QuadraticBezier(here, control, a[-2:]), a[-2:], control)
            case "C" | "S":
                first = a[:2] if kind == "C" else self._reflected(3)
                degree, control = 3, a[-4:-2]
                self._add(CubicBezier(here, first, control, a[-2:]), a[-2:], first, control)
            case "A":
                self._arc(a)
        self._control, self._control_degree = control, degree

    def close(self) -> None:
        """End the subpath and return to its start; subpaths that never left it are dropped."""
        if self._pieces:
            self._add(Segment(self._position, self._start), self._start)
            self.contours.append(self._pieces)
        self._pieces = []
        self._position = self._start

    def _absolute(self, kind: str, a: Array) -> Array:
        if kind in "HV":
            return a + self._position["HV".index(kind)]
        if kind == "A":
            a[5:] += self._position
            return a
        return (a.reshape(-1, 2) + self._position).ravel()

    def _reflected(self, degree: int) -> Array:
        """Mirror image of the last control point, if the last piece was of the same kind."""
        return 2 * self._position - self._control if self._control_degree == degree else self._position

    def _add(self, piece: Piece, end: Array, *controls: Array) -> None:
        if any((point != self._position).any() for point in (end, *controls)):
            self._pieces.append(piece)
        self._position = end

    def _arc(self, a: Array) -> None:
        end = a[5:]
        if (end == self._position).all():
            return
        radii = np.abs(a[:2])
        arc = _arc_between(self._position, end, radii, np.radians(a[2]), bool(a[3]), bool(a[4]))
        self._add(arc if radii.all() else Segment(self._position, end), end)


def _arc_between(start: Array, end: Array, radii: Array, tilt: float, large: bool, sweep: bool) -> Piece:
    """Arc of the ellipse with the given radii through two points (SVG 1.1, appendix F.6.5).

    ``radii`` that are too small are enlarged until the ellipse reaches both points.
    """
    if not radii.all():
        return Segment(start, end)
    axes = np.array([[np.cos(tilt), -np.sin(tilt)], [np.sin(tilt), np.cos(tilt)]]) * radii
    half = np.linalg.solve(axes, (start - end) / 2)
    length = float(np.linalg.norm(half))
    axes, half = axes * max(length, 1.0), half / max(length, 1.0)
    distance = np.sqrt(max(1.0 / float(half @ half) - 1.0, 0.0))
    # On the unit circle the center lies on the bisector of the chord; the flags choose its side.
    side = 1.0 if large != sweep else -1.0
    center = side * distance * np.array([half[1], -half[0]])
    angle = np.arctan2(*(half - center)[::-1])
    turn = (np.arctan2(*(-half - center)[::-1]) - angle) % (2 * np.pi)
    if not sweep:
        turn -= 2 * np.pi
    return EllipticalArc(axes @ center + (start + end) / 2, axes, float(angle), float(turn))
