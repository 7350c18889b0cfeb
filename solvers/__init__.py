"""Solvers over measures of neurons (installed as ``srinr.solvers``)."""

if __name__ != "srinr.solvers":
    raise ImportError(
        "this folder is the package srinr.solvers: install srinr (pip install -e .) and use "
        "'import srinr.solvers'; see CONTRIBUTING.md"
    )
