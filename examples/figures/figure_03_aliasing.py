"""Figure 3: SIRENs between the samples of a sine of 23 cycles; the published sizes are the default."""

from __future__ import annotations

from pathlib import Path

import typer
from figure_output import Output, Quick, Seeds, write_output

from srinr.harmonic_figures import show_aliasing
from srinr.studies.aliasing import PHASES, SampledSine, aliasing_siren, fit_sampled_sine


def main(quick: Quick = False, seeds: Seeds = 1, output: Output = Path("figures")) -> None:
    """Train with omega 30 and 300, print levels in dB, and draw seed 0."""
    n_steps = 300 if quick else 2000
    rows, drawn = [], {}
    for omega in (30.0, 300.0):
        for seed in range(seeds):
            target = SampledSine(phase=PHASES[seed % len(PHASES)])
            found = fit_sampled_sine(aliasing_siren(omega, seed=seed), target, n_steps)
            drawn.setdefault(f"SIREN, omega {omega:g}", found)
            rows.append({"omega": omega, "seed": seed, "phase": target.phase, **found.numbers()})
            typer.echo(f"omega {omega:5g}  seed {seed}  {found}")
    figure = show_aliasing(list(drawn.values()), list(drawn))
    write_output(output, "aliasing", figure, {"n_steps": n_steps, "rows": rows})


if __name__ == "__main__":
    typer.run(main)
