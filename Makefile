# `make run` and `make test` set up what they need, once, from the locks, and then do their work.
.PHONY: run demo run-qwen test test-unit test-cluster lint docs figures gallery lock setup clean
.DELETE_ON_ERROR:

# The make of macOS, 3.81, looks for a lone command on the PATH that it was started with; not so by
# a shell, and only the default one is ever left out.
SHELL := /bin/bash

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

run: setup  ## raw TypeScript to a report, on the model that ships with the project
	@snakemake $(ARGS) || { status=$$?; \
	  [ $$status != 137 ] || echo "The run was killed, most often for want of memory: give it 4 GB," \
	    "then run the same command again; it goes on where it stopped."; exit $$status; }

demo: setup  ## the whole path at a small size, in two minutes
	@$(MAKE) --no-print-directory run ARGS="--configfile config/demo.yaml $(ARGS)"

test: setup  ## all tests, by two processes
	OMP_NUM_THREADS=1 pytest -n 2

test-unit: setup  ## those without a model, Node or another process: under a minute
	OMP_NUM_THREADS=1 pytest -n 2 -m unit

test-cluster: setup $(VENV)/.slurm  ## the tests on a Slurm of this machine's own; as root, on Debian
	which slurmctld slurmd sbatch munged > /dev/null || \
	  apt-get install --yes --no-install-recommends slurmctld slurmd slurm-client munge
	pytest -m cluster -rs

lint: setup  ## formatters and linters, as the tests run them
	ruff check . && ruff format --check .
	snakefmt --check Snakefile rules
	snakemake --lint

docs: setup $(VENV)/.docs  ## the pages as a site, in results/docs
	python scripts/write_schemas.py --out docs/tables.md
	PYTHONPATH=scripts python tests/helpers/checked_types.py docs/model.md
	PYTHONWARNINGS="ignore:IProgress not found" mkdocs build --strict

run-qwen: setup $(VENV)/.qwen  ## the study of Qwen2.5-Coder-1.5B on this machine: 1 GB to fetch
	@$(MAKE) --no-print-directory run ARGS="--configfile config/qwen2.5-coder-1.5b.yaml $(ARGS)"

PAGES = README.md docs/index.md docs/findings.md models/embedded/README.md
MACROS = docs/figures.j2 docs/findings.j2

figures: setup  ## every figure of README and cards, from docs/studies and what results/ has anew
	python scripts/write_figures.py --studies docs/studies --results $(wildcard results/*) \
	  --macros $(MACROS) --pages $(PAGES)

STUDIES ?= results/embedded

gallery: setup  ## docs/gallery of finished studies, STUDIES="results/one results/two", and README's picture
	python scripts/write_gallery.py --studies $(STUDIES) --out docs/gallery $(ARGS)
	python scripts/picture_explorer.py --out docs/images/explorer.png \
	  --explorer docs/gallery/$(notdir $(firstword $(STUDIES)))/explorer.html

lock: $(VENV)/.locks  ## the locks from the pins; ARGS=--upgrade takes the newest of what no pin names
	python setup/lock.py $(ARGS)

setup: $(VENV)/.installed node_modules/.installed

$(VENV)/.installed: requirements.lock requirements-cuda.lock
	@$(PYTHON) setup/install.py venv

$(VENV)/.%: requirements-%.lock $(VENV)/.installed
	@python setup/install.py extra $*

node_modules/.installed: package-lock.json .npmrc $(VENV)/.installed
	@$(PYTHON) setup/install.py modules

clean:  ## all results, the cache of parts too, not the installed packages
	rm -rf results/*/ .snakemake
