# One image for every function, for Cloud Run services and Knative, for the backfill job and the page. (Cloud Run functions need none: they build the sources.)
#
#   git archive HEAD | docker build --tag uplook -
#   docker run --env FUNCTION_TARGET=caption --env-file settings.env --publish 8080:8080 uplook
#
# By `git archive` the build is given what is committed, and nothing else that lies in a checkout. In an unpacked download,
# which has no git, `docker build --tag uplook .` builds of all that .dockerignore lets through: look through it before.
#
# The tag moves with the security fixes of Python and Debian; a digest would freeze them until somebody renews it. For a build
# that can be repeated give one: --build-arg BASE=python:3.14-slim-trixie@sha256:…
ARG BASE=python:3.14-slim-trixie

FROM ${BASE} AS build
WORKDIR /app
COPY requirements.txt ./
# The locked files and no others: nothing is looked up beside them, and no package's own code runs during the build. The
# environment has no pip, so neither has what runs later.
RUN python -m venv --without-pip /venv \
 && pip --python /venv/bin/python --disable-pip-version-check --no-cache-dir install \
      --require-hashes --no-deps --only-binary :all: --no-compile --requirement requirements.txt \
 && pip --python /venv/bin/python --disable-pip-version-check check
COPY main.py ./
COPY functions/ functions/
COPY shared/ shared/
COPY infra/viewer/ infra/viewer/
# Bytecode that is never compared with its source: a cold start without any takes four times as long.
RUN /venv/bin/python -m compileall -q -j 0 --invalidation-mode unchecked-hash /venv/lib /app
# COPY keeps a checkout's modes: what one's umask hides from others would be hidden from the user below.
RUN chmod -R a+rX /venv /app

FROM ${BASE}
LABEL org.opencontainers.image.title="Uplook" org.opencontainers.image.licenses="Apache-2.0"
COPY --from=build /venv /venv
COPY --from=build /app /app
ENV PATH="/venv/bin:${PATH}" PYTHONDONTWRITEBYTECODE=1 PYTHONUNBUFFERED=1
WORKDIR /app
# A number, not a name: Knative's runAsNonRoot can check it.
USER 65532:65532
# FUNCTION_TARGET names the function (`main.py` lists them), PORT the port (8080); settings: docs/settings.md.
CMD ["functions-framework"]
