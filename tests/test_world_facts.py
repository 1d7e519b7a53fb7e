"""The bundled tables keep the corrections known for the gathered facts; each test names the one it guards."""

import pytest

from orebridge import build_network, load_world
from orebridge.tables import preferred

NDPR_IN_OXIDE = 0.857


@pytest.fixture(scope="module")
def world():
    return load_world()


def rows(world, table, /, **where):
    """The rows of a table whose cells equal the words given; at least one, or the test has lost its subject."""
    frame = world.tables[table]
    for column, word in where.items():
        frame = frame[frame[column] == word]
    assert len(frame), f"{table} has no row with {where}"
    return frame


def one(world, table, /, **where):
    frame = rows(world, table, **where)
    assert len(frame) == 1, f"{table}: {len(frame)} rows with {where}"
    return frame.iloc[0]


def basket(world, deposit):
    found = rows(world, "baskets")
    found = found[found["deposit"].str.startswith(deposit)]
    assert len(found), deposit
    return found.set_index("element")["value"]


# --- rare earths ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(("element", "share"), [("Tb", 0.00016), ("Dy", 0.00031)])
def test_mountain_pass_trace_is_not_zero(world, element, share):
    """Correction: Mountain Pass Tb and Dy printed as trace are 0.016 and 0.031 %, not 0 (about 8 and 16 t a year)."""
    assert basket(world, "Mountain Pass")[element] == pytest.approx(share)


def test_xunwu_trace_is_absent(world):
    """Correction: Xunwu Tb and Dy printed as trace are absent, not 0; the printed sum of 101.9 is said in the note."""
    assert not {"Tb", "Dy"} & set(basket(world, "Xunwu").index)
    found = rows(world, "baskets")
    notes = found.loc[found["deposit"].str.startswith("Xunwu"), "note"]
    assert notes.str.contains("101.9").all()
    assert notes.str.contains("trace").all()


def test_no_basket_states_zero(world):
    """Correction: absent is not zero in any basket."""
    assert (world.tables["baskets"]["value"] > 0).all()


def test_bayan_obo_heavies_carry_a_range(world):
    """Correction: one-digit Tb 0.1 % and Dy 0.1 % would make Tb as common as Dy; ranges 0.01-0.1 and 0.05-0.15 %."""
    found = rows(world, "baskets")
    found = found[found["deposit"].str.startswith("Bayan Obo")].set_index("element")
    assert (found.loc["Tb", "low"], found.loc["Tb", "high"]) == pytest.approx((0.0001, 0.001))
    assert (found.loc["Dy", "low"], found.loc["Dy", "high"]) == pytest.approx((0.0005, 0.0015))
    assert 3 <= found.loc["Dy", "value"] / found.loc["Tb", "value"] <= 7


def test_baskets_sum_to_the_whole(world):
    """Correction: a basket sums to 100 % within 2 points, or its note says what is absent."""
    found = preferred(world.tables["baskets"], ["deposit", "country", "element"])
    for deposit, group in found.groupby("deposit"):
        total = 100 * group["value"].sum()
        assert abs(total - 100) <= 2 or group["note"].str.contains("absent").all(), (deposit, total)


def test_stand_in_deposit_says_so(world):
    """Correction: one ion clay stands for Myanmar, Laos and Brazil, so Dy and Tb carry +- 50 %."""
    found = rows(world, "baskets")
    found = found[found["deposit"].str.startswith("Xinfeng")].set_index("element")
    for element in ("Dy", "Tb"):
        row = found.loc[element]
        assert row["low"] <= 0.55 * row["value"]
        assert row["high"] >= 1.45 * row["value"]
        assert "stands for" in row["note"]


