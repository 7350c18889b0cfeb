"""What the documentation shows is run: the examples of every docstring, and the blocks of the README in order."""

import doctest
import importlib
import pkgutil
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent

#: Commands of console blocks that install or fetch; the rest is run.
NOT_RUN = ("pip", "python -m pip", "python -m venv", "python3 -m venv", "git", "source", "cd", ". ",
           "python -m pytest")  # fmt: skip


def modules() -> list[str]:
    """Every module of the three packages, whatever way they are installed."""
    names = {"srinr"}
    for package in ("srinr", "srinr.phantoms", "srinr.solvers"):
        module = importlib.import_module(package)
        names |= {package} | {m.name for m in pkgutil.walk_packages(module.__path__, package + ".")}
    return sorted(name for name in names if not name.endswith("__main__"))


@pytest.mark.parametrize("name", modules())
def test_docstring_examples(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    result = doctest.testmod(importlib.import_module(name), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert result.failed == 0, "see the output above"


def blocks(text: str) -> list[tuple[str, str, int]]:
    """Fenced blocks as (language, content, line number)."""
    pattern = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```\s*$", re.MULTILINE | re.DOTALL)
    return [(m[1], m[2], text[: m.start()].count("\n") + 2) for m in pattern.finditer(text)]


def commands(content: str) -> list[str]:
    """Commands of a console block; with ``$`` prompts only the prompted lines, else all of them."""
    lines = content.replace("\\\n", " ").splitlines()
    if any(line.startswith("$ ") for line in lines):
        lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
    lines = [line.split(" #")[0].strip() for line in lines]
    return [line for line in lines if line and not line.startswith("#")]


def is_run(command: str) -> bool:
    return not command.startswith(NOT_RUN)


def run_command(command: str, folder: Path) -> None:
    words = shlex.split(command)
    if words[0] == "srinr":  # the script of this very installation
        words[0] = str(Path(sys.executable).parent / "srinr")
    elif words[0] == "python":
        words[0] = sys.executable
    result = subprocess.run(words, cwd=folder, capture_output=True, text=True, timeout=300)
    assert result.returncode == 0, f"{command}\n{result.stdout}\n{result.stderr}"


def test_readme_runs_from_top_to_bottom(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = blocks((ROOT / "README.md").read_text(encoding="utf-8"))
    namespace: dict[str, object] = {"__name__": "readme"}
    n_run = 0
    for language, content, line in found:
        if language == "python":
            exec(compile("\n" * (line - 1) + content, "README.md", "exec"), namespace)
            n_run += 1
        elif language == "console":
            for command in filter(is_run, commands(content)):
                run_command(command, tmp_path)
                n_run += 1
    assert n_run >= 2, "the README shows at least one use from Python and one from the command line"


def test_the_first_console_block_tells_how_to_install_and_test():
    """CI runs the same command; it must not drift apart."""
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    shown = [
        command
        for language, content, _ in blocks(text)
        if language == "console"
        for command in commands(content)
    ]
    command = 'pip install -c constraints.txt -e ".[test]" && python -m pytest'
    assert command in shown, f"README.md must show {command!r}"
    assert command in (ROOT / ".ci" / "run").read_text(encoding="utf-8")


def test_links_of_the_readme_exist():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    targets = re.findall(r"\]\(([^)#\s]+)[^)]*\)", text)
    missing = [
        t for t in targets if not t.startswith(("http:", "https:", "mailto:")) and not (ROOT / t).exists()
    ]
    assert not missing, f"README.md links to files that do not exist: {missing}"


def test_the_extraction_of_blocks_and_commands():
    text = "a\n```python\nx = 1\n```\nb\n```console\n$ srinr info --long \\\n    file\nanswer\n$ pip install srinr\n```\n"
    assert blocks(text) == [("python", "x = 1\n", 3), ("console", text[text.index("$ sr") : -4], 7)]
    assert commands(blocks(text)[1][1]) == ["srinr info --long      file", "pip install srinr"]
    assert commands("srinr info  # a comment\n\n# another\ngit clone x\n") == ["srinr info", "git clone x"]
    assert [is_run(c) for c in ("srinr info", "pip install x", "python -m venv .venv", "git clone", "python a.py")] == [
        True, False, False, False, True]  # fmt: skip
