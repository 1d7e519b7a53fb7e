"""UN Comtrade: recorded answers of the service, the key kept to itself, refusals of what is cut off or of another kind."""

from __future__ import annotations

import io
import logging
import sys
import types
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from orebridge.errors import ImportRefused
from orebridge.importers import comtrade, import_source
from orebridge.workspace import open_workspace

from .make import comtrade_answer, comtrade_row

KEY = "0123456789abcdef0123456789abcdef"
QUESTION = 'reporters = ["JPN", "USA"]\nyears = [2024]\nhs = ["284690"]\nflow = "import"\n'


def answer(tmp_path: Path, data: bytes) -> Path:
    path = tmp_path / "comtrade 2026-11-20.json"
    path.write_bytes(data)
    return path


def trade(path: Path) -> list[tuple[Any, ...]]:
    with open_workspace(path) as space:
        frame = space.frame("SELECT row, hs, importer, exporter, tonnes, usd FROM trade ORDER BY row")
    return [tuple(None if pd.isna(cell) else cell for cell in row) for row in frame.itertuples(index=False)]


def test_a_recorded_answer(tmp_path: Path) -> None:
    done = import_source("comtrade", answer(tmp_path, comtrade_answer()), tmp_path / "w.duckdb")
    assert (done.vintage, done.parts) == ("comtrade 2026-11-20", ("imports 2024",))
    assert trade(tmp_path / "w.duckdb") == [
        (1, "284690", "JPN", "CHN", 3400.0, 12_500_000.0),
        (3, "284690", "USA", "TWN", None, 1000.0),  # no weight is absent, not 0
    ]
    assert ("code", "0", "the sum over all partners", 1) in done.left_out
    assert "not reconciled" in done.remarks[0]


def test_exports_turn_the_flow_round(tmp_path: Path) -> None:
    rows = [
        comtrade_row(156, 392, "284690", 5.0, 1000.0, flow="X"),
        comtrade_row(156, 392, "284690", 5.0, 1000.0, flow="RX"),
    ]
    done = import_source("comtrade", answer(tmp_path, comtrade_answer(rows)), tmp_path / "w.duckdb")
    assert trade(tmp_path / "w.duckdb") == [(1, "284690", "JPN", "CHN", 1.0, 5.0)]
    assert any(kind == "flow" and name == "RX" for kind, name, _, _ in done.left_out)


@pytest.mark.parametrize(
    ("data", "what"),
    [
        (b'{"data": [', "not JSON"),
        (b'{"rows": []}', "no list `data` in it"),
        (comtrade_answer(error="Access denied"), "the service answered with an error: Access denied"),
        (comtrade_answer(count=250_000), "3 of 250000 rows; the answer was cut off"),
        (comtrade_answer([{**comtrade_row(392, 156, "284690", 1, 1), "classificationCode": "H6"}]), "classification H6, whose headings mean other goods"),
        (comtrade_answer([{"refYear": 2024}]), "row 1: no reporterCode, partnerCode, cmdCode, flowCode, primaryValue"),
        (comtrade_answer([comtrade_row(392, 777, "284690", 1, 1)]), "code '777'"),
        (comtrade_answer([comtrade_row(392, 156, "284690", -4, 1)]), "-4 in primaryValue cannot be an amount"),
        (comtrade_answer([comtrade_row(392, 156, "284690", 1, 1)] * 2), "stands more than once"),
    ],
)  # fmt: skip
def test_what_stops_an_answer(data: bytes, what: str, tmp_path: Path) -> None:
    with pytest.raises(ImportRefused, match=what):
        import_source("comtrade", answer(tmp_path, data), tmp_path / "w.duckdb")


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (QUESTION.replace("JPN", "Japon"), "reporter 'Japon': an ISO alpha-3 code"),
        (QUESTION.replace('"284690"', '"2846"'), "hs '2846': six digits in quotes"),
        (QUESTION.replace('"import"', '"both"'), "flow: import or export"),
        (QUESTION + "extra = 1\n", "unknown key 'extra'"),
        (QUESTION.replace("[2024]", "[]"), "years: a list that is not empty"),
        ("reporters = [", "not TOML"),
    ],
)
def test_what_stops_a_question(text: str, what: str, tmp_path: Path) -> None:
    (tmp_path / "ask.toml").write_text(text)
    with pytest.raises(ImportRefused, match=what):
        import_source("comtrade", tmp_path / "ask.toml", tmp_path / "w.duckdb")


