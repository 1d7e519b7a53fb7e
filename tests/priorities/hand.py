"""A small world to compute by hand: two minerals, three countries. The arithmetic stands in the tests."""

from __future__ import annotations

import pandas as pd

from orebridge.priorities.inputs import Inputs


def hand_inputs() -> Inputs:
    return Inputs(
        2024,
        minerals=pd.DataFrame({"mineral": ["a", "b"], "label": ["A", "B"], "class": "mineral", "family": "", "chain": ""}),
        production=pd.DataFrame({
            "mineral": ["a", "a", "a", "b"], "stage": "mine", "country": ["CHN", "AUS", "USA", "CHN"],
            "tonnes": [60.0, 30.0, 10.0, 5.0], "source": "s", "confidence": "read",
        }),
        trade=pd.DataFrame({
            "mineral": ["a", "a", "a", "b"], "hs": "1", "importer": ["USA", "USA", "JPN", "JPN"],
            "exporter": ["CHN", "AUS", "USA", "CHN"], "tonnes": [20.0, 10.0, 4.0, 2.0], "usd": [40.0, 10.0, 8.0, 4.0], "source": "t",
        }),
        exports=pd.DataFrame({"mineral": ["a"], "country": ["USA"], "tonnes": [4.0], "source": "t"}),
        governance=pd.DataFrame({
            "country": ["CHN", "AUS", "USA"], "indicator": "political_stability", "year": 2024, "score": [-0.5, 1.0, 0.0], "source": "w",
        }),
    )  # fmt: skip
