# make bench   the first experiment, end to end
# make test    the test suite, ruff and mypy
#
# Tests run in two processes of one thread each: two of many threads would slow each other down.
# Both set up .venv first, where it is missing or older than what it is made from.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.made-from-constraints

.PHONY: bench test env clean

bench: $(STAMP)
	$(BIN)/pytest bench -k bert_layer_noise

test: $(STAMP)
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	OMP_NUM_THREADS=1 $(BIN)/pytest tests -n 2 --dist loadfile

env: $(STAMP)

# uv reads the same packages from the same index as pip, in seconds where pip takes minutes.
$(STAMP): pyproject.toml constraints.txt
	$(PYTHON) -m venv --clear $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check uv
	$(BIN)/uv pip install --quiet --python $(BIN)/python --constraint constraints.txt --editable '.[dev]'
	touch $@

clean:
	rm -rf $(VENV)
