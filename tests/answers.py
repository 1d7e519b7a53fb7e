"""Responses that several tests look at, each solved once: real ones, and a small one that can be worked out by hand."""

from __future__ import annotations

from functools import cache

import pandas as pd

from orebridge.actions import actions
from orebridge.delivery.coordination import coordination
from orebridge.delivery.modes import four_ways
from orebridge.labels import calendar_month
from orebridge.schema import schema
from orebridge.session import Response, respond
from orebridge.shocks import Effects, load_shock
from orebridge.world import World, load_world
from small import ban, ore_to_magnet

START = "2026-12"


@cache
def world() -> World:
    """The bundled world."""
    return load_world()


@cache
def two() -> Response:
    """Two members, with stock curve, tornado and marginal values."""
    return respond(["china-antimony-2024"], ["USA", "JPN"], START, 12, world=world())


@cache
def one() -> Response:
    """One member, without the stock curve."""
    return respond(["china-heavy-rare-earths-japan-2026"], ["JPN"], START, 12, world=world(), hinges=False)


@cache
def small() -> Response:
    """China stops metal for Japan for six of twelve months (tests/small.py); no tables, so ids stand for names."""
    network, effects = ore_to_magnet(stock=30.0), ban(6)
    effects = Effects(effects.frame, (), ("ban",), 12)
    part = four_ways(network, effects, 12, ("alone", "joint", "treaty"))
    tables = {
        name: pd.DataFrame(columns=[*columns, "file", "line"], dtype=object) for name, columns in schema().items()
    }
    plans = part.plans
    return Response(
        world=World(tables, "small"), network=network, shocks=(load_shock("china-antimony-2024"),), effects=effects,
        members=("USA", "JPN"), start=START, months=12, chains=("magnets",), plans=plans, absent={},
        coordination=coordination(plans["alone"], plans["joint"], ("USA", "JPN"), [part]),
        actions=actions(plans["joint"], plans["unaided"], network, ("USA", "JPN"), lambda m: calendar_month(START, m)),
        curve=pd.DataFrame(), swings=pd.DataFrame(), break_even={}, marginal=pd.DataFrame(),
    )  # fmt: skip
