"""Every class of fault is found, all at once, with file, line, column and repair."""

import csv
import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orebridge import reading
from orebridge.errors import TableErrors
from orebridge.tables import load, main

# A small whole world: one dysprosium chain from oxide to magnet in two countries.
FILES = {
    "sources": "source,publisher,title\nme,Us,Our notes\nother-one,Others,Their notes\n",
    "chains": "chain,label,modelled_to,minerals\nmagnets,Magnets,magnet,dysprosium\n",
    "commodities": "commodity,chain,label,order,mass,element\n"
    "dysprosium/oxide,magnets,Dy oxide,1,element,Dy\nndfeb/magnet,magnets,Magnet,2,product,\n",
    "processes": "process,chain,kind,label,activity\nsintering,magnets,component,Sintering,t of magnet made\n",
    "process_days": "process,value,unit,source,confidence\nsintering,30,days,me,read\n",
    "recipes": "process,recipe,label,base\nsintering,usual,As today,yes\nsintering,lean,Less Dy,no\n",
    "recipe_terms": "process,recipe,direction,commodity,value,unit,source,confidence\n"
    "sintering,usual,in,dysprosium/oxide,0.01,t/t,me,read\nsintering,usual,out,ndfeb/magnet,1,t/t,me,read\n"
    "sintering,lean,in,dysprosium/oxide,5,kg/t,me,read\nsintering,lean,out,ndfeb/magnet,1,t/t,me,read\n",
    "sites": "site,name,process,recipes,country,owner_country,status,source,confidence\n"
    "jpn-plant,Plant,sintering,usual;lean,JPN,JPN;CHN,operating,me,read\n",
    "capacities": "site,value,unit,basis,source,confidence\njpn-plant,2,kt/yr,product,me,read\n",
    "production": "site,value,unit,basis,source,confidence\njpn-plant,100,t/month,product,me,read\n",
    "flows": "commodity,origin,destination,value,unit,basis,low,high,source,confidence,preferred,note\n"
    "dysprosium/oxide,CHN,JPN,10,t/yr,oxide:Dy2O3,8,12,me,read,yes,\n"
    "dysprosium/oxide,CHN,JPN,9,t/yr,element,,,other-one,read,,\n",
    "demand": "commodity,country,end_use,value,unit,basis,source,confidence\n"
    "ndfeb/magnet,JPN,all,1200,t/yr,product,me,read\n",
    "tiers": "commodity,country,end_use,tier,value,unit,low,high,source,confidence\n"
    "ndfeb/magnet,*,*,essential,40,%,20,60,me,assumed\nndfeb/magnet,*,*,general,0.6,share,0.4,0.8,me,assumed\n",
    "prices": "commodity,market,value,unit,basis,source,confidence\n"
    "dysprosium/oxide,FOB,250,USD/kg,oxide:Dy2O3,me,read\n",
    "limits": "kind,limit,value,unit,low,high,source,confidence\n*,surge,5,%,0,10,me,assumed\n",
    "stock_days": "holder,country,commodity,value,unit,low,high,source,confidence\n"
    "industry,*,magnets,6,weeks,2,9,me,assumed\n",
    "baskets": "deposit,country,element,value,unit,source,confidence\nHill,CHN,Dy,80,%,me,read\nHill,CHN,Nd,20,%,me,read\n",
    "transit_zones": "country,zone,source,confidence\nJPN,asia,me,read\nCHN,asia,me,read\n",
    "transit": "origin,destination,chokepoints,mode,value,unit,source,confidence\n"
    "asia,other,suez;malacca,sea,40,days,me,read\n",
    "trade": "hs,origin,destination,value,unit,basis,source,confidence\n284690,CHN,JPN,1.5,kt/yr,gross,me,read\n",
    "withheld": "table,item,reason,source\nstocks,Japan's stock,secret by policy,me\n",
}  # fmt: skip


