"""The direction of the imports, the list of packages, the guards, and the budgets of size: read from the sources."""

import ast
import configparser
import fnmatch
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import srinr

ROOT = Path(__file__).resolve().parent.parent

#: Folder at the root of the repository -> name of the package it installs as.
MAPPED = {"srinr": "srinr", "solvers": "srinr.solvers", "phantoms": "srinr.phantoms"}

#: A module may import from its own layer and from those above it in this list. An entry names a module or a
#: whole package (``*`` stands for anything); a new module must be given its place here.
LAYERS = (
    ("srinr._version", "srinr.status"),
    ("srinr.domain", "srinr.files", "srinr.interruption", "srinr.progress", "srinr.allocation", "srinr.messages"),
    ("srinr.samples", "srinr.measures", "srinr.lattice", "srinr.separable", "srinr.trigonometric",
     "srinr.espirit", "srinr.rectified*", "srinr.parseval", "srinr.metrics"),
    ("srinr.operators", "srinr.encodings", "srinr.phantoms", "srinr.readers", "srinr.coil_maps"),
    ("srinr.real_samples", "srinr.networks"),
    ("srinr.feature_products",),
    ("srinr.dictionary", "srinr.neuron_dictionary", "srinr.exact_dictionary", "srinr.exact_planar_dictionary",
     "srinr.rounded_dictionary"),
    ("srinr.inr", "srinr.baselines", "srinr.held_out"),
    ("srinr.neurons",),
    ("srinr.regularizers", "srinr.optimizers", "srinr.checkpoint", "srinr.weightings"),
    ("srinr.stages", "srinr.fit_problem", "srinr.fit_result", "srinr.training_run", "srinr.training"),
    ("srinr.analysis", "srinr.solvers", "srinr.amplitude"),
    ("srinr.candidates", "srinr.lowpass_plan", "srinr.recovery*", "srinr.multicoil*", "srinr.gradient_adjustment",
     "srinr.meta_*", "srinr.outer_loop", "srinr.pixel_model",
     "srinr.pretraining", "srinr.image_families", "srinr.image_files",
     "srinr.studies", "srinr.harmonic_figures",
     "srinr.kernel_figures", "srinr.meta_figures",
     "srinr.tasks", "srinr.sweeps", "srinr.sweep_*", "srinr.phase_*",
     "srinr.teachers", "srinr.recovery_trial", "srinr.published_trial",
     "srinr.recovery_tables", "srinr.recovery_summary", "srinr.panels", "srinr.plotting",
     "srinr.certificate_figures", "srinr.measure_figures",
     "srinr.report", "srinr.output_files", "srinr.run_folder"),
    ("srinr.cli", "srinr.cli_*", "srinr.__main__"),
)  # fmt: skip

#: Only these may import ``srinr.solvers`` or ``srinr.phantoms`` from the outside.
MAY_IMPORT_ALL = (
    "srinr.tasks",
    "srinr.sweeps",
    "srinr.recovery_trial",
    "srinr.published_trial",
    "srinr.cli",
    "srinr.cli_*",
)

HEAVY = ("numpy", "scipy", "torch", "numba", "cvxpy", "matplotlib", "skimage", "typer", "rich", "safetensors")
MAX_FILE_LINES, MAX_FUNCTION_LINES = 400, 80


def module_name(path: Path) -> str:
    folder, *rest = path.relative_to(ROOT).with_suffix("").parts
    return ".".join([MAPPED[folder], *rest]).removesuffix(".__init__")


SOURCES = {module_name(p): p for folder in MAPPED for p in sorted((ROOT / folder).rglob("*.py"))}
TREES = {name: ast.parse(path.read_text(), str(path)) for name, path in SOURCES.items()}


def within(module: str, package: str) -> bool:
    """Whether a module is, or lies in, a package; ``*`` stands for anything."""
    return fnmatch.fnmatchcase(module, package) or fnmatch.fnmatchcase(module, package + ".*")


def layer(module: str) -> int | None:
    for index, members in enumerate(LAYERS):
        if any(within(module, member) for member in members):
            return index
    return None


def resolve(module: str, name: str) -> str:
    """The module that ``from module import name`` needs."""
    if f"{module}.{name}" in SOURCES:
        return f"{module}.{name}"
    if module == "srinr":  # a public name, resolved lazily; ``__version__`` and the like live in the root
        return srinr._HOME.get(name, "srinr._version")
    return module


