#!/usr/bin/env bash
# Recomputes paket.lock until it stops changing: the feed's registration data may carry no
# dependencies, in which case Paket learns them only from packages already in the local cache.
set -euo pipefail
cd "$(dirname "$0")/.."
source scripts/feed.sh

until
    before=$(cat paket.lock 2>/dev/null || true)
    rm -f paket.lock
    dotnet paket install >/dev/null || exit 1
    [[ $before == "$(cat paket.lock)" ]]
do :; done

# Paket writes the expanded address; the lock keeps the variable.
sed -i 's#^  remote: .*#  remote: %NUGET_FEED%#' paket.lock
grep -c '^    [A-Za-z]' paket.lock
