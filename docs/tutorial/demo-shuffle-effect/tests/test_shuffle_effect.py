"""Test the contract, and that a window of one letter has no effect."""

import demo_shuffle_effect

from demo_core.testing import Check, parametrize_with_checks, registered_from

(registered,) = registered_from(demo_shuffle_effect)


@parametrize_with_checks(demo_shuffle_effect)
def test_contract(check: Check) -> None:
    check()


def test_a_window_of_one_letter_has_no_effect() -> None:
    import numpy as np

    from demo_core.running import Memory, Rows, make_job, run
    from demo_core.testing import tiny_dataset, tiny_model

    dataset = tiny_dataset(4)
    dataset.codes[:] = 0
    explained = run(make_job(registered, tiny_model()), Rows(dataset), Memory())
    assert np.abs(explained.values).max() < 1e-6