def imports(tree: ast.AST) -> set[str]:
    """Modules of this library that a tree imports, at any depth."""
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names if within(alias.name, "srinr")}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in line {node.lineno}"
            if node.module is not None and within(node.module, "srinr"):
                found |= {resolve(node.module, alias.name) for alias in node.names}
    return found


EDGES = {name: imports(tree) - {name} for name, tree in TREES.items() if name != "srinr"}


def upward_edges(edges: dict[str, set[str]]) -> list[str]:
    """Imports that go up, in words."""
    wrong = []
    for module, targets in sorted(edges.items()):
        here = layer(module)
        for target in sorted(targets):
            there = layer(target)
            if here is not None and there is not None and there > here:
                wrong.append(f"{module} imports {target}, which lies above it")
    return wrong


def foreign_edges(edges: dict[str, set[str]]) -> list[str]:
    """Imports of the solvers or the phantoms by those that must not know them."""
    wrong = []
    for package in ("srinr.solvers", "srinr.phantoms"):
        for module, targets in sorted(edges.items()):
            if within(module, package) or any(within(module, allowed) for allowed in MAY_IMPORT_ALL):
                continue
            wrong += [f"{module} imports {t}" for t in sorted(targets) if within(t, package)]
    return wrong


def cycle(edges: dict[str, set[str]]) -> list[str] | None:
    """Some import cycle among modules, by depth-first search."""
    state: dict[str, int] = {}

    def visit(module: str, path: list[str]) -> list[str] | None:
        state[module] = 1
        for target in sorted(edges.get(module, ())):
            if state.get(target) == 1:
                return [*path[path.index(target) if target in path else 0 :], target]
            if target not in state:
                found = visit(target, [*path, target])
                if found:
                    return found
        state[module] = 2
        return None

    for module in sorted(edges):
        if module not in state:
            found = visit(module, [module])
            if found:
                return found
    return None


def test_every_module_has_a_layer():
    homeless = [name for name in SOURCES if name != "srinr" and layer(name) is None]
    assert not homeless, f"give these a place in LAYERS: {homeless}"
    assert len(SOURCES) > 30, "the sources were found"


def test_no_import_goes_up():
    assert not upward_edges(EDGES)


def test_solvers_and_phantoms_are_unknown_below():
    assert not foreign_edges(EDGES)


def test_no_import_cycle():
    # A package's __init__ imports its modules, which import each other: only edges between modules count.
    between = {m: {t for t in targets if SOURCES[t].name != "__init__.py"} for m, targets in EDGES.items()
               if SOURCES[m].name != "__init__.py" if all(t in SOURCES for t in targets)}  # fmt: skip
    unknown = {t for targets in EDGES.values() for t in targets if t not in SOURCES}
    assert not unknown, f"imports of modules that do not exist: {unknown}"
    assert cycle(between) is None


def test_the_rules_reject_what_they_should():
    up = imports(ast.parse("def late():\n    from srinr.training import fit"))
    assert upward_edges({"srinr.samples": up}) == [
        "srinr.samples imports srinr.training, which lies above it"
    ]
    public = imports(ast.parse("from srinr import fit, __version__"))
    assert public == {"srinr.training", "srinr._version"}
    assert upward_edges({"srinr.phantoms.phantom": public})
    assert not upward_edges({"srinr.training": {"srinr.samples", "srinr.training_run"}})
    assert foreign_edges({"srinr.inr": {"srinr.phantoms.phantom"}})
    assert foreign_edges({"srinr.solvers.solve": {"srinr.phantoms"}})
    assert foreign_edges({"srinr.phantoms.dots": {"srinr.solvers"}})
    assert not foreign_edges({"srinr.cli": {"srinr.solvers", "srinr.phantoms"}})
    assert cycle({"a": {"b"}, "b": {"c"}, "c": {"a"}}) == ["a", "b", "c", "a"]
    assert cycle({"a": {"b", "c"}, "b": {"c"}}) is None
    with pytest.raises(AssertionError, match="relative"):
        imports(ast.parse("from .samples import FourierSamples"))


