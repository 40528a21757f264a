# Everything a developer or an operator does with this folder; `make` alone lists it.
.DEFAULT_GOAL := help
BIN := .venv/bin
ARGS ?=
PROCESSES ?= 3

# What is started hundreds of times by the tests reads what was compiled the first time.
unexport PYTHONDONTWRITEBYTECODE

DRILLS := rabbitmq firefox large

.PHONY: help
help:  ## this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-11s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

.PHONY: setup demo up migrate
setup: .venv/.ready  ## .venv with the pinned dependencies (Python 3.11 or newer)
.venv/.ready: deploy/setup.sh deploy/constraints.txt pyproject.toml
	@deploy/setup.sh

demo: setup  ## publish to 10,000 simulated devices, watch it, and see the ledger balance
	@$(BIN)/push-pipeline demo $(ARGS)

up: setup  ## everything on this machine in one process tree; Ctrl-C stops it
	@$(BIN)/push-pipeline up $(ARGS)

migrate: setup  ## create or upgrade the schema of PIPELINE_DATABASE_URL
	@$(BIN)/push-pipeline migrate

.PHONY: dist
dist: setup  ## the wheel and the source distribution in dist/, the same bytes for a commit each time
	@SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct 2>/dev/null || echo 1764374400) $(BIN)/hatchling build -t wheel -t sdist -d dist

.PHONY: check lint audit format test coverage drills bench image-check soak packages
check: lint test  ## what CI runs: lint and test

lint: setup  ## style, types and the import contract
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports

audit: setup  ## compare the pinned dependencies with the known vulnerabilities; asks pypi.org
	@$(BIN)/python -m venv build/audit && build/audit/bin/pip install --quiet pip-audit
	build/audit/bin/pip-audit --requirement deploy/constraints.txt --require-hashes --disable-pip --strict --progress-spinner off

format: setup  ## sort, fix and format the code
	$(BIN)/ruff check --fix-only --quiet .
	$(BIN)/ruff format .

test: setup packages  ## all tests, on SQLite and PostgreSQL; ARGS="-k ledger" for some
	$(BIN)/pytest -n $(PROCESSES) $(ARGS)

coverage: setup packages  ## which lines the unit and integration tests reach, programs included
	$(BIN)/coverage erase
	$(BIN)/coverage run -m pytest -n $(PROCESSES) tests/unit tests/integration $(ARGS) || failed=1; \
	$(BIN)/coverage combine --quiet; $(BIN)/coverage report; exit $$failed

drills: setup packages  ## failures that take minutes, and packages of their own: rabbitmq-server, firefox-esr
	@for drill in $(DRILLS); do $(BIN)/pytest -q tests/drills/$$drill.py $(ARGS) || exit; done
	@for drill in $$($(BIN)/push-pipeline drill --list | cut -d ' ' -f 1); do \
	  echo "== $$drill"; $(BIN)/push-pipeline drill $$drill || exit; done
	$(BIN)/python -m tests.simulation --minutes 10

bench: setup packages  ## measure beside h2load and other clients; ARGS="--quick" for two minutes
	@$(BIN)/python -m tests.bench $(ARGS)

image-check: setup  ## build the image (root, buildah, mmdebstrap), fail from 200 MB on, push with it
	@deploy/image/build.sh
	@$(BIN)/pytest -q tests/drills/image.py

soak: setup packages  ## 15 minutes of work: no process may grow; ARGS="--minutes 2" for less
	@$(BIN)/python -m tests.bench.soak $(ARGS)

packages:
	@deploy/packages.sh

.PHONY: lock clean
lock: setup  ## pin the newest dependencies that pyproject.toml allows
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile pyproject.toml --all-extras --group dev --universal --upgrade --generate-hashes --no-header --no-annotate --quiet --output-file deploy/constraints.txt

clean:  ## remove .venv, caches and builds; the data in var/ stays
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
