"""``moziweb cache advise``: what other settings of the cache would do to its hits and memory."""

import json
import math
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

import click
from sqlalchemy import delete

from moziweb.cache.admin.advice import (
    MIN_SAMPLED_KEYS,
    RegionAdvice,
    SettingAdvice,
    Workload,
    advice_json,
    advise_regions,
    present_settings,
)
from moziweb.cache.admin.forecast import Forecast
from moziweb.cache.admin.inspection import span_text
from moziweb.cache.admin.log_replay import LogReplay
from moziweb.db import Database
from moziweb.ops.cache_reads import recorded_workloads
from moziweb.ops.models import CacheAdvice
from moziweb.request import Request
from moziweb.services import services_of

from .context import CommandContext, CommandError, page_cache_of, service_errors

_DAY: Final = 86_400.0

_NAMES: Final = {
    "size": "size of the store",
    "expiration_time": "expiration_time",
    "l1_bytes": "l1_bytes",
    "grace": "grace",
    "refresh_after": "refresh_after",
}


@click.command()
@click.argument("access_log", required=False, type=click.File("r", errors="replace"))
@click.option(
    "--days", type=click.FloatRange(0, 7, min_open=True), default=7, show_default=True,
    help="How many days of recorded reads to use, without ACCESS_LOG.",
)  # fmt: skip
@click.option(
    "--processes", type=click.IntRange(1, 1000), default=1, show_default=True,
    help="The web processes that answered the requests of ACCESS_LOG.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object.")
@click.pass_obj
def advise(
    context: CommandContext,
    access_log: Iterable[str] | None,
    days: float,
    processes: int,
    as_json: bool,
) -> None:
    """Say what other settings of each region would do to its hits, memory and renders.

    Replays the reads that web processes have recorded in the database, or the requests of
    ACCESS_LOG (JSON lines of log.access, or the common or combined format; - is standard input).
    A log shows no reads of fragments, and log.access no query strings. Pages of a log that are not
    stored are rendered, at most 500, to know their sizes and tags.

    There is no advice for a region whose sample has fewer than 100 keys. The settings page of the
    manager shows the latest advice.

    Exit status: 0; 1 if there is no advice.
    """
    with service_errors():
        if access_log is None:
            pages, database = page_cache_of(context.registry), context.services.database
            with database.read() as session:
                workloads = recorded_workloads(session, time.time() - days * _DAY)
        else:
            app = context.application
            pages, database = page_cache_of(app.registry), services_of(app.registry).database

            def render(url: str) -> object:
                return Request.blank(url).get_response(app)

            replay = LogReplay(pages, database.engine, render, processes)
            workloads = replay.workloads(access_log)
        found = advise_regions(workloads, present_settings(pages.cache))
        refused = _refused(workloads)
        if not found:
            raise CommandError(
                "; ".join(refused.values()) or "there are no reads of cached pages to replay"
            )
        _keep(database, found)
    if as_json:
        regions = [advice_json(each) for each in found]
        left_out = {region: each.left_out for region, each in workloads.items() if each.left_out}
        answer = {"regions": regions, "refused": refused, "left_out": left_out}
        click.echo(json.dumps(answer))
    else:
        click.echo("\n".join([*_lines(found, workloads), *refused.values()]))


def _refused(workloads: Mapping[str, Workload]) -> dict[str, str]:
    """Why there is no advice, by region."""
    return {
        region: (
            f"{region}: no advice: the sample of 1 in {1 / each.rate:.0f} keys has"
            f" {each.sampled_keys} keys, and {MIN_SAMPLED_KEYS} are needed;"
            " replay an access log instead"
        )
        for region, each in workloads.items()
        if each.is_too_small
    }


def _keep(database: Database, found: Sequence[RegionAdvice]) -> None:
    """Replace the advice in the database."""
    now = time.time()
    rows = [CacheAdvice(region=each.region, at=now, advice=advice_json(each)) for each in found]
    with database.write() as session:
        session.execute(delete(CacheAdvice))
        session.add_all(rows)


def _lines(found: Sequence[RegionAdvice], workloads: Mapping[str, Workload]) -> Iterator[str]:
    for advice in found:
        workload = workloads[advice.region]
        span = span_text(workload.reads[-1].at - workload.reads[0].at)
        reads = f"{advice.present.reads:,.0f} reads in {span}"
        yield f"{advice.region}   {reads}: {_text(advice.present)}"
        if workload.rate < 1:
            yield f"  from a sample of 1 in {1 / workload.rate:.0f} keys"
        if workload.left_out:
            share = workload.left_out / (workload.total + workload.left_out)
            reads = f"{workload.left_out:,.0f} reads ({100 * share:.0f} %)"
            yield f"  left out: the {reads} of the busiest minutes"
        for setting in advice.settings:
            yield from _setting_lines(setting)
        yield ""


def _setting_lines(setting: SettingAdvice) -> Iterator[str]:
    keeps = setting.advised is setting.present
    name = _NAMES[setting.name]
    advised = _value_text(setting.name, setting.advised.value)
    yield f"  {name}: {'keep ' if keeps else 'set '}{advised}"
    for option in setting.options:
        marks = " (now)" if option is setting.present else ""
        yield f"    {_value_text(setting.name, option.value):>10}{marks}  {_text(option.forecast)}"


def _value_text(name: str, value: float) -> str:
    """A value of a setting for people: sizes in MB, the rest as in the ini file."""
    if name in {"size", "l1_bytes"}:
        return "unlimited" if math.isinf(value) else f"{value / 1e6:,.1f} MB"
    return f"{value:g}"


def _text(forecast: Forecast) -> str:
    parts = [
        f"{100 * forecast.hit_ratio:.1f} % hits",
        f"{100 * forecast.local / max(1.0, forecast.reads):.1f} % from local copies",
        f"{forecast.renders:,.0f} renders",
        f"{forecast.memory / 1e6:,.1f} MB",
    ]
    if forecast.waited or forecast.stale:
        parts.append(f"{forecast.waited:,.0f} waited, {forecast.stale:,.0f} stale")
    return ", ".join(parts)
