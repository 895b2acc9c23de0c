"""Genomic coordinates of stretches of sequences, vectorised, with their own strand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from demo_core.data import SequenceDataset, take_rows
from demo_motifs.seqlets import Ints


@dataclass(frozen=True)
class Places:
    """Chromosomes (names, '' for none), starts, ends and strands (1 or -1) in the genome, 0-based and half-open."""

    chrom: list[str]
    start: Ints
    end: Ints
    strand: Ints


def genomic(sequences: SequenceDataset, row: Ints, start: Ints, end: Ints, strand: Ints) -> Places:
    """Return the genomic positions of ``[start, end)`` of sequences, read along ``strand`` of them.

    A stretch read backward in a sequence from the minus strand lies on the plus strand. A strand of 0 means the strand
    of the sequence.
    """
    n = len(row)
    none = Places([""] * n, np.full(n, -1), np.full(n, -1), np.zeros(n, np.int64))
    if sequences.intervals is None or not n:
        return none
    unique, which = np.unique(row, return_inverse=True)
    chrom, first, last, way = take_rows(sequences.intervals, unique)[which].T
    minus = way < 0
    genome_start = np.where(minus, last - end, first + start)
    genome_end = np.where(minus, last - start, first + end)
    genome_strand = np.where(minus, -1, 1) * np.where(strand == 0, 1, strand)
    known = (chrom >= 0) & (chrom < len(sequences.chroms))
    names = [sequences.chroms[c] if ok else "" for c, ok in zip(chrom.tolist(), known.tolist(), strict=True)]
    return Places(
        names,
        np.where(known, genome_start, -1),
        np.where(known, genome_end, -1),
        np.where(known, genome_strand, 0),
    )


SIGN = {1: "+", -1: "-", 0: "."}


def has_places(sequences: SequenceDataset) -> bool:
    """Return whether any sequence has an interval."""
    return sequences.intervals is not None and bool((sequences.intervals[:, 0] >= 0).any())
