/* Any bytes as model.safetensors.index.json beside two shards: refused with a message, or a checkpoint that is the two
 * shards, or one of them, and has nothing of the file outside its folder. */
#include "clade/checkpoint.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHOLE, FIRST, SECOND, CHECKPOINTS };

static const char first_shard[] = "model/model-00001-of-00002.safetensors",
                  second_shard[] = "model/model-00002-of-00002.safetensors";

/* The file NAME with COUNT tensors of NAMES, each of two numbers of its own; its hash. */
static void write_shard(const char *name, const char *const *names, size_t count, char hash[CLADE_SHA256_HEX])
{
    static const uint64_t shape[] = {2};
    char path[SCRATCH_PATH];
    clade_checkpoint *checkpoint;
    clade_tensor tensors[4];
    float values[4][2];
    check(count <= 4);
    for (size_t i = 0; i < count; i++) {
        values[i][0] = (float)names[i][0];
        values[i][1] = (float)names[i][1];
        tensors[i] = (clade_tensor){.name = names[i],
                                    .dtype = CLADE_F32,
                                    .rank = 1,
                                    .shape = shape,
                                    .count = 2,
                                    .bytes = sizeof values[i],
                                    .data = values[i]};
    }
    check(clade_safetensors_write(scratch_path(name, path), tensors, count, NULL, NULL) == CLADE_OK);
    check(clade_checkpoint_open(path, &checkpoint) == CLADE_OK);
    check(clade_checkpoint_hash(checkpoint, hash) == CLADE_OK);
    clade_checkpoint_close(checkpoint);
}

static void write_files(char hashes[CHECKPOINTS][CLADE_SHA256_HEX])
{
    static const char *const names[] = {"a.w", "b.w", "c.w", "d.w"}, *const outside[] = {"outside"};
    char hash[CLADE_SHA256_HEX];
    scratch_make_folder("model");
    write_shard("whole.safetensors", names, 4, hashes[WHOLE]);
    write_shard(first_shard, names, 2, hashes[FIRST]);
    write_shard(second_shard, names + 2, 2, hashes[SECOND]);
    write_shard("outside.safetensors", outside, 1, hash);
}

static void look_at(clade_checkpoint *checkpoint, char hashes[CHECKPOINTS][CLADE_SHA256_HEX])
{
    char hash[CLADE_SHA256_HEX];
    bool known = false;
    for (size_t i = 0; i < clade_checkpoint_count(checkpoint); i++) {
        const clade_tensor *tensor = clade_checkpoint_at(checkpoint, i);
        check(clade_checkpoint_find(checkpoint, tensor->name) == tensor && strcmp(tensor->name, "outside") != 0);
        check(i == 0 || strcmp(clade_checkpoint_at(checkpoint, i - 1)->name, tensor->name) < 0);
    }
    check(clade_checkpoint_hash(checkpoint, hash) == CLADE_OK);
    for (size_t i = 0; i < CHECKPOINTS; i++)
        known = known || strcmp(hash, hashes[i]) == 0;
    check(known);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static char hashes[CHECKPOINTS][CLADE_SHA256_HEX];
    char path[SCRATCH_PATH];
    clade_checkpoint *checkpoint;
    if (hashes[WHOLE][0] == '\0')
        write_files(hashes);
    scratch_write("model/model.safetensors.index.json", data, size);
    if (clade_checkpoint_open(scratch_path("model", path), &checkpoint) == CLADE_OK)
        look_at(checkpoint, hashes);
    else
        check(checkpoint == NULL && clade_error_message()[0] != '\0');
    clade_checkpoint_close(checkpoint);
    check(clade_alloc_live() == 0);
    return 0;
}
