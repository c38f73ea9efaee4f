# The image of the operator, its sweep and its uninstall. It was never built: where it was
# written there is no container engine. Give the digest of the base image that you trust:
#   docker build --build-arg BASE=python:3.13-slim@sha256:… -t argogrant:0.1.0 .
ARG BASE=python:3.13-slim

FROM ${BASE} AS build
WORKDIR /src
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
COPY requirements.txt ./
RUN python -m venv /opt/argogrant \
 && /opt/argogrant/bin/pip install --require-hashes --only-binary=:all: -r requirements.txt
# The build tool is pinned as in pyproject.toml; it does not get into the image.
COPY requirements-dev.txt pyproject.toml README.md LICENSE ./
COPY operator operator
RUN python -m venv /tmp/tools \
 && /tmp/tools/bin/pip install --require-hashes --only-binary=:all: -r requirements-dev.txt \
 && /tmp/tools/bin/pip wheel --no-build-isolation --no-deps -w /tmp/wheels . \
 && /opt/argogrant/bin/pip install --no-deps --no-index /tmp/wheels/*.whl

FROM ${BASE}
COPY --from=build /opt/argogrant /opt/argogrant
ENV PATH=/opt/argogrant/bin:$PATH PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
USER 65532:65532
ENTRYPOINT ["argogrant"]
