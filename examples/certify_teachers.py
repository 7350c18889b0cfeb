"""Which random teachers are optimal? Verdicts on teachers of width 1 to 5, with checks that share nothing with srinr.

For every width, cutoff and seed: draw a teacher, sample it, ask :func:`srinr.solvers.certify`, and check the answer
with the plain NumPy code in this file: a refutation's witness must meet the data and be cheaper; a certificate's dual
vector is searched again from 2048 fresh starts by another ascent.

    python examples/certify_teachers.py --quick
    python examples/certify_teachers.py --out teachers.jsonl --table teachers.md --figure teachers.png

One line of JSON a cell; cells already in the file are not computed again.
"""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer
from numpy.typing import NDArray

from srinr import DiscreteMeasure, NeuronDictionary

MAX_FREQUENCY, N_GRID = 2, 64
MARKS = {"RIGOROUS": "P", "SEARCHED": "C", "REFUTED": "R", "NONE": "?"}


def draw_teacher(width: int, seed: int) -> DiscreteMeasure:
    """Directions uniform in a cube, scaled to unit length; amplitudes uniform in [1, 5]."""
    rng = np.random.default_rng(seed)
    w = rng.uniform(-1.0, 1.0, (width, 25))
    a = rng.uniform(1.0, 5.0, width)
    return DiscreteMeasure(w / np.linalg.norm(w, axis=1, keepdims=True), a)


# --- checks that share nothing with the library -------------------------------------------------------------------


def plain_features(n: int = N_GRID, k0: int = MAX_FREQUENCY) -> NDArray[np.float64]:
    """Features at the points of an n x n grid, written out: sines, cosines, constant; shape (n^2, D)."""
    pairs = [(i, j) for i in range(-k0, k0 + 1) for j in range(-k0, k0 + 1) if i > 0 or (i == 0 and j > 0)]
    x, y = (axis.ravel() for axis in np.meshgrid(np.arange(n) / n, np.arange(n) / n, indexing="ij"))
    angles = [2 * np.pi * (i * x + j * y) for i, j in pairs]
    columns = [np.sqrt(2) * np.sin(t) for t in angles] + [np.sqrt(2) * np.cos(t) for t in angles]
    return np.stack([*columns, np.ones(n * n)], axis=1)


def plain_samples(
    atoms: NDArray[np.float64], amplitudes: NDArray[np.float64], cutoff: int
) -> NDArray[np.complex128]:
    """Low-pass Fourier coefficients of ``sum_i a_i relu(<w_i, gamma>)`` by a full FFT."""
    image = np.maximum(plain_features() @ atoms.T, 0.0) @ amplitudes
    spectrum = np.fft.fft2(image.reshape(N_GRID, N_GRID)) / N_GRID**2
    keep = np.arange(-cutoff, cutoff + 1)
    return spectrum[np.ix_(keep, keep)]


def check_witness(teacher: DiscreteMeasure, witness: DiscreteMeasure, cutoff: int) -> tuple[float, float]:
    """Relative data residual of a witness, and its saving relative to the teacher's total variation."""
    data = plain_samples(teacher.atoms, teacher.amplitudes, cutoff)
    other = plain_samples(witness.atoms, witness.amplitudes, cutoff)
    costs = [np.sum(np.abs(m.amplitudes) * np.sqrt((m.atoms**2).sum(axis=1))) for m in (teacher, witness)]
    return float(np.linalg.norm(other - data) / np.linalg.norm(data)), float((costs[0] - costs[1]) / costs[0])


