"""Test completion in real shells, also of commands from plugins."""

import os
import pty
import re
import select
import shutil
import subprocess
import sys
import time
from pathlib import Path

import pytest

PLUGIN = """
import click
from dataclasses import dataclass, field
from typing import Literal
from demo_core import Command, Explainer, hookimpl
DEMO_API = 1
@dataclass(frozen=True)
class Options:
    flavour: Literal["sweet", "sour"] = field(default="sweet", metadata={"help": "What it is like."})
@hookimpl
def register_explainers(register):
    register(Explainer(name="taste", target="taste_plugin:T", kind="attribution", summary="Tastes.", options=Options))
@hookimpl
def register_commands(register):
    register(Command(name="cook", target="taste_plugin:cook", summary="Cooks."))
@click.command()
@click.option("--heat", type=click.Choice(["low", "high"]), help="How hot.")
def cook(heat): click.echo(heat)
"""
#: Text before the tab key, and its completions.
CASES = {
    "demo coo": "cook",
    "demo cook --hea": "--heat",
    "demo cook --heat hi": "high",
    "demo explain tas": "taste",
    "demo explain taste --fla": "--flavour",
    "demo explain taste --flavour so": "sour",
    "demo explain class-optimization --parameters soft": "softmax",
    "demo train cnn --learn": "--learning-rate",
    "demo motifs fi": "find",
    "demo data import peaks.fa --negatives shuf": "shuffle",
}


@pytest.fixture
def environment(site, tmp_path):
    site("demo-taste", "taste_plugin", PLUGIN)
    site("demo-broken", "broken_plugin", "1 / 0")  # its output must not appear while the user types
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return {**os.environ, "PATH": path, "PYTHONPATH": str(tmp_path), "DEMO_LOAD_PLUGINS": "demo-taste,demo-broken",
            "HOME": str(tmp_path), "TERM": "dumb"}  # fmt: skip


def shell(name):
    path = shutil.which(name)
    if path is None and os.environ.get("CI"):
        pytest.fail(f"{name} is missing: install Debian's package {name}")
    if path is None:
        pytest.skip(f"{name} is missing: install it")
    return path


def test_bash(environment):
    ask = "\n".join(
        f"COMP_WORDS=({typed}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMPREPLY=(); _demo_completion demo; "
        "echo ${COMPREPLY[@]}"
        for typed in CASES
    )
    script = f'eval "$(demo completion bash 2> /dev/null)"\n{ask}\n'
    done = subprocess.run([shell("bash"), "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.splitlines() == list(CASES.values())


def test_fish(environment, tmp_path):
    ask = "\n".join(f'complete -C "{typed}"; echo end' for typed in CASES)
    script = f"demo completion fish 2> /dev/null | source\n{ask}\n"
    line = [shell("fish"), "--no-config", "-c", script]
    done = subprocess.run(line, env=environment, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    found = [[line.split("\t")[0] for line in part.split()] for part in done.stdout.split("end\n")[:-1]]
    for typed, (words, wanted) in zip(CASES, zip(found, CASES.values(), strict=True), strict=True):
        assert wanted in words, typed


def test_zsh(environment):
    path = shell("zsh")
    child, terminal = pty.fork()
    if child == 0:
        os.execve(path, [path, "-f", "-i"], environment)
    try:
        _type(terminal, "PS1='> '; autoload -U compinit; compinit -u; eval \"$(demo completion zsh)\"; echo rea''dy\n")
        _read_until(terminal, r"ready")
        for typed, wanted in CASES.items():
            # the shell shows the line with its last word completed, and restores it
            _type(terminal, f"{typed}\t")
            before = typed.rpartition(" ")[0]
            _read_until(terminal, re.escape(f"{before} {wanted}"))
            _type(terminal, "\x15")
    finally:
        os.close(terminal)
        os.waitpid(child, 0)


def _type(terminal, text):
    os.write(terminal, text.encode())


def _read_until(terminal, pattern):
    """Return the terminal's text, without overwritten characters, once it contains the pattern."""
    shown, end = "", time.monotonic() + 60
    while time.monotonic() < end:
        if select.select([terminal], [], [], 0.2)[0]:
            shown += os.read(terminal, 4096).decode(errors="replace")
            plain = re.sub(r"\x1b\[[?0-9;]*[A-Za-z]", "", shown)
            while "\b" in plain.lstrip("\b"):
                plain = re.sub(r"[^\b]\b", "", plain)
            if re.search(pattern, plain):
                return
    pytest.fail(f"{pattern} was never seen in {shown!r}")


def test_no_shell_and_a_wrong_one(demo):
    code, out, err = demo("completion")
    assert (code, out) == (2, "") and "bash" in err
    assert demo("completion", "tcsh")[0] == 2


def test_a_line_that_is_wrong_completes_to_nothing_and_says_nothing(environment):
    for typed in (
        "demo nix ",
        "demo explain nix ",
        "demo data import nowhere.fa --reader nix --x",
        "demo --plugin no.py e",
    ):
        words = {
            "_DEMO_COMPLETE": "bash_complete",
            "COMP_WORDS": typed,
            "COMP_CWORD": str(len(typed.split()) - (typed[-1] != " ")),
        }
        done = subprocess.run(["demo"], env=environment | words, capture_output=True, text=True, check=False)
        assert done.stderr == "", typed
