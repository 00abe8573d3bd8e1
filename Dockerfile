# The bot itself. Needs BuildKit (before Docker 23: DOCKER_BUILDKIT=1).
#
#   docker build -t warroom .
#   docker build -t warroom --build-arg BASE=registry.example/python:3.12-slim .
#
# BASE is any image with Python 3.11 or newer, its module venv, and pip. Behind a proxy that inspects TLS, put its
# certificates into `ca.crt` beside this file: they are mounted while building, and are in no layer. INDEX_URL names
# another package index than the usual one; it stands in the history of the first stage only, which is not the image's.
ARG BASE=python:3.11-slim

FROM ${BASE} AS build
ARG INDEX_URL
COPY bot /src/bot
COPY commands /src/commands
COPY pyproject.toml README.md LICENSE requirements.lock requirements-dev.lock /src/
# The context is mounted for `ca.crt`, which need not be there. pip fetches uv, and uv the rest: a tenth of pip's time.
# Every file is checked against the locks' hashes; --build-constraints holds the project's build backend to them too.
RUN --mount=type=bind,target=/context set -eu; \
    if [ -f /context/ca.crt ]; then export SSL_CERT_FILE=/context/ca.crt PIP_CERT=/context/ca.crt; fi; \
    if [ -n "${INDEX_URL:-}" ]; then export PIP_INDEX_URL="$INDEX_URL" UV_DEFAULT_INDEX="$INDEX_URL"; fi; \
    export PIP_DISABLE_PIP_VERSION_CHECK=1 UV_NO_CACHE=1 UV_COMPILE_BYTECODE=1 VIRTUAL_ENV=/opt/warroom; \
    python3 -m venv --without-pip "$VIRTUAL_ENV"; \
    cd /src; \
    awk '/^[^ ]/ { wanted = /^uv==/ } wanted' requirements.lock > uv.txt; \
    python3 -m pip --python "$VIRTUAL_ENV/bin/python" install --no-cache-dir --require-hashes -r uv.txt; \
    "$VIRTUAL_ENV/bin/uv" pip install --require-hashes -r requirements.lock; \
    "$VIRTUAL_ENV/bin/uv" pip install --no-deps --build-constraints requirements-dev.lock .

FROM ${BASE}
COPY --from=build /opt/warroom /opt/warroom
# A number, so that `runAsNonRoot` of a cluster can see that it is not root. All that it writes is in one folder.
RUN mkdir /var/lib/warroom && chown 10001:10001 /var/lib/warroom
USER 10001:10001
ENV PATH=/opt/warroom/bin:$PATH HOME=/var/lib/warroom PYTHONUNBUFFERED=1 \
    WARROOM_STATE_DIR=/var/lib/warroom/state WARROOM_CACHE_DIR=/var/lib/warroom/cache
WORKDIR /var/lib/warroom
VOLUME /var/lib/warroom
# http.client and not urllib, which would ask a proxy that the environment names.
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["python3", "-c", "\
import http.client, os, sys; \
port = int(os.environ.get('WARROOM_HEALTH_PORT', '9137')); \
page = http.client.HTTPConnection('127.0.0.1', port, timeout=4); \
port and page.request('GET', '/live'); \
sys.exit(bool(port) and page.getresponse().status != 200)"]
ENTRYPOINT ["warroom"]
CMD ["slack"]
