"""Reader of DeepBind's ChIP-seq tables: ``NAME_AC.seq.gz`` with ``NAME_B.seq.gz`` beside it."""

from demo_core import DatasetReader, Register, hookimpl
from demo_deepbind.options import DeepBindOptions

DEMO_API = 1


@hookimpl
def register_datasets(register: Register[DatasetReader]) -> None:
    """Register the reader."""
    register(
        DatasetReader(
            name="deepbind",
            target="demo_deepbind.reader:DeepBindReader",
            options=DeepBindOptions,
            suffixes=(".seq", ".seq.gz"),
            summary="DeepBind tables (FoldID EventID seq Bound). X_AC is read with X_B as test split.",
            paper="Alipanahi, Delong, Weirauch & Frey 2015, Nature Biotechnology 33:831",
        )
    )
