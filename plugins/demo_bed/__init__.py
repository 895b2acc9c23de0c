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
            suffixes=tuple(
                suffix + packed
                for suffix in (".bed", ".narrowpeak", ".broadpeak", ".gappedpeak", "_peaks.xls")
                for packed in ("", ".gz")
            ),
            requires=("pyfaidx",),
            summary=(
                "BED, narrowPeak, broadPeak, gappedPeak and MACS tables: fixed-width windows, bases from --genome."
            ),
        )
    )
