# The whole set-up behind each target: `make demo` and `make test` work on a bare machine with Python 3.11.

PYTHON ?= python3.11
BIN := .venv/bin
CORES ?= $(shell nproc)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := workflow/scripts
# packages of the user's own site folder stay out
export PYTHONNOUSERSITE := 1

.PHONY: setup demo test test-cluster lint bench gpu-check estimate pins

# make setup ONNX=1 IDENTITY=1: with the extras of requirements-onnx.txt and requirements-identity.txt
setup: .venv/ready $(if $(ONNX),.venv/ready-onnx) $(if $(IDENTITY),.venv/ready-identity)

.venv/ready: requirements.txt
	@case '$(CURDIR)' in *' '*) echo "Snakemake starts no job under a path with a space: move $(CURDIR)"; exit 1;; esac
	@$(PYTHON) -c 'import sys, venv, ensurepip; sys.exit(sys.version_info[:2] < (3, 11))' \
	  || { echo "Python 3.11 with venv is needed: set PYTHON=/path/to/python3.11"; exit 1; }
	$(PYTHON) -m venv .venv
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

.venv/ready-%: requirements-%.txt .venv/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

resources/demo/pairs.tsv: | .venv/ready
	$(BIN)/python -m photosketch.demo resources/demo

# narrow networks gain nothing from a second thread: one thread a job, as many jobs as cores
demo: .venv/ready resources/demo/pairs.tsv
	$(BIN)/snakemake --cores $(CORES) --resources gpu=$(CORES) --max-threads 1 \
	  --configfile config/demo.yaml
	@echo "see results/demo/comparison/index.html"

test: .venv/ready .venv/ready-onnx
	$(BIN)/python -m pytest -n auto --maxprocesses 4

# the slurm profile on two nodes that are this machine; SLURM comes by apt: needs root
test-cluster: .venv/ready
	tests/cluster/install-slurm.sh
	timeout --signal=INT --kill-after=60 1800 $(BIN)/python -m pytest tests/cluster

lint: .venv/ready resources/demo/pairs.tsv
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/mypy workflow/scripts/*.py
	$(BIN)/snakemake --lint --configfile config/demo.yaml

bench: .venv/ready resources/demo/pairs.tsv
	$(BIN)/python tests/bench.py

# is everything right on the GPU at hand, and how fast? (docs/gpu.md)
gpu-check: .venv/ready
	$(BIN)/python tests/gpu_check.py

# what a run is going to take; CONFIG names an overlay: make estimate CONFIG=my.yaml
estimate: .venv/ready
	$(BIN)/python -m photosketch.estimate $(CONFIG)

# after editing requirements.in: pin what a fresh environment resolves to, for pip and for conda
# (the pins of the extras are made by hand: tests/unit/test_pins.py says what they lack)
pins:
	$(PYTHON) -m venv .venv-pins
	.venv-pins/bin/python -m pip install --quiet -r requirements.in
	{ echo "# Written by 'make pins' from requirements.in: every package, transitive ones too."; \
	  .venv-pins/bin/python -m pip freeze; } > requirements.txt
	{ echo "# Written by 'make pins': the pins of requirements.txt, listed because Snakemake copies only this file."; \
	  printf 'name: photosketch\nchannels: [conda-forge, nodefaults]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n'; \
	  sed -n '/^[^#]/s/^/      - /p' requirements.txt; } > environment.yml
	rm -rf .venv-pins
