"""Test that a genome index is used only if it matches the genome."""

import gzip
import os
import struct
import zlib

import pytest
from demo_bed.genome import Genome
from demo_bed.index import index_problem
from hypothesis import given, settings
from hypothesis import strategies as st

from demo_core import BadSource

CHR1, CHR2 = "ACGTTGCAACCTGA" * 40, "TTGACA" * 30


def fasta(width, chromosomes=(("chr1", CHR1), ("chr2", CHR2)), end="\n"):
    return "".join(
        f">{name} x{end}" + "".join(s[i : i + width] + end for i in range(0, len(s), width)) for name, s in chromosomes
    )


def bgzip(data, block=300):
    """Compress like bgzip: gzip blocks with their size in an extra field, and an empty block at the end."""
    out = b""
    for chunk in [*(data[i : i + block] for i in range(0, len(data), block)), b""]:
        body = zlib.compress(chunk, 9)[2:-4]
        head = struct.pack("<4BI2BH2BHH", 31, 139, 8, 4, 0, 0, 255, 6, 66, 67, 2, len(body) + 25)
        out += head + body + struct.pack("<II", zlib.crc32(chunk), len(chunk))
    assert gzip.decompress(out) == data
    return out


@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("other", ["another width", "another order", "another name", "longer", "shorter", "garbage"])
def test_an_index_of_another_file_is_made_again(tmp_path, caplog, other, packed):
    if packed:
        pytest.importorskip("Bio.bgzf")
    texts = {
        "another width": fasta(50),
        "another order": fasta(60, (("chr2", CHR2), ("chr1", CHR1))),
        "another name": fasta(60, (("chrA", CHR1), ("chr2", CHR2))),
        "longer": fasta(60) + fasta(60, (("chr3", CHR2),)),
        "shorter": fasta(60, (("chr1", CHR1),)),
        "garbage": fasta(60),
    }
    path = tmp_path / ("g.fa.gz" if packed else "g.fa")
    write = (lambda text: path.write_bytes(bgzip(text.encode()))) if packed else path.write_text
    write(fasta(60))
    Genome(path).close()
    fai, gzi = tmp_path / f"{path.name}.fai", tmp_path / f"{path.name}.gzi"
    assert index_problem(path, fai, gzi) == ""
    write(texts[other])
    if other == "garbage":
        (gzi if packed else fai).write_bytes(b"\3\0\0\0\0\0\0\0nonsense")
    os.utime(path, (0, 0))  # like cp -p and tar
    with Genome(path) as genome:
        for name, bases in (("chr1", CHR1), ("chr2", CHR2)):
            if name in genome.sizes:
                assert genome.bases(name, 0, len(bases)) == bases
                assert genome.sizes[name] == len(bases)
        assert ("chr3" in genome.sizes) == (other == "longer") and ("chr2" in genome.sizes) == (other != "shorter")
    assert f"{path.name}: the index does not match the genome" in caplog.text
    assert index_problem(path, fai, gzi) == ""


@given(st.integers(1, 90), st.sampled_from(["\n", "\r\n"]), st.lists(st.integers(1, 200), min_size=1, max_size=4))
@settings(max_examples=40, deadline=None)
def test_an_index_that_pyfaidx_makes_is_found_right(tmp_path_factory, width, end, lengths):
    import pyfaidx

    path = tmp_path_factory.mktemp("fai") / "g.fa"
    text = fasta(width, [(f"c{i}", (CHR1 * 3)[:n]) for i, n in enumerate(lengths)], end)
    path.write_bytes(text.encode())
    pyfaidx.Faidx(str(path)).close()
    fai = path.with_name("g.fa.fai")
    assert index_problem(path, fai, path) == ""
    path.write_bytes(text.encode()[:-1].rstrip() + b"A" + end.encode())
    assert index_problem(path, fai, path)


def test_what_is_no_genome_gets_the_way_out(tmp_path):
    (tmp_path / "folder").mkdir()
    (tmp_path / "g.2bit").write_bytes(struct.pack("<IIII", 0x1A412743, 0, 1, 0))
    (tmp_path / "e.fa").write_text(">a\nACGT\nACGT\n\n\n>b\nACGT\n")
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(b">a\nACGT\n"))
    for name, said in (("folder", "join its chromosomes"), ("g.2bit", "twoBitToFa"), ("e.fa", "without empty lines"),
                       ("g.fa.gz", "bgzip"), ("none.fa", "no such genome")):  # fmt: skip
        with pytest.raises(BadSource, match=said):
            Genome(tmp_path / name)
