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
RUN npm ci --omit=dev --omit=optional --ignore-scripts && mkdir /data /compiled && \
    npm pkg delete devDependencies optionalDependencies && \
    npm sbom --sbom-format cyclonedx --sbom-type application >sbom.cdx.json

# What the same Node compiles of the same files, so that it need not at each start: half the time and 20 MB. Its user's
# number is part of the folder's name. The base has no shell.
FROM ${BASE} AS compile
COPY --from=build /app/node_modules /app/node_modules
COPY package.json /app/
COPY src /app/src
COPY deploy/image/compile.js /app/
COPY --from=build --chown=65532:65532 /data /data
COPY --from=build --chown=65532:65532 /compiled /compiled
WORKDIR /app
ENV NODE_ENV=production NODE_COMPILE_CACHE=/compiled GATEWAY_DATA_DIR=/data PORT=0 METRICS_PORT=0 \
    HOST=127.0.0.1 STATIC_KEYS=only-while-the-image-is-built=nobody:free
USER 65532:65532
RUN ["/nodejs/bin/node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "compile.js"]

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
# Nobody may write there, because it is run. Under another user's number Node compiles anew.
COPY --from=compile --chown=0:0 --chmod=555 /compiled /app/compiled
# The one folder that is written to; the rest of the root may be read-only.
COPY --from=build --chown=65532:65532 /data /data
WORKDIR /app
ENV NODE_ENV=production NODE_COMPILE_CACHE=/app/compiled GATEWAY_DATA_DIR=/data
USER 65532:65532
VOLUME /data
EXPOSE 8000 9464
# No HEALTHCHECK: orchestrators ask /livez and /readyz (deploy/k8s), and the base has no shell to ask with.
# The options of `npm start`; compiled code counts for the same options only.
ENTRYPOINT ["/nodejs/bin/node", "--max-semi-space-size=16", "--no-allocation-site-pretenuring", "src/main.ts"]
