"""Optional libraries that others import without need are hidden from them."""

import sys

import pytest

from moziweb.hidden_modules import hidden
from tests.services.process import run

LIBRARY = "wave"  # of the standard library; no module of ours imports it


def test_hidden_module_is_missing_in_the_block_only(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, LIBRARY, raising=False)
    with pytest.raises(ImportError), hidden(LIBRARY):
        __import__(LIBRARY)
    assert LIBRARY not in sys.modules
    __import__(LIBRARY)
    with hidden(LIBRARY):
        assert __import__(LIBRARY) is sys.modules[LIBRARY]


def test_processes_do_not_import_what_they_do_not_use() -> None:
    """Each of these takes 4 to 9 MiB of a web process and of a worker."""
    script = (
        "import sys, moziweb.logs.formatters, moziweb.ops.health\n"
        "from moziweb.storage import from_settings\n"
        "from moziweb.settings import load\n"
        "site = {'site.base_url': 'https://moziweb.example', 'sqlalchemy.url': 'sqlite:///a'}\n"
        "from_settings(load({**site, 'storage.backend': 's3', 'storage.s3.bucket': 'a'}))\n"
        "assert 'botocore.httpsession' in sys.modules\n"
        "unused = {'OpenSSL', 'alembic', 'cryptography', 'rich'}\n"
        "sys.exit(' '.join(unused & sys.modules.keys()) or 0)"
    )
    ended = run([sys.executable, "-W", "ignore", "-c", script])
    assert (ended.returncode, ended.stderr) == (0, "")
