"""What makes two ensembles the same: data, network, code, solver and options. A store of runs keeps it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from functools import cache
from importlib import metadata, resources
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from orebridge.network import SupplyNetwork

if TYPE_CHECKING:
    from orebridge.ensemble.hazards import Hazards
    from orebridge.ensemble.runs import Setting

#: Parts of the package whose change may change a run.
CODE = ("delivery", "program", "ensemble", "network.py", "trace.py", "shocks.py", "results.py")
NOT_RUNS = {"store.py", "summary.py", "spread.py", "drivers.py", "result.py", "__init__.py"}
LIBRARIES = ("highspy", "numpy", "scipy")
FRAMES = ("nodes", "sites", "activities", "terms", "routes", "stockpiles", "demands")


@cache
def code_version() -> str:
    """Hash of the code that computes runs and of the versions of the libraries it computes with."""
    root = Path(str(resources.files("orebridge")))
    digest = hashlib.sha256()
    for name in CODE:
        path = root / name
        for file in sorted(path.rglob("*.py")) if path.is_dir() else [path]:
            if path.name == "ensemble" and file.name in NOT_RUNS:
                continue
            digest.update(file.relative_to(root).as_posix().encode() + b"\0" + file.read_bytes())
    for library in LIBRARIES:
        digest.update(f"{library} {metadata.version(library)}".encode())
    return digest.hexdigest()[:12]


def network_version(network: SupplyNetwork) -> str:
    """Hash of the figures of a network: frames, assumptions, members."""
    digest = hashlib.sha256()
    for name in FRAMES:
        frame = getattr(network, name)
        digest.update(",".join(map(str, frame.columns)).encode())
        words = {str(c): str for c in frame.columns if not pd.api.types.is_numeric_dtype(frame[c])}
        digest.update(pd.util.hash_pandas_object(frame.astype(words), index=False).to_numpy().tobytes())
    figures = sorted((key, item.value) for key, item in network.assumptions.items())
    digest.update(repr((figures, network.members, network.base_year)).encode())
    return digest.hexdigest()[:12]


def hazards_version(hazards: Hazards) -> str:
    """Hash of what may happen and how likely; sources and notes do not count."""
    digest = hashlib.sha256()
    for item in hazards.items:
        figures = [(p.name, p.value, p.low, p.high) for p in item.parameters.values()]
        digest.update(repr((item.name, item.kind, item.group, sorted(item.keys.items()), figures)).encode())
    return digest.hexdigest()[:12]


def identity_of(setting: Setting, tables: str) -> Mapping[str, str]:
    """What a store must have been made with for its runs to belong to this ensemble, in words a user knows."""
    return {
        "tables": tables,
        "network": network_version(setting.network),
        "hazards": hazards_version(setting.hazards),
        "code and solver": setting.code,
        "seed (--seed)": str(setting.seed),
        "members (--for)": ",".join(setting.network.members),
        "months (--months)": str(setting.months),
        "chains (--chains)": ",".join(setting.chains),
        "way (--way)": setting.way,
    }
