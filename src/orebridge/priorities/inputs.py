"""What the methods read: one bundle of frames. Absent is not zero: what nobody states has no row."""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any

import pandas as pd


@dataclass(frozen=True)
class Inputs:
    """Frames of one year. Tonnes, US dollars, shares 0-1, governance scores -2.5..2.5. Not to be changed after making."""

    year: int
    #: mineral, stage, country, tonnes, low, high, source, confidence, total, preferred, estimate
    production: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, hs, importer, exporter, tonnes, usd, source
    trade: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, country, tonnes, source
    exports: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: country, indicator, year, score, source, low, high
    governance: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, usd_per_t, market, month, source
    prices: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, country, share, source, low, high
    net_import_reliance: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, item, value, source
    eu: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, item, value, source
    usgs: pd.DataFrame = field(default_factory=pd.DataFrame)
    #: mineral, stage, country, factor, source
    trade_parameters: pd.DataFrame = field(default_factory=pd.DataFrame)
    vintage: str = ""
    version: str = ""

    def replace(self, **frames: Any) -> Inputs:
        """The same inputs with other frames."""
        return Inputs(**{**{item.name: getattr(self, item.name) for item in fields(self)}, **frames})
