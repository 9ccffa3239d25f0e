#!/bin/sh
# The entrypoint of the image: mounts in the foreground, as the arguments say; without arguments, as the
# variables MOUNT_S3_BUCKET, MOUNT_S3_DIRECTORY and MOUNT_S3_OPTIONS (as in /etc/fstab: "a,b=c") say.
# The arguments "exec BUCKET DIRECTORY [options] -- COMMAND" run a command on the mount instead.
set -eu

if [ $# -eq 0 ]; then
  if [ -z "${MOUNT_S3_BUCKET:-}" ]; then
    echo "mount-s3-ts: no bucket was given: pass BUCKET and DIRECTORY as arguments, or set MOUNT_S3_BUCKET" >&2
    exit 2
  fi
  set -- "$MOUNT_S3_BUCKET" "${MOUNT_S3_DIRECTORY:-/mnt/s3}"
  [ -z "${MOUNT_S3_OPTIONS:-}" ] || set -- "$@" -o "$MOUNT_S3_OPTIONS"
  mkdir -p "$2"
fi
case $1 in
  exec | list | unmount | sandbox | demo | doctor | bench | completion | --help | -h | --version | -V) exec mount-s3-ts "$@" ;;
esac
# Who says it does not have to be told.
case " $* " in
  *" -f "* | *" --foreground "*) exec mount-s3-ts "$@" ;;
  *) exec mount-s3-ts "$@" --foreground ;;
esac