def test_mountain_pass_ndpr_is_oxide(world):
    """Correction: 1,294 t of 2024 is NdPr oxide, 1,109 t of element; the separation is sized by it."""
    facility = one(world, "facilities", facility="mountain-pass-separation")
    assert (facility["stated_value"], facility["stated_basis"]) == ("1294", "oxide:NdPrO")
    site = one(world, "production", site="usa-mountain-pass-sep")["value"]
    share = one(
        world, "recipe_terms", process="separation-mountain-pass", recipe="light", commodity="ndpr/oxide"
    )["value"]  # fmt: skip
    assert site * share == pytest.approx(1294 * NDPR_IN_OXIDE, rel=0.01)


def test_kuantan_makes_what_lynas_reported(world):
    """Correction: 6,142 t NdPr oxide (year to June 2023) is oxide, 5,264 t of element; the model stays within 5 %."""
    site = one(world, "production", site="mys-kuantan")["value"]
    share = one(world, "recipe_terms", process="separation-mount-weld", recipe="light", commodity="ndpr/oxide")
    assert site * share["value"] == pytest.approx(6142 * NDPR_IN_OXIDE, rel=0.05)


@pytest.mark.parametrize("metal", ["ndpr", "dysprosium", "terbium", "samarium"])
def test_metal_yield_holds_no_stoichiometry(world, metal):
    """Correction: yields printed as 0.8574 x 0.95-0.97 are 0.95-0.97 inside; the oxide factor is used at the door."""
    term = one(world, "recipe_terms", process=f"metal-{metal}", direction="in")
    assert 0.95 <= 1 / term["value"] <= 0.97


def test_finished_magnets_not_blanks(world):
    """Correction: 300-345 kt of NdFeB cannot be finished magnets; 195-230 kt is what the NdPr carries."""
    made = rows(world, "production")
    processes = world.tables["sites"].set_index("site")["process"]
    ours = made[made["site"].map(processes).isin(["magnet-standard", "magnet-heavy"])]
    assert 195_000 <= ours["value"].sum() <= 230_000


def test_swarf_is_no_extra_supply(world):
    """Correction: Chinese scrap output of 2024 (26,504 t NdPr oxide) is mostly swarf: below what magnets shed."""
    made = world.tables["production"].set_index("site")["value"]
    term = rows(world, "recipe_terms", commodity="ndpr/swarf", direction="out").set_index(["process", "recipe"])[
        "value"
    ]
    shed = made["chn-magnet"] * term["magnet-standard", "sinter"]
    shed += made["chn-magnet-heavy"] * term["magnet-heavy", "dy-tb"]
    assert made["chn-recycling-ndpr"] <= shed


def test_vietnamese_metal_and_philippine_magnets(world):
    """Correction: Japan buys metal from Viet Nam and magnets from the Philippines, so plants stand there."""
    sites = world.tables["sites"].set_index("site")
    made = world.tables["production"].set_index("site")["value"]
    for site, country in (("vnm-metal-ndpr", "VNM"), ("phl-magnet-heavy", "PHL"), ("vnm-magnet-heavy", "VNM")):
        assert sites.loc[site, "country"] == country
        assert made[site] > 0
    flows = world.tables["flows"]
    for commodity, origin in (("ndpr/metal", "VNM"), ("ndfeb/magnet-heavy", "PHL")):
        found = flows[(flows["commodity"] == commodity) & (flows["origin"] == origin) & (flows["destination"] == "JPN")]
        assert len(found)


def test_us_rare_earth_demand_is_not_a_magnet_demand(world):
    """Correction: 27,000 t REO (2025) is La/Ce and stock building; steady use is 9,010 t (2024), kept as La/Ce."""
    row = one(world, "demand", commodity="lanthanum_cerium/oxide", country="USA")
    assert row["high"] <= 9010 * 0.815
    assert "stock building" in row["note"]


def test_embodied_magnets_are_not_added(world):
    """Correction: 16,100 t of US magnets counts those inside imports; plan-able demand is about 11,000 t."""
    found = rows(world, "demand", country="USA")
    magnets = found[found["commodity"].isin(["ndfeb/magnet", "ndfeb/magnet-heavy"])]
    assert 9_000 <= magnets["value"].sum() <= 13_000


