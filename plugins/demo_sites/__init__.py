"""Reader of sequences with a second file that marks binding sites base by base."""

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
            summary="sequence.txt, one sequence a line, with label.txt beside it: 0 and 1 for each base, 1 on a site.",
        )
    )
