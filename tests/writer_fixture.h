/* A small checkpoint for the tests of writers in pieces, and what it must look like in the end. */
#ifndef CLADE_WRITER_FIXTURE_H
#define CLADE_WRITER_FIXTURE_H

#include "io_test.h"

#include "clade/checkpoint.h"
#include "clade/log.h"

static char folder[TEST_PATH], out[TEST_PATH], partial[TEST_PATH];

static inline const char *in_folder(const char *name)
{
    return path_in(folder, name);
}

static inline const char *in_partial(const char *name)
{
    return path_in(partial, name);
}

/* From here on, OUT is FOLDER/NAME, and PARTIAL what a writer for it works in. */
static inline void use(const char *name)
{
    snprintf(out, sizeof out, "%s/%s", folder, name);
    snprintf(partial, sizeof partial, "%s/%s.partial", folder, name);
}

/* Tensors in the order of names, so that places and indices agree; odd sizes, so that words are cut everywhere. */
static const uint64_t s7[] = {7}, s5[] = {5, 3}, s3[] = {3}, s0[] = {0};
static const clade_tensor tensors[] = {
    {"a", CLADE_F16, 1, s7, 7, 14, NULL}, {"b", CLADE_U8, 2, s5, 15, 15, NULL}, {"c", CLADE_F32, 1, s3, 3, 12, NULL},
    {"d", CLADE_F64, 1, s3, 3, 24, NULL}, {"e", CLADE_BF16, 1, s0, 0, 0, NULL}, {"f", CLADE_F16, 1, s3, 3, 6, NULL},
};
enum { COUNT = sizeof tensors / sizeof *tensors, LIMIT = 32, SHARDS = 3, MAX_BYTES = 24 };
static const clade_checkpoint_layout layout = {.shard_bytes = LIMIT, .card = "card"};

static inline void bytes_of(size_t index, unsigned char bytes[MAX_BYTES])
{
    for (size_t i = 0; i < tensors[index].bytes; i++)
        bytes[i] = (unsigned char)(index * 41 + i * 13 + 1);
}

static inline clade_status produce(void *context, size_t index, void *made)
{
    unsigned char bytes[MAX_BYTES];
    (void)context;
    bytes_of(index, bytes);
    memcpy(made, bytes, tensors[index].bytes);
    return CLADE_OK;
}

static inline clade_status open_writer(const char *identity, clade_checkpoint_writer **writer)
{
    return clade_checkpoint_writer_open(out, tensors, COUNT, &layout, identity, writer);
}

static inline void assert_same_file(const char *a, const char *b)
{
    clade_map x, y;
    assert_ok(clade_map_open(a, &x));
    assert_ok(clade_map_open(b, &y));
    assert_int_equal(x.size, y.size);
    assert_memory_equal(x.data, y.data, x.size);
    clade_map_close(&x);
    clade_map_close(&y);
}

/* OUT is what clade_checkpoint_write makes ("whole" in FOLDER), to the last byte and without anything more; it is
 * removed. */
static inline void check_out(void)
{
    static const char *const names[] = {"model-00001-of-00003.safetensors", "model-00002-of-00003.safetensors",
                                        "model-00003-of-00003.safetensors", "model.safetensors.index.json",
                                        "README.md"};
    char whole[TEST_PATH];
    snprintf(whole, sizeof whole, "%s/whole", folder);
    assert_int_equal(entries_in(out), sizeof names / sizeof *names);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        assert_same_file(path_in(out, names[i]), path_in(whole, names[i]));
    assert_false(clade_path_exists(partial));
    assert_ok(clade_remove_folder(out));
}

/* All pieces of STEP bytes of a shard's tensors, from the last to the first. */
static inline clade_status put_shard(clade_checkpoint_writer *writer, size_t shard, size_t step)
{
    size_t first, last;
    unsigned char bytes[MAX_BYTES];
    clade_checkpoint_writer_range(writer, shard, &first, &last);
    for (size_t i = last; i-- > first;) {
        bytes_of(i, bytes);
        for (size_t end = tensors[i].bytes, begin; end > 0; end = begin) {
            begin = (end - 1) / step * step;
            CLADE_TRY(clade_checkpoint_writer_put(writer, i, begin, bytes + begin, end - begin));
        }
    }
    return CLADE_OK;
}

static inline clade_status write_shard(clade_checkpoint_writer *writer, size_t shard, size_t step)
{
    CLADE_TRY(clade_checkpoint_writer_begin(writer, shard));
    CLADE_TRY(put_shard(writer, shard, step));
    return clade_checkpoint_writer_end(writer, shard);
}

/* Make FOLDER, and in it "whole". */
static inline int make_folder(void **state)
{
    (void)state;
    clade_log_set_level(CLADE_LOG_ERROR);
    make_temporary_folder(folder);
    assert_ok(clade_checkpoint_write(in_folder("whole"), tensors, COUNT, produce, NULL, &layout));
    return 0;
}

static inline int remove_folder(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

#endif