@pytest.mark.parametrize("metal", ["dysprosium", "terbium"])
def test_two_prices_of_heavy_oxide(world, metal):
    """Correction: the China price is the cost of supply, the European ask that of a buyer cut off; never averaged."""
    found = rows(world, "prices", commodity=f"{metal}/oxide")
    usual = found[found["preferred"] == "yes"]
    assert list(usual["market"]) == ["China"]
    assert found["value"].max() > 3 * usual["value"].iloc[0]


# --- projects and facilities -----------------------------------------------------------------------------------------
def test_planned_output_is_no_basket(world):
    """Correction: Nolans, White Mesa, Donald, Caremag and Serra Verde rows were t/yr, not % of REO: projects."""
    deposits = " ".join(world.tables["baskets"]["deposit"].unique())
    for name in ("Nolans", "White Mesa", "Donald", "Caremag", "Serra Verde"):
        assert name not in deposits
    assert one(world, "projects", project="P13")["note"].startswith("4,440 t NdPr oxide")
    assert "oxide or element not stated" in one(world, "projects", project="P16")["note"]


def test_sangdong_is_counted_in_tungsten(world):
    """Correction: Sangdong 2,300 t is WO3, 1,824 t of tungsten (x 0.793), in site, facility and project alike."""
    for table, key, name in (
        ("capacities", "site", "sangdong-tungsten"),
        ("facilities", "facility", "w-sangdong"),
        ("projects", "project", "P46"),
    ):
        assert one(world, table, **{key: name})["value"] == pytest.approx(2300 * 0.793, abs=1)


def test_the_10x_plant_is_an_increment(world):
    """Correction: 10,000 t is the company total with Independence (1,000 t), so the project adds 9,000 t."""
    assert one(world, "projects", project="P02")["value"] == 9000
    assert one(world, "capacities", site="usa-independence")["value"] == 1000


def test_support_has_one_supporter_and_instrument_a_row(world):
    """Correction: several supporters and instruments in one cell are rows of their own, in USD."""
    found = rows(world, "project_support")
    assert (found["stated_unit"] == "USD m").all()
    assert not found["supporter"].str.contains(";").any()
    assert len(found[found["project"] == "P14"]) == 2


def test_titanium_idle_capacity_is_by_site(world):
    """Correction: three idle US sponge rows shared one key; they are three sites and 24,000 t together."""
    found = rows(world, "sites", process="titanium-sponge", country="USA")
    assert set(found["status"]) == {"idle"}
    capacity = world.tables["capacities"].set_index("site")["value"]
    assert sorted(capacity[site] for site in found["site"]) == [500, 10900, 12600]


# --- stocks ----------------------------------------------------------------------------------------------------------
def test_stocks_are_holdings(world):
    """Correction: targets, solicitations, quotas, contracts and requests are no stock; tin held by DLA is."""
    held = world.tables["stocks"]
    assert not ((held["commodity"] == "cobalt/refined") & (held["value"] > 2000)).any()  # 7,480 t tender, cancelled
    assert not held["commodity"].isin(["ndfeb/magnet", "ndpr/oxide", "titanium/sponge", "lithium/chemical"]).any()
    assert one(world, "stocks", holder="DLA", commodity="tin/refined")["value"] == 1978
    withheld = world.tables["withheld"]
    reasons = withheld.loc[withheld["table"] == "stocks", "item"].str.cat(sep="; ")
    for target in ("450 t", "15,000 t", "7,480 t", "550 t", "3,500 t"):
        assert target in reasons


def test_us_stocks_are_of_the_base_year(world):
    """Correction: stocks of one kind and year; USGS year-end 2024: cobalt 956 t, tin 9,600 t, nickel 25,500 t."""
    held = rows(world, "stocks", country="USA", source="usgs-mcs-2026")
    assert (held["year"] == 2024).all()
    total = held.groupby("commodity")["value"].max()
    assert (total["cobalt/refined"], total["tin/refined"], total["nickel/class1"]) == (956, 9600, 25500)


