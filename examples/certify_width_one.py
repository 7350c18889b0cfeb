"""Are images of one neuron recovered? A hundred random teachers of width 1 at the cutoff of the theorem, 3 K0.

For each teacher: a searched certificate or a refutation for standard weight decay, checked again by the independent code
of ``certify_teachers.py``; the explicit certificate of the theorem for modified weight decay I; and the convex shortcut,
which recovers the neuron from the frequencies up to K0.

    python examples/certify_width_one.py [--quick] [--n-teachers 100] [--cutoff 6]
"""

from __future__ import annotations

from typing import Annotated

import numpy as np
import torch
import typer
from certify_teachers import MAX_FREQUENCY, N_GRID, check_dual, check_witness, draw_teacher

from srinr import FourierWeighting, NeuronDictionary
from srinr.solvers import certify, recover_width_one


def main(
    n_teachers: Annotated[int, typer.Option(min=1, help="Seeds 0, 1, ...")] = 100,
    cutoff: Annotated[int, typer.Option(min=2, max=28, help="Samples |k| <= cutoff.")] = 3 * MAX_FREQUENCY,
    quick: Annotated[bool, typer.Option(help="Three teachers, smaller independent searches.")] = False,
) -> None:
    """Certify teachers of width 1."""
    torch.set_num_threads(1)
    dictionary = NeuronDictionary.lattice(MAX_FREQUENCY, cutoff, n_grid=N_GRID)
    smallest = NeuronDictionary.lattice(MAX_FREQUENCY, MAX_FREQUENCY, n_grid=N_GRID)
    standard, modified, recovered, checked, seconds = [], [], [], [], []
    for seed in range(3 if quick else n_teachers):
        teacher = draw_teacher(1, seed)
        samples = dictionary.sample(teacher)
        answer = certify(teacher, samples, dictionary=dictionary, progress=False)
        standard.append(answer.level.name)
        seconds.append(answer.seconds)
        if answer.is_optimal:
            image = dictionary.dual_image(answer.dual_variable)
            checked.append(check_dual(image, 256 if quick else 2048, 10_000 + seed))
        explicit = certify(teacher, samples, FourierWeighting(), dictionary=dictionary, progress=False)
        modified.append(explicit.level.name + (" and unique" if explicit.unique else ""))
        found = recover_width_one(smallest, smallest.sample(teacher)).measure.normalized()
        recovered.append(float(np.abs(found.atoms - teacher.atoms).max()))
        if answer.witness is not None:
            residual, saving = check_witness(teacher, answer.witness.measure, cutoff)
            print(
                f"seed {seed}: refuted for standard weight decay by {answer.witness.measure.n_atoms} neurons with the "
                f"same samples (residual {residual:.1e}), cheaper by the part {saving:.1e}"
            )
        elif not answer.is_optimal:
            print(f"seed {seed}: standard weight decay undecided, {answer.message}")
    for title, levels in (("standard", standard), ("modified I", modified)):
        names, counts = np.unique(levels, return_counts=True)
        print(f"{title}: " + ", ".join(f"{c} {n}" for n, c in zip(names, counts, strict=True)))
    if checked:
        print(f"independent search: largest |eta| {max(checked):.8f}")
    print(f"convex shortcut from |k| <= {MAX_FREQUENCY}: largest error of an atom {max(recovered):.1e}")
    print(f"seconds a searched certificate: median {np.median(seconds):.1f}, largest {max(seconds):.1f}")


if __name__ == "__main__":
    typer.run(main)
