"""Test the contract, and the method."""

import demo_new_name
import numpy as np

from demo_core.running import Memory, Rows, make_job, run
from demo_core.testing import Check, parametrize_with_checks, registered_from, tiny_dataset, tiny_model

(registered,) = registered_from(demo_new_name)


@parametrize_with_checks(demo_new_name)
def test_contract(check: Check) -> None:
    check()


def test_masking_unknown_bases_changes_nothing() -> None:
    dataset = tiny_dataset(4)
    dataset.codes[:] = 4
    explained = run(make_job(registered, tiny_model()), Rows(dataset), Memory())
    assert np.abs(explained.values).max() == 0