def write(folder, changes=None):
    folder.mkdir(parents=True, exist_ok=True)
    for table, text in FILES.items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    for name, text in (changes or {}).items():
        (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def faults_of(folder):
    with pytest.raises(TableErrors) as caught:
        load(folder)
    return caught.value.faults


def test_a_whole_world_loads_in_inside_units(tmp_path):
    frames = load(write(tmp_path)).frames
    # 10 t Dy2O3 x 2 x 162.50 / (2 x 162.50 + 3 x 15.999) = 8.713 t Dy
    flow = frames["flows"].iloc[0]
    assert flow["value"] == pytest.approx(8.713, abs=5e-4)
    assert flow["low"] == pytest.approx(8 * 0.8713, abs=5e-4)
    assert (flow["unit"], flow["basis"]) == ("t/yr", "element")
    assert (flow["stated_value"], flow["stated_unit"], flow["stated_basis"]) == ("10", "t/yr", "oxide:Dy2O3")
    assert (flow["file"], flow["line"]) == ("flows.csv", 2)
    assert frames["production"]["value"].tolist() == [1200.0]  # 100 t/month x 12
    assert frames["capacities"]["value"].tolist() == [2000.0]
    assert frames["tiers"]["value"].tolist() == pytest.approx([0.4, 0.6])
    assert frames["limits"]["value"].tolist() == pytest.approx([0.05])  # 5 % is a share of 0.05
    assert frames["stock_days"]["value"].tolist() == [42.0]
    assert frames["recipe_terms"]["value"].tolist() == pytest.approx([0.01, 1, 0.005, 1])
    assert frames["prices"]["value"].iloc[0] == pytest.approx(250_000 / 0.8713, rel=1e-4)
    assert frames["trade"]["value"].tolist() == [1500.0]
    assert frames["stocks"].empty  # absent, not zero
    assert frames["capacities"]["low"].isna().all()


def edit(table, old, new):
    assert FILES[table].count(old) >= 1
    return {f"{table}.csv": FILES[table].replace(old, new, 1)}


FAULTS = [
    (edit("flows", ",10,t/yr", ",ten,t/yr"), ["flows.csv:2 value: 'ten' is not a number", "write digits with a point"]),
    (edit("flows", ",10,t/yr", ",1_0,t/yr"), ["flows.csv:2 value: '1_0' is not a number", "no separators"]),
    (edit("flows", ",10,t/yr", ",nan,t/yr"), ["flows.csv:2 value: 'nan' is not a number"]),
    (edit("flows", ",10,t/yr", ",,t/yr"), ["flows.csv:2 value: is empty; state it"]),
    (edit("flows", ",10,t/yr", ",-10,t/yr"), ["flows.csv:2 value: -10 is negative"]),
    (edit("flows", ",8,12,", ",11,12,"), ["flows.csv:2 low: 11 is above value; correct the range"]),
    (edit("flows", ",8,12,", ",8,9,"), ["flows.csv:2 high: 9 is below value; correct the range"]),
    (edit("flows", "10,t/yr,oxide:Dy2O3", "10,t/yr,gross"), ["flows.csv:2 unit: basis 'gross'", "oxide:FORMULA"]),
    (edit("flows", "oxide:Dy2O3", "oxide:Tb4O7"), ["flows.csv:2 unit: Tb4O7 contains no Dy", "check the basis"]),
    (edit("flows", "10,t/yr", "10,barrels/yr"), ["flows.csv:2 unit: unit 'barrels/yr' is not a mass; use one of t"]),
    (edit("flows", "10,t/yr", "10,t"), ["flows.csv:2 unit: unit 't' does not say per what time; use t/yr"]),
    (edit("flows", "CHN,JPN,10", "WLD,JPN,10"), ["flows.csv:2 origin: WLD is not a country", "state real countries"]),
    (edit("flows", "CHN,JPN,10", "OTH,JPN,10"), ["flows.csv:2 origin: OTH is not a country"]),
    (edit("flows", "CHN,JPN,10", "CHN,Japan,10"), ["flows.csv:2 destination: 'Japan'", "(nearest: JPN)"]),
    (edit("flows", "CHN,JPN,10", "CHX,JPN,10"), ["flows.csv:2 origin: 'CHX'", "nearest:", "ISO 3166"]),
    (edit("flows", ",me,read,yes,", ",mee,read,yes,"), ["flows.csv:2 source: 'mee' is not in sources.csv (nearest: me)"]),
    (edit("flows", ",me,read,yes,", ",me,red,yes,"), ["flows.csv:2 confidence: 'red' is not one of", "(nearest: read"]),
    (edit("flows", ",me,read,yes,", ",me,read,Y,"), ["flows.csv:2 preferred: 'Y' is neither yes nor no"]),
    (edit("flows", ",me,read,yes,", ",me,read,,"), ["flows.csv:2 and flows.csv:3", "mark exactly one row preferred=yes"]),
    (edit("flows", "other-one,read,,", "other-one,read,yes,"), ["flows.csv:2 and flows.csv:3", "2 times"]),
    (edit("flows", "dysprosium/oxide", "disprosium/oxide"), ["flows.csv:2 commodity:", "(nearest: dysprosium/oxide)"]),
    (edit("flows", "origin,", "orgin,"), ["flows.csv:1 orgin: no such column", "(nearest: origin", "flows.csv:1 origin: the column is missing"]),
    (edit("flows", "origin,destination", "origin,origin"), ["flows.csv:1 origin: a column stands twice; keep one"]),
    (edit("flows", ",yes,", ",yes,a,"), ["flows.csv:2: 13 cells under 12 columns; quote cells with commas"]),
    (edit("flows", ",me,read,yes,", ',me,read,yes,"open'), ["flows.csv:", "broken CSV", "check the quotes"]),
    (edit("tiers", "general,0.6", "general,0.5"), ["tiers.csv:2 value: shares of ndfeb/magnet, *, * sum to 0.900, not 1"]),
    (edit("tiers", "0.6,share,0.4,0.8", "1.6,share,0.4,1.8"), ["tiers.csv:3 value: 1.6 is a share above 1; state a share"]),
    (edit("tiers", ",0.4,0.8,", ",,,"), ["tiers.csv:3 value: 0.6 is assumed without low and high; state the range"]),
    (edit("tiers", "general,0.6,share", "general,0.6,t"), ["tiers.csv:3 unit: unit 't' does not fit; this column is in share"]),
    (edit("process_days", "30,days", "30,t"), ["process_days.csv:2 unit: unit 't' does not fit; this column is in days"]),
    (edit("limits", "5,%", "5,percent"), ["limits.csv:2 unit: unit 'percent' does not fit; use one of share"]),
    (edit("capacities", "kt/yr,product", "kt/yr,oxide:Dy2O3"), ["capacities.csv:2 unit: basis 'oxide:Dy2O3'", "activity"]),
    (edit("trade", "gross", "element"), ["trade.csv:2 unit: basis 'element': customs weight is gross; state basis gross"]),
    (edit("trade", "284690", "28469"), ["trade.csv:2 hs: '28469' is not a six-digit HS code"]),
    (edit("recipe_terms", "5,kg/t,", "5,kg,"), ["recipe_terms.csv:4 unit: unit 'kg' does not fit; use one of t/t"]),
    (edit("recipes", "sintering,lean", "sintering,fat"), ["recipes.csv:3 recipe: sintering/fat has no rows in recipe_terms", "recipe_terms.csv:4 recipe: sintering/lean is not in recipes.csv", "sites.csv:2 recipes: sintering has no recipe 'lean'"]),
    (edit("sites", "jpn-plant,Plant", "=cmd(),Plant"), ["sites.csv:2 site: '=cmd()' cannot be an id; use letters"]),
    (edit("sites", ",Plant,", ",Pl\x1b[31mant,"), ["sites.csv:2 name:", "\\x1b", "holds control characters; type the text anew"]),
    (edit("sites", "JPN;CHN", "JPN;CHINA"), ["sites.csv:2 owner_country: 'CHINA'", "(nearest: CHN)"]),
    (edit("commodities", "element,Dy", "element,Dx"), ["commodities.csv:2 element: 'Dx' is not a chemical symbol"]),
    (edit("commodities", "element,Dy", "element,"), ["commodities.csv:2 element: is empty; a commodity counted in element"]),
    (edit("commodities", "1,element", "1,elemental"), ["commodities.csv:2 mass: 'elemental' is not one of element, product"]),
    (edit("transit", "suez;malacca", "suez;malaca"), ["transit.csv:2 chokepoints: 'malaca' is not one of", "(nearest: malacca)"]),
    (edit("transit", "asia,other", "asai,other"), ["transit.csv:2 origin: 'asai' is neither a zone", "(nearest: asia)"]),
    (edit("stock_days", ",magnets,", ",magnet,"), ["stock_days.csv:2 commodity: 'magnet' is no commodity, chain or *", "magnets"]),
    (edit("withheld", "stocks,", "stock,"), ["withheld.csv:2 table: no table is called 'stock' (nearest: stocks"]),
    ({"chains.csv": FILES["chains"] + "magnets,Again,magnet,dysprosium\n"}, ["chains.csv:2 and chains.csv:3: magnets stands twice in chains; keep one row"]),
    ({"demands.csv": "a\n"}, ["demands.csv: no table is called 'demands' (nearest: demand", "rename the file"]),
    ({"demand.csv": FILES["demand"].replace(",", ";")}, ["demand.csv:1: the columns are separated by semicolons"]),
    ({"demand.csv": FILES["demand"].encode("utf-16")}, ["demand.csv: not UTF-8 (byte 0); save the file as UTF-8 CSV"]),
    ({"demand.csv": FILES["demand"] + "\0"}, ["demand.csv: holds NUL bytes", "export it again"]),
    ({"demand.csv": ""}, ["demand.csv:1 commodity: the column is missing; add it"]),
    ({"demand.xlsx": "x"}, ["demand.xlsx: only files ending in .csv are read; save it as a UTF-8 CSV"]),
    ({"DEMAND.CSV": "x"}, ["DEMAND.CSV: only files ending in .csv are read"]),
]  # fmt: skip


@pytest.mark.parametrize(("changes", "fragments"), FAULTS)
def test_every_class_of_fault_names_place_and_repair(tmp_path, changes, fragments):
    text = "\n".join(faults_of(write(tmp_path, changes)))
    for fragment in fragments:
        assert fragment in text


def test_one_wrong_cell_is_one_fault(tmp_path):
    """Nothing is reported that merely follows from a fault already reported."""
    for number, changes in enumerate([
        edit("flows", ",10,t/yr", ",ten,t/yr"), edit("commodities", "1,element", "1,elemental"),
        edit("tiers", "general,0.6", "general,zero"), edit("demand", "JPN", "WLD"),
    ]):  # fmt: skip
        faults = faults_of(write(tmp_path / str(number), changes))
        assert len(faults) == 1, faults


def test_all_faults_of_all_files_come_at_once(tmp_path):
    changes = (
        edit("flows", ",10,t/yr", ",ten,t/yr") | edit("tiers", "0.6,share", "0.6,days") | edit("trade", "CHN", "WLD")
    )
    text = "\n".join(faults_of(write(tmp_path, changes | {"nothing.csv": "a"})))
    for place in ("flows.csv:2 value", "tiers.csv:3 unit", "trade.csv:2 origin", "nothing.csv"):
        assert place in text


def test_line_is_where_the_row_starts(tmp_path):
    note = '"two\nlines"'
    changes = {"withheld.csv": f"table,item,reason,source\nstocks,{note},secret,me\nstocks,b,secret,wrong\n"}
    assert faults_of(write(tmp_path, changes))[0].startswith("withheld.csv:4 source: 'wrong'")


def test_sizes_are_limited(tmp_path, monkeypatch):
    write(tmp_path)
    monkeypatch.setattr(reading, "MAX_FILE_BYTES", 200)
    assert any("flows.csv: larger than 200 bytes; split it" in fault for fault in faults_of(tmp_path))
    monkeypatch.setattr(reading, "MAX_FOLDER_BYTES", 300)
    assert any("more than 300 bytes of tables" in fault for fault in faults_of(tmp_path))


def test_missing_and_empty_folders(tmp_path):
    assert "no such folder" in faults_of(tmp_path / "nowhere")[0]
    assert "no CSV tables there" in faults_of(tmp_path)[0]


def test_hostile_text_stays_text(tmp_path):
    changes = edit("sites", ",Plant,", ',"=HYPERLINK(""http://x"",""y"")",')
    frame = load(write(tmp_path, changes)).frames["sites"]
    assert frame["name"].iloc[0] == '=HYPERLINK("http://x","y")'


def test_bom_blank_lines_and_folders_below_are_fine(tmp_path):
    write(tmp_path, {"demand.csv": b"\xef\xbb\xbf" + FILES["demand"].encode() + b"\r\n,,,,,,,\n"})
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "demand.csv").rename(tmp_path / "deep" / "er" / "demand.csv")
    frame = load(tmp_path).frames["demand"]
    assert frame["file"].tolist() == ["deep/er/demand.csv"]