@pytest.fixture
def service(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """The package that talks to the service, answering from a recording; it is told what to do by `answers`."""
    module = types.ModuleType("comtradeapicall")
    module.asked = []  # type: ignore[attr-defined]
    module.behave = lambda **_: pd.DataFrame([comtrade_row(392, 156, "284690", 12_500_000, 3_400_000.0)])  # type: ignore[attr-defined]

    def final_data(key: str, **question: Any) -> pd.DataFrame | None:
        module.asked.append((key, question))
        return module.behave(key=key, **question)  # type: ignore[no-any-return]

    module.getFinalData = final_data  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "comtradeapicall", module)
    monkeypatch.setenv(comtrade.KEY, KEY)
    return module


def asked(tmp_path: Path) -> Path:
    (tmp_path / "ask.toml").write_text(QUESTION)
    return tmp_path / "ask.toml"


def test_the_service_is_asked_once_per_year_in_hs_1992(service: types.ModuleType, tmp_path: Path) -> None:
    done = import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    ((key, question),) = service.asked
    assert key == KEY
    assert {k: question[k] for k in ("clCode", "period", "reporterCode", "cmdCode", "flowCode")} == {
        "clCode": "H0", "period": "2024", "reporterCode": "392,842", "cmdCode": "284690", "flowCode": "M",
    }  # fmt: skip
    assert done.vintage.startswith("asked 20") and done.rows == 1


def test_the_key_is_never_shown_nor_logged(
    service: types.ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The package prints failures with the address, key included, and urllib3 logs addresses."""
    log = io.StringIO()
    handler = logging.StreamHandler(log)
    logging.getLogger().addHandler(handler)
    logging.getLogger("urllib3.connectionpool").setLevel(logging.DEBUG)

    def refuse(key: str, **_: Any) -> None:
        logging.getLogger("urllib3.connectionpool").debug("GET /data/v1/get/C/A/H0?subscription-key=%s 401", key)
        print(f'{{"statusCode": 401, "message": "Access denied", "url": "?subscription-key={key}"}}')

    service.behave = refuse  # type: ignore[attr-defined]
    try:
        with pytest.raises(ImportRefused, match="Access denied") as caught:
            import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    finally:
        logging.getLogger().removeHandler(handler)
    shown = capsys.readouterr()
    assert KEY not in str(caught.value) + shown.out + shown.err + log.getvalue()
    assert "(key)" in str(caught.value)
    assert caught.value.__cause__ is None

    def fail(key: str, **_: Any) -> None:
        raise OSError(f"no route to ?subscription-key={key}")

    service.behave = fail  # type: ignore[attr-defined]
    with pytest.raises(ImportRefused) as caught:
        import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    assert KEY not in str(caught.value)
    assert not (tmp_path / "w.duckdb").exists()


def test_the_loggers_are_as_before_afterwards(service: types.ModuleType, tmp_path: Path) -> None:
    import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    assert not logging.getLogger("urllib3").disabled and not logging.getLogger("urllib3.connectionpool").disabled


def test_an_answer_at_the_limit_counts_as_cut_off(
    service: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comtrade, "MOST_ROWS", 1)
    with pytest.raises(ImportRefused, match="where the service cuts off; ask for fewer headings"):
        import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")


def test_without_a_key_nothing_is_asked(
    service: types.ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(comtrade.KEY)
    with pytest.raises(ImportRefused, match=f"set {comtrade.KEY}"):
        import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    assert service.asked == []


def test_the_real_package_takes_the_question(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The published package, its way to the network cut: our arguments are its own, and its printed failure is a refusal."""
    package = pytest.importorskip("comtradeapicall")
    import urllib3

    def no_network(*_: Any, **__: Any) -> None:
        raise urllib3.exceptions.HTTPError(f"no network ?subscription-key={KEY}")

    monkeypatch.setattr(urllib3.PoolManager, "request", no_network)
    monkeypatch.setenv(comtrade.KEY, KEY)
    assert package.getFinalData
    with pytest.raises(ImportRefused, match="UN Comtrade, 2024") as caught:
        import_source("comtrade", asked(tmp_path), tmp_path / "w.duckdb")
    assert KEY not in str(caught.value) and "unexpected keyword" not in str(caught.value)
