#!/usr/bin/env bash
# What a packager and an outside program see: installs to a new prefix, compiles tests/e2e/outside.c through pkg-config
# with the shared and with the static library, and runs both. CLADE_SOURCE, CLADE_BUILD: the folders; CC: the compiler.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

cmake --install "$CLADE_BUILD" --prefix "$work/prefix" > "$work/log" || { cat "$work/log"; exit 1; }
for file in bin/clade include/clade/safetensors.h include/clade/version.h; do
    [ -e "$work/prefix/$file" ] || { echo "not installed: $file"; exit 1; }
done
[ ! -e "$CLADE_SOURCE/man/clade.1" ] || [ -n "$(find "$work/prefix" -name clade.1)" ] || { echo "no man page"; exit 1; }
PKG_CONFIG_PATH=$(dirname "$(find "$work/prefix" -name clade.pc)")
libraries=$(dirname "$(find "$work/prefix" -name 'libclade.a')")
export PKG_CONFIG_PATH
[ -e "$libraries/libclade.so" ] || { echo "no shared library"; exit 1; }

# The sanitizers of the build (CLADE_LINK) go to the outside program too.
pkg() { pkg-config "$@" clade; }
[ "$(pkg --modversion)" = "$(sed -nE 's/^project\(clade VERSION ([0-9.]+).*/\1/p' "$CLADE_SOURCE/CMakeLists.txt")" ]
expected="clade $(pkg --modversion)
layer.bias F32 [3]
layer.weight F32 [3, 2]"

outside=$CLADE_SOURCE/tests/e2e/outside.c
warnings="-std=c17 -Wall -Wextra -Wpedantic -Wconversion -Werror"
read -ra link <<< "${CLADE_LINK:-}"
# shellcheck disable=SC2046,SC2086
$CC $warnings $(pkg --cflags) "$outside" $(pkg --libs) "${link[@]}" -o "$work/shared"
# shellcheck disable=SC2046,SC2086
$CC $warnings $(pkg --cflags) "$outside" $(pkg --static --libs | sed 's/-lclade/-l:libclade.a/') "${link[@]}" \
    -o "$work/static"

found=$(LD_LIBRARY_PATH=$libraries "$work/shared" "$work/shared.safetensors")
[ "$found" = "$expected" ] || { printf 'shared: found\n%s\nexpected\n%s\n' "$found" "$expected"; exit 1; }
found=$("$work/static" "$work/static.safetensors")
[ "$found" = "$expected" ] || { printf 'static: found\n%s\nexpected\n%s\n' "$found" "$expected"; exit 1; }
needed=$(ldd "$work/shared")
[[ $needed == *libclade* ]] || { echo "the shared program does not use libclade.so"; exit 1; }
for library in libmpi libsqlite3; do
    [[ $needed != *"$library"* ]] || { echo "the library pulls in $library"; exit 1; }
done
needed=$(ldd "$work/static")
[[ $needed != *libclade* ]] || { echo "the static program uses libclade.so"; exit 1; }
cmp "$work/shared.safetensors" "$work/static.safetensors"
echo "installed; outside programs with the shared and the static library run"
