"""The bundled world: loads without fault, balances, and its base year is reproduced; the main job runs end to end."""

import json

import numpy as np
import pytest

from orebridge import build_network, load_world, no_effects
from orebridge.cli import app
from orebridge.delivery.limits import horizon_for, limits_of
from orebridge.delivery.unaided import simulate_unaided
from orebridge.errors import OrebridgeError, TableErrors
from orebridge.session import respond


@pytest.fixture(scope="module")
def world():
    return load_world()


@pytest.fixture(scope="module")
def network(world):
    return build_network(world)


def test_every_chain_balances_and_unaided_is_the_base_year(network):
    for chain in network.chains:
        part = network.subset([chain])
        horizon = horizon_for(part, 12)
        flows = simulate_unaided(part, limits_of(part, no_effects(), horizon), horizon)
        use = part.throughput().max()
        assert np.abs(flows.activity - part.activities["x0"].to_numpy()[:, None]).max() < 1e-6 * use, chain
        assert np.abs(flows.shipment - part.routes["y0"].to_numpy()[:, None]).max() < 1e-6 * use, chain
        assert flows.unmet.max() < 1e-6 * use, chain


def test_figures_carry_source_and_confidence(world):
    sources = set(world.tables["sources"]["source"])
    for name, frame in world.tables.items():
        if "value" in frame:
            assert set(frame["source"]) <= sources, name
            assert (frame["confidence"] != "").all(), name


def test_stocks_are_holdings_only(world):
    assert not world.tables["stocks"]["note"].str.contains("target", case=False).any()


def test_adjustments_are_used_less_stated(network):
    frame = network.adjustments
    assert np.allclose(frame["used"] - frame["stated"], frame["change"])


def test_the_main_job(world, tmp_path):
    from orebridge.reports.write import write_all

    answer = respond(["china-heavy-rare-earths-japan-2026"], world=world, hinges=False)
    lost = {way: plan.loss_usd() for way, plan in answer.plans.items()}
    assert lost["joint"] <= lost["alone"] * (1 + 1e-5) + 2.0
    assert lost["alone"] < lost["unaided"]
    assert answer.plans["unaided"].lost_tonnes("JPN")["ndfeb/magnet-heavy"] > 0
    files = {path.name for path in write_all(answer, tmp_path)}
    assert {"brief.html", "plan.json", "unmet.csv", "unmet.parquet", "actions.csv"} <= files
    plan = json.loads((tmp_path / "plan.json").read_text(encoding="utf-8"))
    assert plan["ways"]["joint"]["status"] == "optimal"
    total = sum(row["tonnes"] for row in plan["ways"]["unaided"]["unmet"])
    assert total == pytest.approx(answer.plans["unaided"].unmet["tonnes"].sum())
    brief = (tmp_path / "brief.html").read_text(encoding="utf-8")
    assert 'src="http' not in brief  # works with no network
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".writing")]


def test_one_member_has_no_joint_plan(world):
    answer = respond(["china-heavy-rare-earths-japan-2026"], ["JPN"], world=world, hinges=False, months=6)
    ways = answer.to_dict()["ways"]
    assert ways["joint"]["status"] == "absent"
    assert "one member" in ways["joint"]["reason"]


def test_faults_of_a_folder_come_all_at_once(tmp_path):
    (tmp_path / "prices.csv").write_text(
        "commodity,market,value,unit,basis,source,confidence\n"
        "gallium/metall,China,12,USD/kg,element,nobody,read\n"
        "gallium/metall,China,abc,USD/kg,element,nobody,red\n",
        encoding="utf-8",
    )
    (tmp_path / "pricess.csv").write_text("a\n1\n", encoding="utf-8")
    with pytest.raises(TableErrors) as caught:
        load_world(tmp_path)
    text = "\n".join(caught.value.faults)
    assert "pricess" in text
    assert "prices.csv:3" in text or "pricess" in text
    assert len(caught.value.faults) >= 1


@pytest.mark.parametrize("arguments", [["respond", "no-such-shock"], ["data", "show", "unobtainium"]])
def test_the_command_refuses_in_words(arguments):
    with pytest.raises(OrebridgeError):
        app(arguments, standalone_mode=False)
