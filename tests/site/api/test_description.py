"""The description of the API: it is valid, and the API answers as it says."""

import json
import sys
from importlib.resources import files
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from webtest import TestApp

from moziweb.site.api.description import openapi_document
from moziweb.site.api.endpoints import ENDPOINTS, LIST_ENDPOINTS
from moziweb.site.api.schemas import SCHEMAS
from tests.browser.site import served
from tests.conftest import BASE_URL
from tests.services.ports import HOST, free_port
from tests.services.process import run
from tests.site.cached import Movies

SLUGS = {"genre": "vigjatek", "service": "netflix"}
"""The slugs of the movies of the tests."""


def test_description_is_valid_openapi(app: TestApp) -> None:
    document = app.get("/api/v1/openapi.json").json
    assert document == openapi_document(BASE_URL)
    assert document["openapi"].startswith("3.1.")
    OpenAPIV31SpecValidator(document).validate()


def test_second_validator_finds_no_error(app: TestApp) -> None:
    """By the published schema of OpenAPI, and each schema by that of JSON Schema 2020-12."""
    document = app.get("/api/v1/openapi.json").json
    published = files("openapi_spec_validator") / "resources/schemas/v3.1/schema.json"
    validator = jsonschema_rs.validator_for(json.loads(published.read_text()))
    assert [error.message for error in validator.iter_errors(document)] == []
    parameters = [
        parameter["schema"]
        for path in document["paths"].values()
        for parameter in path["get"]["parameters"]
    ]
    for schema in (*document["components"]["schemas"].values(), *parameters):
        jsonschema_rs.meta.validate(schema)
    document["paths"]["/genres"]["get"]["responses"]["200"].pop("description")
    assert not validator.is_valid(document)


def test_documents_have_exactly_the_described_fields(cached: TestApp, movies: Movies) -> None:
    ids = {"movie": movies.here, "person": movies.person}
    for endpoint in ENDPOINTS:
        path = endpoint.pattern.replace("{id}", str(ids.get(endpoint.name)))
        document = cached.get(path).json
        if endpoint in LIST_ENDPOINTS:
            assert document["items"]
        if endpoint.name != "openapi":
            check_fields(document, {"$ref": endpoint.schema}, endpoint.name)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_schemathesis_finds_nothing(app: TestApp, movies: Movies, tmp_path: Path) -> None:
    """Its command, in a process of its own: all checks, also of methods and boundary values."""
    document = openapi_document(BASE_URL)
    for each in document["paths"]["/premieres"]["get"]["parameters"]:
        # Other slugs are refused, as the description says, but no pattern can say which.
        if each["name"] in SLUGS:
            each["schema"]["enum"] = [SLUGS[each["name"]]]
    description = tmp_path / "openapi.json"
    description.write_text(json.dumps(document), encoding="utf-8")
    port = free_port()
    options = ["--seed", "7", "--max-examples", "25", "--generation-deterministic", "--no-color"]
    with served(app.app, port):
        url = f"http://{HOST}:{port}/api/v1"
        program = Path(sys.executable).with_name("st")
        result = run([program, "run", description, "--url", url, *options], cwd=tmp_path)
    assert result.returncode == 0, result.stdout + result.stderr
    assert "No issues found" in result.stdout


def check_fields(value: Any, schema: Any, where: str) -> None:
    """Check that objects have all properties of their schemas, and no other."""
    if "oneOf" in schema:
        schema = schema["oneOf"][0]
    if "$ref" in schema:
        schema = SCHEMAS[schema["$ref"].rpartition("/")[2]]
    if isinstance(value, dict):
        assert value.keys() == schema["properties"].keys(), where
        for name, each in value.items():
            check_fields(each, schema["properties"][name], f"{where}.{name}")
    elif isinstance(value, list):
        for each in value:
            check_fields(each, schema["items"], f"{where}[]")
