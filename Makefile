# make demo   the main job on the virtual city, from policy to packets
# make test   every test, the lab's too
# make check  ruff, mypy, import-linter
# make bench  the figures in docs/benchmarks.md
# make soak   the long randomised runs
.PHONY: demo test check bench soak setup lock
.DEFAULT_GOAL := help

PYTHON := .venv/bin/python

help:
	@sed -n 's/^# //p' Makefile

setup:
	@tools/setup.sh

demo: setup
	@$(PYTHON) tools/demo.py

test: setup
	@echo "test: unit and property tests, then the lab (real switches in network namespaces)"
	@$(PYTHON) -m pytest

check: setup
	@.venv/bin/ruff format --check .
	@.venv/bin/ruff check .
	@.venv/bin/mypy
	@.venv/bin/lint-imports

bench: setup
	@$(PYTHON) tests/benchmarks/whole_city.py
	@$(PYTHON) tests/benchmarks/prove_filters.py

SEED ?= $(shell date +%Y%m%d)
soak: setup
	@echo "soak: 25 times the examples of CI, seed $(SEED), commit $$(git rev-parse --short HEAD)"
	@TSUNAGU_SOAK=25 $(PYTHON) -m pytest -q -m "not lab" --hypothesis-seed=$(SEED) \
		tests/model tests/compile tests/prove tests/platforms

# Hashes and no addresses: the lock is good for any mirror.
lock:
	uv pip compile pyproject.toml --extra dev --python-version 3.11 --universal --generate-hashes \
		--no-emit-index-url --no-header -q -o requirements.lock
