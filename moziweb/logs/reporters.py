"""Reporters of errors, each of them optional: Sentry, and OpenTelemetry with traces of requests.

A reporter needs an extra of the package and a key of the ini file. It reports the records from
ERROR up: those of unexpected exceptions and of outages, once per outage.
"""

import logging
import os
import threading
from collections.abc import Callable, Iterable, Mapping
from contextvars import ContextVar
from dataclasses import dataclass
from importlib.metadata import version
from typing import TYPE_CHECKING, Any, Final

from structlog.contextvars import get_contextvars

from moziweb.settings.schema import SettingsError
from moziweb.timings import timings_of

from .handler import FloodLimit

if TYPE_CHECKING:
    from opentelemetry.trace import Span, Tracer

SENTRY: Final = "sentry.dsn"
OPENTELEMETRY: Final = "opentelemetry.endpoint"

_lock = threading.Lock()
_started: set[str] = set()


def start_reporters(settings: Mapping[str, Any]) -> bool:
    """Start the reporters of an ini file, once per process; return whether there is one.

    Raises ``SettingsError`` if the package of one is not installed.
    """
    starters = {SENTRY: _start_sentry, OPENTELEMETRY: _start_opentelemetry}
    configured = [name for name in starters if settings.get(name)]
    for name in configured:
        with _lock:
            if name not in _started:
                try:
                    starters[name](settings[name])
                except ImportError as error:
                    extra = name.partition(".")[0]
                    advice = f'pip install "moziweb[{extra}]", or leave it empty'
                    raise SettingsError(f"{name}: {error.name} is missing: {advice}") from None
                _started.add(name)
    return bool(configured)


def _start_sentry(dsn: str) -> None:
    import sentry_sdk
    from sentry_sdk.integrations.atexit import AtexitIntegration
    from sentry_sdk.integrations.dedupe import DedupeIntegration
    from sentry_sdk.integrations.logging import LoggingIntegration

    limit, lock = FloodLimit(), threading.Lock()

    def prepared(event: Any, hint: dict[str, Any]) -> Any:
        record = hint.get("log_record")
        with lock:
            if record is not None and not limit.admits(record):
                return None
        context = get_contextvars()
        tags = {name: context[name] for name in ("request_id", "route") if name in context}
        event["tags"] = {**(event.get("tags") or {}), **tags}
        return event

    sentry_sdk.init(
        dsn=dsn,
        release=f"moziweb@{version('moziweb')}",
        default_integrations=False,
        integrations=[
            LoggingIntegration(
                level=logging.INFO, event_level=logging.ERROR, sentry_logs_level=None
            ),
            AtexitIntegration(callback=lambda pending, timeout: None),
            DedupeIntegration(),
        ],
        # Values of variables may be passwords and other secrets.
        include_local_variables=False,
        send_default_pii=False,
        before_send=prepared,
    )


def _start_opentelemetry(endpoint: str) -> None:
    from opentelemetry import trace
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    name = os.environ.get("OTEL_SERVICE_NAME", "moziweb")
    resource = Resource.create({"service.name": name, "service.version": version("moziweb")})
    provider = TracerProvider(resource=resource)
    exporter = OTLPSpanExporter(endpoint=f"{endpoint}/v1/traces")
    provider.add_span_processor(BatchSpanProcessor(exporter))
    trace.set_tracer_provider(provider)
    logging.getLogger().addHandler(_SpanHandler(logging.ERROR))


_span: "ContextVar[Span | None]" = ContextVar("moziweb.span", default=None)


class _SpanHandler(logging.Handler):
    """Adds the errors of a request to its span."""

    def emit(self, record: logging.LogRecord) -> None:
        span = _span.get()
        if span is None:
            return
        error = record.exc_info[1] if record.exc_info else None
        if error is not None:
            span.record_exception(error)
        else:
            span.add_event(record.getMessage())


def traced(app: Callable[..., Iterable[bytes]]) -> Callable[..., Iterable[bytes]]:
    """Return ``app`` with a span for each request. Call it after ``start_reporters``."""
    from opentelemetry import trace

    return TracingMiddleware(app, trace.get_tracer("moziweb"))


@dataclass(frozen=True, slots=True)
class TracingMiddleware:
    """Traces the requests that threads answer, with route, status and the time by part.

    A ``traceparent`` header makes the span a part of the client's trace.
    """

    app: Callable[..., Iterable[bytes]]
    tracer: "Tracer"

    def __call__(
        self, environ: dict[str, Any], start_response: Callable[..., Any]
    ) -> Iterable[bytes]:
        """Call the application in a span."""
        from opentelemetry import propagate, trace

        method = environ["REQUEST_METHOD"]
        headers = {name: environ.get(f"HTTP_{name.upper()}", "") for name in _TRACE_HEADERS}
        attributes = {"http.request.method": method, "url.path": environ.get("PATH_INFO", "")}
        with self.tracer.start_as_current_span(
            method,
            context=propagate.extract({name: value for name, value in headers.items() if value}),
            kind=trace.SpanKind.SERVER,
            attributes=attributes,
        ) as span:

            def start(status: str, *arguments: Any) -> Any:
                code = int(status[:3])
                span.set_attribute("http.response.status_code", code)
                if code >= 500:
                    span.set_status(trace.StatusCode.ERROR)
                return start_response(status, *arguments)

            token = _span.set(span)
            try:
                return self.app(environ, start)
            finally:
                _span.reset(token)
                _describe_span(span, method, environ)


_TRACE_HEADERS: Final = ("traceparent", "tracestate")


def _describe_span(span: "Span", method: str, environ: Mapping[str, Any]) -> None:
    context = get_contextvars()
    route = context.get("route")
    if route is not None:
        span.update_name(f"{method} {route}")
        span.set_attribute("http.route", route)
    span.set_attribute("moziweb.request_id", context.get("request_id", ""))
    timings = timings_of(environ)
    if timings is not None:
        for part, seconds in timings.seconds.items():
            span.set_attribute(f"moziweb.seconds.{part}", seconds)
        span.set_attribute("moziweb.queries", timings.queries)
