# Each target does its own set-up; what is already done is not done again.
PYTHON ?= python3.11
VENV := .venv
BIN := $(VENV)/bin
STAMP := $(VENV)/.installed

.DEFAULT_GOAL := help
.PHONY: help setup index chat test lint bench clean

help:  ## list the targets
	@grep -E '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:[^#]*## /\t/' | expand -t 10

$(STAMP): pyproject.toml constraints.txt
	@command -v $(PYTHON) >/dev/null || { echo "make: needs Python 3.11; set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -e '.[dev]'
	@touch $(STAMP)

setup: $(STAMP)  ## make .venv and install what constraints.txt pins

index: $(STAMP)  ## build the index of seeds/, or bring it up to date
	@$(BIN)/python -m rag index

chat: index  ## open the chat page
	@$(BIN)/python app.py

test: $(STAMP)  ## run every test, a file at a time in each of two processes
	@$(BIN)/python -m pytest -n 2 --dist loadfile

lint: $(STAMP)  ## check style and types
	@$(BIN)/ruff check . && $(BIN)/ruff format --check . && $(BIN)/mypy

bench: $(STAMP)  ## measure; needs the data folder named by RAG_BENCH_DATA for the larger part
	@$(BIN)/python tests/benchmarks/bench.py

clean:  ## remove the virtual environment, the built index and caches; what people added stays
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis *.egg-info build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	find index -mindepth 1 -maxdepth 1 ! -name README.md ! -name uploads ! -name feedback ! -name runs -exec rm -rf {} +