def check_dual(dual_image: NDArray[np.float64], n_starts: int, seed: int) -> float:
    """Largest ``|eta(w)|`` over unit directions found by an ascent of its own, from fresh starts.

    ``eta(w)`` is the mean of ``p relu(<w, gamma>)``; the gradient is followed with steps that grow and shrink.
    """
    features = plain_features().astype(np.float32)
    weighted = features * (dual_image.ravel() / len(features)).astype(np.float32)[:, None]
    best = 0.0
    rng = np.random.default_rng(seed)
    for _ in range(max(1, n_starts // 256)):
        w = rng.standard_normal((256, features.shape[1])).astype(np.float32)
        w /= np.linalg.norm(w, axis=1, keepdims=True)
        sign = np.where(np.arange(256) % 2, -1.0, 1.0).astype(np.float32)[:, None]
        step, value = np.full((256, 1), 0.3, np.float32), np.full((256, 1), -np.inf, np.float32)
        kept, kept_gradient = w, np.zeros_like(w)
        for iteration in range(50):
            gradient = sign * ((w @ features.T > 0).astype(np.float32) @ weighted)
            new = (gradient * w).sum(axis=1, keepdims=True)
            better = new > value
            kept, kept_gradient = np.where(better, w, kept), np.where(better, gradient, kept_gradient)
            value, step = np.where(better, new, value), np.where(better, 1.4 * step, 0.4 * step)
            if iteration == 15:
                chosen = np.argsort(-value[:, 0])[:96]
                kept, kept_gradient, value = kept[chosen], kept_gradient[chosen], value[chosen]
                step, sign = step[chosen], sign[chosen]
            w = kept + step * (kept_gradient - value * kept)
            w /= np.linalg.norm(w, axis=1, keepdims=True)
        top = kept[np.argsort(-value[:, 0])[:16]].astype(np.float64)
        top /= np.linalg.norm(top, axis=1, keepdims=True)
        exact = np.maximum(plain_features() @ top.T, 0.0).T @ dual_image.ravel() / len(features)
        best = max(best, float(np.abs(exact).max()))
    return best


# --- the table ----------------------------------------------------------------------------------------------------


def verdict(width: int, cutoff: int, seed: int, time_limit: float, n_starts: int) -> dict[str, Any]:
    """One cell: certify a teacher and check the answer."""
    from srinr.solvers import certify

    teacher = draw_teacher(width, seed)
    dictionary = NeuronDictionary.lattice(MAX_FREQUENCY, cutoff, n_grid=N_GRID)
    cpu = time.process_time()
    answer = certify(
        teacher, dictionary.sample(teacher), dictionary=dictionary, time_limit=time_limit, progress=False
    )
    row: dict[str, Any] = {
        "width": width, "cutoff": cutoff, "seed": seed, "level": answer.level.name, "unique": answer.unique,
        "max_ratio": answer.max_ratio, "margin": answer.margin, "rounds": answer.n_rounds,
        "rows": answer.n_rows, "seconds": round(answer.seconds, 2),
        "cpu_seconds": round(time.process_time() - cpu, 2), "message": answer.message,
    }  # fmt: skip
    if answer.witness is not None:
        row["residual"], row["saving"] = check_witness(teacher, answer.witness.measure, cutoff)
        row["witness_atoms"] = answer.witness.measure.n_atoms
    elif answer.is_optimal:
        image = dictionary.dual_image(answer.dual_variable)
        row["checked_max"] = check_dual(image, n_starts, 10_000 + seed)
    return row


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Finished cells; a last line cut short by a crash is left out."""
    rows = []
    for line in path.read_text().splitlines() if path.exists() else []:
        try:
            rows.append(json.loads(line))
        except json.JSONDecodeError:
            continue
    return rows


def as_table(rows: list[dict[str, Any]]) -> str:
    """Markdown: one row a width, one column a cutoff, one letter a seed."""
    cells = {(r["width"], r["cutoff"], r["seed"]): MARKS[r["level"]] for r in rows}
    widths, cutoffs, seeds = (sorted({key[i] for key in cells}) for i in range(3))
    lines = ["| width | " + " | ".join(f"K={k}" for k in cutoffs) + " |", "|" + "---|" * (len(cutoffs) + 1)]
    for s in widths:
        texts = ["".join(cells.get((s, k, seed), "-") for seed in seeds) for k in cutoffs]
        lines.append(f"| {s} | " + " | ".join(texts) + " |")
    return "\n".join(lines)


def summary(rows: list[dict[str, Any]]) -> str:
    """The figures that the table should be judged by."""
    optimal = [r for r in rows if r["level"] in ("SEARCHED", "RIGOROUS")]
    refuted = [r for r in rows if r["level"] == "REFUTED"]
    sampled = [r for r in rows if r["cutoff"] >= 4 * r["width"] + 2]
    open_cells = [r for r in sampled if r["level"] == "NONE"]
    lines = [
        f"{len(rows)} cells: {len(optimal)} certified, {len(refuted)} refuted, "
        f"{len(rows) - len(optimal) - len(refuted)} undecided",
        f"cutoff >= 4 s + 2: {len(open_cells)} of {len(sampled)} undecided",
    ]
    for low, high in ((1, 2), (3, 5)):
        values = [r["checked_max"] for r in optimal if low <= r["width"] <= high]
        if values:
            lines.append(f"width {low}-{high}: largest |eta| of the independent search {max(values):.8f}")
    if refuted:
        lines.append(
            f"witnesses: largest residual {max(r['residual'] for r in refuted):.1e}, "
            f"smallest saving {min(r['saving'] for r in refuted):.1e}"
        )
    largest = [r["cpu_seconds"] for r in rows if r["cutoff"] == max(q["cutoff"] for q in rows)]
    times = [r["cpu_seconds"] for r in rows]
    lines.append(
        f"CPU seconds a verdict: median {np.median(times):.1f}, largest {max(times):.1f}; "
        f"at the largest cutoff: median {np.median(largest):.1f}, largest {max(largest):.1f}"
    )
    return "\n".join(lines)


def draw(rows: list[dict[str, Any]], path: Path) -> None:
    """Part of the teachers certified, refuted and undecided in every cell, with the conjectured line."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    widths, cutoffs = (sorted({r[name] for r in rows}) for name in ("width", "cutoff"))
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), sharey=True, layout="constrained")
    names = (("certified", ("SEARCHED", "RIGOROUS")), ("refuted", ("REFUTED",)), ("undecided", ("NONE",)))
    for axis, (title, levels) in zip(axes, names, strict=True):
        part = np.full((len(widths), len(cutoffs)), np.nan)
        for i, s in enumerate(widths):
            for j, k in enumerate(cutoffs):
                cell = [r["level"] in levels for r in rows if (r["width"], r["cutoff"]) == (s, k)]
                part[i, j] = np.mean(cell) if cell else np.nan
        mesh = axis.pcolormesh(cutoffs, widths, part, vmin=0, vmax=1, cmap="cividis", shading="nearest")
        line = np.array(widths)
        axis.plot((2 * line + 1) * MAX_FREQUENCY, line, "w--o", ms=4, mec="k", label="K = (2 s + 1) K0")
        axis.set(title=f"teachers {title}", xlabel="cutoff K (cycles per field of view)", xticks=cutoffs)
        axis.set_xlim(min(cutoffs) - 1, max(cutoffs) + 1)
    axes[0].set(ylabel="teacher width s", yticks=widths)
    axes[0].legend(loc="upper left", facecolor="0.7")
    figure.colorbar(mesh, ax=axes, label="part of the teachers")
    figure.savefig(path, dpi=130)
    plt.close(figure)


