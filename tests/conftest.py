"""What all tests share: the small hand-built worlds on the path, and how many random examples are tried."""

import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

sys.path.insert(0, str(Path(__file__).parent))

# The gate tries the same examples every time, so that it fails for what changed and for nothing else; a nightly run
# (`pytest -m nightly --hypothesis-profile nightly`, or without -m) looks for new ones.
_SLOW = [HealthCheck.too_slow, HealthCheck.data_too_large]
# No shrinking: it takes minutes where an example takes a second, and the example is printed as it is.
_PHASES = (Phase.explicit, Phase.reuse, Phase.generate)
settings.register_profile("gate", deadline=None, derandomize=True, suppress_health_check=_SLOW, phases=_PHASES)
settings.register_profile("nightly", deadline=None, max_examples=100, suppress_health_check=_SLOW, print_blob=True,
                          phases=_PHASES)  # fmt: skip
settings.load_profile("gate")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="write tests/golden/*.lp anew from the present code")
