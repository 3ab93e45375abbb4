# `make run` and `make test` set up what they need, once, from the pins, and then do their work.
.PHONY: run test test-cluster lint docs setup clean
.DELETE_ON_ERROR:

PYTHON ?= python3
VENV := .venv
export PATH := $(CURDIR)/$(VENV)/bin:$(PATH)

# Snakemake's own lock outlives a kill; one that the system holds ends with its process.
LOCK := $(if $(shell command -v flock),flock --nonblock --conflict-exit-code 75 $(VENV)/.lock)
SNAKEMAKE := $(LOCK) snakemake $(if $(LOCK),--nolock) --profile profiles/default

run: setup  ## raw TypeScript to a report, on the model that ships with the project
	@$(SNAKEMAKE) $(ARGS) || { status=$$?; \
	  [ $$status = 75 ] && echo "Another run is going on in this folder; wait for it to end."; \
	  exit $$status; }
	@ls results/*/report.html

test: setup  ## all tests, by two processes
	OMP_NUM_THREADS=1 pytest -n 2

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
	mkdocs build --strict

setup: $(VENV)/.installed node_modules/.installed

$(VENV)/.installed: requirements.txt
	test -x $(VENV)/bin/python || $(PYTHON) -m venv $(VENV)
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	touch $@

$(VENV)/.slurm: requirements-slurm.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-slurm.txt
	touch $@

$(VENV)/.docs: requirements-docs.txt $(VENV)/.installed
	$(VENV)/bin/python -m pip install --quiet --disable-pip-version-check -r requirements-docs.txt
	touch $@

node_modules/.installed: package-lock.json .npmrc $(VENV)/.installed
	npm ci --no-progress --loglevel=error
	touch $@

clean:  ## all results, the cache of parts too, not the installed packages
	rm -rf results/source results/*/ .snakemake
