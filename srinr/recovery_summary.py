"""A table of exact recovery in words: counts in each cell, beside what the certificates say."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from srinr.phase_diagram import PhaseDiagram
from srinr.recovery_tables import certified, recovered, recovered_at_any_step, refuted, undecided
from srinr.sweep_trials import TrialStatus

Predicate = Callable[[Mapping[str, object]], "bool | None"]


def recovery_summary(diagram: PhaseDiagram, max_frequency: int) -> str:
    """Markdown: recovered of trials in every cell, and totals by the conjecture ``K >= (2 s + 1) K0``.

    Examples
    --------
    >>> from srinr.phase_diagram import phase_diagram
    >>> from srinr.sweep_trials import Row
    >>> rows = [Row({"n_neurons": 1, "cutoff": 6}, 0, TrialStatus.DONE, {"mse": 1e-20, "best_mse": 1e-20})]
    >>> print(recovery_summary(phase_diagram([rows[0].cell], 1, rows), 2).splitlines()[2])
    | 1 | **1/1** |
    """
    widths, cutoffs = diagram.axes["n_neurons"], diagram.axes["cutoff"]
    counts = diagram.success(recovered)
    lines = ["| s \\ K | " + " | ".join(str(k) for k in cutoffs) + " |", "|" + "---|" * (len(cutoffs) + 1)]
    order = list(diagram.axes)
    for i, width in enumerate(widths):
        entries = []
        for j, cutoff in enumerate(cutoffs):
            place = (i, j) if order[0] == "n_neurons" else (j, i)
            n, of = int(counts.n_success[place]), int(counts.n_trials[place])
            identified = float(cutoff) >= (2 * float(width) + 1) * max_frequency  # type: ignore[arg-type]
            text = f"{n}/{of}" if of else "-"
            entries.append(f"**{text}**" if identified else text)
        lines.append(f"| {width} | " + " | ".join(entries) + " |")
    lines += [
        "",
        "Bold: K >= (2 s + 1) K0, the conjecture. Entries: image error at most 1e-9 at the end, of trials.",
        "",
    ]
    return "\n".join([*lines, *_totals(diagram, max_frequency)])


def _totals(diagram: PhaseDiagram, max_frequency: int) -> list[str]:
    done = [row for row in diagram.rows if row.status is TrialStatus.DONE]
    figures = [(row.cell, row.figures) for row in done]

    def side(cell: Mapping[str, object], beyond: bool) -> bool:
        width, cutoff = float(cell["n_neurons"]), float(cell["cutoff"])  # type: ignore[arg-type]
        return (cutoff >= (2 * width + 1) * max_frequency) is beyond

    lines = [
        f"{len(done)} trials finished of {sum(diagram.n_trials)}, {len(diagram.rows) - len(done)} failed or out of time; "
        f"{sum(row.seconds for row in diagram.rows) / 3600:.2f} hours of computing.",
        "",
    ]
    with_verdict = any("level" in f for _, f in figures)
    verdicts: dict[str, Predicate] = {"certified": certified, "refuted": refuted, "undecided": undecided}
    names = ["trials", "recovered", "at any step"]
    if with_verdict:
        names += [f"{name} (recovered)" for name in verdicts]
    names += ["median s", "largest error of the recovered"]
    lines += ["| | " + " | ".join(names) + " |", "|" + "---|" * (len(names) + 1)]
    for title, beyond in (("K >= (2 s + 1) K0", True), ("below", False)):
        found = [f for cell, f in figures if side(cell, beyond)]
        if not found:
            continue
        exact = [f for f in found if recovered(f)]
        row = [str(len(found)), str(len(exact)), str(sum(recovered_at_any_step(f) for f in found))]
        if with_verdict:
            for predicate in verdicts.values():
                those = [f for f in found if predicate(f)]
                row.append(f"{len(those)} ({sum(recovered(f) for f in those)})")
        seconds = [float(f["seconds"]) for f in found if isinstance(f.get("seconds"), int | float)]  # type: ignore[arg-type]
        errors = [float(f["mse"]) for f in exact]  # type: ignore[arg-type]
        row += [
            f"{np.median(seconds):.1f}" if seconds else "-",
            f"{max(errors):.1e}" if errors else "-",
        ]
        lines.append(f"| {title} | " + " | ".join(row) + " |")
    return lines
