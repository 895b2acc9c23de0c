"""Reader of sequences with a second file of known sites."""

from demo_core import DatasetReader, Register, hookimpl
from demo_sites.options import SitesOptions

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    register(
        DatasetReader(
            name="sites",
            target="demo_sites.reader:SitesReader",
            options=SitesOptions,
            suffixes=(".txt", ".txt.gz"),
            summary="sequence.txt with one sequence per line, and label.txt with 1 at bases of sites.",
        )
    )
