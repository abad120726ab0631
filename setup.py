"""moziweb: a movie premieres calendar for Hungary.

Dependencies and their ranges are here, settings of tools in pyproject.toml.
"""

import gzip
from pathlib import Path

from setuptools import find_packages, setup
from setuptools.command.build_py import build_py

HERE = Path(__file__).parent

INSTALL = [
    "pyramid>=2.1,<3",
    # pyramid 2.1 imports pkg_resources. From 80.9 on, each import prints a warning; 82 removed it.
    # tests/packaging/test_pkg_resources.py fails when pyramid no longer needs this line.
    "setuptools>=77,<80.9",
    "waitress>=3.0.2,<4",
    "jinja2>=3.1,<4",
    "pyramid-jinja2>=2.10.1,<3",
    "pyramid-tm>=2.6,<3",
    "transaction>=5,<6",
    "zope.sqlalchemy>=4.1,<5",
    "sqlalchemy>=2.1.9,<2.2",
    "alembic>=1.20,<2",
    "psycopg[binary]>=3.3,<4",
    "boto3>=1.44,<2",
    "botocore>=1.44,<2",
    "pillow>=13,<14",
    "python-slugify>=9,<10",
    "brotli>=1.1,<2",
    "dogpile.cache>=1.5,<2",
    "urllib3>=2.7,<3",
    "idna>=3.7,<4",  # urllib3 needs it for host names with accents
    "click>=8.3,<9",
    "rich>=14,<16",
    "babel>=2.16,<3",
    "icalendar>=7.3,<8",
    "segno>=1.6,<2",
    "prometheus-client>=0.23,<1",
    "markupsafe>=3,<4",
    "multipart>=2,<3",
    "plaster-pastedeploy>=1,<2",
    # Our migration 0004 creates its schema: another minor version needs a migration.
    "procrastinate>=3.10,<3.11",
    "argon2-cffi>=25.1,<26",
    "zxcvbn>=4.5,<5",
    "charset-normalizer>=3.4,<4",
    "openpyxl>=3.1.5,<4",
    "pyotp>=2.12,<3",
    "webauthn>=3,<4",
    "wtforms>=3.2,<4",
    "webob>=1.8,<2",
    "structlog>=26,<27",
]

# The client of memcached, for sites of several processes. Its wheels are for CPython up to 3.11;
# others build it, with libmemcached-dev (scripts/build-requirements).
MEMCACHED = ["pylibmc>=1.6.3,<2"]

# What building the package needs beside INSTALL (pyproject.toml), for builds without isolation.
BUILD = ["rcssmin>=1.2,<2"]

# Reporters of errors, each switched on by a key of the ini file (docs/deployment.md).
SENTRY = ["sentry-sdk>=2.70,<3"]
OPENTELEMETRY = [
    "opentelemetry-sdk>=1.45,<2",
    "opentelemetry-exporter-otlp-proto-http>=1.45,<2",
]

# The typefaces of the demo's posters, each under the OFL. Pinned, because another version of a face
# would change the bytes of posters.
DEMO = [
    "fontpkg-abril-fatface==1.1",
    "fontpkg-alfa-slab-one==2.0",
    "fontpkg-alumni-sans==1.18",
    "fontpkg-anton==2.116",
    "fontpkg-bebas-neue==2.0",
    "fontpkg-cinzel==2.0",
    "fontpkg-cormorant-garamond==4.1",
    "fontpkg-great-vibes==1.103",
    "fontpkg-josefin-sans==2.1",
    "fontpkg-jost==3.710",
    "fontpkg-oswald==4.103",
    "fontpkg-pacifico==3.1",
    "fontpkg-playfair-display==1.203",
    "fontpkg-righteous==1.0",
    "fontpkg-titan-one==1.1",
    "fontpkg-unbounded==1.701",
]