def test_japanese_stock_days_are_a_statement_with_a_range(world):
    """Correction: 60 days of rare earths in Japan is a statement, not a measured stock; the range is wide."""
    found = rows(world, "stock_days", country="JPN", commodity="dysprosium/metal").iloc[0]
    assert found["confidence"] == "assumed"
    assert (found["low"], found["value"], found["high"]) == (30, 60, 240)


# --- other metals ----------------------------------------------------------------------------------------------------
def test_gallium_other_countries_are_named_and_idle(world):
    """Correction: OTH 0 production and 100 t idle are DEU, HUN, KAZ, KOR, UKR: no output row, capacity with range."""
    idle = rows(world, "sites", process="gallium-primary", status="idle")
    assert set(idle["country"]) == {"DEU", "HUN", "KAZ", "KOR", "UKR"}
    assert not set(idle["site"]) & set(world.tables["production"]["site"])
    capacity = world.tables["capacities"]
    own = capacity[capacity["site"].isin(idle["site"])]
    assert own["value"].sum() == pytest.approx(100, abs=0.1)
    assert (own["low"] < own["high"]).all()


def test_gallium_is_bound_by_circuits(world):
    """Correction: 774 t of largest potential is superseded; 839 t were made and the fitted circuits bind."""
    assert one(world, "production", site="chn-gallium-primary", preferred="yes")["value"] == 839
    assert one(world, "capacities", site="chn-gallium-primary")["value"] > 774
    assert "superseded" in rows(world, "withheld", table="hosts")["reason"].str.cat(sep="; ")


def test_both_gallium_sources_stay(world):
    """Correction: two sources for one key need one preferred; the other stays as the conflict's record."""
    found = rows(world, "production", site="chn-gallium-primary")
    assert sorted(found["value"]) == [839, 974]
    kept = preferred(found, ["site"]).iloc[0]
    assert kept["low"] <= 839
    assert kept["high"] >= 974


def test_cobalt_use_is_apparent_consumption(world):
    """Correction: 8,000 t is another basis than apparent consumption; the base year uses 7,960 t and says so."""
    found = rows(world, "demand", commodity="cobalt/refined", country="USA")
    assert found["value"].sum() == pytest.approx(7960, rel=0.01)
    assert found["note"].str.contains("another basis").all()
    assert found["note"].str.contains("9,600").all()


def test_graphite_and_fluorspar_are_gross(world):
    """Correction: graphite and fluorspar rows headed contained are gross; contents state 0.95 C and CaF2."""
    for commodity in ("graphite/flake", "fluorspar/concentrate"):
        assert one(world, "commodities", commodity=commodity)["mass"] == "product"
    assert one(world, "contents", commodity="graphite/flake", element="C")["value"] == pytest.approx(0.95)
    assert one(world, "contents", commodity="fluorspar/concentrate", element="F")["value"] == pytest.approx(0.487)


def test_us_anode_use_is_a_whole_year(world):
    """Correction: 43,400 t of anode imports is January-August 2025; the base year uses the 28,100 t of 2024."""
    found = rows(world, "demand", commodity="graphite/anode", country="USA")
    assert found["value"].sum() == pytest.approx(28_100 + 1_100, rel=0.01)
    assert found["note"].str.contains("January-August").all()


def test_tin_uses_are_rows(world):
    """Correction: four shares in one cell (21/23/12/11) are rows of their own."""
    found = rows(world, "demand", commodity="tin/refined", country="USA").set_index("end_use")["value"]
    assert len(found) >= 5
    assert not [use for use in found.index if "/" in use]


