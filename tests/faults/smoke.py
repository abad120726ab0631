"""Requests and commands that use every table: ``python -m tests.faults.smoke SITE.ini MOVIE``.

They run with the release that PYTHONPATH names, and need the user ``editor``. The output is a JSON
object with the status of each request, and the exit status of each command.
"""

import json
import sys
from pathlib import Path
from typing import Any

from pyramid.paster import get_appsettings
from webtest import TestApp

PAGES = (
    "/", "/en/", "/undated", "/about", "/genre/vigjatek", "/month/2026-08", "/week/2026-W34",
    "/movie/{movie}-itt-van", "/search?q=itt", "/premieres.ics", "/premieres.atom",
    "/sitemap.xml", "/sitemap-pages.xml", "/sitemap-movies-0.xml", "/api/main/",
    "/api/movie/{movie}",
)  # fmt: skip
MANAGER_PAGES = (
    "", "/movies", "/movies/{movie}", "/movies/{movie}/posters", "/audit", "/imports", "/posters",
    "/cache", "/settings", "/users", "/account",
)  # fmt: skip
COMMANDS = (
    ("posters", "status"), ("posters", "reconcile"), ("posters", "generate", "--dry-run"),
    ("cache", "relay", "--once"), ("user", "list"), ("import", "csv", "{list}"),
)  # fmt: skip

PASSWORD = "nine quiet projectors"  # of these tests only


def main() -> None:
    """Print the results."""
    ini, movie = sys.argv[1:]
    import moziweb
    from moziweb.cli import main as command_line

    app = TestApp(moziweb.main({}, **get_appsettings(ini)))
    results: dict[str, int] = {}
    for page in PAGES:
        path = page.format(movie=movie)
        results[f"GET {path}"] = app.get(path, status="*").status_int
    results |= manager_results(app, movie)
    listed = f"{ini}.csv"
    with Path(listed).open("w", encoding="utf-8") as file:
        file.write("external_id,title,date\n1,Listáról jött,2026-09-03\n")
    for command in COMMANDS:
        arguments = [each.format(list=listed) for each in command]
        results[" ".join(command)] = exit_status(command_line, ["-c", ini, *arguments])
    json.dump({"release": moziweb.__file__, "results": results}, sys.stderr)


def manager_results(app: TestApp, movie: str) -> dict[str, int]:
    """Sign in, read every page, change a movie, add one, sign out."""
    form = app.get("/manager/sign-in").form
    form["name"], form["password"] = "editor", PASSWORD
    results = {"sign in": form.submit().status_int}
    for page in MANAGER_PAGES:
        path = f"/manager{page}".format(movie=movie)
        results[f"GET {path}"] = app.get(path, status="*").status_int
    for path in (f"/manager/movies/{movie}", "/manager/movies/new"):
        form = next(each for each in app.get(path).forms.values() if "title" in each.fields)
        form["title"], form["original_title"] = "Más cím", "Other title"
        buttons = [field.value_if_submitted() for field in form.fields["do"]]
        saved = form.submit("do", index=buttons.index("save"), status="*")
        results[f"POST {path}"] = saved.status_int
    return results


def exit_status(command_line: Any, arguments: list[str]) -> int:
    """Run a command in this process."""
    try:
        command_line(arguments)
    except SystemExit as end:
        return int(end.code or 0)
    return 0


if __name__ == "__main__":
    main()
