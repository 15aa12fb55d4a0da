#!/usr/bin/env bash
# Run folders from somebody else: what SQLite would run by itself, links in the place of files, recipes that name other
# files, texts that a terminal or a browser would obey. All of it is refused, or shown as text; nothing is written or
# deleted outside the folder. Every row changes a fresh copy of one small run.
. "${CLADE_SOURCE:?}/tests/small_search.sh" || exit 1
command -v sqlite3 > /dev/null || { echo "skipped: sqlite3 is not installed"; exit 77; }
small_experiment 8 16 '"references": false, "hand_made": false,'
"$CLADE" search "$work/experiment.json" --run "$work/whole" 2> "$work/log" || fail "the search: $(cat "$work/log")"
run=$work/run
rows=0 esc=$(printf '\033')
echo "mine" > "$work/canary"

# fresh [SQL]: $run is a copy of the run, changed by SQL.
fresh() {
    rm -rf "$run"
    cp -r "$work/whole" "$run"
    [ $# -eq 0 ] || sqlite3 "$run/run.db" "$1" > /dev/null || fail "cannot make the attack: $1"
}
# What each command is called with.
call() {
    case $1 in
        resume) "$CLADE" resume "$run" --children 9 ;;
        merge) rm -rf "$work/merged"; "$CLADE" merge "$run:3" "$work/merged" ;;
        *) "$CLADE" "$1" "$run" "${@:2}" ;;
    esac
}
# refused NAME CODE FRAGMENT COMMAND...: each of the commands ends with CODE, says FRAGMENT, and leaves the canary alone.
refused() {
    local name=$1 code=$2 fragment=$3 got command
    shift 3
    for command in "$@"; do
        got=0
        call "$command" > "$work/out" 2> "$work/log" < /dev/null || got=$?
        [ $got -eq "$code" ] || fail "$name: $command: exit code $got, expected $code: $(head -c 2000 "$work/log")"
        grep -qF -- "$fragment" "$work/log" || fail "$name: $command: lacks \"$fragment\": $(head -c 2000 "$work/log")"
        [ "$(cat "$work/canary")" = mine ] || fail "$name: $command: wrote into another file"
        ! grep -q "$esc" "$work/out" "$work/log" || fail "$name: $command: an escape sequence came through"
        rows=$((rows + 1))
    done
}
# shown NAME COMMAND [OPTION...]: it succeeds, and nothing in its output is more than text; the output is in $work/out.
shown() {
    local name=$1
    shift
    call "$@" > "$work/out" 2> "$work/log" < /dev/null || fail "$name: $*: $? $(head -c 2000 "$work/log")"
    ! LC_ALL=C grep -qP '[\x00-\x08\x0b-\x1f\x7f]|\xc2[\x80-\x9f]' "$work/out" "$work/log" ||
        fail "$name: $*: a control character came through"
    rows=$((rows + 1))
}
all="status front lineage report resume merge"

# ---- what a schema can do ----
foreign="found what no Clade makes"
fresh "CREATE TRIGGER t AFTER INSERT ON events BEGIN DELETE FROM children; END"
refused "a trigger" 4 "$foreign: trigger \"t\"" $all
fresh "ALTER TABLE commits RENAME TO c; CREATE VIEW commits AS SELECT * FROM c"
refused "a view for a table" 4 "no ledger" $all
fresh "ALTER TABLE series RENAME TO s; CREATE VIEW series AS SELECT * FROM s"
refused "a view for a small table" 4 "$foreign: table \"s\", view \"series\"" $all
fresh "ALTER TABLE series ADD COLUMN more TEXT AS (hex(zeroblob(1000000 * front + 1)))"
refused "a generated column" 4 "$foreign: table \"series\"" $all
fresh "CREATE INDEX i ON events (length(hex(detail)))"
refused "an index of expressions" 4 "$foreign: index \"i\"" $all
fresh "CREATE TABLE more (a TEXT DEFAULT (zeroblob(1000000000)))"
refused "another table" 4 "$foreign: table \"more\"" $all
fresh "CREATE TABLE \"a${esc}[2Jb\" (a)"
refused "a table whose name clears the screen" 4 '[2Jb' $all
if sqlite3 :memory: "CREATE VIRTUAL TABLE v USING fts5(x)" 2> /dev/null; then
    fresh "CREATE VIRTUAL TABLE v USING fts5(x)"
    refused "a virtual table" 4 "$foreign" status resume
fi
fresh "ALTER TABLE meta ADD COLUMN more TEXT DEFAULT 'x'"
refused "another meta" 4 "$foreign: table \"meta\"" $all
fresh "DROP TABLE batches"
refused "without a table" 4 "without the table batches" $all
fresh ANALYZE # sorting its numbers is no attack
shown "after ANALYZE" status

# ---- files beside the ledger ----
for end in -wal -shm -journal; do
    fresh
    ln -s "$work/canary" "$run/run.db$end"
    refused "run.db$end is a link" 4 "run.db$end: is a link" $all
