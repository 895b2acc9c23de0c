"""Reader of genomic intervals: BED and narrowPeak, with the bases from a genome FASTA."""

from demo_bed.options import BedOptions
from demo_core import DatasetReader, Register, hookimpl

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    register(
        DatasetReader(
            name="bed",
            target="demo_bed.reader:BedReader",
            options=BedOptions,
            suffixes=(".bed", ".bed.gz", ".narrowpeak", ".narrowpeak.gz"),
            requires=("pyfaidx",),
            summary="BED and narrowPeak, plain or gzip: windows of one width, their bases from --genome.",
        )
    )
