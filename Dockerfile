# The project, set up: what `make setup` makes, in an image. In a clone, whose results/ it fills:
#
#   docker build --tag fimscope .
#   docker run --rm -it --user "$(id -u):$(id -g)" --volume "$PWD/results:/fimscope/results" fimscope make demo
#
# Without its last two words, make run. Both need no network; a model or a source from elsewhere does.
# `make run-qwen` installs more, as root alone may: without --user.
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make tini \
    && rm -rf /var/lib/apt/lists/* \
    && git config --system safe.directory /fimscope
WORKDIR /fimscope
# PyPI's torch is the one for GPUs too, some GB larger; --build-arg PIP_FIND_LINKS=<the page of PyTorch's
# wheels for CPUs>, of which the lock has the hash, makes the image 3 GB.
ARG PIP_FIND_LINKS
# What the set-up reads comes first, so that a change of code does not install anew.
COPY Makefile .npmrc package.json package-lock.json requirements.lock requirements-cuda.lock ./
COPY setup setup
# What pip and npm keep of downloads is of no use in an image.
RUN export PIP_NO_CACHE_DIR=1 npm_config_cache="$(mktemp -d)" && make setup && rm -r "$npm_config_cache"
COPY . .
# A lock that was checked out again is newer and yet the same: no reason to install at each run.
RUN touch .venv/.installed node_modules/.installed
# A user of any number, without a home or a name, may run it, and any command of the docs.
RUN install --directory --mode=777 .snakemake
ENV HOME=/tmp USER=fimscope PATH=/fimscope/.venv/bin:$PATH
# As the first process of a container, make would be deaf to Ctrl-C and to `docker stop`.
ENTRYPOINT ["tini", "-g", "--"]
CMD ["make", "run"]