done
fresh
mv "$run/run.db" "$work/other.db"
ln -s "$work/other.db" "$run/run.db"
refused "run.db is a link" 4 "run.db: is a link" $all
fresh
rm -f "$run/log.txt"
ln -s "$work/canary" "$run/log.txt"
refused "log.txt is a link" 4 "log.txt: is no file itself" resume
fresh
rm -f "$run/run.db.lock"
ln -s "$work/made" "$run/run.db.lock"
refused "the lock is a link" 4 "run.db.lock: is a link" $all
rm "$run/run.db.lock"
mkfifo "$run/run.db.lock"
refused "the lock is a pipe" 4 "run.db.lock: is no regular file" $all
[ ! -e "$work/made" ] || fail "the lock: a file was made elsewhere"
# A journal that asks for a roll back, after which the file that it names is deleted.
fresh
name=$work/canary
{
    printf '\331\325\005\371\040\241\143\327\0\0\0\0\0\0\0\0\0\0\0\001\0\0\002\0\0\0\100\0' | head -c 28
    head -c 484 /dev/zero
    printf '\0\0\0\1%s' "$name"
    sum=$(printf %s "$name" | od -An -v -t u1 | tr -s ' ' '\n' | awk '{ s += $1 } END { print s }')
    printf "\\$(printf '%03o' $((${#name} >> 24 & 255)))\\$(printf '%03o' $((${#name} >> 16 & 255)))"
    printf "\\$(printf '%03o' $((${#name} >> 8 & 255)))\\$(printf '%03o' $((${#name} & 255)))"
    printf "\\$(printf '%03o' $((sum >> 24 & 255)))\\$(printf '%03o' $((sum >> 16 & 255)))"
    printf "\\$(printf '%03o' $((sum >> 8 & 255)))\\$(printf '%03o' $((sum & 255)))"
    printf '\331\325\005\371\040\241\143\327'
} > "$run/run.db-journal"
refused "a journal that names another file" 4 "names another file to delete" $all
fresh
printf 'garbage' | dd of="$run/run.db" bs=1 seek=65536 conv=notrunc status=none
refused "a damaged page" 4 "run.db" resume

# ---- what the rows say ----
fresh "UPDATE children SET recipe = replace(recipe, '\"weight\":', '\"weight\":1') WHERE child = 3"
refused "another recipe" 4 "one of them was changed" merge
fresh "UPDATE children SET recipe = replace(recipe, '{\"name\":\"digits\"', '{\"name\":\"digits\",\"adapter\":\"/etc\"') WHERE child = 3"
refused "a recipe with an adapter" 4 "none of its experiment" merge
fresh "UPDATE children SET recipe = replace(recipe, '\"digits\"', '\"other\"') WHERE child = 3"
refused "a recipe with another model" 4 "none of its experiment" merge
fresh "UPDATE children SET recipe = '{'"
refused "no recipe" 4 "recipe" lineage front report resume merge
fresh "UPDATE children SET recipe_hash = printf('%.64c', '<')"
refused "a hash of tags" 4 "expected letters and digits" front lineage report resume merge
fresh "UPDATE children SET method = 'ties,=cmd()'"
refused "a method that is a formula" 4 "expected letters and digits" front lineage report resume merge
fresh "UPDATE children SET parents = '[3]' WHERE child = 3"
refused "its own parent" 4 "parents" merge
fresh "UPDATE children SET genome = '{}, \"best\": {}'"
refused "a genome that ends too early" 4 "genome" front lineage resume
fresh "UPDATE commits SET hash = printf('%.64c', char(27))"
refused "a hash of escapes" 4 "expected letters and digits" status front report resume
fresh "INSERT INTO events (session, at, kind, detail) VALUES (1, 0, 'places', '{\"folder\": \"/a\", \"paths\": [\"/dev/zero\", \"/dev/zero\", \"/dev/zero\", \"/dev/zero\"]}')"
refused "models that are devices" 4 "/dev/zero" resume
fresh "UPDATE experiment SET json = replace(json, '\"population\":6', '\"population\":9000000000000000')"
refused "a population of any size" 3 "population" $all
fresh "UPDATE experiment SET json = replace(json, '\"children\":8', '\"children\":8, \"run\": \"rm -rf\"')"
refused "an unknown key" 3 "unknown key" $all

# ---- what is shown ----
fresh "UPDATE children SET operator = 'first: ${esc}[31m<b>\"];' || char(155)"
for options in "front --format text" "front --format svg" "front --format csv" "front --format json" "lineage --format dot" \
    "lineage --format text" "lineage --format json" report; do
    shown "an operator of escapes" $options
    ! grep -q '<b>' "$work/out" || [ "$options" != "front --format svg" ] || fail "a tag in the picture"
    ! grep -q '[^\\]"\];$' "$work/out" || [ "$options" != "lineage --format dot" ] || ! grep -q '<b>"' "$work/out" ||
        fail "the label of a graph was ended: $(cat "$work/out")"
done
fresh "UPDATE children SET operator = CAST(x'66697273743a20ff' AS TEXT)"
shown "an operator that is not UTF-8" lineage --format json
grep -qF '"operator": "first: \ufffd"' "$work/out" || fail "what is no character: $(cat "$work/out")"
fresh "UPDATE commits SET failed = 1 WHERE child > 4; UPDATE evaluations SET status = 6, score = '', reason = 'bad ${esc}]0;title' || char(7) || ' end' WHERE child > 4"
shown "a reason of escapes" status
grep -qF 'bad \u001b]0;title\u0007 end' "$work/out" || fail "the reason is not shown: $(cat "$work/out")"
fresh "UPDATE commits SET child = 9000000000000000000 WHERE child = 7; UPDATE children SET child = 9000000000000000000 WHERE child = 7"
for command in status front lineage report; do
    timeout 20 "$CLADE" "$command" "$run" > "$work/out" 2> "$work/log" < /dev/null || [ $? -eq 4 ] ||
        fail "children without end: $command: $(cat "$work/log")"
done
fresh
shown "the run itself" status
[ "$(cat "$work/canary")" = mine ] || fail "wrote into another file"
echo "$rows rows passed"
