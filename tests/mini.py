"""A small whole world as CSV text: ore in AUS, metal in AUS, magnets in JPN and USA; one change at a time per test.

Base year, t/yr: the mine makes 105, the smelter turns 105 ore into 100 metal (1.05 t/t), of which 60 stay at home for
uses not modelled, 30 go to JPN and 10 to USA; 0.1 t metal makes 1 t magnet: 300 in JPN, 100 in USA, all used there.
"""

from __future__ import annotations

from pathlib import Path

FACT = "value,unit,basis,low,high,source,confidence"
FILES = {
    "sources": "source,publisher,title,url\nme,Us,Our notes,https://example.org/notes\nthem,Others,Their notes,\n",
    "chains": "chain,label,modelled_to,minerals,note\nmagnets,Magnets,magnet,dysprosium,A toy chain.\n",
    "commodities": "commodity,chain,label,order,mass,element,compound\n"
    "dysprosium/ore,magnets,Ore,1,element,Dy,\ndysprosium/metal,magnets,Metal,2,element,Dy,\n"
    "ndfeb/magnet,magnets,Magnet,3,product,,\n",
    "processes": "process,chain,kind,label,activity\nmining,magnets,mining,Mining,t of ore\n"
    "smelting,magnets,metal,Metal making,t of metal\nsintering,magnets,component,Sintering,t of magnet\n",
    "process_days": f"process,{FACT}\nmining,30,days,,20,40,me,read\nsmelting,30,days,,20,40,me,read\n"
    "sintering,60,days,,50,70,me,read\n",
    "recipes": "process,recipe,label,base\nmining,usual,As today,yes\nsmelting,usual,As today,yes\n"
    "sintering,usual,As today,yes\nsintering,lean,Less Dy,no\n",
    "recipe_terms": f"process,recipe,direction,commodity,{FACT}\n"
    "mining,usual,out,dysprosium/ore,1,t/t,,,,me,read\n"
    "smelting,usual,in,dysprosium/ore,1.05,t/t,,,,me,read\nsmelting,usual,out,dysprosium/metal,1,t/t,,,,me,read\n"
    "sintering,usual,in,dysprosium/metal,0.1,t/t,,,,me,read\nsintering,usual,out,ndfeb/magnet,1,t/t,,,,me,read\n"
    "sintering,lean,in,dysprosium/metal,0.05,t/t,,,,me,read\nsintering,lean,out,ndfeb/magnet,1,t/t,,,,me,read\n",
    "contents": f"commodity,element,{FACT}\nndfeb/magnet,Dy,0.09,t/t,product,,,me,read\n",
    "qualifications": f"process,recipe,{FACT}\nsintering,lean,12,months,,6,24,me,assumed\n",
    "accepted_shares": f"process,recipe,{FACT}\nsintering,lean,0.5,share,,0.2,0.8,me,assumed\n",
    "sites": "site,name,process,recipes,country,owner_country,status,source,confidence\n"
    "aus-mine,Big Hill,mining,,AUS,AUS,operating,me,read\naus-metal,Smelter,smelting,,AUS,CHN,operating,me,read\n"
    "jpn-magnet,Japanese shops,sintering,,JPN,JPN,operating,me,read\n"
    "usa-magnet,American shops,sintering,,USA,USA,operating,me,read\n",
    "capacities": f"site,{FACT}\naus-mine,120,t/yr,element,,,me,read\naus-metal,110,t/yr,element,,,me,read\n"
    "jpn-magnet,400,t/yr,product,,,me,read\nusa-magnet,100,t/yr,product,,,me,read\n",
    "production": f"site,{FACT}\naus-mine,105,t/yr,element,100,110,me,read\naus-metal,100,t/yr,element,,,me,read\n"
    "jpn-magnet,300,t/yr,product,,,me,read\nusa-magnet,100,t/yr,product,,,me,assumed\n".replace(
        "usa-magnet,100,t/yr,product,,,", "usa-magnet,100,t/yr,product,80,120,"
    ),
    "flows": f"commodity,origin,destination,{FACT}\ndysprosium/metal,AUS,JPN,30,t/yr,element,,,me,read\n"
    "dysprosium/metal,AUS,USA,10,t/yr,element,,,me,read\n",
    "demand": f"commodity,country,end_use,{FACT}\nndfeb/magnet,JPN,motors,200,t/yr,product,,,me,read\n"
    "ndfeb/magnet,JPN,other,100,t/yr,product,,,me,read\nndfeb/magnet,USA,all,100,t/yr,product,,,me,read\n"
    "dysprosium/metal,AUS,lamps,60,t/yr,element,,,me,read\n",
    "tiers": f"commodity,country,end_use,tier,{FACT}\nndfeb/magnet,*,*,essential,40,%,,20,60,me,assumed\n"
    "ndfeb/magnet,*,*,general,60,%,,40,80,me,assumed\n",
    "values": f"commodity,tier,{FACT}\nndfeb/magnet,general,1000,USD/kg,,500,2000,me,assumed\n",
    "prices": f"commodity,market,{FACT}\ndysprosium/metal,FOB,250,USD/kg,element,,,me,read\n",
    "limits": f"kind,limit,{FACT}\n*,surge,5,%,,0,10,me,assumed\n*,ramp,25,%,,10,40,me,assumed\n"
    "*,start,12,months,,6,24,me,assumed\n",
    "assumptions": f"name,{FACT}\nnew_source_months,6,months,,3,12,me,assumed\n",
    "stock_days": f"holder,country,commodity,{FACT}\nindustry,*,magnets,60,days,,20,90,me,assumed\n",
    "stocks": f"holder,country,commodity,{FACT}\nDLA,USA,dysprosium/metal,12,t,element,,,me,read\n",
    "transit_zones": "country,zone,source,confidence\nAUS,south,me,read\nJPN,north,me,read\nUSA,west,me,read\n",
    "transit": f"origin,destination,chokepoints,mode,{FACT}\nsouth,north,malacca,sea,20,days,,15,25,me,read\n"
    "south,west,,sea,40,days,,30,50,me,read\nnorth,west,,sea,30,days,,20,40,me,read\n",
    "withheld": "table,item,reason,source\nstocks,Japan's stock of dysprosium/metal,secret by policy,me\n",
}  # fmt: skip


def edit(table: str, old: str, new: str) -> dict[str, str]:
    """One table with one text replaced."""
    assert FILES[table].count(old) == 1, (table, old)
    return {table: FILES[table].replace(old, new)}


def add(table: str, *rows: str) -> dict[str, str]:
    """One table with rows added."""
    return {table: FILES[table] + "".join(f"{row}\n" for row in rows)}


def write(folder: Path, *changes: dict[str, str]) -> Path:
    """The world's CSV files, with the tables in `changes` in place of its own."""
    folder.mkdir(parents=True, exist_ok=True)
    tables = dict(FILES)
    for change in changes:
        tables |= change
    for table, text in tables.items():
        (folder / f"{table}.csv").write_text(text, encoding="utf-8")
    return folder
