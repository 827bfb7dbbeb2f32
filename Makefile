# The whole set-up behind each target: `make demo` and `make test` work on a bare machine with Python.

# the first of these that can make an environment is taken; PYTHON=/path/to/python names another
PYTHON ?= python3.11 python3.12 python3.13 python3
VENV := .venv
BIN := $(VENV)/bin
# the packages, and two small networks that come out of one download
NETWORKS := $(addprefix resources/weights/,selfie_segmentation.tflite face_landmark.tflite)
READY := $(VENV)/ready $(NETWORKS)
CORES ?= $(shell nproc)
export PATH := $(CURDIR)/$(BIN):$(PATH)
export PYTHONPATH := workflow/scripts
# packages of the user's own site folder stay out
export PYTHONNOUSERSITE := 1

.PHONY: help setup demo draw test test-fast test-cluster lint bench gpu-check estimate clean-replaced board pins config-docs

help:  ## this list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 22

# make setup ONNX=1 IDENTITY=1: with the extras of requirements-onnx.txt and requirements-identity.txt
setup: $(READY) $(if $(ONNX),$(VENV)/ready-onnx) $(if $(IDENTITY),$(VENV)/ready-identity)  ## every package, pinned, and the command photosketch into .venv (ONNX=1, IDENTITY=1: with extras)

$(VENV)/ready: requirements.txt pyproject.toml
	@case '$(CURDIR)' in *[\ {}]*) \
	  echo "Snakemake starts no job under a path with a space or a brace: move $(CURDIR)"; exit 1;; esac
	@for python in $(PYTHON); do \
	  if $$python -c 'import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' \
	    2> /dev/null; then \
	    echo "$$($$python --version), called $$python"; exec $$python -m venv $(VENV); \
	  fi; \
	done; \
	echo "None of $(PYTHON) is a Python 3.11, 3.12 or 3.13 with venv (Debian, Ubuntu:" \
	  "apt install python3 python3-venv). Set PYTHON=/path/to/python"; exit 1
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps --no-build-isolation --editable .
	touch $@

# a pattern of two targets is one recipe for both
%/selfie_segmentation.tflite %/face_landmark.tflite: | $(VENV)/ready
	$(BIN)/python -m photosketch.data.weights

$(VENV)/ready-%: requirements-%.txt $(VENV)/ready
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r $<
	touch $@

demo: $(READY)  ## the whole workflow on generated faces, minutes
	$(BIN)/snakemake --cores $(CORES) --configfile config/demo.yaml

# a variable as one word of the shell, as it was typed: with spaces, apostrophes and dollars
quoted = '$(subst ','\'',$(value $(1)))'

OUTPUT ?= results/draw
draw: $(READY)  ## sketches of your own photos (PHOTOS=folder, MODEL=generator.safetensors of a run)
	@test -n $(call quoted,PHOTOS) || { echo "usage: make draw PHOTOS=folder [MODEL=results/RUN/train/ABLATION/seed0/generator_epochN.safetensors] [OUTPUT=folder] [FORCE=1]"; exit 1; }
	$(BIN)/photosketch draw $(if $(value MODEL),$(call quoted,MODEL)) $(call quoted,PHOTOS) \
	  --output $(call quoted,OUTPUT) $(if $(FORCE),--force)

# one more than there are cores, up to four: some tests wait
WORKERS ?= $(shell cores=$$(nproc); echo $$((cores < 3 ? cores + 1 : 4)))
test: $(READY) $(VENV)/ready-onnx  ## all tests but those on a cluster
	$(BIN)/python -m pytest -n $(WORKERS) --dist worksteal

test-fast: $(READY) $(VENV)/ready-onnx  ## the tests that take seconds (another Python: VENV=.venv-second PYTHON=python3.13)
	$(BIN)/python -m pytest -m 'not slow' -n $(WORKERS) --dist worksteal

# the slurm profile on two nodes that are this machine; SLURM comes by apt: needs root
test-cluster: $(READY)  ## the SLURM profile on two nodes that are this machine (root, Debian)
	tests/cluster/install-slurm.sh
	timeout --signal=INT --kill-after=60 2700 $(BIN)/python -m pytest tests/cluster

# in scripts mypy does not know the name snakemake; ruff finds names that are not defined
lint: $(VENV)/ready  ## style, types, the workflow's own lint
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/snakefmt --check Snakefile workflow
	$(BIN)/mypy
	$(BIN)/mypy --disable-error-code name-defined workflow/scripts/*.py
	$(BIN)/snakemake --lint --configfile config/demo.yaml

bench: $(READY)  ## every measurement, to results/bench.json
	$(BIN)/python tests/bench.py

# what it looks at: docs/gpu.md
gpu-check: $(READY)  ## is everything right on the GPU at hand, and how fast?
	$(BIN)/python tests/gpu_check.py

estimate: $(READY)  ## what a run is going to take (CONFIG=my.yaml)
	$(BIN)/photosketch estimate $(CONFIG)

RUN ?= cufs
PORT ?= 6006

# at http://127.0.0.1:6006, for this machine alone: the strips show people
board: $(VENV)/ready  ## watch trainings in TensorBoard (RUN=name of the run, PORT=6006)
	@test -d results/$(RUN)/train || { echo "results/$(RUN)/train: no training of this run yet (RUN=name)"; exit 1; }
	$(BIN)/tensorboard --logdir results/$(RUN)/train --host 127.0.0.1 --port $(PORT)

clean-replaced: $(VENV)/ready  ## remove trainings of earlier values (RUN=name of the run)
	$(BIN)/python -m photosketch.training.kept_trainings results/$(RUN)

config-docs: $(VENV)/ready  ## write the schema and the table of config/README.md from the settings
	$(BIN)/python -m photosketch.configuration.reference

# after editing requirements.in: pin what a fresh environment resolves to, for pip and for conda
# (the pins of the extras are made by hand: tests/unit/test_pins.py says what they lack)
pins:  ## renew the pins after editing requirements.in
	$(firstword $(PYTHON)) -m venv .venv-pins
	.venv-pins/bin/python -m pip install --quiet -r requirements.in
	{ echo "# Written by 'make pins' from requirements.in: every package, transitive ones too."; \
	  .venv-pins/bin/python -m pip freeze --all --exclude pip; } > requirements.txt
	{ echo "# Written by 'make pins': the pins of requirements.txt, listed because Snakemake copies only this file."; \
	  printf 'name: photosketch\nchannels: [conda-forge, nodefaults]\ndependencies:\n  - python=3.11\n  - pip\n  - pip:\n'; \
	  sed -n '/^[^#]/s/^/      - /p' requirements.txt; } > environment.yml
	rm -rf .venv-pins
