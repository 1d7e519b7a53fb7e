"""Name maps, exclusions, corrections: ours and the user's."""

from __future__ import annotations

from pathlib import Path

import pytest

from orebridge.errors import ImportRefused
from orebridge.importers.sidefiles import SideFiles, countries, numeric_countries, side_files

HEAD = "vintage,file,where,column,published,corrected,reason,status,checked\n"


def side(tmp_path: Path, **files: str) -> SideFiles:
    for name, text in files.items():
        (tmp_path / f"{name}.csv").write_text(text, encoding="utf-8")
    return side_files("usgs-mcs", tmp_path)


def test_countries_are_known_by_name_code_and_number() -> None:
    assert {countries()[name] for name in ("côte d'ivoire", "ivory coast", "civ")} == {"CIV"}
    assert numeric_countries()[392] == "JPN"
    assert len(set(countries().values())) == 250


def test_names_are_compared_without_case_spaces_and_kind_of_quote() -> None:
    files = SideFiles("x")
    assert files.name("country", " CÔTE  D’IVOIRE\u00a0") == "CIV"
    assert files.name("country", "Atlantis", "line 5") is None
    with pytest.raises(ImportRefused) as caught:
        files.check("2024", [])
    assert str(caught.value) == (
        "x 2024: not imported, the workspace is as it was.\n1 name(s) that no name map knows:\n"
        "  country 'Atlantis': 1 row(s), first in line 5 (nearest: albania)\n"
        "Say what each is in a names.csv of your own (columns kind,published,name,note), or leave it out in an "
        "exclusions.csv (kind,published,reason), put the files in a folder and import again with --side FOLDER."
    )


def test_all_unmapped_names_are_listed_at_once_with_the_nearest() -> None:
    files = SideFiles("x", names={("series", "tin"): "tin/mine/Sn content"})
    for name in ("Tinn", "Tinn", "Zinq"):
        files.name("series", name, "row 1")
    files.name("country", "Japn", "row 2")
    with pytest.raises(ImportRefused) as caught:
        files.check("2024", [])
    text = str(caught.value)
    assert "3 name(s)" in text and "series 'Tinn': 2 row(s), first in row 1 (nearest: tin)" in text and "'Zinq'" in text
    assert "country 'Japn': 1 row(s), first in row 2 (nearest: japan" in text


def test_the_users_files_come_first(tmp_path: Path) -> None:
    files = side(
        tmp_path,
        names="kind,published,name,note\ncountry,Burma,THA,a test\ncommodity,Boron,x,now wanted\n",
        exclusions="kind,published,reason\ncountry,Cuba,not of interest here\n",
    )
    assert files.name("country", "Burma") == "THA"
    assert files.leaves_out("country", "Cuba", 3) and files.left_out[("country", "Cuba", "not of interest here")] == 3
    assert not files.leaves_out("commodity", "Boron")  # ours leaves it out; the user says what it is
    assert files.leaves_out("commodity", "Cement")


def test_faults_of_the_users_files_are_listed(tmp_path: Path) -> None:
    with pytest.raises(ImportRefused) as caught:
        side(
            tmp_path,
            names="published,name\nBurma,THA\n",
            exclusions="kind,published,reason\ncountry,Cuba,\n",
            corrections=HEAD + "2024,a.csv,x=1,c,1,2,why,maybe,\n",
        )
    text = str(caught.value)
    assert "names.csv: the columns kind are missing; the header is kind,published,name,note" in text
    assert "exclusions.csv:2: a reason is missing" in text
    assert "corrections.csv:2: status 'maybe'; say open or withdrawn" in text
    (tmp_path / "names.csv").write_bytes("kind,published,name,note\ncountry,Côte,CIV,".encode("cp1252"))
    with pytest.raises(ImportRefused, match=r"names\.csv: cannot be read as UTF-8"):
        side_files("usgs-mcs", tmp_path)
    with pytest.raises(ImportRefused, match="no such folder; --side names the folder"):
        side_files("usgs-mcs", tmp_path / "absent")


def test_a_correction_is_of_one_cell_of_one_vintage(tmp_path: Path) -> None:
    files = side(tmp_path, corrections=HEAD + "2024,A.csv,country=Chile;year=2023,value,10,100,a zero lost,open,2026\n")
    row = {"country": "Chile", "year": "2023", "value": "10"}
    assert files.correct("2024", "a.csv", row, "value") == "100"
    assert files.correct("2023", "a.csv", row, "value") == "10"
    assert files.correct("2024", "b.csv", row, "value") == "10"
    assert files.correct("2024", "a.csv", {**row, "year": "2022"}, "value") == "10"
    files.check("2024", ["a.csv"])
    assert files.correct("2024", "a.csv", {**row, "value": "100"}, "value") == "100"
    with pytest.raises(
        ImportRefused, match="the file says '100' where the correction expects '10', so the publisher has changed it"
    ):
        files.check("2024", ["a.csv"])


def test_a_correction_whose_row_is_gone_stops_only_if_its_file_was_read(tmp_path: Path) -> None:
    files = side(tmp_path, corrections=HEAD + "2024,a.csv,country=Chile,value,10,100,a zero lost,open,2026\n")
    files.check("2024", ["b.csv"])
    files.check("2023", ["a.csv"])
    with pytest.raises(ImportRefused, match="the row is not in the file any more"):
        files.check("2024", ["a.csv"])