def test_japanese_sponge_exports_are_a_flow(world):
    """Correction: 32,000 t was an export flow, no Japanese demand: flow JPN to USA, two sources kept."""
    flows = world.tables["flows"]
    found = flows[
        (flows["commodity"] == "titanium/sponge") & (flows["origin"] == "JPN") & (flows["destination"] == "USA")
    ]
    assert sorted(found["value"]) == [25235, 27955]
    home = world.tables["demand"]
    assert set(home.loc[(home["commodity"] == "titanium/sponge") & (home["country"] == "JPN"), "end_use"]) == {
        "stock building"
    }


@pytest.mark.parametrize("chain", ["lithium", "titanium"])
def test_worlds_without_the_united_states(world, chain):
    """Correction: the lithium and titanium world totals of USGS leave the United States out; the tables say so."""
    found = rows(world, "withheld", table="production")
    own = found[found["file"].str.startswith(f"{chain}/")]
    assert own["reason"].str.contains("leaves the United States out").any()


def test_titanium_feedstock_factor(world):
    """Correction: t TiO2 became t Ti without a factor; feedstock prices convert by 0.5995 t Ti per t TiO2."""
    row = one(world, "prices", commodity="titanium/feedstock", market="rutile fob Australia")
    assert float(row["stated_value"]) / row["value"] == pytest.approx(0.5995, abs=0.0005)


def test_no_recycling_rate_of_the_european_union(world):
    """Correction: EU end-of-life rates are no process yield for the United States or Japan: no term cites them."""
    for table in ("recipe_terms", "production", "capacities"):
        assert "eu-crm-2023" not in set(world.tables[table]["source"])


# --- time and money --------------------------------------------------------------------------------------------------
def test_licence_days_are_calendar_days(world):
    """Correction: the statutory 45 days are working days, 63 calendar days."""
    row = one(world, "assumptions", name="licence_days")
    assert (row["value"], row["low"]) == (63, 63)


def test_congo_goes_by_truck(world):
    """Correction: Lualaba to Durban is a road leg, and no sea route."""
    assert one(world, "transit", origin="COD", destination="ZAF")["mode"] == "land"


@pytest.mark.parametrize(
    "pair", ["MMR-CHN", "CHN-VNM", "PHL-JPN", "JPN-USA", "MYS-USA", "CHN-MYS", "EST-USA", "FRA-USA", "LAO-CHN"]
)
def test_routes_the_chains_need(world, pair):
    """Correction: routes missing from the lead times are stated."""
    origin, destination = pair.split("-")
    assert one(world, "transit", origin=origin, destination=destination)["value"] > 0


# --- whole tables ----------------------------------------------------------------------------------------------------
def test_assumed_rows_carry_their_range(world):
    """Correction: what nobody publishes is assumed with low <= value <= high."""
    seen = 0
    for name, frame in world.tables.items():
        if "value" not in frame:
            continue
        own = frame[frame["confidence"] == "assumed"]
        seen += len(own)
        assert (own["low"] <= own["value"] * (1 + 1e-9)).all(), name
        assert (own["value"] <= own["high"] * (1 + 1e-9)).all(), name
    assert seen > 500


def test_tiers_sum_to_one(world):
    """Correction: demand had no tiers; each use has shares that sum to 1."""
    total = world.tables["tiers"].groupby(["commodity", "country", "end_use"])["value"].sum()
    assert (abs(total - 1) < 1e-6).all()


@pytest.mark.parametrize("member", ["USA", "JPN"])
def test_every_member_use_has_tiers_and_values(world, member):
    """Correction: every stated use of a member finds a tier row and a value of lost output."""
    tiers, values = world.tables["tiers"], world.tables["values"]
    valued = set(zip(values["commodity"], values["tier"], strict=True))
    for row in rows(world, "demand", country=member).itertuples():
        own = tiers[tiers["commodity"] == row.commodity]
        places = ((member, row.end_use), (member, "*"), ("*", row.end_use), ("*", "*"))
        found = [own[(own["country"] == c) & (own["end_use"] == u)] for c, u in places]
        first = next((frame for frame in found if len(frame)), None)
        assert first is not None, (row.commodity, row.end_use)
        assert {(row.commodity, tier) for tier in first.loc[first["value"] > 0, "tier"]} <= valued, row.commodity


