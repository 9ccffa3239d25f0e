#!/bin/sh
# Whether there is a mount of mount-s3-ts here, and each of them answers.
mounts=$(awk '$3 == "fuse.mount-s3-ts" { print $2 }' /proc/self/mounts)
if [ -z "$mounts" ]; then
  echo "nothing is mounted"
  exit 1
fi
# /proc writes a blank in a path as \040.
printf '%s\n' "$mounts" | while read -r escaped; do
  directory=$(printf '%b' "$(printf '%s' "$escaped" | sed 's/\\/\\0/g')")
  if ! timeout 5 stat "$directory" > /dev/null; then
    echo "$directory does not answer"
    exit 1
  fi
done
