# Sourced by the shell tests of merges: small models, and what they all ask of the program.
# CLADE: the program; CLADE_SOURCE: the source folder; CC: the compiler.
set -uo pipefail
[ -x "${CLADE:?}" ] || { echo "skipped: $CLADE is not built"; exit 77; }
. "$CLADE_SOURCE/tests/work_folder.sh"
passed=0 failed=0 skipped=0

"${CC:-cc}" -O1 -o "$work/make_model" "$CLADE_SOURCE/tests/e2e/make_model.c" ||
    { echo "FAILED: tests/e2e/make_model.c cannot be compiled"; exit 1; }

wrong() { printf 'FAILED %s\n' "$*"; failed=$((failed + 1)); }
skip() { printf 'skipped %s\n' "$*"; skipped=$((skipped + 1)); }
# check NAME COMMAND...: the command must succeed.
check() {
    local name=$1
    shift
    if "$@" > "$work/log" 2>&1; then
        passed=$((passed + 1))
    else
        wrong "$name: exit code $?: $*: $(head -c 2000 "$work/log")"
    fi
}
# row NAME CODE "FRAGMENT|FRAGMENT..." COMMAND...: the exit code, every fragment on stderr, no "clade:" line but the one
# message, and nothing new beside the models.
row() {
    local name=$1 code=$2 fragments=$3 got message problem="" before after
    shift 3
    before=$(ls -A "$work")
    message=$("$@" 2>&1 >/dev/null </dev/null)
    got=$?
    after=$(ls -A "$work")
    [ "$got" -eq "$code" ] || problem="exit code $got, expected $code"
    while IFS= read -r fragment; do
        case $message in *"$fragment"*) ;; *) problem="$problem; message lacks \"$fragment\"" ;; esac
    done < <(printf '%s\n' "$fragments" | tr '|' '\n')
    [ "$(printf '%s\n' "$message" | grep -c '^clade: ')" -eq 1 ] || problem="$problem; expected one message"
    [ "$before" = "$after" ] || problem="$problem; left behind: $(comm -13 <(echo "$before") <(echo "$after") | tr '\n' ' ')"
    if [ -n "$problem" ]; then
        wrong "$name: $problem
  message: $message"
    else
        passed=$((passed + 1))
    fi
}

# model NAME SEED TENSOR...: the folder $work/NAME (make_model.c says what a TENSOR is).
model() {
    rm -rf "${work:?}/$1"
    mkdir "$work/$1"
    "$work/make_model" "$work/$1/model.safetensors" "${@:2}"
    cat > "$work/$1/config.json" <<'CONFIG'
{
  "model_type": "llama",
  "num_hidden_layers": 2,
  "tie_word_embeddings": false,
  "torch_dtype": "float32",
  "vocab_size": 16
}
CONFIG
}
# yaml FILE METHOD BASE MODEL...: a merge of equal weights; BASE "-": none.
yaml() {
    {
        echo "merge_method: $2"
        [ "$3" = - ] || echo "base_model: $3"
        echo "models:"
        printf -- '- {model: %s, parameters: {weight: 0.5}}\n' "${@:4}"
    } > "$work/$1"
}
# A merge of the yaml $1 into $work/$2, with further options; quiet.
merge() { "$CLADE" merge "$work/$1" "$work/$2" "${@:3}" 2> "$work/err"; }
weights() { cat "$1"/*.safetensors | sha256sum; }
content_hash() { "$CLADE" inspect "$1" | sed -n 's/^ *hash  *//p'; }
finish() {
    echo "$passed passed, $failed failed, $skipped skipped"
    [ "$failed" -eq 0 ]
}
