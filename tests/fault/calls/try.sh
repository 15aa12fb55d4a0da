# Sourced by calls.sh and calls_ranks.sh: what the commands work on, and one try of a command with a call that fails
# (fail.c). A try is of $command, whose words are $words and whose kind says what it makes, in the folder $here; what is
# wrong with its end gets into $wrong.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
# An outside library is no part of a sanitized program, and comes before its runtime.
export ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=1:exitcode=99

# fail_library COMPILER FILE...: $work/fail.so.
fail_library() {
    local compiler=$1
    shift
    "$compiler" -D_GNU_SOURCE -O1 -fno-builtin -shared -fPIC -o "$work/fail.so" "$@" || fail "tests/fault/calls cannot be compiled"
}

# ---- what the commands work on ----

tiny_zoo() {
    mkdir -p "$work/zoo/images"
    cp -r "$zoo/base" "$zoo/digits" "$zoo/shapes" "$zoo/heads.safetensors" "$work/zoo/"
    cp "$zoo"/images/{digits,shapes}* "$work/zoo/images/"
    chmod -R u+w "$work/zoo"
    local task tasks=
    for task in digits shapes; do
        tasks="$tasks${tasks:+,} { \"name\": \"$task\", \"images\": \"images/$task-images.idx.gz\",
            \"labels\": \"images/$task-labels.idx.gz\",
            \"head\": { \"file\": \"heads.safetensors\", \"tensor\": \"$task\", \"logit_scale\": 20.0 },
            \"splits\": { \"search\": [0, 8], \"unlabelled\": [8, 12], \"holdout\": [12, 20] } }"
    done
    echo "{ \"tasks\": [$tasks ] }" > "$work/zoo/probes.json"
    cat > "$work/experiment.json" <<END
{ "clade": 1, "seed": 5, "base": "zoo/base", "parents": { "digits": "zoo/digits", "shapes": "zoo/shapes" },
  "probes": "zoo/probes.json", "space": { "methods": ["task_arithmetic"], "sites": "model" },
  "corruptions": { "names": ["brightness", "jpeg"], "severity": 3 },
  "items": { "labelled": 4, "corrupted": 4, "unlabelled": 4 },
  "algorithm": { "name": "sms_emoa", "population": 4 }, "budget": { "children": 5 }, "window": 2 }
END
}

# Four tensors, two to a shard of a megabyte.
models_to_merge() {
    local name
    "${CC:-cc}" -O1 -o "$work/make_model" "$CLADE_SOURCE/tests/e2e/make_model.c" || fail "make_model.c"
    for name in base:0 a:1 b:2; do
        mkdir "$work/${name%:*}"
        "$work/make_model" "$work/${name%:*}/model.safetensors" "${name#*:}" \
            model.layers.{0,1}.{v,w}:F32:320,320 model.norm.weight:F32:8
        echo '{"model_type": "llama", "num_hidden_layers": 2, "torch_dtype": "float32"}' > "$work/${name%:*}/config.json"
        echo '{"model": {}}' > "$work/${name%:*}/tokenizer.json"
    done
    printf '%s\n' "merge_method: ties" "base_model: base" "models:" "- {model: a, parameters: {weight: 0.5, density: 0.5}}" \
        "- {model: b, parameters: {weight: 0.5}}" > "$work/ties.yml"
    "$work/make_model" "$work/inputs.safetensors" 3 pixel_values:F32:2,1,28,28
}

# ---- one try ----

# clade_with CLASS N WORDS...: the program; CLASS+: all calls after the N-th fail as well; CLASS@: of its evaluator; its exit code, $here/{stdout,stderr,report}, and the second in $stderr.
clade_with() {
    local class=$1 n=$2 code=0 stays= who=main
    shift 2
    : > "$here/report"
    case $class in *+) stays=yes ;; *@) who=child ;; esac
    CLADE_FAULT_CLASS=${class%[+@]} CLADE_FAULT_STAYS=$stays CLADE_FAULT_WHO=$who CLADE_FAULT_N=$n \
        CLADE_FAULT_REPORT=$here/report LD_PRELOAD=$work/fail.so timeout -k 1 60 "$CLADE" "$@" > "$here/stdout" 2> "$here/stderr" < /dev/null || code=$?
    slurp stderr
    return $code
}

# slurp NAME: $NAME is what the file $here/NAME holds; without a process, of which there are enough.
slurp() { IFS= read -r -d '' $1 < "$here/$1" || true; }

