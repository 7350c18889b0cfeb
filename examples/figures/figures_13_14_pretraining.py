"""Figures 13 and 14: does pretraining on one face help with other faces?

    python examples/figures/figures_13_14_pretraining.py --quick

Half of the pixels are fitted, by Adam 1e-4 from random and pretrained weights and by gradient descent 1e-2 from
meta-learned ones; the PSNR is that of the other half. Meta-learned starts are read from the output folder where another
script has left them, else learned here.
"""

from pathlib import Path

import torch
import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr import Adam
from srinr.meta_figures import plot_adaptation
from srinr.meta_learning import MetaMethod
from srinr.studies.initializations import compare_initializations
from srinr.studies.meta_starts import StartSettings, meta_start, pretrained_starts
from srinr.studies.pixel_fits import GradientDescent, fit_curves, random_mask

STEPS = (0, 1, 3, 10, 30, 100)


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Each seed pretrains its own random start on its own face."""
    settings = StartSettings.small() if quick else StartSettings()
    train, test = settings.families()
    judged = test.split(6)[0] if quick else test
    mask, numbers, panels = random_mask(test.shape), [], {}
    for seed in range(seeds):
        starts = {"random": settings.random(seed)}
        kept = pretrained_starts(settings, seed, seed, output)
        starts |= {f"one face, {steps} steps": inr for steps, inr in kept.items()}
        starts["MAML"] = meta_start(settings, MetaMethod.MAML, seed, output).inr
        compared = compare_initializations(
            starts, {"faces": test}, train.split(20)[0], n_steps=3, dtype=torch.float32
        )
        curves = {
            name: fit_curves(
                inr, judged, mask, STEPS, GradientDescent(1e-2) if name == "MAML" else Adam(1e-4, eps=1e-8),
                dtype=torch.float32,
            )
            for name, inr in starts.items()
        }  # fmt: skip
        typer.echo(f"seed {seed}, width {settings.width}: gradient descent on all pixels\n{compared.table()}")
        typer.echo(f"{'PSNR at unseen pixels after':26} " + " ".join(f"{step:7d}" for step in STEPS))
        for name, curve in curves.items():
            typer.echo(f"{name:26} " + " ".join(f"{curve.mean_test_psnr(step):7.2f}" for step in STEPS))
        found = {name: [curve.mean_test_psnr(step) for step in STEPS] for name, curve in curves.items()}
        numbers.append({"seed": seed, "entries": compared.numbers(), "test_psnr": found})
        panels[f"seed {seed}: face {seed}"] = found
    title = "Held-out faces, half of the pixels fitted: PSNR at the others"
    figure = plot_adaptation(dict(list(panels.items())[:3]), steps=STEPS, title=title)
    record = {"quick": quick, "steps": list(STEPS), "seeds": numbers}
    write_output(output, "figures_13_14_pretraining", figure, record)


if __name__ == "__main__":
    typer.run(main)