@pytest.mark.parametrize("member", ["USA", "JPN"])
def test_every_chain_states_member_uses(world, member):
    """Correction: each chain states what the members use, by end use."""
    chain_of = world.tables["commodities"].set_index("commodity")["chain"]
    demand = rows(world, "demand", country=member)
    uses = demand.groupby(demand["commodity"].map(chain_of))["end_use"].nunique()
    missing = set(world.tables["chains"]["chain"]) - set(uses.index)
    assert not missing
    assert (uses >= 2).all(), uses[uses < 2]


def test_every_chain_says_what_is_withheld(world):
    """Correction: a missing figure keeps its reason: each chain has rows in withheld."""
    folders = set(world.tables["withheld"]["file"].str.partition("/")[0])
    assert set(world.tables["chains"]["chain"]) <= folders


# --- platinum group --------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("commodity", "country", "tonnes"),
    [
        ("platinum", "ZAF", 126.0),
        ("palladium", "ZAF", 82.6),
        ("platinum", "RUS", 22.0),
        ("palladium", "RUS", 89.0),
        ("platinum", "USA", 3.01),
        ("palladium", "USA", 10.2),
        ("palladium", "ZWE", 15.2),
        ("palladium", "CAN", 17.0),
    ],
)
def test_baskets_of_ore_bodies_give_the_published_metals(world, commodity, country, tonnes):
    """Correction: platinum had no producer rows and palladium was in kg: the ore baskets give the USGS tonnes."""
    sites, terms = world.tables["sites"], world.tables["recipe_terms"]
    made = preferred(world.tables["production"], ["site"]).set_index("site")["value"]
    total = 0.0
    for site in sites[
        (sites["country"] == country) & sites["process"].str.fullmatch("pgm-(ore|nickel)-mining")
    ].itertuples():
        own = terms[(terms["process"] == site.process) & (terms["recipe"] == site.recipes)]
        share = own.loc[own["commodity"] == f"{commodity}/concentrate", "value"].sum()
        total += made[site.site] * share
    assert total == pytest.approx(tonnes, rel=0.015)


def test_norilsk_is_bound_by_nickel(world):
    """Correction: a by-product is bounded by its host: Norilsk makes no more than its nickel carries."""
    rate = one(world, "host_rates", process="pgm-nickel-mining", country="RUS")["value"]
    nickel = one(world, "hosts", host="nickel", country="RUS")["value"]
    made = one(world, "production", site="rus-norilsk")["value"]
    assert made <= rate * nickel <= 1.3 * made


def test_russian_palladium_reaches_the_members(world):
    """The shock file names palladium: the base year ships Russian palladium to both members."""
    network = build_network(world, chains=["platinum_group"])
    routes = network.routes.set_index("route")["y0"] * 12
    assert routes["palladium/metal:RUS>USA"] == pytest.approx(27.6, rel=0.1)
    assert routes["palladium/metal:RUS>JPN"] == pytest.approx(12.1, rel=0.1)


@pytest.mark.parametrize(("metal", "published"), [("platinum", 257.8), ("palladium", 302.6), ("rhodium", 33.0)])
def test_world_use_of_platinum_metals_is_near_the_published(world, metal, published):
    """Uses follow from output and customs trade alone; they stay within a fifth of the published world totals."""
    demand, made, terms = (world.tables[name] for name in ("demand", "production", "recipe_terms"))
    direct = demand.loc[demand["commodity"] == f"{metal}/metal", "value"].sum()
    coated = terms[(terms["process"] == "autocatalyst-coating") & (terms["commodity"] == f"{metal}/metal")]
    share = coated.set_index("recipe")["value"]
    works = made[made["site"].str.endswith("-autocatalyst-coating")]
    inside = sum(row.value * share.get(row.site.split("-")[0], 0.0) for row in works.itertuples())
    assert direct + inside == pytest.approx(published, rel=0.2)