TEST = [
    "pytest>=9.2,<10",
    "pytest-cov>=7.1,<8",
    "pytest-randomly>=5,<6",
    "pytest-socket>=0.8,<1",
    "pytest-timeout>=2.4,<3",
    "pytest-xdist>=3.8,<4",
    "hypothesis>=6.170,<7",
    "webtest>=3.0.7,<4",
    "playwright>=1.65,<2",
    "axe-playwright-python>=0.1,<1",
    "trustme>=1.2,<2",
    "greenlet>=3.2,<4",
    "pyyaml>=6,<7",
    # Clients of the site (docs/clients.md).
    "feedparser>=6.0.14,<7",
    "ics>=0.7.3,<1",
    "jsonschema-rs>=0.60,<1",
    "khal>=0.14.1,<1",
    "openapi-spec-validator>=0.9,<1",
    "schemathesis>=4.32,<5",
    "vdirsyncer>=0.21,<1",
    "vobject>=0.9.9,<1",
]

CHECK = [
    "ruff>=0.17,<0.18",
    "mypy>=2.4,<3",
    "import-linter>=2.16,<3",
    "deptry>=0.25,<1",
    "djlint>=1.54,<2",
    "types-boto3[s3]>=1.43,<2",
    "types-webob>=1.8.11,<2",
    "types-waitress>=3.0.1,<4",
    "types-wtforms>=3.2,<4",
    "types-openpyxl>=3.1.5,<4",
    "types-pyyaml>=6,<7",
]

# Peers that the benchmarks compare with; tests use them too.
BENCH = [
    "pyvips>=3.2,<4",
    "pyvips-binary>=8.18,<9",
    "django>=5.2,<6",
    "flask>=3.1,<4",
    "flask-caching>=2.3,<3",
    "easy-thumbnails>=2.10,<3",
]


class Build(build_py):
    """Compiles the message catalogues, and compresses static files; git has only their sources."""

    def run(self) -> None:
        self.compile_catalogues()
        super().run()
        if not self.editable_mode:
            self.compress_static_files()

    def compile_catalogues(self) -> None:
        """Write a ``.mo`` file beside each ``.po`` file."""
        from babel.messages.mofile import write_mo
        from babel.messages.pofile import read_po

        for source in (HERE / "moziweb" / "locale").glob("*/LC_MESSAGES/*.po"):
            with source.open("rb") as lines:
                catalogue = read_po(lines)
            with source.with_suffix(".mo").open("wb") as target:
                write_mo(target, catalogue)

    def compress_static_files(self) -> None:
        """Minify the style sheets, and write a ``.br`` and a ``.gz`` beside each text."""
        import brotli
        import rcssmin

        for path in Path(self.build_lib, "moziweb", "static").glob("**/*.*"):
            if path.suffix == ".css":
                path.write_text(rcssmin.cssmin(path.read_text("utf-8")), "utf-8")
            if path.suffix in {".css", ".js", ".svg"}:
                data = path.read_bytes()
                path.with_name(f"{path.name}.br").write_bytes(brotli.compress(data))
                path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(data, mtime=0))


setup(
    name="moziweb",
    version="0.1.0",
    description="A movie premieres calendar for Hungary",
    long_description=(HERE / "README.md").read_text(encoding="utf-8"),
    long_description_content_type="text/markdown",
    license="MIT",
    python_requires=">=3.11",
    packages=find_packages(include=["moziweb", "moziweb.*"]),
    include_package_data=True,
    zip_safe=False,
    install_requires=INSTALL,
    extras_require={
        "memcached": MEMCACHED,
        "build": BUILD,
        "sentry": SENTRY,
        "opentelemetry": OPENTELEMETRY,
        "demo": DEMO,
        "test": TEST + MEMCACHED + BUILD + SENTRY + OPENTELEMETRY + DEMO + BENCH,
        "check": CHECK,
    },
    entry_points={
        "paste.app_factory": ["main = moziweb:main"],
        "paste.server_runner": ["waitress = moziweb.server:serve"],
        "console_scripts": ["moziweb = moziweb.cli:main"],
    },
    cmdclass={"build_py": Build},
)