run_hash() {
    clade_with none 0 status "$here/out" --json || return 1
    slurp stdout
    [[ $stdout =~ \"run_hash\":\ *\"([0-9a-f]{64}) ]] && hash=${BASH_REMATCH[1]}
}

prepare() {
    rm -rf "$here"/out*
    [ $kind != resume ] || cp -r "$work/half" "$here/out"
}

# same PATH EXPECTED: files or folders.
same() {
    local found
    found=$(diff -r "$1" "$2" 2>&1) || wrong="${wrong:+$wrong; }not as it should be: ${found:0:600}"
}

# All is as without a failure; what is not, in $wrong.
compare() {
    local left hash=
    # What could not be removed, and harms nobody: of a merge, which says so, and SQLite's index.
    if [[ $stderr =~ journal:\ cannot\ be\ removed ]]; then
        rm -f "$here/out/.clade-journal" "$here/out/best/weights/.clade-journal"
    fi
    case $kind in
    print)
        # Whether a session is at work is "true" where nobody can tell.
        [ "$command" != status ] || sed -i 's/"active": true/"active": false/' "$here/stdout"
        [ "$command" = doctor ] || same "$here/stdout" "$work/expected/$command"
        ;;
    file) same "$here/out" "$work/expected/$command" ;;
    folder)
        same "$here/out" "$work/expected/$command"
        ;;
    *)
        run_hash || wrong="no run hash: $stderr"
        [ "$hash" = "$whole_hash" ] || wrong="${wrong:+$wrong; }another run hash"
        same "$here/out/front.csv" "$work/whole/front.csv"
        same "$here/out/best" "$work/whole/best"
        rm -f "$here/out/run.db-shm"
        left=("$here"/out/*)
        [ "${left[*]##*/}" = "best experiment.json front.csv log.txt run.db run.db.lock" ] || wrong="left in it: ${left[*]}"
        ;;
    esac
    left=("$here"/out*)
    case $kind:${left[*]##*/} in print:out\* | [!p]*:out) ;; *) wrong="left beside it: ${left[*]}" ;; esac
}

# The codes that say what a failure of CLASS is: 7, or 4 where what cannot be looked at may not be there.
honest() {
    case $1:$2 in
    short:* | interrupt:*) return 1 ;;
    *:7 | name:4 | look:4) return 0 ;;
    esac
    return 1
}

# After a failure: nothing is half there, and the same command, or the resume, comes to the undisturbed end.
goes_on() {
    local again=("${words[@]}")
    case $kind in
    print) return ;;
    file) [ ! -e "$here/out" ] || same "$here/out" "$work/expected/$command" ;;
    folder) # whole already where only its check, or the sync of its name, failed
        if [ -e "$here/out" ]; then
            same "$here/out" "$work/expected/$command"
            return
        fi
        ;;
    run) [ ! -e "$here/out" ] || again=(resume "$here/out") ;;
    esac
    clade_with none 0 "${again[@]}" || wrong="does not go on: $stderr"
    [ -n "$wrong" ] || compare
}

# try COMMAND CLASS N: that call fails. False when there is none.
try() {
    local command=$1 class=$2 n=$3 code=0 wrong= failed= stderr stdout rest message words kind
    words_of $command
    prepare
    clade_with $class $n "${words[@]}" || code=$?
    read -r _ failed _ < "$here/report" || true
    message=$stderr rest=${stderr#clade: }
    rest=${rest#*$'\n'clade: }
    if [[ $stderr =~ Sanitizer|runtime\ error ]]; then
        wrong="a sanitizer's report"
    elif [ $code -eq 0 ]; then
        compare
    elif [ -z "$failed" ]; then
        wrong="fails without a failure"
    elif ! honest ${class%[+@]} $code; then
        wrong="exit code $code"
    elif [ "$rest" = "$stderr" ] || [[ $'\n'$rest =~ $'\n'clade:\  ]]; then
        wrong="not one message"
    else
        goes_on
    fi
    message=${message##*$'\n'clade: }
    [ -z "$failed" ] || echo "$command $class $code $n $failed ${message%%$'\n'*}" >> "$here/tries"
    [ -z "$wrong" ] || echo "FAILED: $command $class $n (${failed:-none}), code $code: $wrong (${message:0:3000})" >> "$here/found"
    [ -n "$failed" ]
}

# What the commands come to when nothing fails: $work/expected, $work/whole with its $whole_hash, and $work/half.
undisturbed() {
    local here=$work/first command words kind stderr stdout hash
    mkdir "$here" "$work/expected"
    tiny_zoo
    models_to_merge
    clade_with none 0 search "$work/experiment.json" --run "$work/half" --children 3 || fail "$stderr"
    for command in search ${all_commands/ search/}; do
        words_of $command
        prepare
        clade_with none 0 "${words[@]}" || fail "$command: $stderr"
        case $kind in
        print) mv "$here/stdout" "$work/expected/$command" ;;
        file | folder) mv "$here/out" "$work/expected/$command" ;;
        run)
            run_hash && whole_hash=$hash || fail "no run hash"
            mv "$here/out" "$work/whole"
            ;;
        esac
    done
}
