#!/usr/bin/env bash
# Install what Clade is built and tested with, where it is missing. Does nothing, quickly, when all is there.
set -euo pipefail

# The one list. Not in it: openssh-server, which would run a server from then on; without it the cluster tests are skipped.
packages=(
    build-essential cmake ninja-build pkg-config
    libopenmpi-dev openmpi-bin libopenblas-dev liblapacke-dev libkissfft-dev
    libsqlite3-dev sqlite3 zlib1g-dev libjpeg62-turbo-dev libyaml-dev libssl-dev libcmocka-dev
    procps util-linux iproute2 openssh-client
)

if ! command -v apt-get > /dev/null; then
    cat >&2 << END
There is no apt-get here. Please install by other means, each library with its headers: C17 compiler, CMake >= 3.25,
Ninja, pkg-config, Open MPI, OpenBLAS (with CBLAS), LAPACKE, KissFFT (float), SQLite 3 and its shell, zlib,
libjpeg-turbo, libyaml, OpenSSL (libcrypto), cmocka; for the tests procps, util-linux, iproute2, an SSH client.
Debian calls them: ${packages[*]}
END
    exit 1
fi

# libjpeg62-turbo-dev is Debian's name of what Ubuntu calls libjpeg-turbo8-dev; either gives libjpeg-dev's files.
is_there() { dpkg-query -W -f '${db:Status-Status}' "$1" 2> /dev/null | grep -qx installed; }
missing=()
for package in "${packages[@]}"; do
    if ! is_there "$package" && ! { [ "$package" = libjpeg62-turbo-dev ] && is_there libjpeg-turbo8-dev; }; then
        missing+=("$package")
    fi
done
[ ${#missing[@]} -gt 0 ] || exit 0

echo "installing: ${missing[*]}" >&2
as_root=()
[ "$(id -u)" -eq 0 ] || as_root=(sudo)
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get update -qq
for i in "${!missing[@]}"; do
    if [ "${missing[i]}" = libjpeg62-turbo-dev ] && ! apt-cache show libjpeg62-turbo-dev > /dev/null 2>&1; then
        missing[i]=libjpeg-turbo8-dev
    fi
done
"${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}" >&2
