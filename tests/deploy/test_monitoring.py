"""Alert rules, dashboard and runbook: checked by promtool, with metrics that exist."""

import json
import re
from pathlib import Path
from typing import Final

import pytest

from tests.services.process import run
from tests.test_docs import table

ROOT: Final = Path(__file__).parents[2]
RULES: Final = ROOT / "deploy" / "prometheus" / "alerts.yml"
DASHBOARD: Final = ROOT / "deploy" / "grafana" / "moziweb.json"

ALERTS: Final = re.findall(r"^ +- alert: (\w+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)

RATE: Final = "moziweb_http_request_seconds_count"
CALM: Final = {
    "up": "1+0x60",
    RATE + '{status="200"}': "0+600x60",
    RATE + '{status="503"}': "0+1x60",
    'moziweb_apdex_requests_total{result="satisfied"}': "0+590x60",
    'moziweb_apdex_requests_total{result="tolerated"}': "0+5x60",
    'moziweb_apdex_requests_total{result="frustrated"}': "0+5x60",
    'moziweb_http_part_seconds_total{part="queue"}': "0+6x60",
    "moziweb_server_busy_threads": "7+0x60",
    "moziweb_server_threads": "8+0x60",
    "moziweb_database_pool_used": "3+0x60",
    "moziweb_database_pool_limit": "12+0x60",
    "moziweb_cache_outbox_age_seconds": "2+0x60",
    "moziweb_cache_publish_errors_total": "3+0x60",
    'moziweb_cache_stamps_failures_total{operation="get"}': "3+0x60",
    'moziweb_cache_store_failures_total{region="pages"}': "3+0x60",
    'moziweb_cache_served_total{region="pages",status="l1"}': "0+500x60",
    'moziweb_cache_served_total{region="pages",status="miss"}': "0+100x60",
    'moziweb_cache_log_resets_total{reason="missing"}': "0+0x60",
    "moziweb_cache_purge_errors_total": "0+0x60",
    'moziweb_posters_results_total{result="made"}': "0+10x60",
    'moziweb_posters_results_total{result="failed",code="timeout"}': "0+1x60",
    "moziweb_posters_queue_age_seconds": "60+0x60",
    "moziweb_posters_worker_silence_seconds": "5+0x60",
    "moziweb_posters_storage_paused": "0+0x60",
}
"""Values of each minute of an hour without an alert."""

CAUSES: Final = {
    "MoziwebDown": {"up": "0+0x60"},
    "MoziwebErrors": {RATE + '{status="503"}': "0+30x60"},
    "MoziwebApdexLow": {'moziweb_apdex_requests_total{result="frustrated"}': "0+200x60"},
    "MoziwebRequestQueueing": {'moziweb_http_part_seconds_total{part="queue"}': "0+180x60"},
    "MoziwebThreadsBusy": {"moziweb_server_busy_threads": "8+0x60"},
    "MoziwebPoolExhausted": {"moziweb_database_pool_used": "12+0x60"},
    "MoziwebDatabaseDown": {"moziweb_cache_outbox_age_seconds": " ".join(["NaN"] * 61)},
    "MoziwebOutboxBehind": {"moziweb_cache_outbox_age_seconds": "0+60x60"},
    "MoziwebPublishErrors": {"moziweb_cache_publish_errors_total": "0+1x60"},
    "MoziwebStampsFailing": {'moziweb_cache_stamps_failures_total{operation="get"}': "0+9x60"},
    "MoziwebEntriesFailing": {'moziweb_cache_store_failures_total{region="pages"}': "0+9x60"},
    "MoziwebHitRatioLow": {'moziweb_cache_served_total{region="pages",status="miss"}': "0+900x60"},
    "MoziwebLogRecordsLost": {'moziweb_cache_log_resets_total{reason="missing"}': "0+3x60"},
    "MoziwebPurgeErrors": {"moziweb_cache_purge_errors_total": "0+1x60"},
    "MoziwebPostersFailing": {
        'moziweb_posters_results_total{result="failed",code="timeout"}': "0+30x60"
    },
    "MoziwebPosterQueueOld": {"moziweb_posters_queue_age_seconds": "3000+60x60"},
    "MoziwebNoWorker": {"moziweb_posters_worker_silence_seconds": " ".join(["NaN"] * 61)},
    "MoziwebStoragePaused": {"moziweb_posters_storage_paused": "1+0x60"},
}
"""The values that differ when an alert fires."""


def metrics_in(expression: str) -> set[str]:
    """The names of our metrics, without the suffixes of histograms."""
    found = re.findall(r"moziweb_\w+", re.sub(r'"[^"]*"', "", expression))
    return {re.sub(r"(_seconds|_bytes)_(count|sum|bucket)$", r"\1", name) for name in found}


def documented() -> set[str]:
    rows = (*table("What to watch"), *table("Metrics", "monitoring.md"))
    return {name.partition("{")[0] for name in rows}


def labelled(series: str) -> str:
    name, _, labels = series.rstrip("}").partition("{")
    return f'{name}{{job="moziweb",instance="a"{"," + labels if labels else ""}}}'


def test_rules_and_configuration_are_valid() -> None:
    assert run(["promtool", "check", "rules", str(RULES)]).returncode == 0
    config = RULES.with_name("prometheus.yml")
    checked = run(["promtool", "check", "config", "--syntax-only", str(config)])
    assert checked.returncode == 0, checked.stderr


def test_each_alert_fires_for_its_cause_and_no_other(tmp_path: Path) -> None:
    assert list(CAUSES) == ALERTS
    cases = []
    for alert, changed in [("", {}), *CAUSES.items()]:
        assert changed.keys() <= CALM.keys()
        series = [
            {"series": labelled(name), "values": values}
            for name, values in {**CALM, **changed}.items()
        ]
        expected = [{"labels": f'{{alertname="{alert}"}}', "value": 1}] if alert else []
        query = 'count by (alertname) (ALERTS{alertstate="firing"})'
        test = {"expr": query, "eval_time": "60m", "exp_samples": expected}
        cases.append(
            {"interval": "1m", "name": alert or "calm", "input_series": series,
             "promql_expr_test": [test]}
        )  # fmt: skip
    (tmp_path / "test.yml").write_text(json.dumps({"rule_files": [str(RULES)], "tests": cases}))
    tested = run(["promtool", "test", "rules", str(tmp_path / "test.yml")])
    assert tested.returncode == 0, tested.stdout + tested.stderr


@pytest.mark.parametrize("alert", ALERTS)
def test_alert_has_an_entry_in_the_runbook(alert: str) -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert f"\n## {alert}\n" in runbook
    rules = RULES.read_text(encoding="utf-8")
    assert f"runbook: docs/runbook.md#{alert.lower()}\n" in rules


def test_runbook_has_no_other_entries_and_its_links_exist() -> None:
    runbook = (ROOT / "docs" / "runbook.md").read_text(encoding="utf-8")
    assert re.findall(r"^## (\w+)$", runbook, re.MULTILINE) == ALERTS
    anchors = set(re.findall(r"\(#(\w+)\)", runbook))
    assert anchors <= {alert.lower() for alert in ALERTS}


def test_alerts_use_documented_metrics() -> None:
    assert metrics_in(RULES.read_text(encoding="utf-8")) <= documented()


def test_dashboard_has_valid_queries_of_documented_metrics(tmp_path: Path) -> None:
    dashboard = json.loads(DASHBOARD.read_text(encoding="utf-8"))
    panels = dashboard["panels"]
    queries = [target["expr"] for panel in panels for target in panel["targets"]]
    queries += [each["expr"] for each in dashboard["annotations"]["list"]]
    assert len(queries) > 20
    assert len({panel["id"] for panel in panels}) == len(panels)
    for query in queries:
        assert metrics_in(query) <= documented(), query
    rules = [
        {"record": f"a:{number}", "expr": query.replace("$__rate_interval", "5m")}
        for number, query in enumerate(queries)
    ]
    file = tmp_path / "queries.yml"
    file.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    checked = run(["promtool", "check", "rules", str(file)])
    assert checked.returncode == 0, checked.stdout + checked.stderr