def test_the_checker_prints_faults_and_returns_the_code(tmp_path, capsys):
    assert main([str(write(tmp_path))]) == 0
    assert "no faults" in capsys.readouterr().out
    assert main([str(write(tmp_path, edit("trade", "CHN", "WLD")))]) == 3
    assert "trade.csv:2 origin: WLD" in capsys.readouterr().out


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 10_000))
def test_the_order_of_rows_and_columns_changes_nothing(tmp_path, seed):
    mixed = random.Random(seed)
    before = load(write(tmp_path / "plain"))
    folder = write(tmp_path / "mixed")
    for path in folder.glob("*.csv"):
        header, *rows = list(csv.reader(path.read_text(encoding="utf-8").splitlines()))
        order = mixed.sample(range(len(header)), len(header))
        mixed.shuffle(rows)
        with path.open("w", encoding="utf-8", newline="") as stream:
            csv.writer(stream).writerows([[row[i] for i in order] for row in [header, *rows]])
    after = load(folder)
    assert before.version == after.version
    for table, frame in before.frames.items():
        columns = [name for name in frame if name not in ("file", "line")]
        one, two = ([tuple(map(str, row)) for row in f[columns].to_numpy()] for f in (frame, after.frames[table]))
        assert sorted(one) == sorted(two)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(table=st.sampled_from(sorted(FILES)), at=st.integers(0, 400), junk=st.binary(min_size=1, max_size=12))
def test_damaged_files_never_end_in_a_traceback(tmp_path, table, at, junk):
    text = FILES[table].encode()
    damaged = text[: at % len(text)] + junk + text[at % len(text) :]
    try:
        frames = load(write(tmp_path, {f"{table}.csv": damaged})).frames
    except TableErrors as error:
        # The damage is named by file, or by a row elsewhere that refers to what it destroyed.
        assert all(".csv:" in fault for fault in error.faults)
    else:
        assert all(frame["value"].notna().all() for frame in frames.values() if "value" in frame)
