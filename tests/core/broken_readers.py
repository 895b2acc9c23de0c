"""Broken readers and commands, by the check that must fail, with the expected message."""

from __future__ import annotations

import click
from broken_explainers import Plain

from demo_core import Command, DatasetReader, Record
from demo_core.sequences.text_files import BadSource, text_lines
from demo_core.testing import ReaderExample


class Lines(Plain):
    """Valid reader: a sequence and a label on each line."""

    def read(self, source):
        for number, line in text_lines(source):
            cells = line.split()
            if len(cells) != 2:
                raise BadSource(source, "a line is a sequence and a label", f"line {number}")
            yield Record(f"line-{number}", cells[0], (float(cells[1]),))

    @staticmethod
    def example():
        return ReaderExample(
            file="lines.txt",
            content=b"ACGT 1\nTTTT 0\n",
            records=(Record("line-1", "ACGT", (1.0,)), Record("line-2", "TTTT", (0.0,))),
            malformed={"a line of one word": b"ACGT 1\nTTTT\n"},
            many=lambda n: b"ACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT 1\n" * n,
        )


class ReadsAnything(Lines):
    def read(self, source):
        return iter(())


class BlindToTheFile(Lines):
    def read(self, source):
        try:
            yield from super().read(source)
        except BadSource:
            raise BadSource(source.with_name("?"), "something is wrong") from None


class BlindToThePlace(Lines):
    def read(self, source):
        try:
            yield from super().read(source)
        except BadSource:
            raise BadSource(source, "a line has 1 columns, not 2") from None


class MakesUp(Lines):
    def read(self, source):
        yield from super().read(source) if source.exists() else ()


class LosesALabel(Lines):
    def read(self, source):
        for record in super().read(source):
            yield Record(record.id, record.sequence)


class NamesATargetTooMany(Lines):
    """Records match the example, but cannot be stored."""

    targets = ("bound", "open")


class NotPacked(Lines):
    def read(self, source):
        if source.read_bytes()[:2] == b"\x1f\x8b":
            raise BadSource(source, "is compressed")
        yield from super().read(source)


class ReadsAllAtOnce(Lines):
    def read(self, source):
        yield from list(super().read(source))


class YieldsText(Lines):
    def read(self, source):
        yield from (line for _, line in text_lines(source))


def reader(cls, suffix=".txt"):
    return DatasetReader(name="broken", target=f"{__name__}:{cls.__name__}", summary="Broken.", suffixes=(suffix,))


READERS = [
    ("empty", reader(ReadsAnything), "gave 0 records and no error"),
    ("empty", reader(BlindToTheFile), "does not name the file"),
    ("truncated", reader(ReadsAnything), "gave 0 records and no error"),
    ("missing", reader(MakesUp), "no error"),
    ("suffix", reader(Lines, ".lines"), "ends in none of .lines"),
    ("round-trip", reader(LosesALabel), "labels of record 1 is []"),
    ("round-trip", reader(YieldsText), "read() yielded a str"),
    ("packed", reader(NotPacked), "is compressed"),
    ("malformed", reader(ReadsAnything), "gave 0 records and no error"),
    ("malformed", reader(BlindToThePlace), "does not say where"),
    ("imported", reader(NamesATargetTooMany), "1 labels for 2 targets"),
    ("streams", reader(ReadsAllAtOnce), "bytes more for a file"),
]


@click.command()
@click.option("--mute")
def mute(mute):
    """Has an option without a help text."""


silent = click.Command("silent")


class Late(click.Group):
    """Group that looks up its commands on demand."""

    def list_commands(self, ctx):
        return ["silent"]

    def get_command(self, ctx, name):
        return silent


late = Late("late", help="Has a command without help.")


def command(name):
    return Command(name="broken", target=f"{__name__}:{name}", summary="Broken.")


COMMANDS = [
    ("has-help", command("Plain"), "a type"),
    ("has-help", command("mute"), "option --mute of 'demo broken' has no help"),
    ("has-help", command("silent"), "'demo broken' has no help"),
    ("has-help", command("late"), "'demo broken silent' has no help"),
]
