# A container that mounts one bucket. It needs the FUSE device and the right to mount:
#   docker run --device /dev/fuse --cap-add SYS_ADMIN mount-s3-ts BUCKET DIRECTORY [options]
# or, with the variables MOUNT_S3_BUCKET, MOUNT_S3_DIRECTORY and MOUNT_S3_OPTIONS, without arguments.
# docs/KUBERNETES.md tells of the other ways. Any base with glibc, apt and Node.js 20.19 or later will do.
ARG NODE_IMAGE=docker.io/library/node:20.20.2-bookworm-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends gcc g++ make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
# What npm publishes, with the packages that the lock file names and the addon that is built here: no other back end.
RUN npm pack --pack-destination /tmp \
  && mkdir /opt/mount-s3-ts \
  && tar -xzf /tmp/mount-s3-ts-*.tgz --strip-components 1 -C /opt/mount-s3-ts \
  && cp package-lock.json /opt/mount-s3-ts \
  && cd /opt/mount-s3-ts \
  && npm ci --omit=dev --omit=optional --ignore-scripts --no-audit --no-fund \
  && node scripts/cache-code.mjs

FROM ${NODE_IMAGE}
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates fuse3 \
  && apt-get clean \
  && rm -rf /var/lib/apt/lists/* \
  && echo user_allow_other >> /etc/fuse.conf
COPY --from=build /opt/mount-s3-ts /opt/mount-s3-ts
COPY container/entrypoint.sh container/health.sh /opt/mount-s3-ts/container/
RUN ln -s /opt/mount-s3-ts/dist/program/main.js /usr/local/bin/mount-s3-ts
HEALTHCHECK --interval=30s --timeout=10s --start-period=30s CMD ["/opt/mount-s3-ts/container/health.sh"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["/opt/mount-s3-ts/container/entrypoint.sh"]
