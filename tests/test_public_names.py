"""What `from orebridge import ...` offers: the verbs with their examples, imported only when used."""

from __future__ import annotations

import doctest
import subprocess
import sys
from importlib import import_module

import pytest

import orebridge

VERBS = {
    "respond": "orebridge.session", "priorities": "orebridge.priorities.verb", "simulate": "orebridge.ensemble",
    "vulnerabilities": "orebridge.vulnerabilities.assess", "redteam": "orebridge.vulnerabilities.verb",
}  # fmt: skip
HEAVY = ("numpy", "pandas", "plotly", "scipy", "highspy", "pyarrow")
#: Modules whose docstrings hold the verbs' examples.
EXAMPLES = (
    "orebridge", "orebridge.session", "orebridge.priorities", "orebridge.ensemble", "orebridge.vulnerabilities",
    "orebridge.vulnerabilities.verb", "orebridge.annexes",
)  # fmt: skip


def python(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.parametrize("name", EXAMPLES)
def test_the_examples_run_as_printed(name: str) -> None:
    result = doctest.testmod(import_module(name))
    assert result.failed == 0
    assert result.attempted > 0


def test_every_name_is_there_and_documented() -> None:
    for name in orebridge.__all__:
        assert getattr(orebridge, name), name
    for name, module in VERBS.items():
        assert callable(getattr(orebridge, name)), name
        assert len(getattr(import_module(module), name).__doc__ or "") > 100, name
    with pytest.raises(AttributeError, match=r"it has .*redteam"):
        orebridge.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "order",
    [
        "from orebridge import priorities, vulnerabilities",
        "import orebridge.priorities.verb, orebridge.vulnerabilities.assess; from orebridge import priorities, vulnerabilities",
        "from orebridge import priorities, vulnerabilities; import orebridge.priorities.hhi, orebridge.vulnerabilities.hits",
    ],
)
def test_a_verb_is_a_verb_whatever_was_imported_before(order: str) -> None:
    refused = "import orebridge.errors as e\nfor verb, bad in ((priorities, dict(draws=0)), (vulnerabilities, dict(months=0))):\n"
    refused += "    try: verb(**bad)\n    except e.OrebridgeError as error: print(type(error).__name__)"
    assert python(f"{order}\n{refused}").split() == ["UnknownLabel", "ShockError"]


def test_importing_the_package_or_asking_for_help_imports_nothing_heavy() -> None:
    loaded = f"import sys; print([m for m in {HEAVY} if m in sys.modules])"
    assert python(f"import orebridge; {loaded}") == "[]"
    helped = "import sys; sys.argv = ['orebridge', '--help']\nfrom orebridge.cli import main\ntry: main()\nexcept SystemExit: pass\n"
    assert python(f"{helped}{loaded}").endswith("[]")
