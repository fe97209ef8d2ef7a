# One command for each thing that people do here. Needs GNU make and Python 3.11 or newer.
#
#   make PYTHON=python3.12 demo          another Python
#   make TORCH_ARGS='--index-url URL'    where pip takes torch from: a build without CUDA is a tenth of the size
#   make JOBS=4 test                     more test processes

VENV ?= .venv
BIN := $(VENV)/bin
# The first that is new enough; `python3` where none is, so that the check below can say so.
PYTHON ?= $(or $(shell for p in python3 python3.13 python3.12 python3.11; do \
	$$p -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && echo $$p && break; done),python3)
JOBS ?= 2
TORCH_ARGS ?=
ARGS ?=

# Written last: a virtual environment without it is half-made, whatever is in it.
STAMP := $(VENV)/.complete

# Nothing here reaches out to a model hub: the encoder's weights come from a package.
HF_HUB_OFFLINE ?= 1
export HF_HUB_OFFLINE

.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help demo test lint docs clean

help:  ## show this
	@sed -n 's/^\([a-z]*\):.*## /  make \1\t/p' $(MAKEFILE_LIST) | expand -t 16

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "streamwatch needs Python 3.11 or newer, and $(PYTHON) is none: make PYTHON=/path/to/python3"; exit 1; }
	@rm -f $@
	@echo "Making the virtual environment $(VENV) (seconds) ..."
	@$(BIN)/python -m pip --version >/dev/null 2>&1 || $(PYTHON) -m venv --clear $(VENV)
	@echo "Installing torch: a large download, one to ten minutes the first time ..."
	@$(BIN)/python -m pip install -c constraints.txt $(TORCH_ARGS) torch
	@echo "Installing streamwatch and what it needs: one to five minutes the first time ..."
	@$(BIN)/python -m pip install -c constraints.txt -e '.[embedded,dev]'
	@touch $@

demo: $(STAMP)  ## a day of news with three incidents, on a broker and a Redis of its own (ARGS='--help' for more)
	@$(BIN)/streamwatch demo $(ARGS)

lint: $(STAMP)  ## style and types, about a minute
	@echo "ruff (seconds) ..."
	@$(BIN)/ruff check
	@$(BIN)/ruff format --check
	@echo "mypy (half a minute, the first time more) ..."
	@$(BIN)/mypy
	@$(BIN)/mypy agents

# One thread of torch for each process: two processes with all cores each would only wait for each other.
# A file's tests stay in one process, because what they share (an adapter trained in seconds, a broker) is made once there. Files go
# in their order: the long ones (browser, integration) come first, and the many short ones fill both processes at the end.
test: lint  ## style, types and all tests with their doctests, about ten minutes on two cores
	@echo "pytest, $(JOBS) processes (about ten minutes on two cores) ..."
	@OMP_NUM_THREADS=1 TOKENIZERS_PARALLELISM=false $(BIN)/python -m pytest -n $(JOBS) --dist loadfile --no-loadscope-reorder -q $(ARGS)

docs: $(STAMP)  ## write schemas/ and docs/settings.md anew from the code
	@$(BIN)/streamwatch schemas
	@$(BIN)/streamwatch settings --markdown > docs/settings.md.new && mv docs/settings.md.new docs/settings.md

clean:  ## remove what was built and cached; the virtual environment stays (rm -r .venv)
	rm -rf build dist *.egg-info .ruff_cache .mypy_cache .hypothesis .pytest_cache
	find streamwatch agents schemas tests -name __pycache__ -type d -prune -exec rm -rf {} +
