"""Simulated sequences with known sites."""

from demo_core import DatasetReader, Register, hookimpl
from demo_planted.options import PlantedOptions

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    register(
        DatasetReader(
            name="planted",
            target="demo_planted.reader:PlantedReader",
            options=PlantedOptions,
            suffixes=(".meme",),
            summary=("Simulated sequences with planted motifs of a MEME file. SOURCE jaspar uses built-in motifs."),
        )
    )
