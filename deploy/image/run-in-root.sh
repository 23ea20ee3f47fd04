#!/usr/bin/env bash
# Runs a command as uid 65532 inside an unpacked image, in /app, whose root is read-only but for one folder.
#
#   run-in-root.sh ROOT DATA COMMAND…      DATA is mounted at /data
#
# Started by try.ts through `unshare --mount --pid --fork --kill-child`, so its mounts vanish with it.
set -euo pipefail
root=$1 data=$2
shift 2
mount --bind "$root" "$root"
mount --bind "$data" "$root/data"
mount --rbind /dev "$root/dev"
mount -t proc proc "$root/proc"
mount -o remount,bind,ro "$root"
exec setpriv --no-new-privs unshare --root="$root" --wd=/app --setgid=65532 --setuid=65532 "$@"
