"""Files that are damaged, hostile or not what they say."""

from __future__ import annotations

import io
import sqlite3
import struct
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest

from orebridge.errors import ImportRefused
from orebridge.importers.opening import LIMITS, Member, database, opened, tables_of, text_of, workbook

from .make import WHEEL, baci_store, pink_rows, store, zipped
from .make import workbook as made_workbook


def only(path: Path) -> Member:
    with opened(path) as given:
        return given.members[0]


def test_a_decompression_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    bomb = zipped(tmp_path / "bomb.zip", {"BACI_HS92_Y2024_V202601.csv": b"0" * 50_000_000})
    assert bomb.stat().st_size < 100_000
    with pytest.raises(ImportRefused, match=r"would grow \d[\d,]+-fold on unpacking"), opened(bomb):
        pass


def test_too_much_or_too_many_is_refused(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {f"{n}.csv": bytes(range(200)) for n in range(20)})
    for limits, what in (
        (replace(LIMITS, members=10), "20 members in the zip"),
        (replace(LIMITS, total_bytes=1000), "unpacks to 4,000 bytes"),
        (replace(LIMITS, member_bytes=100), "unpacks to 200 bytes, more than 100"),
    ):
        with pytest.raises(ImportRefused, match=what), opened(path, limits):
            pass
    folder = tmp_path / "many"
    folder.mkdir()
    for n in range(12):
        (folder / f"{n}.csv").write_text("x")
    with pytest.raises(ImportRefused, match="more than 10 files"), opened(folder, replace(LIMITS, members=10)):
        pass
    (tmp_path / "large.csv").write_bytes(b"x" * 200)
    with (
        pytest.raises(ImportRefused, match="more than the 100 that are read"),
        opened(tmp_path / "large.csv", replace(LIMITS, member_bytes=100)),
    ):
        pass


def test_a_member_that_lies_about_its_size_is_refused(tmp_path: Path) -> None:
    """The directory says 10 bytes, the member unpacks to more: reading stops and the checksum does not fit."""
    path = zipped(tmp_path / "liar.zip", {"a.csv": b"abcdefghij" * 1000})
    data = bytearray(path.read_bytes())
    for signature, offset in ((b"PK\x01\x02", 24), (b"PK\x03\x04", 22)):
        at = data.find(signature) + offset
        data[at : at + 4] = struct.pack("<I", 10)
    path.write_bytes(bytes(data))
    with opened(path) as given, pytest.raises(ImportRefused, match=r"a\.csv: cannot be read to its end"):
        given.members[0].read(1_000_000)


def test_names_that_leave_the_folder_write_nothing(tmp_path: Path) -> None:
    nest = tmp_path / "deep" / "nest"
    nest.mkdir(parents=True)
    path = zipped(nest / "evil.zip", {"../../escaped.csv": b"x", "/etc/escaped.csv": b"y", "C:\\escaped.csv": b"z"})
    with opened(path) as given:
        assert {member.base for member in given.members} == {"escaped.csv"}
        assert [member.read(10) for member in given.members]
    assert not list(tmp_path.rglob("escaped.csv"))


def test_the_same_name_twice_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "twice.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning):
        archive.writestr("a.csv", "1")
        archive.writestr("a.csv", "2")
    with pytest.raises(ImportRefused, match=r"holds 'a\.csv' twice"), opened(path):
        pass


@pytest.mark.parametrize("cut", [0, 10, 100, -30])
def test_a_truncated_zip_is_told_as_such(cut: int, tmp_path: Path) -> None:
    path = zipped(tmp_path / WHEEL, {"geopolrisk/lib/baci.db": baci_store(tmp_path)})
    path.write_bytes(path.read_bytes()[:cut])
    with pytest.raises(ImportRefused, match="not a whole zip"), opened(path):
        pass


def test_a_flipped_byte_is_found_while_reading(tmp_path: Path) -> None:
    path = zipped(tmp_path / "a.zip", {"a.csv": bytes(range(256)) * 400})
    data = bytearray(path.read_bytes())
    data[60] ^= 0xFF
    path.write_bytes(bytes(data))
    with opened(path) as given, pytest.raises(ImportRefused, match="cannot be read to its end"):
        given.members[0].read(10**6)


