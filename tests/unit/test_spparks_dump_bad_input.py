"""Every kind of unusable dump or site file is rejected with its reason, at a cost that its size bounds."""

import re
import tracemalloc

import numpy as np
import pytest

from graincast.microstructure import BadInput
from graincast.raw.spparks_dump import read
from tests.dumps import frame, site_file

SPINS = np.arange(1, 13).repeat(4).reshape(6, 8)
FIRST, SECOND = frame(SPINS), frame(SPINS, 10, number=1)
BARE = frame(SPINS, columns=("id", "type"))
SITES = site_file(SPINS)


def with_row(text, row, line):
    """The text with another line for a site, from 1."""
    lines = text.splitlines(keepends=True)
    at = next(i for i, one in enumerate(lines) if one.startswith("ITEM: ATOMS")) + row
    return "".join([*lines[:at], line, *lines[at + 1 :]])


BAD = {
    "empty": ("", "is empty|neither a text dump"),
    "other text": ("time,area\n0,1\n" * 100, "neither a dump's nor a site file's"),
    "a pickle": ("\x80\x04\x95" * 100, "neither a text dump nor a site file"),
    "no sites in the header": (
        FIRST.replace("ITEM: NUMBER OF ATOMS\n48\n", ""),
        "frame 0: no time, no number of sites",
    ),
    "no box": (re.sub("ITEM: BOX(.*\n){4}", "", FIRST), "no box"),
    "no time": (FIRST.replace("ITEM: TIMESTEP\n0          0\n", ""), "no time|cut short|neither"),
    "unknown section": (FIRST.replace("ITEM: NUMBER", "ITEM: WEIGHT"), "unknown section ITEM: 'WEIGHT OF ATOMS'"),
    "sites not a number": (FIRST.replace("\n48\n", "\nmany\n"), "'many' is not a number of sites"),
    "sites below zero": (FIRST.replace("\n48\n", "\n-48\n"), "'-48' is not a number of sites"),
    "sites with an exponent": (FIRST.replace("\n48\n", "\n4.8e1\n"), "not a number of sites"),
    "no sites": (FIRST.replace("\n48\n", "\n0\n"), "frame 0: no sites"),
    "time not a number": (SECOND.replace("1         10", "1 nan"), "'1 nan' where 1 finite number"),
    "box turned round": (FIRST.replace("0 8", "8 0"), "box bounds '8 0' do not ascend"),
    "box infinite": (BARE.replace("0 8", "0 inf"), "'0 inf' where 2 finite numbers"),
    "box of odd flags": (FIRST.replace("BOUNDS", "BOUNDS pp xy pp"), "flags 'pp xy pp' of BOX BOUNDS"),
    "tilted box": (FIRST.replace("BOUNDS", "BOUNDS xy xz yz pp pp pp"), "flags 'xy xz yz pp pp pp'"),
    "no columns": (FIRST.replace("ATOMS id type x y z", "ATOMS"), "columns '' are none"),
    "a column twice": (FIRST.replace("type x", "x x"), "named twice"),
    "no spin": (FIRST.replace("type", "energy"), "no column for the spin"),
    "neither id nor coordinates": (frame(SPINS, columns=("type", "energy")), "neither ids nor coordinates"),
    "claims 10^12 sites": (FIRST.replace("\n48\n", "\n1000000000000\n"), "more than 67108864"),
    "claims 10^7 sites": (FIRST.replace("\n48\n", "\n10000000\n"), "cut short: 10000000 sites of 5 values do not fit"),
    "claims one site more": (FIRST.replace("\n48\n", "\n49\n"), "cut short: 48 whole lines of 49 sites"),
    "claims one site less": (FIRST.replace("\n48\n", "\n47\n"), "48 lines for 47 sites"),
    "last frame cut in its lines": (FIRST + SECOND[:-100], "frame 1: cut short: .* whole lines of 48"),
    "last frame cut in a number": (FIRST + SECOND[:-1], "frame 1: cut short: 47 whole lines of 48 sites"),
    "last frame cut in its header": (FIRST + SECOND[:40], "frame 1: "),
    "last frame cut in its first word": (FIRST + "ITE", "frame 0: cut short: 48 whole lines of 48 sites"),
    "first frame missing its lines": (FIRST[: FIRST.index("\n1 ") + 1] + SECOND, "frame 0: cut short"),
    "id twice": (with_row(FIRST, 3, "2 1 2 0 0 \n"), "id 2 occurs twice"),
    "id twice without coordinates": (with_row(BARE, 3, "2 1 \n"), "id 2 occurs twice"),
    "an id missing": (with_row(BARE, 3, "49 1 \n"), "id 49 of 48 sites: some are missing"),
    "id 0": (with_row(BARE, 1, "0 1 \n"), "id 0 of site 1 in the file is not an integer from 1"),
    "site missing": (with_row(FIRST, 3, "").replace("\n48\n", "\n47\n"), "47 sites do not fill a grid of 8 x 6 x 1"),
    "place twice": (with_row(FIRST, 3, "3 1 1 0 0 \n"), "48 sites do not fill a grid of 8 x 6 x 1 once each"),
    "off the grid": (with_row(FIRST, 3, "3 1 2.5 0 0 \n"), "not on a square grid"),
    "far off the grid": (with_row(FIRST, 3, "3 1 1e300 0 0 \n"), "not on a square grid"),
    "all over the place": (
        frame(SPINS, columns=("id", "type", "y", "x")).replace(" 0 ", " 0.3 "),
        "not on a square grid|do not fill",
    ),
    "coordinate not a number": (
        with_row(FIRST, 3, "3 1 nan 0 0 \n"),
        "line 3 of its sites, '3 1 nan 0 0 ', is not 5 numbers",
    ),
    "spin not a number": (with_row(FIRST, 3, "3 nan 2 0 0 \n"), "line 3 of its sites"),
    "spin not whole": (with_row(FIRST, 3, "3 1.5 2 0 0 \n"), "type 1.5 of site 3 in the file is not an integer"),
    "spin below zero": (with_row(FIRST, 3, "3 -1 2 0 0 \n"), "type -1 of site 3"),
    "spin of more than 32 bits": (with_row(FIRST, 3, "3 4294967296 2 0 0 \n"), r"type 4.29497e\+09 of site 3"),
    "all spins 0": (frame(SPINS * 0), "all spins of the first frame are 0"),
    "a word": (with_row(FIRST, 3, "3 one 2 0 0 \n"), "line 3 of its sites, '3 one 2 0 0 ', is not 5 numbers"),
    "a value less": (with_row(FIRST, 3, "3 1 2 0 \n"), "line 3 of its sites, '3 1 2 0 ', is not 5 numbers"),
    "a value more": (with_row(FIRST, 3, "3 1 2 0 0 0 \n"), "line 3 of its sites, '3 1 2 0 0 0 ', is not 5 numbers"),
    "an empty line": (with_row(FIRST, 3, "\n"), "line 3 of its sites, '', is not 5 numbers"),
    "a NUL": (with_row(FIRST, 3, "3 1 2 \0 0 \n"), "line 3 of its sites"),
    "box that no shape fits": (BARE.replace("0 8", "0 7"), "do not fill the box with equal distances"),
    "times that descend": (SECOND + FIRST, "times do not ascend"),
    "a time twice with other areas": (FIRST + frame(SPINS + 1), "times do not ascend"),
    "a time twice": (FIRST + FIRST, "1 records is too short"),
    "another size": (FIRST + frame(SPINS[:3], 10), "8 x 3 x 1 sites at 10 MCS, but 8 x 6 x 1 in the first frame"),
    "site file: no sites": (SITES.replace("48 sites", "48 things"), "neither a dump's nor a site file's"),
    "site file: section first": ("title\n\nValues\n\n1 1\n", "section Values without a number of sites"),
    "site file: no values": (SITES[: SITES.index("Values")], "no section Values"),
    "site file: cut short": (SITES[:-20], "cut short"),
    "site file: 10^12 sites": (SITES.replace("48 sites", "1000000000000 sites"), "more than 67108864"),
    "site file: another number of sites": (SITES.replace("48 sites", "49 sites"), "cut short: 48 whole lines of 49"),
    "site file: id twice": (SITES.replace("\n2 1\n", "\n3 1\n"), "id 3 occurs twice"),
    "site file: no spin": (site_file(SPINS, columns="id d1"), "no column for the spin|no section Values"),
    "site file: ids of other sites": (
        site_file(SPINS, coordinates=True).replace("\n2 1\n", "\n99 1\n"),
        "sections Sites and Values do not have the same ids",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_rejected_with_its_reason(tmp_path, case):
    text, reason = BAD[case]
    path = tmp_path / "a.dump"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(BadInput, match=reason) as raised:
        read(path, "a")
    assert "\n" not in str(raised.value)


def test_oblong_sites_are_refused(tmp_path):
    path = tmp_path / "a.dump"
    lines = FIRST.splitlines(keepends=True)
    rows = [f"{i + 1} {spin} {i % 8} {2 * (i // 8)} 0\n" for i, spin in enumerate(SPINS.ravel())]
    path.write_text("".join(lines[:9] + rows))
    with pytest.raises(BadInput, match="not on a square grid: their distances are 2 in y, 1 in x"):
        read(path, "a")


def test_the_bad_file_of_a_run_is_named(tmp_path):
    for number, text in enumerate((FIRST, SECOND[:-30], SECOND)):
        (tmp_path / f"dump.{number}").write_text(text)
    with pytest.raises(BadInput, match=r"dump\.1, frame 1: cut short"):
        read(tmp_path, "a")


def test_packed_files_are_refused(tmp_path):
    path = tmp_path / "a.dump.gz"
    path.write_bytes(b"\x1f\x8b\x08" + bytes(99))
    with pytest.raises(BadInput, match="packed with gzip; unpack it"):
        read(path, "a")


LONG = 30_000_000


@pytest.mark.parametrize(
    ("before", "filling", "reason"),
    [
        ("", b"1", "a line of more than|neither a text dump"),
        ("ITEM: ", b"1", "a line of more than 4000 characters"),
        ("ITEM: TIMESTEP\n", b" ", "a line of more than 4000 characters"),
        (FIRST.replace("\n48\n", "\n1\n")[:-1], b"1", "take over .* bytes"),
        (FIRST, b"\n", "take over .* bytes"),
        (FIRST, b"1 ", "take over .* bytes"),
        (FIRST.replace("\n48\n", "\n1000000000000\n"), b"1 1 1 1 1\n", "more than 67108864"),
        (SITES, b"0", "take over .* bytes"),
    ],
)
def test_a_long_file_costs_little_memory(tmp_path, before, filling, reason):
    path = tmp_path / "a.dump"
    with path.open("wb") as file:
        file.write(before.encode())
        for _ in range(30):
            file.write(filling * (LONG // 30 // len(filling)))
    tracemalloc.start()
    try:
        with pytest.raises(BadInput, match=reason):
            read(path, "a")
        assert tracemalloc.get_traced_memory()[1] < LONG // 10
    finally:
        tracemalloc.stop()
