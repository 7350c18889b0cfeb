"""One progress bar for all long work; silent when the output is not a terminal."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Report = Callable[[int, str], None]


@contextlib.contextmanager
def progress_bar(total: int, title: str, enabled: bool | None = None) -> Iterator[Report]:
    """Yield a function ``report(completed, note)``.

    Parameters
    ----------
    total : int
        Number of steps.
    title : str
        What is being done.
    enabled : bool, optional
        By default shown on a terminal only.
    """
    console = Console(stderr=True)
    if not (console.is_terminal if enabled is None else enabled):
        yield lambda completed, note: None
        return
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    with Progress(*columns, console=console) as bar:
        task = bar.add_task(title, total=total, note="")
        yield lambda completed, note: bar.update(task, completed=completed, note=note)
