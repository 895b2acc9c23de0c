"""Reader of FASTA files, with labels and intervals from the headers."""

from demo_core import DatasetReader, Register, hookimpl
from demo_fasta.options import FastaOptions

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    plain = (".fa", ".fasta", ".fna", ".fas")
    register(
        DatasetReader(
            name="fasta",
            target="demo_fasta.reader:FastaReader",
            options=FastaOptions,
            suffixes=plain + tuple(s + ".gz" for s in plain),
            summary=("FASTA, plain or gzip. Labels from >1 and >0 headers, intervals from chrom:start-end(strand)."),
        )
    )
