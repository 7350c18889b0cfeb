"""Figure 12: a few steps of gradient descent from random, MAML, first-order MAML and Reptile starts.

    python examples/figures/figure_12_reptile_and_maml.py --quick

Meta-learned initializations are saved in the output folder; other scripts of this folder read them there, and an
interrupted run goes on from its checkpoint.
"""

from pathlib import Path

import numpy as np
import torch
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr import Grid
from srinr.image_families import non_faces
from srinr.meta_figures import plot_adaptation, show_adaptation
from srinr.meta_learning import MetaMethod
from srinr.pretraining import adapt
from srinr.studies.initializations import compare_initializations
from srinr.studies.meta_starts import StartSettings, meta_start

N_STEPS = 3
METHODS = {
    "MAML": MetaMethod.MAML,
    "first-order MAML": MetaMethod.FIRST_ORDER_MAML,
    "Reptile": MetaMethod.REPTILE,
}


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Learn the starts of each seed, compare them on held-out faces and on patches that are no faces."""
    settings = StartSettings.small() if quick else StartSettings()
    train, test = settings.families()
    families = {"faces": test, "non-faces": non_faces().split(len(test))[0]}
    numbers = []
    for seed in range(seeds):
        starts = {"random": settings.random(seed)}
        starts |= {name: meta_start(settings, m, seed, output).inr for name, m in METHODS.items()}
        compared = compare_initializations(starts, families, train, n_steps=N_STEPS, dtype=torch.float32)
        gains = {name: compared.gain(name, "random", "faces") for name in METHODS}
        numbers.append({"seed": seed, "gains_db": gains, "entries": compared.numbers()})
        typer.echo(f"seed {seed}, width {settings.width}\n{compared.table()}")
        typer.echo("gain over random, best rates: " + ", ".join(f"{n} {g:.2f} dB" for n, g in gains.items()))
        typer.echo(f"rank correlation of E(0.1) and PSNR: {compared.order_agreement('faces'):.2f}")
        if seed == 0:
            curves = {f: {e.start: e.psnr_best for e in compared.on(f)} for f in families}
            figure = plot_adaptation(
                curves, title="Mean PSNR, each start at its best rate (chosen on training faces)"
            )
            face, grid = test.images[0], Grid(test.shape)
            rows = {
                e.start: [
                    np.asarray(adapt(starts[e.start], face, n, e.best_rate).on_grid(grid))
                    for n in range(N_STEPS + 1)
                ]
                for e in compared.on("faces")
            }
            rebuilt = show_adaptation(rows, face, title="A held-out face after a few steps, best rates")
    write_output(output, "figure_12_reptile_and_maml", figure, {"quick": quick, "seeds": numbers})
    write_output(output, "figure_12_reconstructions", rebuilt, {"quick": quick, "seed": 0})


if __name__ == "__main__":
    typer.run(main)
