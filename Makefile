# The two main targets are `make run` and `make test`; `make help` lists all.
#
# An environment is built again if its inputs change. The files that mark it as built are inside it.

# The newest Python from 3.11 to 3.14 that is there; PYTHON=… takes another one for a new VENV.
PYTHON ?=
VENV   := .venv
BIN    := $(VENV)/bin
MADE   := $(VENV)/made
S3     := .s3venv
DATA   := tests/npm/node_modules
PIP    := $(BIN)/pip install --quiet --disable-pip-version-check
LOCKED := $(PIP) --require-hashes --requirement
# The lock files have every dependency, so pip resolves nothing and builds with locked versions.
OURS   := $(PIP) --no-deps --no-build-isolation --editable .
# Catalogues are compiled as the package is installed, so a new translation installs it again.
PARTS  := setup.py pyproject.toml requirements.lock requirements-run.lock $(wildcard moziweb/locale/*/LC_MESSAGES/*.po)
PORT   ?= 6543
INI    ?= development.ini

COMPILE := $(BIN)/uv pip compile --quiet --universal --python-version 3.11 --no-header --no-annotate \
  --generate-hashes
PRODUCTION := --extra build --extra memcached --extra sentry --extra opentelemetry
BENCHMARKS := variants generate cold_posters page_hit storm invalidation manager expensive_requests \
  serving_memory hosted_memory workers busy_threads search growth lighthouse slow_phone
SECONDS    ?= 60
STATES     ?= 1000000
WORKERS    ?= 4
PYTEST     := env -u MAKEFLAGS $(BIN)/pytest -n $(WORKERS) --durations=10
# The suite runs in three parts, because a worker keeps all modules and tests that it has collected.
LOWER      := $(addprefix tests/,cache db faults logs ops server settings soak storage)
UPPER      := $(addprefix tests/,browser manager site)
OTHER      := tests $(addprefix --ignore=,$(LOWER) $(UPPER))
# What has another build for each Python: drivers, decoders, the server. And the site as a whole.
SMOKE      := tests/cache/stores tests/storage tests/posters/imaging tests/posters/decoder \
  tests/db/test_engine.py tests/manager/auth tests/server tests/packaging tests/site/test_crawl.py
export PORT
# Container images often switch bytecode off. Each process would then compile all modules at its
# start, and the tests start hundreds of processes.
unexport PYTHONDONTWRITEBYTECODE
# Otherwise the threads of a test get many heaps, whose memory the C library does not return.
test: export MALLOC_ARENA_MAX = 2

.DEFAULT_GOAL := help
.PHONY: help run test smoke check bench soak faults model lock previous-release screenshots \
  test-services test-programs clean

help: ## list these targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-14s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

run: $(MADE)/run ## set up, load the demo and serve it (PORT=6543)
	@$(BIN)/moziweb -c $(INI) db upgrade
	@$(BIN)/moziweb -c $(INI) demo load
	@echo "The manager is at /manager; add a user: $(BIN)/moziweb -c $(INI) user add NAME --role admin"
	@exec $(BIN)/pserve $(INI)

# More workers than cores, because tests wait for servers half of the time. Coverage is only
# measured without ARGS: that of a part has no meaning.
test: test-services $(MADE)/test ## run every test with the real services, or a part (ARGS=tests/site)
ifdef ARGS
	@$(PYTEST) $(ARGS)
else
	@$(BIN)/coverage erase
	@failed=; for part in "$(LOWER)" "$(UPPER)" "$(OTHER)"; do \
	  $(PYTEST) --cov --cov-append --cov-report= --cov-fail-under=0 $$part || failed=1; \
	done; \
	printf 'Coverage of moziweb/ in %%: '; $(BIN)/coverage report --format=total && test -z "$$failed"
endif

smoke: $(MADE)/test test-services ## run a part of the tests on every other Python of this machine
	@mine=$$($(BIN)/python -c 'import sys; print("%d.%d" % sys.version_info[:2])'); \
	scripts/pythons --all | while read -r version python; do \
	  test $$version = $$mine && continue; \
	  echo "== Python $$version"; \
	  $(MAKE) --no-print-directory test VENV=.venv-$$version PYTHON="$$python" ARGS="$(SMOKE)" </dev/null || exit 1; \
	done

check: $(MADE)/check ## ruff, mypy --strict, import-linter, deptry, djlint, biome, check-english
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports --no-cache
	@$(BIN)/python scripts/declared-requirements > $(MADE)/declared.txt
	@$(BIN)/python scripts/declared-requirements --extras > $(MADE)/declared-extras.txt
	@$(BIN)/deptry . --requirements-files $(MADE)/declared.txt \
	  --requirements-files-dev $(MADE)/declared-extras.txt
	@$(BIN)/djlint moziweb/templates --lint --quiet
	@$(DATA)/.bin/biome lint --error-on-warnings moziweb/static
	@$(BIN)/python scripts/check-english --quiet

bench: $(MADE)/test $(S3)/made ## every benchmark: a table, then a JSON line; fails if any missed a bound
	@scripts/test-services
	@missed=; for name in $(BENCHMARKS); do \
	  echo "== $$name"; $(BIN)/python -m benchmarks.$$name || missed="$$missed $$name"; \
	done; test -z "$$missed" || { echo "Failed:$$missed" >&2; exit 1; }

soak: $(MADE)/test test-services ## look for wrong answers, and for stale reads on the real stack under faults (SECONDS=60)
	@$(BIN)/python -m tests.soak.pairing --requests 100000
	@$(BIN)/python -m tests.soak.run --seconds $(SECONDS)

model: $(MADE)/test ## explore the larger worlds of the model of the cache (STATES=1000000 each)
	@$(BIN)/python -m tests.cache.log_model.run --states $(STATES)

previous-release: ## the code of the release TAG, on which tests run this one's schema
	@git archive $(TAG) moziweb ':!moziweb/demo/data' ':!moziweb/static/vendor' | xz -9e >tests/data/previous-release.tar.xz

faults: $(MADE)/test test-services ## cause every fault on the real stack, and write the table of docs/deployment.md
	@rm -f $(MADE)/faults
	@FAULTS_REPORT=$(MADE)/faults $(BIN)/pytest tests/faults
	@$(BIN)/python docs/make_faults.py $(MADE)/faults

screenshots: $(MADE)/test ## make the screenshots of the docs again
	@$(BIN)/python docs/make_screenshots.py

lock: $(MADE)/venv ## write the lock files
	@$(BIN)/pip install --quiet uv
	@$(COMPILE) --all-extras setup.py --output-file requirements.lock --upgrade
	@$(COMPILE) --extra demo setup.py --constraint requirements.lock --output-file requirements-run.lock
	@$(COMPILE) $(PRODUCTION) setup.py --constraint requirements.lock --output-file requirements.txt
	@$(COMPILE) requirements-s3.in --output-file requirements-s3.lock --upgrade

test-services: test-programs $(S3)/made $(DATA)/made ## install the servers, programs and data that the tests need

# First, so that a user who may not install them reads both lists at once.
test-programs: $(MADE)/venv
	@failed=; scripts/test-services npm || failed=1; \
	scripts/build-requirements $(BIN)/python requirements.lock || failed=1; test -z "$$failed"

clean: ## remove the environments and the demo's data
	rm -rf $(VENV) .venv-3.* $(S3) $(DATA) var

$(MADE)/venv:
	@test -x $(BIN)/python || { python="$(PYTHON)"; \
	  python="$${python:-$$(scripts/pythons | sed -n '1s/^[^ ]* //p')}"; \
	  test -n "$$python" && "$$python" -m venv $(VENV); }
	@mkdir -p $(@D) && touch $@

$(MADE)/run: $(MADE)/venv $(PARTS)
	@echo "Installing moziweb…"
	@$(LOCKED) requirements-run.lock
	@$(OURS)
	@mkdir -p var && touch $@

$(MADE)/test: $(MADE)/venv $(PARTS)
	@scripts/build-requirements $(BIN)/python requirements.lock
	@echo "Installing moziweb and the test tools…"
	@$(LOCKED) requirements.lock
	@$(OURS)
	@mkdir -p var && touch $(MADE)/run $@

# requirements.lock includes the checkers.
$(MADE)/check: $(MADE)/test $(DATA)/made
	@touch $@

# The S3 server pins another botocore than ours, so it has its own environment.
$(S3)/made: requirements-s3.lock | $(MADE)/venv
	@echo "Installing the S3 server for tests…"
	@test -x $(S3)/bin/python || $(BIN)/python -m venv $(S3)
	@$(S3)/bin/pip install --quiet --disable-pip-version-check --require-hashes \
	  --requirement requirements-s3.lock
	@touch $@

# The linter of scripts, and data for the tests. The lock file has checksums.
$(DATA)/made: tests/npm/package-lock.json
	@scripts/test-services npm
	@echo "Installing the packages of tests/npm…"
	@npm ci --prefix tests/npm --ignore-scripts --no-audit --no-fund --loglevel=error >/dev/null
	@touch $@
