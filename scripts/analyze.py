#!/usr/bin/env python3
"""gcc's -fanalyzer or clang's analyzer (what scan-build runs) over src/ and search/, a file at a time.

    scripts/analyze.py gcc|clang BUILD_FOLDER [PART_OF_A_PATH...]

BUILD_FOLDER has been configured by CMake. Warnings that scripts/analyze.known lists (path and checker, with the reason
why they are wrong) are counted, all others are printed: exit code 1 when there is one. Lines of that list which stand for
nothing any more are named.
"""
import json
import os
import re
import shlex
import subprocess
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
DROPPED = re.compile(r"-(Werror|O[0-9s]|c|MD|g|fno-semantic-interposition)$")
WARNING = re.compile(r"^(?P<path>[^:]+):\d+:\d+: (warning|error): .*\[(-W)?(?P<checker>analyzer[^\]]*|[a-z]\w*\.[\w.]+)\]$")


def arguments(entry):
    """The flags of a compilation without its input, outputs and optimization."""
    words = shlex.split(entry["command"])
    words = words[2:] if words[0].endswith("ccache") else words[1:]
    kept, skip = [], False
    for word in words:
        if skip or word in ("-o", "-MT", "-MF"):
            skip = not skip
        elif word != entry["file"] and not DROPPED.match(word):
            kept.append(word)
    return kept


def command(tool, entry):
    path = entry["file"]
    made = [] if path.endswith("src/base/status.c") else ["-include", os.path.join(HERE, "analyze.h")]
    if tool == "gcc":
        return ["gcc", "-fanalyzer", "-O1", *arguments(entry), *made, "-c", path, "-o", os.devnull]
    # clang knows no clones together with other attributes that gcc does; they are no matter here
    return ["clang", "--analyze", "-Xclang", "-analyzer-output=text", "-Wno-everything", *arguments(entry),
            "-UCLADE_HAVE_CLONES", *made, path, "-o", os.devnull]


def known():
    listed = set()
    with open(os.path.join(HERE, "analyze.known"), encoding="utf-8") as lines:
        for line in lines:
            words = line.split("#")[0].split()
            if words:
                listed.add((words[0], words[1]))
    return listed


def main():
    tool, build, parts = sys.argv[1], sys.argv[2], sys.argv[3:]
    listed, found, new, done = known(), set(), 0, set()
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as text:
        entries = json.load(text)
    for entry in entries:
        path = os.path.relpath(entry["file"], ROOT)
        if not path.startswith(("src/", "search/")) or path in done or (parts and not any(p in path for p in parts)):
            continue
        done.add(path)
        run = subprocess.run(command(tool, entry), cwd=entry["directory"], capture_output=True, text=True, check=False)
        warnings = [match for match in map(WARNING.match, run.stderr.splitlines()) if match]
        if run.returncode != 0 and not warnings:
            print(run.stderr)
            new += 1
        for match in warnings:
            key = (os.path.relpath(match["path"], ROOT), match["checker"])
            found.add(key)
            if key not in listed:
                print(match[0], flush=True)
                new += 1
    listed = {key for key in listed if key[1].startswith("analyzer") == (tool == "gcc") and (key[0] in done or not parts)}
    for path, checker in sorted(listed - found):
        print(f"scripts/analyze.known: stands for no warning of {tool}: {path} {checker}")
    print(f"{tool}: {len(done)} files, {new} new warnings, {len(found & listed)} of the {len(listed)} known ones")
    return 1 if new else 0


if __name__ == "__main__":
    sys.exit(main())
