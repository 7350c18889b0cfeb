"""Checkpoints: any nested state comes back as it was; damage is noticed; nothing is unpickled."""

import math
import pickle
import signal
import subprocess
import sys
import textwrap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from srinr.checkpoint import load_checkpoint, save_checkpoint
from srinr.status import FileFormatError, SrinrError

SCALARS = st.none() | st.booleans() | st.integers(-(2**40), 2**40) | st.text(max_size=5)
SCALARS |= st.floats(allow_nan=False)
NESTED = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(max_size=3) | st.integers(0, 5), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(st.dictionaries(st.text(max_size=4), NESTED, max_size=4))
def test_nested_states_come_back(tmp_path_factory, state):
    path = tmp_path_factory.mktemp("nested") / "state"
    save_checkpoint(path, state)
    assert load_checkpoint(path) == state


def test_tensors_numbers_and_shared_memory(tmp_path):
    base = torch.arange(6, dtype=torch.float64).reshape(2, 3)
    state = {
        "view": base[:, 1], "same": base, "again": base, "transposed": base.T,
        "single": torch.tensor(2.5, dtype=torch.float32), "integers": torch.tensor([1, 2]),
        "empty": torch.zeros(0, 4), "parameter": torch.nn.Parameter(base.clone()),
        "nested": {0: [base, None, {"deep": (1.5, True)}]}, "complex": torch.tensor([1 + 2j]),
    }  # fmt: skip
    save_checkpoint(tmp_path / "a", state)
    loaded = load_checkpoint(tmp_path / "a")
    for name in (
        "view",
        "same",
        "again",
        "transposed",
        "single",
        "integers",
        "empty",
        "parameter",
        "complex",
    ):
        assert torch.equal(loaded[name], state[name].detach())
        assert loaded[name].dtype == state[name].dtype
    assert loaded["nested"][0][2] == {"deep": [1.5, True]}


def test_numbers_that_json_does_not_know(tmp_path):
    save_checkpoint(tmp_path / "a", {"values": [math.inf, -math.inf, math.nan, 0.1 + 0.2, 5e-324]})
    values = load_checkpoint(tmp_path / "a")["values"]
    assert values[:2] == [math.inf, -math.inf]
    assert math.isnan(values[2])
    assert values[3:] == [0.1 + 0.2, 5e-324]


def test_dictionaries_that_look_like_the_format(tmp_path):
    state = {"tensor": "t0", "dict": [["a", 1]], "list": [{"tensor": "t9"}, {"list": []}]}
    save_checkpoint(tmp_path / "a", state)
    assert load_checkpoint(tmp_path / "a") == state


def test_what_cannot_be_stored_is_refused_before_the_file_is_touched(tmp_path):
    save_checkpoint(tmp_path / "a", {"x": 1})
    for bad in (object(), {1, 2}, 1j, b"bytes", lambda: None):
        with pytest.raises(TypeError, match="cannot store"):
            save_checkpoint(tmp_path / "a", {"x": bad})
    assert load_checkpoint(tmp_path / "a") == {"x": 1}


def test_every_truncation_is_detected(tmp_path):
    path = tmp_path / "state.ckpt"
    save_checkpoint(path, {"a": torch.arange(50), "b": [1, 2, {"c": "d"}]})
    content = path.read_bytes()
    for size in [0, 1, 7, 8, 9, *range(20, len(content), 37), len(content) - 1]:
        path.write_bytes(content[:size])
        with pytest.raises(FileFormatError, match=r"state\.ckpt.*delete it to start afresh"):
            load_checkpoint(path)


def test_flipped_header_bytes_are_detected_or_harmless(tmp_path):
    path = tmp_path / "a"
    save_checkpoint(path, {"a": torch.arange(3), "b": [1, {"c": "d"}]})
    content = path.read_bytes()
    header = 8 + int.from_bytes(content[:8], "little")
    n_detected = 0
    for position in range(header):
        for mask in (0x01, 0x10, 0x80):
            damaged = bytearray(content)
            damaged[position] ^= mask
            path.write_bytes(damaged)
            try:
                assert isinstance(load_checkpoint(path), dict)
            except FileFormatError:
                n_detected += 1
    assert n_detected > header


class Trap:
    def __reduce__(self):
        return exec, ("raise SystemExit('unpickled')",)


def test_other_files_are_refused(tmp_path):
    path = tmp_path / "a"
    torch.save({"x": torch.ones(2)}, path)
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        load_checkpoint(path)
    path.write_bytes(pickle.dumps(Trap()))
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        load_checkpoint(path)
    from safetensors.torch import save_file

    save_file({"x": torch.ones(2)}, path)
    with pytest.raises(FileFormatError, match="not a checkpoint"):
        load_checkpoint(path)
    for text in ("null", "[]", '{"format": "srinr-inr-1"}', '{"format": "srinr-checkpoint-1"}',
                 '{"format": "srinr-checkpoint-1", "state": [1]}', "{",
                 '{"format": "srinr-checkpoint-1", "state": {"tensor": "t7"}}',
                 '{"format": "srinr-checkpoint-1", "state": {"other": 1}}'):  # fmt: skip
        save_file({"x": torch.ones(2)}, path, metadata={"srinr": text})
        with pytest.raises(FileFormatError):
            load_checkpoint(path)
    for missing in (tmp_path / "absent", tmp_path):
        with pytest.raises(FileFormatError):
            load_checkpoint(missing)


def test_full_disk_leaves_the_earlier_checkpoint(tmp_path):
    save_checkpoint(tmp_path / "a", {"step": 1})
    code = """
    import resource, torch
    from srinr.checkpoint import save_checkpoint
    from srinr.status import SrinrError
    resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))
    try:
        save_checkpoint("a", {"step": 2, "x": torch.ones(100_000)})
    except SrinrError as error:
        print(error)
    """
    result = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        timeout=120,
    )
    assert result.returncode == 0, (signal.Signals(-result.returncode), result.stderr)
    assert "cannot write a" in result.stdout
    assert "free space" in result.stdout
    assert load_checkpoint(tmp_path / "a") == {"step": 1}
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_header_that_is_too_large_is_an_error_of_its_own(tmp_path):
    with pytest.raises(SrinrError):
        save_checkpoint(tmp_path / "a", {"text": "x" * 101_000_000})
    assert not list(tmp_path.iterdir())
