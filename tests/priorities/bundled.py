"""The bundled inputs, read once for all tests of the ranking."""

from functools import cache

from orebridge.priorities.inputs import TABLES, Inputs, bundled_inputs
from orebridge.priorities.losses import key_of, with_losses
from orebridge.priorities.subjects import subjects_of
from orebridge.world import World, load_world


@cache
def world() -> World:
    return load_world(tables=TABLES)


@cache
def inputs() -> Inputs:
    return with_losses(bundled_inputs(world()), key_of(), subjects_of(("USA", "JPN"), False))
