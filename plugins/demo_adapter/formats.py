"""Model formats of other frameworks, detected by name and first bytes, with the way to convert them."""

from __future__ import annotations

import zipfile
from pathlib import Path

_STATE_DICT = "in PyTorch, run torch.save(model.state_dict(), 'weights.pt') and import that file"
_KERAS = (
    "a Keras model: build the same network in PyTorch, copy its weights (Keras keeps kernels as (width, in, out), "
    "PyTorch as (out, in, width)), and import that network's state dict"
)


def other_format(path: Path) -> str:
    """Return what a file is, if it is a known format other than PyTorch or safetensors; otherwise ''."""
    if (path / "saved_model.pb").is_file():
        return "a TensorFlow SavedModel: " + _KERAS.partition(": ")[2]
    if not path.is_file():
        return ""
    suffix = path.suffix.lower()
    with path.open("rb") as file:
        head = file.read(8)
    if head == b"\x89HDF\r\n\x1a\n" or suffix == ".keras":
        return _KERAS
    if suffix == ".onnx":
        return f"an ONNX model, which DeMo cannot load; rebuild the network as a PyTorch class, and {_STATE_DICT}"
    if head[:4] == b"PK\x03\x04":
        return _zipped(path)
    return ""


def _zipped(path: Path) -> str:
    try:
        with zipfile.ZipFile(path) as file:
            inside = [name.partition("/")[2] or name for name in file.namelist()]
    except zipfile.BadZipFile:
        return ""
    if "constants.pkl" in inside or any(name.startswith("code/") for name in inside):
        return f"a TorchScript program, not a state dict; load it with torch.jit.load, and {_STATE_DICT}"
    return _KERAS if "model.weights.h5" in inside else ""


def inflated(path: Path) -> bool:
    """Return whether a zip archive would unpack to several times its size; PyTorch does not compress its records."""
    try:
        with zipfile.ZipFile(path) as file:
            return sum(record.file_size for record in file.infolist()) > 4 * path.stat().st_size + (1 << 20)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError):
        return False  # the reader of the file reports it
