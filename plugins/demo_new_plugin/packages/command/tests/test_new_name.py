"""Test the contract, and the output of the command."""

from pathlib import Path

import demo_new_name
from click.testing import CliRunner
from demo_new_name.command import new_name

from demo_core import explain
from demo_core.testing import Check, parametrize_with_checks, tiny_dataset, tiny_model


@parametrize_with_checks(demo_new_name)
def test_contract(check: Check) -> None:
    check()


def test_prints_one_line_per_sequence(tmp_path: Path) -> None:
    dataset = tiny_dataset(3)
    explain("saliency", tiny_model(), dataset).save(tmp_path / "x.h5")
    found = CliRunner().invoke(new_name, [str(tmp_path / "x.h5")])
    assert found.exit_code == 0
    assert [line.split("\t")[0] for line in found.output.splitlines()] == list(dataset.ids)
    found = CliRunner().invoke(new_name, [str(tmp_path / "x.h5"), "--limit", "2"])
    assert len(found.output.splitlines()) == 2
