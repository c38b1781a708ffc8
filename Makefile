# `make` prints the targets. VENV=folder takes another environment, PYTHON=python3.12 another Python,
# PIP_ARGS="..." is handed to pip (for instance an index with CPU-only builds of torch).

PYTHON ?= python3
VENV ?= .venv
PIP_ARGS ?=
FUZZ_CASES ?= 100000
BIN := $(VENV)/bin
# Written last, so that a broken installation is taken up again; older than pyproject.toml, it is brought up to date.
PACKAGE := $(VENV)/.package-installed
TOOLS := $(VENV)/.tools-installed

.DEFAULT_GOAL := help
.PHONY: help install demo test test-fast fuzz sweep kills figures lint format wheel lowest clean

help: ## print these targets
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed 's/:.*## /\t/' | expand -t 12

install: $(TOOLS) ## environment in .venv with the package (editable) and the developers' tools

$(PACKAGE): pyproject.toml
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install $(PIP_ARGS) --quiet "pip>=25.1"
	$(BIN)/python -m pip install $(PIP_ARGS) --quiet -e .
	touch $@

$(TOOLS): $(PACKAGE)
	$(BIN)/python -m pip install $(PIP_ARGS) --quiet --group dev
	touch $@

demo: $(PACKAGE) ## invert the embedded photo with the embedded prior, and say where the report lies
	$(BIN)/python -m ganinv.run dataset=demo

test: lint ## everything that must pass: lint, types, all tests
	$(BIN)/python -m pytest -q

test-fast: $(TOOLS) ## tests without the slow ones
	$(BIN)/python -m pytest -q -m "not slow"

fuzz: $(TOOLS) ## 100,000 broken checkpoints (make test takes 2,000); FUZZ_CASES=… takes another number
	GANINV_FUZZ_CASES=$(FUZZ_CASES) $(BIN)/python -m pytest -q tests/generator/foreign/fuzz

sweep: $(TOOLS) ## a sweep of 24 jobs, of which two fail and one is killed
	GANINV_NIGHTLY=1 $(BIN)/python -m pytest -q tests/test_sweep.py -k twenty_four

kills: $(TOOLS) ## a training that is killed ten times, and ends as one that was not
	GANINV_NIGHTLY=1 $(BIN)/python -m pytest -q tests/test_pretrain.py -k killed

figures: $(TOOLS) ## tables and plots of the pages, from docs/results/*.csv
	$(BIN)/python benchmarks/pages.py
	$(BIN)/python benchmarks/plots.py

lint: $(TOOLS) ## form, lint and types
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/pyright --pythonpath $(BIN)/python

format: $(TOOLS) ## put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

wheel: $(TOOLS) ## sdist, and from it the wheel, in dist/
	$(BIN)/python -m build

lowest: ## tests with the lowest versions that pyproject.toml allows, in .venv-lowest
	$(PYTHON) -m venv .venv-lowest
	.venv-lowest/bin/python -m pip install $(PIP_ARGS) --quiet uv
	.venv-lowest/bin/uv pip install --python .venv-lowest --resolution lowest-direct -e . --group dev
	.venv-lowest/bin/python -m pytest -q

clean: ## remove build products and caches; runs/ and .venv stay
	rm -rf dist build .pytest_cache .ruff_cache
	find ganinv tests conf -name __pycache__ -type d -prune -exec rm -rf {} +
