# Two images of one package: `operator` (all roles) and `sidecar` (no kopf, no Kubernetes client).
#   docker build --target operator -t promptops:0.1.0 .
#   docker build --target sidecar -t promptops-sidecar:0.1.0 .
# Behind a package mirror: --secret id=pip.conf,src=FILE and, for its certificate authority, --secret id=ca.crt,src=FILE.
# Neither ends up in a layer. Any base with Python 3.11 or newer and its venv module will do.
ARG BASE=python:3.13-slim-bookworm

FROM ${BASE} AS dependencies
ENV PIP_CONFIG_FILE=/run/secrets/pip.conf \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_NO_CACHE_DIR=1 \
    PIP_REQUIRE_VIRTUALENV=0 \
    PIP_ROOT_USER_ACTION=ignore
WORKDIR /build
# pip stays out of the images: it lives here and installs from outside into /opt/promptops.
RUN python3 -m venv pip && python3 -m venv --without-pip /opt/promptops
# Ordered by how rarely each part changes: a change of code installs no dependency again.
# Bytecode is not checked against its source: the root file system is read-only, and copying may change a file's time.
COPY requirements/build.lock requirements/sidecar.lock requirements/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    pip/bin/pip install --require-hashes -r requirements/build.lock \
    && pip/bin/pip --python /opt/promptops/bin/python install --no-compile --require-hashes -r requirements/sidecar.lock \
    && /opt/promptops/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/promptops/lib \
    && cp -a /opt/promptops sidecar
COPY requirements/operator.lock requirements/
RUN --mount=type=secret,id=pip.conf --mount=type=secret,id=ca.crt \
    pip/bin/pip --python /opt/promptops/bin/python install --no-compile --require-hashes -r requirements/operator.lock \
    && /opt/promptops/bin/python -m compileall -q --invalidation-mode unchecked-hash /opt/promptops/lib

# Apart from the dependencies, so that their layers in the images stay the same when only code has changed.
FROM dependencies AS build
COPY pyproject.toml README.md LICENSE ./
COPY operator operator
RUN pip/bin/pip wheel --no-deps --no-build-isolation --wheel-dir wheel . \
    && pip/bin/pip --python /opt/promptops/bin/python install --no-compile --no-deps --prefix /build/package wheel/*.whl \
    && /opt/promptops/bin/python -m compileall -q --invalidation-mode unchecked-hash package/lib

FROM ${BASE} AS sidecar
LABEL org.opencontainers.image.title="promptops-sidecar" \
      org.opencontainers.image.description="Renders prompts next to an application, from what the operator decided" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/promptops/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=dependencies /build/sidecar/ /opt/promptops/
COPY --from=build /build/package/ /opt/promptops/
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["promptops"]
CMD ["sidecar"]

# Last, so that a build without --target gives the image that knows every role.
FROM ${BASE} AS operator
# kopf asks for the user's name; the number that a pod runs under need not have one.
ENV USER=promptops
LABEL org.opencontainers.image.title="promptops" \
      org.opencontainers.image.description="Kubernetes operator for LLM prompts: decides what is served and feeds the sidecars" \
      org.opencontainers.image.licenses="Apache-2.0"
ENV PATH=/opt/promptops/bin:$PATH \
    HOME=/tmp \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1
COPY --from=dependencies /opt/promptops/ /opt/promptops/
COPY --from=build /build/package/ /opt/promptops/
USER 65532:65532
WORKDIR /tmp
ENTRYPOINT ["promptops"]
CMD ["operator"]
