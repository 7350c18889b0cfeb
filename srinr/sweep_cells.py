"""Cells of a sweep: names with values, and the text by which a cell is known for all time."""

from __future__ import annotations

import itertools
import json
import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

#: What a cell and the figures of a trial are made of.
Scalar = float | int | str | bool | None
Cell = Mapping[str, Scalar]

#: Arguments of ``json.dumps`` for text that is compared or hashed.
CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "ensure_ascii": True}

_RESERVED = ("rng", "trial_index")


def plain_scalar(value: Any, what: str) -> Scalar:
    """Return a Python number, string, bool or None; NumPy and torch scalars are converted.

    Raises
    ------
    TypeError
        For anything else.
    """
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        value = value.item()
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"{what} must be a number, a string, a bool or None, got {type(value).__name__}")


def cell_key(cell: Cell) -> str:
    """Canonical JSON of a cell: sorted names; 2 and 2.0 are one value, True is not 1.

    Examples
    --------
    >>> cell_key({"n_neurons": 1, "cutoff": 6.0})
    '{"cutoff":6,"n_neurons":1}'
    """
    return json.dumps({name: _canonical(value, name) for name, value in cell.items()}, **CANONICAL)


def _canonical(value: Any, name: str) -> Scalar:
    value = plain_scalar(value, f"the value of {name!r} in a cell")
    if isinstance(value, float):
        if not math.isfinite(value):
            raise ValueError(f"the value of {name!r} in a cell must be finite, got {value}")
        if value == int(value) and abs(value) < 2**53:
            return int(value)
    return value


def expand_cells(cells: Mapping[str, Iterable[Any]] | Sequence[Cell]) -> list[dict[str, Scalar]]:
    """The cells of a grid, the last name varying fastest, or of an explicit sequence; each once.

    Raises
    ------
    ValueError
        No cell, a cell twice, or cells of different names.
    TypeError
        Values that cannot name a cell.
    """
    if isinstance(cells, Mapping):
        axes = {name: _axis(name, values) for name, values in cells.items()}
        found = [dict(zip(axes, values, strict=True)) for values in itertools.product(*axes.values())]
    else:
        found = [_explicit(cell) for cell in cells]
    if not found or not found[0]:
        raise ValueError("cells holds no cell: pass names with their values, or a sequence of mappings")
    names = list(found[0])
    if wrong := [name for name in names if not isinstance(name, str) or not name.isidentifier()]:
        raise ValueError(f"cells: names must be names of arguments of the trial, got {wrong[0]!r}")
    if taken := [name for name in names if name in _RESERVED]:
        raise ValueError(f"cells: {taken[0]!r} is passed to the trial by the sweep; choose another name")
    seen: set[str] = set()
    for cell in found:
        if set(cell) != set(names):
            raise ValueError(f"cells: all must have the names {names}, got one with {list(cell)}")
        if (key := cell_key(cell)) in seen:
            raise ValueError(f"cells: {key} appears twice; a cell's trials depend on its values only")
        seen.add(key)
    return [{name: plain_scalar(cell[name], name) for name in names} for cell in found]


def _axis(name: str, values: Any) -> list[Any]:
    if isinstance(values, str | bytes) or not isinstance(values, Iterable):
        raise TypeError(f"cells: the values of {name!r} must be an iterable such as [1, 2], got {values!r}")
    return list(values)


def _explicit(cell: Any) -> dict[str, Any]:
    if not isinstance(cell, Mapping):
        raise TypeError(f"cells must be a mapping or a sequence of mappings, got an entry {cell!r}")
    return dict(cell)
