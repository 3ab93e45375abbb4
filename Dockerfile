# The project, set up: what `make setup` makes, in an image. Written without a container engine at hand
# and not built yet: tell us where it fails.
#
#   docker build --tag fimscope .
#   docker run --volume "$PWD/results:/fimscope/results" fimscope          # make run
#   docker run --volume "$PWD/results:/fimscope/results" fimscope make demo
FROM python:3.11-slim-bookworm
RUN apt-get update \
    && apt-get install --yes --no-install-recommends git make \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /fimscope
COPY . .
# What pip and npm keep of downloads is of no use in an image.
ENV PIP_NO_CACHE_DIR=1
RUN export npm_config_cache="$(mktemp -d)" && make setup && rm -r "$npm_config_cache"
CMD ["make", "run"]
