# Two commands: `make demo` trains a first network, `make test` checks everything.
# Both make .venv and install the pinned environment first: every file is compared with the hashes in
# requirements/, but those of torch, of which each platform and index has its own build.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/pip install --quiet --disable-pip-version-check
TOOLS := $(VENV)-tools
LOCK := $(TOOLS)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes \
  --no-annotate --custom-compile-command "make lock"
# What a build of torch for NVIDIA's cards brings along, and those for the processor do not.
UNHASHED := torch triton cuda-bindings cuda-pathfinder cuda-toolkit nvidia-cublas \
  nvidia-cuda-cupti nvidia-cuda-nvrtc nvidia-cuda-runtime nvidia-cudnn-cu13 nvidia-cufft \
  nvidia-cufile nvidia-curand nvidia-cusolver nvidia-cusparse nvidia-cusparselt-cu13 \
  nvidia-nccl-cu13 nvidia-nvjitlink nvidia-nvshmem-cu13 nvidia-nvtx
RUN ?= runs/demo-$(shell date +%Y%m%d-%H%M%S)

.PHONY: help demo test lint types unit format docs results lock api audit sbom reliability \
  reliability-fuzz clean

help:
	@echo "make demo     train a network with a feedback loop on handwritten digits"
	@echo "make test     lint, types and tests"
	@echo "make format   format the code"
	@echo "make docs     write the site of docs/ to build/site"
	@echo "make results  make the pages of figures in docs/ from results/"
	@echo "make lock     renew requirements/ from pyproject.toml and constraints.txt"
	@echo "make api      renew tests/api/public.txt after a change of the public API"
	@echo "make audit    compare the pinned packages with known vulnerabilities (needs the network)"
	@echo "make sbom     write build/sbom.json: what is installed, as CycloneDX"
	@echo "make reliability  kill runs, measure memory and checks, fuzz (hours)"
	@echo "make reliability-fuzz  fuzz every reader (hours; can be stopped and continued)"
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

docs: $(VENV)/.installed-dev
	NO_MKDOCS_2_WARNING=1 $(BIN)/mkdocs build --strict

results: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/results_page.py
	$(BIN)/python benchmarks/performance_page.py
	$(BIN)/python benchmarks/systems_page.py
	$(BIN)/python benchmarks/reliability_page.py
	$(BIN)/python benchmarks/reliability/security_page.py

clean:
	rm -rf $(VENV) $(TOOLS) .mypy_cache .ruff_cache .pytest_cache .hypothesis build dist

$(BIN)/pip:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "loopynet needs Python 3.11 or newer; $(PYTHON) is older: make PYTHON=python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)

$(VENV)/.installed: pyproject.toml constraints.txt requirements/runtime.txt | $(BIN)/pip
	$(PIP) --require-hashes --no-deps -r requirements/runtime.txt
	$(PIP) -c constraints.txt torch
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@

$(VENV)/.installed-dev: pyproject.toml constraints.txt requirements/dev.txt | $(BIN)/pip
	$(PIP) --require-hashes --no-deps -r requirements/dev.txt
	$(PIP) -c constraints.txt torch
	$(PIP) --no-deps --no-build-isolation -e .
	@touch $@ $(VENV)/.installed

# The tools of lock, audit and sbom stand apart: nothing that runs or is tested depends on them.
$(TOOLS)/.installed: requirements/tools.txt
	$(PYTHON) -m venv $(TOOLS)
	$(TOOLS)/bin/pip install --quiet --disable-pip-version-check --require-hashes -r $<
	@touch $@

lock: $(TOOLS)/.installed
	$(LOCK) $(UNHASHED:%=--no-emit-package %) -c constraints.txt pyproject.toml \
	  -o requirements/runtime.txt
	$(LOCK) $(UNHASHED:%=--no-emit-package %) -c constraints.txt pyproject.toml --extra dev \
	  -o requirements/dev.txt
	$(LOCK) requirements/tools.in -o requirements/tools.txt
	$(LOCK) requirements/fuzz.in -o requirements/fuzz.txt

api: $(VENV)/.installed-dev
	$(BIN)/python tests/api/public_api.py > tests/api/public.txt

audit: $(TOOLS)/.installed
	$(TOOLS)/bin/pip-audit --strict --disable-pip --require-hashes -r requirements/dev.txt
	$(TOOLS)/bin/pip-audit --strict --disable-pip --no-deps -r constraints.txt

sbom: $(VENV)/.installed $(TOOLS)/.installed
	@mkdir -p build
	$(TOOLS)/bin/cyclonedx-py environment --pyproject pyproject.toml --mc-type library \
	  --output-reproducible --of JSON -o build/sbom.json $(BIN)/python

reliability: $(VENV)/.installed-dev
	$(BIN)/python benchmarks/reliability/kills.py
	$(BIN)/python benchmarks/reliability/memory.py
	$(BIN)/python benchmarks/reliability/checks.py
	$(BIN)/python benchmarks/reliability/limits.py
	$(MAKE) reliability-fuzz results

reliability-fuzz: $(VENV)/.installed-dev
	$(PIP) --require-hashes --no-deps -r requirements/fuzz.txt
	$(BIN)/python benchmarks/reliability/fuzz.py
