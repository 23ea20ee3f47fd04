# Both bases are arguments: for a private registry, and for machines that reach none (deploy/image/base.sh makes
# both from Debian packages).
ARG BUILD_BASE=docker.io/library/node:24-bookworm-slim
ARG BASE=gcr.io/distroless/nodejs24-debian12:nonroot

FROM ${BUILD_BASE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
# --omit=optional leaves out the Node binaries that package.json brings for development machines. No dependency
# needs an install script.
# `npm sbom --omit dev` also leaves out what a development tool shares with the product (npm 11.19 forgets jose), so
# the list is made of what is installed.
RUN npm ci --omit=dev --omit=optional --ignore-scripts && mkdir /data && \
    npm pkg delete devDependencies optionalDependencies && \
    npm sbom --sbom-format cyclonedx --sbom-type application >sbom.cdx.json

FROM ${BASE}
# The commit that is built, as the image's label: what deploy/image/provenance.ts says in full.
ARG REVISION=unknown
LABEL org.opencontainers.image.title=llm-gateway \
      org.opencontainers.image.licenses=MIT \
      org.opencontainers.image.revision=${REVISION}
COPY --from=build /app/node_modules /app/node_modules
COPY --from=build /app/sbom.cdx.json /app/
COPY package.json LICENSE /app/
COPY src /app/src
# The one folder that is written to; the rest of the root may be read-only.
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /app
ENV NODE_ENV=production GATEWAY_DATA_DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8000 9464
# No HEALTHCHECK: orchestrators ask /livez and /readyz (deploy/k8s), and the base has no shell to ask with.
ENTRYPOINT ["/nodejs/bin/node", "src/main.ts"]
