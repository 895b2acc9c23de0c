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
            summary="Simulated sequences with motifs of a MEME file planted; SOURCE jaspar is a few that come with it.",
        )
    )
