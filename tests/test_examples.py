"""The example scripts run in their quick mode, print their figures and leave a picture."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parent.parent / "examples"


@pytest.mark.parametrize(
    ("script", "options", "picture"),
    [
        ("dots_recovery.py", [], "dots.png"),
        ("dots_recovery.py", ["--published"], "published_dots.png"),
        ("brain_deep.py", [], "brain_total-variation.png"),
    ],
)
def test_example_in_quick_mode(tmp_path, script, options, picture):
    command = [sys.executable, str(EXAMPLES / script), "--quick", "--output", str(tmp_path), *options]
    result = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, timeout=300)
    assert result.returncode == 0, result.stderr
    assert re.search(r"MSE", result.stdout)
    assert (tmp_path / picture).stat().st_size > 10_000


def test_every_example_is_listed_here():
    tested = {"dots_recovery.py", "brain_deep.py"}
    assert {path.name for path in EXAMPLES.glob("*.py")} == tested
