# `make` lists the targets: the text after `##` is a target's description.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:

PY   := .venv/bin/python
PIP  := $(PY) -m pip install --quiet -c constraints.txt
JOBS ?= 2
COUNT ?= 1000000
SECONDS_LONG ?= 600

.PHONY: help
help:  ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / {printf "  make %-10s %s\n", $$1, $$2}' $(firstword $(MAKEFILE_LIST))

# Two environments in one folder: training needs the core alone, the tests need more.
.venv/stamp-venv:
	python3.11 -m venv .venv || python3 -m venv .venv
	@touch $@

.venv/stamp-core: pyproject.toml constraints.txt | .venv/stamp-venv
	$(PIP) -e .
	@touch $@

.venv/stamp-test: pyproject.toml constraints.txt | .venv/stamp-venv
	$(PIP) -e '.[test,check]'
	@touch $@ .venv/stamp-core

.PHONY: train
train: .venv/stamp-core  ## train the packaged handwritten digits and print the accuracy on held-out images
	.venv/bin/modelspec train specs/digits.yaml --run runs/digits

# One thread a worker; what measures time runs alone, afterwards (exit 5: no such test).
PYTEST := OMP_NUM_THREADS=1 MKL_NUM_THREADS=1 $(PY) -m pytest -q
.PHONY: test
test: .venv/stamp-test  ## run every test (JOBS=2 workers)
	$(PYTEST) -n $(JOBS) --dist loadfile -m 'not nightly and not timing' tests
	$(PYTEST) -m 'timing and not nightly' tests || [ $$? -eq 5 ]

# The editor's side of the JSON Schema; it needs node and npm.
.venv/stamp-editors: Makefile | .venv/stamp-venv
	npm install --silent --no-audit --no-fund --prefix .venv/node yaml-language-server@1.25.0
	@touch $@

.PHONY: editors
editors: .venv/stamp-test .venv/stamp-editors  ## check the JSON Schema in yaml-language-server (needs node)
	$(PYTEST) tests/cli/test_language_server.py tests/model/test_schema.py tests/model/test_schema_mutations.py

.PHONY: fuzz
fuzz: .venv/stamp-test  ## damage the specs a million times, or until interrupted (COUNT=1000000)
	OMP_NUM_THREADS=1 $(PY) -m tests.fuzzing $(COUNT)

.venv/stamp-fuzz: .venv/stamp-test
	$(PIP) -e '.[fuzz]'
	@touch $@

.PHONY: fuzz-text
fuzz-text: .venv/stamp-fuzz  ## look for texts that reach new code, by coverage (SECONDS_LONG=600)
	OMP_NUM_THREADS=1 $(PY) -m tests.fuzz.text -max_total_time=$(SECONDS_LONG)

.PHONY: check
check: .venv/stamp-test  ## lint, format, types, and the rules of the house
	$(PY) -m ruff check .
	$(PY) -m ruff format --check .
	$(PY) -m mypy
	$(PYTEST) tests/architecture

.PHONY: bench
bench: .venv/stamp-test  ## measure speed against hand-written PyTorch and Keras; prints ratios
	$(PY) -m bench

.PHONY: docs
docs: .venv/stamp-core  ## write the reference pages into docs/ from the catalogue, and from Keras if it is there
	$(PY) tools/make_docs.py
	$(PY) tools/keras_table.py

.PHONY: snapshots
snapshots: .venv/stamp-test  ## accept what the snapshot tests now see; read the diff before committing
	$(PYTEST) --update-snapshots tests
