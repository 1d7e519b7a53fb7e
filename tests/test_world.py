"""The world as others use it: figures by key, overlays, versions, citations."""

import pytest

from orebridge import provenance
from orebridge.errors import TableErrors, UnknownLabel
from orebridge.schema import is_fact_table
from orebridge.world import load_world
from tests.test_tables import FILES, edit, write


@pytest.fixture
def folder(tmp_path):
    return write(tmp_path / "world")


def test_a_figure_by_its_key(folder):
    world = load_world(folder)
    key = {"commodity": "dysprosium/oxide", "origin": "CHN", "destination": "JPN"}
    assert world.value("flows", **key) == pytest.approx(8.713, abs=5e-4)  # the preferred of two sources
    assert len(world.tables["flows"]) == 2
    with pytest.raises(UnknownLabel, match=r"flows: 0 rows .* commodity, origin, destination"):
        world.value("flows", **(key | {"origin": "USA"}))
    with pytest.raises(UnknownLabel, match=r"has no column 'from'.*origin"):
        world.value("flows", **{"from": "CHN"})
    with pytest.raises(UnknownLabel, match=r"no table 'flow' .nearest: flows"):
        world.value("flow", commodity="dysprosium/oxide")


def test_own_rows_replace_or_add_and_are_reported(folder, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    text = FILES["demand"].replace("1200", "1500") + "ndfeb/magnet,USA,all,10,t/yr,product,me,read\n"
    (own / "demand.csv").write_text(text, encoding="utf-8")
    before = sorted(path.read_bytes() for path in folder.iterdir())
    plain, world = load_world(folder), load_world(folder, own)
    assert world.value("demand", country="JPN") == 1500.0
    assert world.value("demand", country="USA") == 10.0
    assert "(own) demand.csv:2 replaces demand.csv:2." in world.findings
    assert world.version != plain.version
    assert sorted(path.read_bytes() for path in folder.iterdir()) == before  # nothing of the own folder is written
    assert [path.name for path in own.iterdir()] == ["demand.csv"]


def test_one_own_row_replaces_both_sides_of_a_conflict(folder, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    header = FILES["flows"].splitlines()[0]
    (own / "flows.csv").write_text(f"{header}\ndysprosium/oxide,CHN,JPN,5,t/yr,element,,,me,read,,\n")
    world = load_world(folder, own)
    assert world.tables["flows"]["value"].tolist() == [5.0]


def test_faults_of_own_rows_are_marked_as_own(folder, tmp_path):
    own = tmp_path / "own"
    own.mkdir()
    (own / "demand.csv").write_text(FILES["demand"].replace("JPN", "JPX"), encoding="utf-8")
    with pytest.raises(TableErrors, match=r"\(own\) demand.csv:2 country: 'JPX'"):
        load_world(folder, own)


def test_the_version_names_the_figures(folder, tmp_path):
    same = load_world(write(tmp_path / "same"))
    other = load_world(write(tmp_path / "other", edit("demand", "1200", "1201")))
    assert load_world(folder).version == same.version != other.version


def test_the_bundled_world_loads_and_every_fact_cites_its_source():
    world = load_world()
    assert len(world.tables["chains"]) >= 3
    for table, frame in world.tables.items():
        if is_fact_table(table):
            assert frame["value"].notna().all(), table
            assert set(frame["source"]) <= set(world.tables["sources"]["source"])
    assert "WLD" not in set(world.tables["sites"]["country"])


def test_a_row_is_cited_down_to_file_and_line(folder):
    world = load_world(folder)
    cited = provenance.cite(world, "flows", 1)
    assert (cited.publisher, cited.title, cited.confidence, cited.place) == (
        "Others",
        "Their notes",
        "read",
        "flows.csv:3",
    )
    assert str(cited) == "Others, Their notes; read in the publisher's own text; flows.csv:3"
    structural = provenance.cite(world, "sites", 0)
    assert (structural.publisher, structural.place) == ("Us", "sites.csv:2")
    for table, row, words in (("flow", 0, "no table"), ("flows", 9, "no row 9"), ("recipes", 0, "cite no source")):
        with pytest.raises(UnknownLabel, match=words):
            provenance.cite(world, table, row)


def test_confidence_is_ordered_and_marked():
    assert sorted(["assumed", "read", "derived"], key=provenance.rank) == ["read", "derived", "assumed"]
    marks = [provenance.mark(word) for word in provenance.CONFIDENCE]
    assert marks[0] == "" and len(set(marks)) == len(marks)
    assert provenance.weakest(["computed", "unverified", "read"]) == "unverified"
    with pytest.raises(UnknownLabel, match="no confidence is called 'certain'"):
        provenance.mark("certain")
    with pytest.raises(UnknownLabel, match="no figures"):
        provenance.weakest([])
