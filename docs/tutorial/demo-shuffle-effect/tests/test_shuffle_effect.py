"""The contract, checked by the kit that comes with demo_core, and the one thing this method is about."""

import demo_shuffle_effect

from demo_core.testing import Check, parametrize_with_checks, registered_from

(registered,) = registered_from(demo_shuffle_effect)


@parametrize_with_checks(demo_shuffle_effect)
def test_contract(check: Check) -> None:
    check()


def test_a_window_of_one_letter_has_no_effect() -> None:
    import numpy as np

    from demo_core.running import explain_rows, make_job
    from demo_core.testing import tiny_dataset, tiny_model

    dataset = tiny_dataset(4)
    dataset.codes[:] = 0
    explained = explain_rows(make_job(registered, tiny_model()), dataset, np.arange(4))
    assert np.abs(explained.values).max() < 1e-6