def main(
    out: Annotated[Path, typer.Option(help="Store of the results, one JSON line a cell.")] = Path(
        "teachers.jsonl"
    ),
    table: Annotated[Path | None, typer.Option(help="Write the table here (Markdown).")] = None,
    figure: Annotated[Path | None, typer.Option(help="Write the picture here.")] = None,
    max_width: Annotated[int, typer.Option(min=1, max=9)] = 5,
    max_cutoff: Annotated[int, typer.Option(min=2, max=28)] = 24,
    seeds: Annotated[str, typer.Option(help="Comma-separated seeds.")] = "0,1,2,3,4",
    time_limit: Annotated[float, typer.Option(help="Seconds a verdict.")] = 100.0,
    quick: Annotated[bool, typer.Option(help="Widths 1 and 2, cutoffs to 8, one seed, 256 starts.")] = False,
) -> None:
    """Verdicts on random teachers."""
    import torch

    torch.set_num_threads(1)
    if quick:
        max_width, max_cutoff, seeds = 2, 8, "0"
    done = {(r["width"], r["cutoff"], r["seed"]) for r in read_rows(out)}
    start = time.perf_counter()
    with out.open("a") as stream:
        if out.stat().st_size and not out.read_text().endswith("\n"):
            stream.write("\n")
        for seed in [int(text) for text in seeds.split(",")]:
            for width in range(1, max_width + 1):
                for cutoff in range(2, max_cutoff + 1, 2):
                    if (width, cutoff, seed) in done:
                        continue
                    row = verdict(width, cutoff, seed, time_limit, 256 if quick else 2048)
                    stream.write(json.dumps(row) + "\n")
                    stream.flush()
                    print(
                        f"{time.perf_counter() - start:6.0f} s  s={width} K={cutoff} seed={seed} {row['level']}"
                    )
    rows = read_rows(out)
    print(as_table(rows), summary(rows), sep="\n\n")
    if table is not None:
        table.write_text(as_table(rows) + "\n\n" + summary(rows) + "\n")
    if figure is not None:
        draw(rows, figure)


if __name__ == "__main__":
    typer.run(main)
