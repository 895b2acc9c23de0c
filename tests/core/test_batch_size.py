import json
import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from demo_core import explain
from demo_core.models import batch_size, measured_batch_size
from demo_core.testing import tiny_dataset, tiny_model


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "deep-motif-dashboard" / "batch-sizes"


def rated(monkeypatch, rate):
    """Let measuring take ``size / rate(size)`` seconds; return the sizes that were measured."""
    sizes, now = [], [0.0]

    def seconds(model, size, *, gradients):
        sizes.append(size)
        now[0] += size / rate(size)
        return size / rate(size)

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    monkeypatch.setattr(batch_size.time, "perf_counter", lambda: now[0])
    return sizes


@pytest.mark.parametrize(
    "rate, expected",
    [
        (lambda size: 50_000, 1024),  # no size is faster
        (lambda size: 50_000 + size / 5, 1024),  # less than 3 %
        (lambda size: 50_000 + 10 * size, 4096),
        (lambda size: 100_000 - 50 * min(size, 1900), 64),
        (lambda size: 50_000 if size in (256, 8) else 30_000, 256),
        (lambda size: 1000, 1024),  # too slow to try others
    ],
)  # fmt: skip
def test_the_fastest_size_is_chosen_within_the_time(cache, monkeypatch, rate, expected):
    sizes = rated(monkeypatch, rate)
    assert measured_batch_size(tiny_model(), 100_000, gradients=True) == expected
    assert sum(size / rate(size) for size in sizes[:-1]) < 2 * 0.6


def test_small_jobs_are_not_measured(cache, monkeypatch):
    monkeypatch.setattr(batch_size, "_seconds", lambda *_, **__: pytest.fail("measured"))
    assert measured_batch_size(tiny_model(), 1000, gradients=True) == 1024
    assert not cache.exists()


def test_the_size_is_kept_for_what_decides_it(cache, monkeypatch):
    sizes = rated(monkeypatch, lambda size: 50_000 + 10 * size)
    about = {"explainer": {"name": "saliency"}, "options": {}}

    def chosen(model=None, about=about, gradients=True):
        sizes.clear()
        size = measured_batch_size(model or tiny_model(), 100_000, gradients=gradients, about=about)
        assert size == 4096
        return bool(sizes)

    assert chosen() and not chosen()
    assert not chosen(tiny_model(seed=1))  # other weights
    assert chosen(tiny_model(length=41)) and chosen(tiny_model(filters=(5, 5))) and chosen(gradients=False)
    assert chosen(about={**about, "options": {"simplex": True}})
    double = tiny_model()
    double.module.double()
    assert chosen(double)
    for path in cache.iterdir():
        path.write_text("not JSON")
    for size in (0, 10**9, "1024", True, None):
        assert chosen() and not chosen()
        for path in cache.iterdir():
            path.write_text(json.dumps({"batch_size": size}))
    assert chosen()


def test_a_cache_that_cannot_be_written_is_no_error(tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    rated(monkeypatch, lambda size: 50_000)
    assert measured_batch_size(tiny_model(), 100_000, gradients=True) == 1024


def test_a_size_that_needs_much_memory_is_not_tried(cache, monkeypatch):
    sizes = rated(monkeypatch, lambda size: 50_000 + 10 * size)
    monkeypatch.setattr(batch_size, "_memory", lambda model: sum(sizes) << 20)
    assert measured_batch_size(tiny_model(), 100_000, gradients=True) == 1024
    assert 4096 not in sizes


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory"), ValueError("shape"), RuntimeError()])
def test_a_failure_while_measuring_is_left_to_the_run(cache, monkeypatch, error):
    def seconds(model, size, *, gradients):
        raise error

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    assert measured_batch_size(tiny_model(), 100_000, gradients=True) == 1024
    assert not cache.exists()


def test_ctrl_c_ends_measuring(cache, monkeypatch):
    def seconds(model, size, *, gradients):
        raise KeyboardInterrupt

    monkeypatch.setattr(batch_size, "_seconds", seconds)
    with pytest.raises(KeyboardInterrupt):
        measured_batch_size(tiny_model(), 100_000, gradients=True)


def test_an_explainer_that_does_not_compute_in_pieces_gets_no_larger_batches(cache, monkeypatch):
    sizes = rated(monkeypatch, lambda size: 50_000 + 10 * size)
    assert measured_batch_size(tiny_model(), 100_000, gradients=True, in_pieces=False) == 650
    assert max(sizes) == 650


def test_the_usual_size_is_measured_in_a_new_process(tmp_path):
    """Loading of libraries must not count as time or memory."""
    code = """
from demo_core.models import batch_size
from demo_core.testing import tiny_model
sizes, seconds = [], batch_size._seconds
batch_size._seconds = lambda model, size, **options: (sizes.append(size), seconds(model, size, **options))[1]
batch_size._SECONDS = 20.0  # for a machine that is busy with other tests
batch_size.measured_batch_size(tiny_model(length=101), 100_000, gradients=True)
assert 1024 in sizes and 256 in sizes, sizes
"""
    env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run([sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("gradients", [True, False])
def test_measuring_is_real_and_changes_nothing(cache, gradients, monkeypatch):
    monkeypatch.setattr(batch_size, "_SECONDS", 60.0)  # on a busy machine, the default may measure nothing
    model, state = tiny_model(), torch.get_rng_state()
    digest = model.digest()
    assert 1 <= measured_batch_size(model, 100_000, gradients=gradients) <= 4096
    assert model.digest() == digest and torch.equal(torch.get_rng_state(), state)
    assert len(list(cache.iterdir())) == 1


def test_a_run_records_the_measured_size_and_gives_the_same_values(cache, monkeypatch):
    model, data = tiny_model(), tiny_dataset(200)
    monkeypatch.setattr(batch_size, "_FEW", 0)
    rated(monkeypatch, lambda size: 100_000 - 50 * min(size, 1900))
    found = explain("saliency", model, data)
    explicit = explain("saliency", model, data, batch_size=200)
    assert found.metadata["batch_size"] == 64 and explicit.metadata["batch_size"] == 200
    largest = np.abs(explicit.values).max()
    assert np.abs(found.values - explicit.values).max() <= 1e-5 * largest
