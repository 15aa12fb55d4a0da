#!/usr/bin/env bash
# A file that is shortened while it is mapped: whoever touches what is gone gets SIGBUS, and the program ends with 4 and
# the name of the file. So that it always happens in the middle, mmap itself cuts the file, once it is mapped whole.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
small_experiment 4
cat > "$work/cut.c" <<'C'
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* After the file whose path ends in $CUT_NAME is mapped, it has $CUT_BYTES. */
void *mmap(void *address, size_t length, int protection, int flags, int file, off_t offset)
{
    void *(*next)(void *, size_t, int, int, int, off_t) = (void *(*)(void *, size_t, int, int, int, off_t))dlsym(RTLD_NEXT, "mmap");
    void *map = next(address, length, protection, flags, file, offset);
    const char *name = getenv("CUT_NAME"), *bytes = getenv("CUT_BYTES");
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", file);
    ssize_t size = file >= 0 && name && bytes ? readlink(link, path, sizeof path - 1) : -1;
    if (size > 0 && (size_t)size >= strlen(name) && strncmp(path + (size_t)size - strlen(name), name, strlen(name)) == 0) {
        path[size] = '\0';
        if (truncate(path, atol(bytes)) != 0)
            perror(path);
    }
    return map;
}
C
"${CC:-cc}" -shared -fPIC -O1 -o "$work/cut.so" "$work/cut.c" -ldl || fail "the library that cuts does not compile"
cp -r "$work/zoo" "$work/whole"

# cut FILE BYTES COMMAND...: the command, with FILE of the zoo cut to BYTES once it is mapped, ends with 4 and names it.
cut() {
    local file=$1 bytes=$2 code=0
    shift 2
    rm -rf "$work/zoo" "$work/run" "$work/out"
    cp -r "$work/whole" "$work/zoo"
    ASAN_OPTIONS=${ASAN_OPTIONS:-}:verify_asan_link_order=0 LD_PRELOAD=$work/cut.so CUT_NAME=/$file CUT_BYTES=$bytes \
        "$@" > "$work/stdout" 2> "$work/log" < /dev/null || code=$?
    [ "$(stat -c %s "$work/zoo/$file")" -eq "$bytes" ] || fail "$*: $file was not cut"
    [ $code -eq 4 ] || fail "$*: exit code $code, expected 4: $(head -c 2000 "$work/log")"
    grep -qE "$file: .*shortened" "$work/log" || fail "$*: does not name $file: $(head -c 2000 "$work/log")"
    rows=$((rows + 1))
}
# The header of a safetensors file and the pages that it ends in.
headed() { echo $((($(od -An -t u8 -N 8 "$work/whole/$1" | tr -d ' ') + 8 + 4095) / 4096 * 4096)); }

rows=0 model=digits/model.safetensors
bytes=$(headed $model)
[ "$(stat -c %s "$work/whole/$model")" -gt $((bytes + 8192)) ] || fail "$model is too small to be cut"
cat > "$work/merge.yml" <<'YAML'
merge_method: linear
models:
- {model: zoo/digits, parameters: {weight: 0.5}}
- {model: zoo/shapes, parameters: {weight: 0.5}}
YAML
for options in "" "--threads 2"; do
    cut $model "$bytes" "$CLADE" merge "$work/merge.yml" "$work/out" $options
    [ ! -e "$work/out" ] || fail "half a merge is there"
    rm -rf "$work/out.partial"
done
cut $model "$bytes" "$CLADE" eval "$work/zoo/digits" --probes "$work/zoo/probes.json"
cut $model "$bytes" "$CLADE" inspect "$work/zoo/base" "$work/zoo/digits"
cut $model "$bytes" "$CLADE" search "$work/experiment.json" --run "$work/run"
images=$(cd "$work/whole" && find . -type f -name '*images*' -size +8k | sed 's#^\./##' | head -1)
if [ -n "$images" ]; then
    cut "$images" 4096 "$CLADE" eval "$work/zoo/digits" --probes "$work/zoo/probes.json"
fi
echo "$rows rows passed"
