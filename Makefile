# Two commands: `make demo` trains a first network, `make test` checks everything.
# Both make .venv and install the pinned environment of constraints.txt first.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
RUN ?= runs/demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help demo test lint types unit format results clean

help:
	@echo "make demo     train a network with a feedback loop on handwritten digits"
	@echo "make test     lint, types and tests"
	@echo "make format   format the code"
	@echo "make results  make the pages of figures in docs/ from results/"
	@echo "make clean    remove .venv and caches"

demo: $(VENV)/.installed
	$(BIN)/loopynet train digits-loopy --run $(RUN)

test: lint types unit

lint: $(VENV)/.installed-dev
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .

types: $(VENV)/.installed-dev
	$(BIN)/mypy

unit: $(VENV)/.installed-dev
	$(BIN)/pytest

format: $(VENV)/.installed-dev
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

results: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/results_page.py
	$(BIN)/python benchmarks/performance_page.py
	$(BIN)/python benchmarks/systems_page.py

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "loopynet needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt | $(BIN)/pip
	$(BIN)/pip install --quiet --disable-pip-version-check -c constraints.txt -e ".[dev]"
	@touch $@ $(VENV)/.installed
