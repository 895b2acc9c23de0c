"""Register the reader. Every command imports this module, so import heavy libraries only in reader.py."""

from demo_core import DatasetReader, Register, hookimpl
from demo_new_name.options import NewNameOptions

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    register(
        DatasetReader(
            name="new-name",
            target="demo_new_name.reader:NewName",
            options=NewNameOptions,
            suffixes=(".new-name.tsv", ".new-name.tsv.gz"),
            summary="Tables with a sequence and a label on each line, plain or gzip.",
        )
    )
