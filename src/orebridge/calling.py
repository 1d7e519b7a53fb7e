"""Packages that are verbs as well: `orebridge.priorities(...)` ranks, `orebridge.priorities.methods` is a module.

A name of `orebridge` cannot be a function if a package of that name exists: Python puts the package in its place as soon as
anything imports it. So the package itself can be called.
"""

from __future__ import annotations

import sys
from importlib import import_module
from types import ModuleType
from typing import Any


def make_callable(package: str, module: str) -> None:
    """Let a package be called: the call goes to the function of the same name in `module`, imported when it is needed."""
    verb = package.rpartition(".")[2]

    class Verb(ModuleType):
        def __call__(self, *arguments: Any, **settings: Any) -> Any:
            return getattr(import_module(module), verb)(*arguments, **settings)

    Verb.__call__.__doc__ = f"The verb `{verb}`: see `{module}.{verb}`."
    sys.modules[package].__class__ = Verb