def test_setup_cfg_lists_every_package():
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg")
    listed = config["options"]["packages"].split()
    folders = {module_name(p) for folder in MAPPED for p in (ROOT / folder).rglob("__init__.py")}
    assert sorted(listed) == sorted(folders)
    mapping = dict(line.split(" = ") for line in config["options"]["package_dir"].strip().splitlines())
    assert mapping == {package: folder for folder, package in MAPPED.items()}
    for path in (p for folder in MAPPED for p in (ROOT / folder).rglob("*.py")):
        assert (path.parent / "__init__.py").exists(), f"{path} lies in a folder that is not installed"


def fresh(code: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=cwd, timeout=120)


def test_importing_srinr_is_light(tmp_path):
    code = f"import sys, srinr; print(sorted(set({HEAVY!r}) & set(sys.modules)))"
    result = fresh(code, tmp_path)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


def test_importing_the_phantoms_needs_no_torch(tmp_path):
    unwanted = ("torch", "cvxpy", "matplotlib", "skimage")
    code = f"import sys, srinr.phantoms; print(sorted(set({unwanted!r}) & set(sys.modules)))"
    result = fresh(code, tmp_path)
    assert result.stdout.strip() == "[]", result.stdout + result.stderr


@pytest.mark.parametrize("folder", ["solvers", "phantoms"])
def test_mapped_folders_refuse_their_folder_name(folder):
    result = fresh(f"import {folder}", ROOT)
    assert result.returncode != 0
    assert f"this folder is the package srinr.{folder}: install srinr (pip install -e .)" in result.stderr


def docstring_lines(node: ast.AST) -> int:
    """Lines of the docstring of a function: documentation is not length."""
    body = getattr(node, "body", [])
    first = body[0] if body else None
    is_docstring = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
    return first.end_lineno - first.lineno + 1 if is_docstring and isinstance(first.value.value, str) else 0


def test_files_are_short():
    lengths = {str(p.relative_to(ROOT)): len(p.read_text().splitlines()) for p in SOURCES.values()}
    too_long = {name: n for name, n in lengths.items() if n >= MAX_FILE_LINES}
    assert not too_long, f"files of {MAX_FILE_LINES} lines or more; aim at 300: {too_long}"


def test_functions_are_short():
    lengths = {
        f"{SOURCES[name].relative_to(ROOT)}:{node.lineno} {node.name}":
            (node.end_lineno or 0) - node.lineno + 1 - docstring_lines(node)
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }  # fmt: skip
    too_long = {name: n for name, n in lengths.items() if n >= MAX_FUNCTION_LINES}
    assert not too_long, f"functions of {MAX_FUNCTION_LINES} lines or more without docstring: {too_long}"
    assert len(lengths) > 300


def test_the_library_logs_and_does_not_print():
    printing = [
        f"{SOURCES[name].relative_to(ROOT)}:{node.lineno}"
        for name, tree in TREES.items()
        if not any(within(name, allowed) for allowed in ("srinr.cli", "srinr.cli_*"))
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "print"
    ]
    assert not printing, f"use logging: {printing}"


@pytest.mark.parametrize("name", sorted(set(srinr.__all__) - {"__version__"}))
def test_public_names_resolve_and_are_documented(name):
    value = getattr(srinr, name)
    assert value.__doc__, f"{name} has no docstring"
    assert len(value.__doc__.strip()) > 20
    assert value.__module__ == srinr._HOME[name], f"{name} is defined in {value.__module__}"


def test_lazy_names_and_type_checking_block_agree():
    checking = next(
        node for node in TREES["srinr"].body
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
    )  # fmt: skip
    declared = {
        alias.asname or alias.name: node.module
        for node in checking.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    assert declared == srinr._HOME
    assert set(srinr.__all__) == set(srinr._HOME) | {"__version__"}
    assert set(srinr.__all__) <= set(dir(srinr))
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        srinr.fitt  # noqa: B018


@pytest.mark.parametrize("package", ["srinr.phantoms", "srinr.solvers"])
def test_names_of_the_mapped_packages_resolve(package):
    module = importlib.import_module(package)
    names = getattr(module, "__all__", [])
    missing = [name for name in names if not (getattr(module, name).__doc__ or "").strip()]
    assert not missing, f"without docstring in {package}: {missing}"
    assert len(names) == len(set(names))
