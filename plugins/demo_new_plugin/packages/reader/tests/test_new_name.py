"""Test the contract, and the format."""

from pathlib import Path

import demo_new_name
from demo_new_name.options import NewNameOptions
from demo_new_name.reader import NewName

from demo_core.testing import Check, parametrize_with_checks


@parametrize_with_checks(demo_new_name)
def test_contract(check: Check) -> None:
    check()


def test_skip_omits_header_lines(tmp_path: Path) -> None:
    source = tmp_path / "x.new-name.tsv"
    source.write_text("sequence\tlabel\nACGT\t1\n")
    (record,) = NewName(NewNameOptions(skip=1)).read(source)
    assert (record.id, record.sequence, record.labels) == ("line-2", "ACGT", (1.0,))
