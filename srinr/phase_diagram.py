"""What a sweep found: its rows on axes, success counts, and exports."""

from __future__ import annotations

import csv
import functools
import importlib
import os
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from srinr.files import atomic_path
from srinr.phase_counts import Predicate, SuccessCounts
from srinr.status import MissingExtraError
from srinr.sweep_cells import Cell, Scalar, cell_key
from srinr.sweep_store import read_store
from srinr.sweep_trials import Row, TrialStatus

if TYPE_CHECKING:
    import pandas
    import xarray


@dataclass(frozen=True)
class PhaseDiagram:
    """The rows of a sweep; thresholds are applied to it afterwards.

    Attributes
    ----------
    axes : mapping
        Names and values, numbers in increasing order; arrays of counts have one axis for each.
    cells : tuple of mappings
        The cells that were wanted; not every combination of values need be one.
    n_trials : tuple of int
        Trials wanted in each cell.
    rows : tuple of Row
        Finished trials, by cell and index.
    is_interrupted : bool
        Whether the sweep was stopped by Ctrl-C.
    """

    axes: Mapping[str, tuple[Scalar, ...]]
    cells: tuple[Cell, ...]
    n_trials: tuple[int, ...]
    rows: tuple[Row, ...]
    is_interrupted: bool = False

    @staticmethod
    def load(store: str | os.PathLike[str]) -> PhaseDiagram:
        """Read all cells of a store, also while the sweep is running.

        Raises
        ------
        FileFormatError
            Missing, damaged, or not the store of a sweep.
        """
        content = read_store(store)
        counts = [count for _, count in content.cells]
        return phase_diagram([cell for cell, _ in content.cells], counts, content.rows)

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of values on each axis."""
        return tuple(len(values) for values in self.axes.values())

    @property
    def n_missing(self) -> int:
        """Trials wanted and not run."""
        return sum(self.n_trials) - len(self.rows)

    def success(self, predicate: Predicate, *, count_failed: bool = True) -> SuccessCounts:
        """Count trials for which a predicate holds.

        Parameters
        ----------
        predicate : callable
            Called with what a trial returned; true, false, or None for undecided trials, which count neither
            as trials nor as successes.
        count_failed : bool, default True
            Failed and timed-out trials count as trials without success. Leaving them out (False) flatters.

        Examples
        --------
        >>> rows = [Row({"n": 1}, i, TrialStatus.DONE, {"error": 10.0**-i}) for i in range(4)]
        >>> diagram = phase_diagram([{"n": 1}], 4, rows)
        >>> diagram.success(lambda figures: figures["error"] < 0.05).probability
        array([0.5])
        """
        success, trials, undecided, failed = (np.zeros(self.shape, dtype=np.int64) for _ in range(4))
        for row in self.rows:
            place = self._place(row.cell)
            if row.status is not TrialStatus.DONE:
                failed[place] += 1
                trials[place] += count_failed
                continue
            verdict = predicate(row.returned)
            if verdict is None:
                undecided[place] += 1
            else:
                trials[place] += 1
                success[place] += bool(verdict)
        return SuccessCounts(self.axes, success, trials, undecided, failed)

    @property
    def is_cell(self) -> NDArray[np.bool_]:
        """Which combinations of values are cells of the sweep."""
        found = np.zeros(self.shape, dtype=bool)
        for cell in self.cells:
            found[self._place(cell)] = True
        return found

    def select(self, **fixed: Scalar) -> PhaseDiagram:
        """Keep the cells with given values and drop these axes.

        Raises
        ------
        ValueError
            A name or a value that is not on the axes.
        """
        for name, value in fixed.items():
            if name not in self.axes or value not in self.axes[name]:
                raise ValueError(
                    f"select: {name}={value!r} is not on the axes { ({n: list(v) for n, v in self.axes.items()}) }"
                )

        def is_kept(cell: Cell) -> bool:
            return all(cell[name] == value for name, value in fixed.items())

        kept = [(c, n) for c, n in zip(self.cells, self.n_trials, strict=True) if is_kept(c)]
        rows = [_without(row, fixed) for row in self.rows if is_kept(row.cell)]
        cells = [{name: v for name, v in cell.items() if name not in fixed} for cell, _ in kept]
        return phase_diagram(cells, [n for _, n in kept], rows, is_interrupted=self.is_interrupted)

    def to_pandas(self) -> pandas.DataFrame:
        """One line per trial: cell, trial, status, figures, seconds, and where it ran (extra ``sweeps``).

        A figure that has the name of another column gets the prefix ``figure_``.
        """
        frames = _import_extra("pandas", "to_pandas")
        return frames.DataFrame(self._records(), columns=list(self._columns()))

    def to_xarray(self) -> xarray.Dataset:
        """Figures over the axes and ``trial`` (extra ``sweeps``).

        Missing figures are NaN; ``status`` is empty where there is no row.
        """
        arrays = _import_extra("xarray", "to_xarray")
        shape = (*self.shape, max(self.n_trials, default=0))
        names = {name: None for row in self.rows for name in row.figures}
        columns = {self._figure_column(name): name for name in names}
        data: dict[str, NDArray[Any]] = {c: np.full(shape, None, dtype=object) for c in columns}
        status, seconds = np.full(shape, "", dtype=object), np.full(shape, np.nan)
        for row in self.rows:
            place = (*self._place(row.cell), row.trial)
            status[place], seconds[place] = row.status.value, row.seconds
            for column, name in columns.items():
                data[column][place] = row.figures.get(name)
        data = {column: _as_numbers(values) for column, values in data.items()}
        data |= {"status": status.astype(str), "seconds": seconds}
        dims = [*self.axes, "trial"]
        coords = {name: _as_coordinates(values) for name, values in self.axes.items()}
        return arrays.Dataset(
            {column: (dims, values) for column, values in data.items()},
            {**coords, "trial": np.arange(shape[-1])},
        )

    def to_csv(self, path: str | os.PathLike[str]) -> None:
        """Write the table of :meth:`to_pandas`, atomically; needs no extra.

        Raises
        ------
        WriteError
            The file cannot be written.
        """
        with atomic_path(path) as temporary, open(temporary, "w", newline="", encoding="utf-8") as stream:
            writer = csv.DictWriter(stream, list(self._columns()), restval="")
            writer.writeheader()
            writer.writerows(self._records())

    def _place(self, cell: Cell) -> tuple[int, ...]:
        return tuple(index[_value_key(cell[name])] for name, index in self._indices.items())

    @functools.cached_property
    def _indices(self) -> dict[str, dict[str, int]]:
        return {n: {_value_key(v): i for i, v in enumerate(values)} for n, values in self.axes.items()}

    def _columns(self) -> dict[str, None]:
        names = {self._figure_column(name): None for row in self.rows for name in row.figures}
        return dict.fromkeys([*self.axes, "trial", "status"]) | names | dict.fromkeys(_ORIGIN)

    def _figure_column(self, name: str) -> str:
        return f"figure_{name}" if name in {*self.axes, "trial", "status", *_ORIGIN} else name

    def _records(self) -> list[dict[str, Any]]:
        return [
            {**row.cell, "trial": row.trial, "status": row.status.value}
            | {self._figure_column(name): value for name, value in row.figures.items()}
            | {name: getattr(row, name) for name in _ORIGIN}
            for row in self.rows
        ]


_ORIGIN = ("seconds", "message", "attempts", "worker", "entropy", "finished")


def phase_diagram(
    cells: Sequence[Cell],
    n_trials: int | Sequence[int],
    rows: Sequence[Row],
    *,
    is_interrupted: bool = False,
) -> PhaseDiagram:
    """Arrange rows on axes; all cells must have the same names."""
    values: dict[str, dict[str, Scalar]] = defaultdict(dict)
    for cell in [*cells, *(row.cell for row in rows)]:
        for name, value in cell.items():
            values[name].setdefault(_value_key(value), value)
    axes = {name: _ordered(list(found.values())) for name, found in values.items()}
    order = {cell_key(cell): index for index, cell in enumerate(cells)}
    placed = sorted(rows, key=lambda row: (order.get(cell_key(row.cell), len(order)), row.trial))
    counts = [n_trials] * len(cells) if isinstance(n_trials, int) else list(n_trials)
    return PhaseDiagram(axes, tuple(cells), tuple(counts), tuple(placed), is_interrupted)


def _value_key(value: Scalar) -> str:
    """Tells True from 1, but not 2 from 2.0."""
    return cell_key({"": value})


def _ordered(values: list[Scalar]) -> tuple[Scalar, ...]:
    """Numbers in increasing order; other values as they came."""
    if all(isinstance(value, int | float) and not isinstance(value, bool) for value in values):
        return tuple(sorted(values))  # type: ignore[type-var]
    return tuple(values)


def _without(row: Row, names: Mapping[str, Scalar]) -> Row:
    return replace(row, cell={name: value for name, value in row.cell.items() if name not in names})


def _as_numbers(values: NDArray[Any]) -> NDArray[Any]:
    """Floats with NaN for None, if these are numbers; otherwise the objects as they are."""
    if all(value is None or isinstance(value, int | float) for value in values.flat):
        return values.astype(np.float64)
    return values


def _as_coordinates(values: tuple[Scalar, ...]) -> NDArray[Any]:
    kinds = {type(value) for value in values}
    plain = kinds <= {int, float} or kinds == {str} or kinds == {bool}
    return np.array(values) if plain else np.array(values, dtype=object)


def _import_extra(package: str, method: str) -> Any:
    try:
        return importlib.import_module(package)
    except ImportError as error:
        raise MissingExtraError(
            f'{method} needs {package}, which is not installed: pip install "srinr[sweeps]"; to_csv needs nothing'
        ) from error
