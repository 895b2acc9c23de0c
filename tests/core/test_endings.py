"""Test interrupted commands and closed outputs: work is kept, or the loss is reported."""

import signal
import subprocess
import sys
import time

import pytest

DEMO = f"{sys.executable} -m demo_core"


def shell(line, **settings):
    return subprocess.run(["bash", "-c", line], capture_output=True, text=True, timeout=120, check=False, **settings)


def test_a_reader_that_goes_away_ends_no_training(tmp_path, trained):
    line = f"{DEMO} train cnn {trained / 'data.h5'} -o m --epochs 2 --filters 4 --widths 5 2>&1 | head -1"
    done = shell(f"exec 3>code; {line}; echo ${{PIPESTATUS[0]}} >&3", cwd=tmp_path)
    assert (tmp_path / "code").read_text() == "0\n", done.stderr
    assert (tmp_path / "m/weights.safetensors").is_file()


def test_an_import_without_streams_writes_the_file_and_nothing_into_it(tmp_path, demo):
    (tmp_path / "a.fa").write_text(">1\nACGTACGGTC\n>0\nACGTTCGTAC\n")
    done = shell(f"{DEMO} data import a.fa -o d.h5 >&- 2>&- <&-", cwd=tmp_path)
    assert done.returncode == 0
    assert demo("data", "info", tmp_path / "d.h5")[0] == 0


def test_nohup_goes_on():
    code = (
        "import signal; from demo_core.plugins.interrupts import install; signal.signal(signal.SIGHUP, signal.SIG_IGN);"
        "install(); print(signal.getsignal(signal.SIGHUP) == signal.SIG_IGN)"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "True\n"


@pytest.mark.parametrize("module", ["click", "numpy", "torch", "torch.optim", "h5py", "demo_core.running.compute"])
def test_an_interrupt_while_it_starts_is_one_line(tmp_path, trained, module):
    code = (
        "import os, signal, sys, demo_core.__main__ as m\n"
        "class Finder:\n"
        "    def find_spec(self, name, *_):\n"
        f"        if name == {module!r}: sys.meta_path.remove(self); os.kill(os.getpid(), signal.SIGINT)\n"
        "sys.meta_path.insert(0, Finder())\n"
        "m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code, "explain", "class-optimization", str(trained / "one"), "-o",
                           str(tmp_path / "a"), "--steps", "100000"], capture_output=True, text=True, check=False,
                          timeout=60)  # fmt: skip
    assert done.returncode == 130, done.stderr
    assert "Traceback" not in done.stderr
    assert len([x for x in done.stderr.splitlines() if x.startswith("demo:")]) <= 1
    assert not list(tmp_path.rglob("*.h5"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_after_the_work_ends_it_at_once(number):
    code = (
        "import atexit, os, sys, time, demo_core.__main__ as m\n"
        f"atexit.register(lambda: (os.kill(os.getpid(), {int(number)}), time.sleep(60)))\n"
        "sys.argv = ['demo', '--version']\n"
        "m.main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=40)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "where",
    [
        "import weakref; d = weakref.WeakValueDictionary(); d['x'] = f = F(); weakref.finalize(f, send); del f",
        "class G:\n  def __del__(self): send()\nG()",
    ],
    ids=["weak collection", "finalizer"],
)
def test_an_interrupt_in_a_callback_is_not_lost(where):
    """Python ignores an exception that is raised in a finalizer or in a callback of a weak reference."""
    code = (
        "import os, signal, time\nfrom demo_core.plugins import interrupts\ninterrupts.install()\n"
        "class F: pass\ndef send(): os.kill(os.getpid(), signal.SIGINT); time.sleep(0.01)\n"
        f"try:\n  exec({where!r}, globals())\n  time.sleep(5)\nexcept KeyboardInterrupt: print('interrupted')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=60)
    assert (done.stdout, done.stderr) == ("interrupted\n", "")


@pytest.mark.parametrize(
    ("module", "code"),
    [
        ("torch.autograd", "interrupt()"), ("h5py", "interrupt()"), ("numpy.core", "interrupt()"),
        ("_weakrefset", "def _remove(): interrupt()\n_remove()"),
        ("importlib._bootstrap", "def cb(): interrupt()\ncb()"),
    ],
)  # fmt: skip
def test_an_interrupt_waits_for_imports_and_callbacks(monkeypatch, module, code):
    """torch's C++ code aborts the process if an exception is raised during its import."""
    from demo_core.plugins import interrupts

    monkeypatch.setattr(interrupts._State, "last", None)
    sent = []
    monkeypatch.setattr(interrupts.os, "kill", lambda process, number: sent.append(number))
    exec(code, {"__name__": module, "interrupt": lambda: interrupts._interrupt(2, sys._getframe())})
    deadline = time.monotonic() + 10
    while not sent and time.monotonic() < deadline:
        time.sleep(0.01)
    assert sent == [2] and interrupts._State.last is None
    with pytest.raises(KeyboardInterrupt):
        interrupts._interrupt(2, sys._getframe())


def test_a_result_that_cannot_be_printed_is_one_line(trained):
    done = shell(f"{DEMO} data info {trained / 'data.h5'} > /dev/full")
    assert done.returncode == 1
    assert done.stderr.count("\n") == 1 and "No space left" in done.stderr


def test_a_second_interrupt_counts_once_the_first_is_long_ago(monkeypatch):
    from demo_core.plugins import interrupts

    now = [100.0]
    monkeypatch.setattr(interrupts.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(interrupts._State, "last", None)
    raised = []
    for step in range(8):
        now[0] = 100.0 + step
        try:
            interrupts._interrupt(2, None)
        except KeyboardInterrupt:
            raised.append(step)
    assert raised == [0, 3, 6]


def test_an_interrupt_promises_to_resume_only_what_can_be_resumed(trained, tmp_path, demo, monkeypatch):
    import demo_core.models.model as module

    def interrupt(*arguments, **named):
        raise KeyboardInterrupt

    monkeypatch.setattr(module.Model, "load", interrupt)
    code, _, err = demo("explain", "saliency", trained / "one", trained / "data.h5", "-o", tmp_path)
    assert code == 130 and "interrupted; run the same command again to resume" in err
    code, _, err = demo("predict", trained / "one", trained / "data.h5", "-o", tmp_path / "p.tsv")
    assert code == 130 and "interrupted; any unfinished output files were removed" in err
