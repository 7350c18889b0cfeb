"""Checkpoints: nested state as safetensors plus JSON in one file, written atomically; nothing is unpickled."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file

from srinr.files import atomic_path
from srinr.status import FileFormatError

_FORMAT = "srinr-checkpoint-1"


def save_checkpoint(path: str | os.PathLike[str], state: dict[str, Any]) -> None:
    """Write a nested structure of tensors, numbers, strings, None, lists and dictionaries."""
    tensors: dict[str, torch.Tensor] = {}
    skeleton = _split(state, tensors)
    text = json.dumps({"format": _FORMAT, "state": skeleton})
    with atomic_path(path) as temporary:
        try:
            save_file(tensors, temporary, metadata={"srinr": text})
        except SafetensorError as error:
            raise OSError(str(error)) from error


def load_checkpoint(path: str | os.PathLike[str]) -> dict[str, Any]:
    """Read what :func:`save_checkpoint` wrote.

    Raises
    ------
    FileFormatError
        When the file is truncated or something else.
    """
    try:
        with safe_open(Path(path), framework="pt") as stream:
            content = json.loads((stream.metadata() or {})["srinr"])
            if content["format"] != _FORMAT:
                raise FileFormatError(f"{path}: format {content['format']!r} is not {_FORMAT!r}")
            state = _join(content["state"], stream)
            if not isinstance(state, dict):
                raise FileFormatError(f"{path}: holds {type(state).__name__}, not the state of a training")
            return state
    except FileFormatError:
        raise
    except (SafetensorError, OSError, KeyError, TypeError, ValueError) as error:
        raise FileFormatError(
            f"{path}: not a checkpoint of srinr, or damaged ({error}); delete it to start afresh"
        ) from error


def _split(value: Any, tensors: dict[str, torch.Tensor]) -> Any:
    if isinstance(value, torch.Tensor):
        name = f"t{len(tensors)}"
        # Cloned: safetensors refuses tensors that share memory, as the pairs of L-BFGS may.
        tensors[name] = value.detach().cpu().clone().contiguous()
        return {"tensor": name}
    if isinstance(value, dict):
        return {"dict": [[_split(key, tensors), _split(item, tensors)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        return {"list": [_split(item, tensors) for item in value]}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"cannot store a {type(value).__name__} in a checkpoint")


def _join(value: Any, stream: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if "tensor" in value:
        return stream.get_tensor(value["tensor"])
    if "dict" in value:
        return {_join(key, stream): _join(item, stream) for key, item in value["dict"]}
    return [_join(item, stream) for item in value["list"]]
