# Two commands matter: `make demo` and `make test`. Both need only make and Python >= 3.11.
PYTHON ?= python3
CASES ?= 5000
CRASHES ?= 5
FUZZ_SECONDS ?= 600
JOBS ?= 2
SEEDS ?= 2000
# Tests wait for disks, processes and clocks, too: with one more than there are cores, no core is idle.
WORKERS ?= $(shell expr $$(getconf _NPROCESSORS_ONLN) + 1)
VENV := .venv
BIN := $(VENV)/bin
UV := $(shell command -v uv 2>/dev/null)
# Most of what is installed is never imported: Python compiles the rest when it is, on all cores.
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check --no-compile

# The tests start the program hundreds of times: it is compiled once, whatever a shell says of bytecode.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: demo test bench check unit large properties simulate crash canary fuzz mutants lock clean help
.DELETE_ON_ERROR:

help: ## Show this list
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

demo: $(VENV)/.installed ## Harvest a synthetic quarter into ./demo-lake and look at it
	@$(BIN)/python -m benchmarks.demo demo-lake

test: $(VENV)/.installed ## The demo, the checks and all tests, side by side: each tells all when it is done
	@$(MAKE) --no-print-directory -j3 --output-sync=target demo check unit WORKERS=1 & beside=$$!; \
	$(MAKE) --no-print-directory large; large=$$?; wait $$beside && exit $$large

bench: $(VENV)/.bench ## All benchmarks (some hours) into benchmarks/RESULTS.md; QUESTIONS="floor micro" for some
	@$(BIN)/python -m benchmarks $(QUESTIONS)

check: $(VENV)/.installed ## Lint, formatting, types, layers
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy harvester tests benchmarks
	$(BIN)/lint-imports

unit: $(VENV)/.installed ## Tests with branch coverage
	$(BIN)/coverage erase
	$(BIN)/pytest -n $(WORKERS) --dist worksteal -m "not large" --cov --cov-report=term

large: $(VENV)/.installed ## Large histories, whole runs and the simulation, without: tracing doubles their time
	$(BIN)/pytest -n $(WORKERS) --dist load --maxschedchunk 1 -m large

crash: $(VENV)/.installed ## The crash tests of the disk, CRASHES times as many cases (5: every call with every error)
	HARVESTER_CRASHES=$(CRASHES) $(BIN)/pytest -n $(WORKERS) tests/disk

canary: $(VENV)/.installed ## Search what the commands and the client leave behind for keys and tokens
	$(BIN)/pytest -n $(WORKERS) -m "not large" tests/test_canary.py tests/test_secret.py tests/test_auth.py \
	  tests/test_client*.py tests/test_endpoint.py tests/test_transport*.py tests/cli tests/acceptance/test_cli.py \
	  tests/acceptance/test_hiding.py

fuzz: $(VENV)/.fuzz ## Fuzz answers, headers, config and spool for FUZZ_SECONDS in all
	TMPDIR=$$(test -w /dev/shm && echo /dev/shm || echo /tmp) $(BIN)/python -m tests.fuzz --seconds $(FUZZ_SECONDS)

properties: $(VENV)/.installed ## Nine properties of a whole run, CASES new cases of each
	HARVESTER_CASES=$(CASES) $(BIN)/pytest -n $(JOBS) --dist worksteal tests/acceptance/test_properties.py

simulate: $(VENV)/.installed ## Live SEEDS seeded lives of the program, JOBS side by side
	@$(BIN)/python -m tests.simulation --seeds 0:$(SEEDS) --jobs $(JOBS)

mutants: $(VENV)/.installed ## Plant bugs, one at a time, JOBS side by side: each must make its test fail
	@$(BIN)/python -m tests.mutants --jobs $(JOBS)

lock: ## Compile requirements/*.txt anew from pyproject.toml (needs uv)
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-annotate --no-strip-extras --upgrade pyproject.toml -o requirements/run.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-annotate --no-strip-extras --upgrade pyproject.toml --extra fast --group test -o requirements/test.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-annotate --no-strip-extras --upgrade --group pyproject.toml:fuzz -o requirements/fuzz.txt
	uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header --no-emit-index-url \
	  --no-annotate --no-strip-extras --upgrade --group pyproject.toml:bench -o requirements/bench.txt

# The lock has everything, with hashes; the project itself is installed without asking for more.
$(VENV)/.installed: requirements/test.txt pyproject.toml
ifdef UV
	uv venv --quiet --allow-existing --python $(PYTHON) $(VENV)
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/test.txt
	uv pip install --quiet --python $(BIN)/python --no-deps --no-build-isolation --editable .
else
	$(PYTHON) -m venv $(VENV)
	$(PIP) --require-hashes -r requirements/test.txt
	$(PIP) --no-deps --no-build-isolation --editable .
endif
	@touch $@

$(VENV)/.fuzz: requirements/fuzz.txt $(VENV)/.installed
ifdef UV
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/fuzz.txt
else
	$(PIP) --require-hashes -r requirements/fuzz.txt
endif
	@touch $@

$(VENV)/.bench: requirements/bench.txt $(VENV)/.installed
ifdef UV
	uv pip install --quiet --python $(BIN)/python --require-hashes -r requirements/bench.txt
else
	$(PIP) --require-hashes -r requirements/bench.txt
endif
	@touch $@

clean: ## Remove what make made
	rm -rf $(VENV) demo-lake .coverage .coverage.* .mypy_cache .ruff_cache .pytest_cache .hypothesis .fuzz
