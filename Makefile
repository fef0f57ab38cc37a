# Every target makes its own .venv when it is missing; Python 3.11, pip and make are enough.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready
DEMO := demo
PORT ?= 8000
SCALE ?= 1
QUALITY ?= fast
SHOTS ?= build/screenshots

# Tests start hundreds of processes: compiled modules are kept also where the environment says no.
export PYTHONDONTWRITEBYTECODE :=

.DEFAULT_GOAL := help
.PHONY: help setup demo serve test test-long test-browser test-slow test-random test-postgres coverage coverage-guarded audit sbom licences torture lint lint-page screenshots bench clean

help:  ## Show this list
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "make %-11s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

setup: $(READY)  ## Make .venv with everything in it

$(READY): pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/pip install --quiet --constraint constraints.txt torch torchvision
	$(BIN)/pip install --quiet --constraint constraints.txt --editable '.[dev]'
	@touch $@

demo: setup  ## Draw a sample catalog, index it, and find shopper photos in it
	$(BIN)/python -m data.demo $(DEMO) --quality $(QUALITY)

serve: setup  ## Serve the page and the HTTP API on 127.0.0.1:$(PORT); the demo's catalog unless EYEDEX_DATA is set
	EYEDEX_DATA=$${EYEDEX_DATA:-$(DEMO)/eyedex-data} $(BIN)/eyedex serve --port $(PORT)

test: setup  ## Run the tests but those that take seconds each; of the page those that are marked smoke
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 3 --dist worksteal -m "not long"

test-long: setup  ## Run the others: of trainings, of servers that are stopped and started
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 3 --dist worksteal -m long

test-browser: setup  ## Run all tests of the page in Chromium (7 minutes)
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist worksteal tests/browser

test-slow: setup  ## Run the tests that take minutes: of benchmarks, published figures, long runs
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist worksteal --slow -m slow

test-random: setup  ## Run the tests of properties with examples that no run had before
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist worksteal \
		--hypothesis-profile=default -m hypothesis

test-postgres: setup  ## Run the tests of core, indexing, API, verbs and faults with every catalog in PostgreSQL
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist worksteal \
		--database postgresql tests/search_engine tests/indexer tests/api tests/cli tests/faults

torture: setup  ## Measure the goals of reliability and print a table; SCALE=0.1 for a tenth of the tries
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.torture --scale $(SCALE)

coverage: setup  ## Run the tests and list the lines that none of them runs
	OPENBLAS_NUM_THREADS=1 OMP_WAIT_POLICY=PASSIVE $(BIN)/python -m pytest -n 2 --dist worksteal \
		--cov=search_engine --cov=indexer --cov=api --cov-report=term:skip-covered

coverage-guarded: setup  ## Fail unless tests run all of storage, decoding, access and admission
	OPENBLAS_NUM_THREADS=1 $(BIN)/python -m tests.torture.guarded

AUDIT := build/audit
audit:  ## Report known holes of the tested versions; a report, as it needs a service that may be away
	@test -x $(AUDIT)/bin/pip-audit || { $(PYTHON) -m venv $(AUDIT) && $(AUDIT)/bin/pip install --quiet pip-audit; }
	-$(AUDIT)/bin/pip-audit --requirement constraints.txt --no-deps --disable-pip

sbom: setup  ## Print a bill of materials (CycloneDX) of what is installed
	@$(BIN)/python -m benchmarks.packages sbom

licences: setup  ## Print the licences of what is installed
	@$(BIN)/python -m benchmarks.packages licences

lint: setup  ## Check style and types
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	@$(MAKE) --no-print-directory lint-page

TSC := npx --yes --package typescript@7.0.2 tsc
lint-page:  # The types of the page's modules; npm brings the compiler and nothing else
	@if $(TSC) --version >/dev/null 2>&1; then $(TSC) --project api/web; \
	else echo "types of the page are not checked: there is no npx, or npm's registry does not answer"; fi

screenshots: setup  ## Take pictures of the page, all views and states, into $(SHOTS)
	$(BIN)/python -m tests.browser.screenshots $(SHOTS)

bench: setup  ## Measure indexing, memory, starts and queries (under 10 minutes)
	$(BIN)/python -m benchmarks.ingest
	$(BIN)/python -m benchmarks.memory --ingest 3000
	$(BIN)/python -m benchmarks.encode
	$(BIN)/python -m benchmarks.start
	$(BIN)/python -m benchmarks.query --count 10000

clean:  ## Delete .venv, the demo and caches; never an eyedex-data directory elsewhere
	rm -rf $(VENV) $(DEMO) build dist *.egg-info .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
