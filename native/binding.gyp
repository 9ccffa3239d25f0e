# One shared object from all C files here. scripts/build-addon.mjs compiles it; `sanitize` is its
# --asan. Symbols stay hidden, and the object is never unmapped (-z nodelete): a notify thread that
# the kernel holds back may outlive the worker that loaded the addon.
{
  "variables": { "sanitize%": "" },
  "targets": [
    {
      "target_name": "mount_s3_ts",
      "sources": [
        "module.c",
        "orphans.c",
        "limits.c",
        "arguments.c",
        "device.c",
        "handshake.c",
        "datagram.c",
        "busy-poll.c",
        "channel.c",
        "transfer.c",
        "notifier.c",
        "data-threads.c",
        "reply.c",
        "wire.c",
        "wire-transfer.c",
        "wire-loan.c",
        "tls.c",
        "tls-context.c",
        "tls-records.c",
        "tls-keys.c",
        "gcm.c",
        "gcm-vaes.c",
        "openssl.c",
        "huge-pages.c",
        "checksums.c",
        "crc32c.c",
        "crc64nvme.c"
      ],
      "defines": ["_GNU_SOURCE", "NAPI_VERSION=8"],
      "cflags_c": ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-Wshadow", "-fvisibility=hidden"],
      "ldflags": ["-Wl,-z,nodelete", "-Wl,-z,now"],
      "conditions": [
        ["sanitize!=''", {
          "cflags_c": ["-fsanitize=<(sanitize)", "-fno-omit-frame-pointer", "-g"],
          "ldflags": ["-fsanitize=<(sanitize)"]
        }]
      ]
    }
  ]
}