# --- tail chains -----------------------------------------------------------------------------------------------------
def test_manganese_is_contained_and_near_us_apparent_use(world):
    """Correction: manganese is in Mn content; US use in all forms is 670 kt (2024), not the gross tonnes of alloy."""
    found = rows(world, "demand", country="USA")
    own = found[found["commodity"].str.startswith("manganese/")]
    assert own["value"].sum() == pytest.approx(670_000, rel=0.15)


def test_manganese_ore_of_traders_is_not_counted(world):
    """Trade is gross weight by address: ore for Singapore, Hong Kong and Mauritius is unloaded and counted elsewhere."""
    factors = rows(world, "trade_factors", hs="260200")
    for origin, destination in (("ZAF", "SGP"), ("ZAF", "HKG"), ("ZMB", "MUS")):
        own = factors[(factors["origin"] == origin) & (factors["destination"] == destination)]
        assert list(own["value"]) == [0]
        assert "counted again" in own["note"].iloc[0]


def test_battery_sulphate_leaves_japan_its_share(world):
    """Correction: the 95 % often quoted for China leaves out Japan (84 and 11 % in 2022)."""
    made = world.tables["production"].set_index("site")["value"]
    total = made["chn-manganese-sulphate"] + made["jpn-manganese-sulphate"] + made["bel-tertre-sulphate"]
    assert made["chn-manganese-sulphate"] / total == pytest.approx(0.84, abs=0.02)
    assert made["jpn-manganese-sulphate"] / total == pytest.approx(0.11, abs=0.02)


def test_vanadium_price_is_of_oxide(world):
    """Correction: a basis changed without factor; V2O5 at 5.44 USD/lb is 21.4 USD per kg of vanadium (x 0.56)."""
    row = one(world, "prices", commodity="vanadium/oxide")
    assert row["value"] == pytest.approx(5.44 / 0.45359237 * 1000 / 0.5602, rel=0.001)


def test_us_residues_are_a_source_of_vanadium(world):
    """Correction: 7,500 t of the by-product file is an amount of 2025, not a ratio; 2024 is 6,800 t, a process here."""
    assert one(world, "production", site="usa-vanadium-residues")["value"] == 6800
    assert not (world.tables["host_rates"]["process"] == "vanadium-residues").any()


def test_us_magnesium_smelter_is_idle(world):
    """Correction: a USGS dash is zero and W is absent: no US output row, 64,000 t idle capacity."""
    assert one(world, "sites", site="usa-rowley-magnesium")["status"] == "idle"
    assert one(world, "capacities", site="usa-rowley-magnesium")["value"] == 64_000
    assert "usa-rowley-magnesium" not in set(world.tables["production"]["site"])


def test_brazilian_niobium_keeps_both_sources(world):
    """Correction: World Mining Data is Nb2O5, USGS niobium; both stay, the one that trade supports is preferred."""
    found = rows(world, "production", site="bra-araxa")
    assert sorted(found["confidence"]) == ["read", "read_secondary"]
    catalao = one(world, "production", site="bra-catalao")["value"]
    assert preferred(found, ["site"])["value"].iloc[0] + catalao == pytest.approx(113_903 * 0.699, rel=0.001)
    assert found["value"].max() + catalao == pytest.approx(104_000, rel=0.001)


def test_tantalum_scrap_is_no_metal(world):
    """Trade of unwrought tantalum mixes scrap: flows under USD 120 per kg carry no metal."""
    factors = rows(world, "trade_factors", hs="810310")
    scrap = factors[factors["note"].str.contains("waste and scrap, whose")]
    assert len(scrap) > 10
    assert (scrap["value"] == 0).all()


