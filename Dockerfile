# Image of the operator and of the jobs for sweep and uninstall. It has never been built:
# the project is developed without a container engine. Pin the base image by its digest:
#   docker build --build-arg BASE=python:3.13-slim@sha256:… -t localhost/argogrant:0.1.0 .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
RUN python -m venv /opt/argogrant \
 && /opt/argogrant/bin/pip install --require-hashes --only-binary=:all: -r requirements.txt
# The build tool is pinned in pyproject.toml and is not part of the image.
COPY requirements-dev.txt pyproject.toml README.md LICENSE ./
COPY operator operator
RUN python -m venv /tmp/tools \
 && /tmp/tools/bin/pip install --require-hashes --only-binary=:all: -r requirements-dev.txt \
 && /tmp/tools/bin/pip wheel --no-build-isolation --no-deps -w /tmp/wheels . \
 && /opt/argogrant/bin/pip install --no-deps --no-index /tmp/wheels/*.whl

FROM ${BASE}
COPY --from=build /opt/argogrant /opt/argogrant
ENV PATH=/opt/argogrant/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
# One heap for all threads: they do little and wait for each other, and memory that one of
# them frees would not be available to the others.
ENV MALLOC_ARENA_MAX=1
USER 65532:65532
ENTRYPOINT ["argogrant"]
