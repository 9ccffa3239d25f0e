# A container that mounts one bucket in the foreground. It needs the FUSE device and the right to mount:
#   docker run --device /dev/fuse --cap-add SYS_ADMIN mount-s3-ts BUCKET DIRECTORY [options]
ARG NODE_IMAGE=node:20-bookworm-slim

FROM ${NODE_IMAGE} AS build
RUN apt-get update \
  && apt-get install -y --no-install-recommends gcc g++ make python3 \
  && rm -rf /var/lib/apt/lists/*
WORKDIR /build
COPY package.json package-lock.json ./
RUN npm ci --ignore-scripts --no-audit --no-fund
COPY . .
RUN npm pack --pack-destination /tmp

# The package brings the addon that was built above, so that nothing is compiled here, and needs no other back end.
FROM ${NODE_IMAGE}
RUN apt-get update \
  && apt-get install -y --no-install-recommends ca-certificates fuse3 \
  && rm -rf /var/lib/apt/lists/* \
  && echo user_allow_other >> /etc/fuse.conf
COPY --from=build /tmp/mount-s3-ts-*.tgz /tmp/
RUN npm install -g --omit=dev --omit=optional --no-audit --no-fund /tmp/mount-s3-ts-*.tgz \
  && rm /tmp/mount-s3-ts-*.tgz \
  && npm cache clean --force
STOPSIGNAL SIGTERM
ENTRYPOINT ["mount-s3-ts", "-f"]