@pytest.mark.parametrize(
    "chain", ["manganese", "vanadium", "magnesium", "niobium", "tantalum", "platinum_group", "tellurium"]
)
def test_nothing_is_moved_far_without_a_word(world, chain):
    """Reconciliation moves no stated figure of these chains by more than a quarter."""
    frame = build_network(world, chains=[chain]).adjustments
    stated = frame[frame["stated"] > 0]
    assert stated["change_share"].abs().max() <= 0.25


# --- tellurium -------------------------------------------------------------------------------------------------------
def test_tellurium_output_is_the_total_of_usgs(world):
    """Eight countries are 981 t, Sweden's concentrate with them; what Korea and the Philippines ship is derived, not read."""
    sites = rows(world, "sites")
    own = set(sites.loc[sites["process"].str.startswith("tellurium-"), "site"])
    made = preferred(world.tables["production"], ["site"]).set_index("site").loc[sorted(own)]
    assert made.loc[made["source"] == "usgs-mcs-2026", "value"].sum() == 981
    assert sorted(made.index[made["source"] != "usgs-mcs-2026"]) == ["kor-tellurium-refinery", "phl-tellurium-refinery"]
    assert (made.loc[made["source"] != "usgs-mcs-2026", "confidence"] == "derived").all()
    assert not sites["site"].str.startswith("usa-tellurium").any()  # it makes copper telluride (withheld), no metal


def test_refined_copper_is_another_host_than_mined_copper(world):
    """Cobalt rides on copper mined in the Congo, tellurium on the slimes of refineries: two hosts, each rate with room."""
    hosts, rates = rows(world, "hosts"), rows(world, "host_rates", process="tellurium-recovery")
    refined = hosts[hosts["host"] == "copper refining"].set_index("country")["value"]
    assert set(hosts.loc[hosts["host"] == "copper", "country"]) == {"COD"}
    assert "COD" not in refined.index  # leached copper leaves no slimes
    assert refined["CHN"] == pytest.approx(12_400_000)
    made = preferred(world.tables["production"], ["site"]).set_index("site")["value"]
    for row in rates.itertuples():
        base = made[f"{row.country.lower()}-tellurium-refinery"]
        assert row.value * refined[row.country] == pytest.approx(1.2 * base, rel=0.002)
        assert row.low * refined[row.country] == pytest.approx(base, rel=0.002)


def test_tellurium_shipments_are_those_at_the_price_of_tellurium(world):
    """HS 280450 also holds boron: a shipment counts whole at 55-125 USD per kg, in tellurium by its value below, else not."""
    trade = rows(world, "mineral_trade", mineral="tellurium").set_index(["exporter", "importer"])
    flows = rows(world, "flows", commodity="tellurium/refined", source="cepii-baci")
    seen = 0
    for row in flows.itertuples():
        if (row.origin, row.destination) not in trade.index or "Hong Kong" in row.note:
            continue
        gross, usd = trade.loc[(row.origin, row.destination), ["value", "usd"]].astype(float)
        back = trade["value"].get(("DEU", "CAN"), 0.0) if row.origin == "CAN" else 0.0
        whole = 55 <= usd / gross / 1000 <= 125
        counted = gross - back if whole else usd / 78_200
        assert row.value == pytest.approx(counted, rel=0.005), row.note
        assert f"{gross:.2f} t gross" in row.note
        seen += 1
    assert seen >= 7
    assert not ((flows["origin"] == "DEU") & (flows["destination"] == "JPN")).any()  # 237 USD per kg: boron


def test_makers_of_cadmium_telluride_take_the_share_of_solar_cells(world):
    """USGS: 70 % of world use is for solar cells. Germany and Canada, by output and trade alone, take near that."""
    use = rows(world, "demand", commodity="tellurium/refined").groupby("country")["value"].sum()
    assert (use["DEU"] + use["CAN"]) / use.sum() == pytest.approx(0.70, abs=0.10)
    assert use["USA"] == pytest.approx(6, abs=0.1)  # imports; net imports of 3 t are the least
