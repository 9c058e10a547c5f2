# make bench     the first experiment, end to end
# make test      the test suite, ruff and mypy
# make fuzz      2,000 odd inputs, for half an hour; see tests/fuzz/__main__.py
# make nightly   a night: measure, write results and report, add to the history, say what regressed
# make releases  the same cases under several releases of aihwkit
# make docs      the documentation as a site, in site/, with the board of the measured results
#
# Tests run in two processes of one thread each: two of many threads would slow each other down.
# All set up .venv first, where it is missing or older than what it is made from.

# Tests start dozens of processes. Without stored bytecode, which some environments switch off, each
# would compile torch and all the rest anew, for six seconds.
export PYTHONDONTWRITEBYTECODE :=

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints

# For pytest, in nightly and releases: make nightly PYTEST_ARGS="-k bert --budget nightly"
PYTEST_ARGS ?=
# Where the nights are kept, and where a night's results go.
HISTORY ?= runs/history
OUT ?= runs
# The results that nightly-history and nightly-issues are about.
RUNS ?= $(OUT)
RELEASES ?= 1.1.0 1.2.0
RELEASES_ARGS ?=
ISSUES_ARGS ?=

FUZZ_ARGS ?=

.PHONY: bench test fuzz nightly nightly-history nightly-issues releases docs env clean

bench: $(STAMP)
	$(BIN)/pytest bench -k bert_layer_noise

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest tests -n 2 --dist loadfile --no-loadscope-reorder

fuzz: $(STAMP)
	OMP_NUM_THREADS=1 $(BIN)/python -m tests.fuzz $(FUZZ_ARGS)

nightly: $(STAMP)
	$(BIN)/analog-bench nightly run --history $(HISTORY) --out $(OUT) -- $(PYTEST_ARGS)

nightly-history: $(STAMP)
	$(BIN)/analog-bench history $(RUNS) --export $(HISTORY)

nightly-issues: $(STAMP)
	$(BIN)/analog-bench nightly issues $(ISSUES_ARGS) $(RUNS)

releases: $(STAMP)
	$(BIN)/analog-bench releases $(RELEASES_ARGS) $(RELEASES) $(PYTEST_ARGS)

docs: $(STAMP)
	$(BIN)/mkdocs build --strict --site-dir site
	$(BIN)/analog-bench board docs/results/*-drift.json -o site/board
	$(BIN)/analog-bench report docs/results/night.json -o site/night-report.html

env: $(STAMP)

# uv reads the same packages from the same index as pip, in seconds where pip takes minutes.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV) site
