#!/bin/bash
# What Clade writes, the official Python package `safetensors` reads, and writes back as the same bytes.
set -euo pipefail
python=${PYTHON:-python3}
if ! "$python" -c 'import safetensors' 2> /dev/null; then
    echo "skipped: $python has no package safetensors"
    exit 77
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

CLADE_TEST_KEEP="$work" "$CLADE_BUILD/tests/test_unit_safetensors_write" > "$work/log" 2>&1 || { cat "$work/log"; exit 1; }
"$python" - "$work"/*.safetensors << 'END'
import ctypes, sys
import safetensors
from safetensors import deserialize, serialize

torch_name = {"BOOL": "bool", "U8": "uint8", "I8": "int8", "I16": "int16", "U16": "uint16", "F16": "float16",
              "BF16": "bfloat16", "I32": "int32", "U32": "uint32", "F32": "float32", "F64": "float64", "I64": "int64",
              "U64": "uint64", "F8_E4M3": "float8_e4m3fn", "F8_E5M2": "float8_e5m2"}
keep_alive = []


def spec(record):
    dtype, shape, data = torch_name[record["dtype"]], record["shape"], bytes(record["data"])
    if not hasattr(safetensors, "TensorSpec"):  # before 0.8
        return {"dtype": dtype, "shape": shape, "data": data}
    buffer = ctypes.create_string_buffer(data, max(len(data), 1))
    keep_alive.append(buffer)
    return safetensors.TensorSpec(dtype=dtype, shape=shape, data_ptr=ctypes.addressof(buffer), data_len=len(data))


for path in sys.argv[1:]:
    ours = open(path, "rb").read()
    records = deserialize(ours)
    theirs = bytes(serialize({name: spec(record) for name, record in reversed(records)}, metadata={"format": "pt"}))
    if ours != theirs:
        at = next((i for i, (a, b) in enumerate(zip(ours, theirs)) if a != b), min(len(ours), len(theirs)))
        sys.exit(f"{path}: {len(ours)} bytes, the package writes {len(theirs)}; they differ first at byte {at}")
    print(f"{path}: {len(records)} tensors, {len(ours)} bytes, the same as safetensors {safetensors.__version__} writes")
if len(sys.argv) < 3:
    sys.exit("the unit test kept fewer than two files")
END
