"""Files of a model folder. Needs no torch, so that a mistyped path is reported at once."""

from pathlib import Path

from demo_core.errors import DemoError

FORMAT = "demo-model"
VERSION = 1
METADATA = "model.json"
WEIGHTS = "weights.safetensors"
#: Figures of the training, stored in the folder.
PICTURES = ("learning_curve.png",)


def check_model_folder(path: Path) -> None:
    """Raise DemoError unless the path is a folder."""
    if not path.is_dir():
        what = "this is a file, not a model folder" if path.exists() else "no such model folder"
        raise DemoError(f"{path}: {what}")


def is_model_folder(path: Path) -> bool:
    """Return whether the path is a folder with a model's description.

    Parameters
    ----------
    path
        Any path.

    Returns
    -------
    bool
        Whether it is a folder with ``model.json``.

    Examples
    --------
    >>> from pathlib import Path
    >>> from demo_core.models import is_model_folder
    >>> is_model_folder(Path("no/such/folder"))
    False
    """
    return (path / METADATA).is_file()