def test_links_in_a_folder_are_not_followed(tmp_path: Path) -> None:
    (tmp_path / "secret.csv").write_text("x")
    folder = tmp_path / "given"
    folder.mkdir()
    (folder / "link.csv").symlink_to(tmp_path / "secret.csv")
    with opened(folder) as given:
        assert given.members == ()


def test_only_plain_tables_of_a_database_are_read(tmp_path: Path) -> None:
    path = tmp_path / "a.db"
    connection = sqlite3.connect(path)
    connection.executescript("CREATE TABLE t (a); INSERT INTO t VALUES (1); CREATE VIEW v AS SELECT a FROM t;")
    connection.close()
    with database(only(path)) as store_:
        assert tables_of(store_) == {"t": ["a"]}
        assert store_.execute("SELECT a FROM t").fetchall() == [(1,)]
        for sql in (
            "SELECT a FROM v", "INSERT INTO t VALUES (2)", "DROP TABLE t", "ATTACH 'x.db' AS x", "PRAGMA writable_schema = ON",
            "CREATE TABLE u (b)",
        ):  # fmt: skip
            with pytest.raises(sqlite3.DatabaseError):
                store_.execute(sql)


def test_what_is_no_database_or_a_damaged_one_is_refused(tmp_path: Path) -> None:
    (tmp_path / "no.db").write_bytes(b"t,i,j,k,v,q\n" * 10)
    with pytest.raises(ImportRefused, match="not a SQLite database"), database(only(tmp_path / "no.db")):
        pass
    data = store({"t": ("a TEXT", [["x" * 500] for _ in range(400)])}, tmp_path)
    (tmp_path / "cut.db").write_bytes(data[: len(data) // 2])
    with pytest.raises(ImportRefused, match="damaged or cut off"), database(only(tmp_path / "cut.db")) as store_:
        store_.execute("SELECT count(a) FROM t").fetchall()
    with (
        pytest.raises(ImportRefused, match="more than the 100 allowed"),
        database(only(tmp_path / "cut.db"), replace(LIMITS, database_bytes=100)),
    ):
        pass


def test_a_workbook_that_declares_entities_is_refused(tmp_path: Path) -> None:
    """The classic bomb: entities that expand to entities."""
    source = zipfile.ZipFile(io.BytesIO(made_workbook({"Monthly Prices": pink_rows()})))
    members = {name: source.read(name) for name in source.namelist()}
    sheet = next(name for name in members if name.endswith("sheet1.xml"))
    bomb = b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bbbbbbbb"><!ENTITY c "&b;&b;&b;">]>'
    members[sheet] = bomb + members[sheet].partition(b"?>")[2]
    path = zipped(tmp_path / "CMO-Historical-Data-Monthly.xlsx", members)
    with pytest.raises(ImportRefused, match="declares a document type"), workbook(only(path)):
        pass


@pytest.mark.parametrize(
    ("name", "data", "what"),
    [
        ("a.xlsx", b"not a zip", "not a whole .xlsx workbook"),
        ("a.xls", b"\xd0\xcf\x11\xe0", "the old Excel format is not read"),
    ],
)
def test_other_things_named_like_workbooks_are_refused(name: str, data: bytes, what: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(data)
    with pytest.raises(ImportRefused, match=what), workbook(only(tmp_path / name)):
        pass


def test_encodings_are_tried_in_order_and_named(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_bytes("Côte d’Ivoire".encode("cp1252"))
    assert text_of(only(path), ("utf-8-sig", "cp1252")) == "Côte d’Ivoire"
    with pytest.raises(ImportRefused, match=r"not utf-8-sig \(line 1, byte b'\\xf4'\)"):
        text_of(only(path), ("utf-8-sig",))
    path.write_text("a,b", encoding="utf-16")
    with pytest.raises(ImportRefused, match="the file is UTF-16"):
        text_of(only(path), ("utf-8-sig", "cp1252"))
    path.write_bytes(b"a,\0b")
    with pytest.raises(ImportRefused, match="NUL bytes"):
        text_of(only(path), ("utf-8-sig",))
