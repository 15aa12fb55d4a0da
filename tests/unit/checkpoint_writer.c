/* The laws of the writers in pieces: the same bytes however the job is cut and threaded. */
#include "writer_fixture.h"

#include <pthread.h>
#include <time.h>

static void test_pieces(void **state)
{
    (void)state;
    clade_checkpoint_writer *writer;
    use("pieces");
    for (size_t step = 1; step < MAX_BYTES; step += step < 9 ? 1 : 5) {
        assert_ok(open_writer(step % 2 ? "recipe" : NULL, &writer));
        assert_int_equal(clade_checkpoint_writer_shards(writer), SHARDS);
        for (size_t s = SHARDS; s-- > 0;)
            assert_ok(write_shard(writer, s, step));
        assert_false(clade_path_exists(out));
        assert_ok(clade_checkpoint_writer_finish(writer));
        check_out();
    }
}

static void test_single_file(void **state)
{
    (void)state;
    clade_safetensors_writer *writer;
    unsigned char bytes[MAX_BYTES];
    const char *path = in_folder("pieces.safetensors");
    assert_ok(clade_safetensors_write(in_folder("whole.safetensors"), tensors, COUNT, produce, NULL));
    assert_ok(clade_safetensors_writer_open(path, tensors, COUNT, &writer));
    for (size_t i = COUNT; i-- > 0;) {
        size_t half = tensors[i].bytes / 2;
        bytes_of(i, bytes);
        assert_ok(clade_safetensors_writer_put(writer, i, half, bytes + half, tensors[i].bytes - half));
        assert_ok(clade_safetensors_writer_put(writer, i, 0, bytes, half));
    }
    assert_false(clade_path_exists(path));
    assert_fails(clade_safetensors_writer_put(writer, 0, 10, bytes, 5), CLADE_EINTERNAL,
                 "5 bytes from byte 10 on are not in its 14");
    assert_fails(clade_safetensors_writer_put(writer, 0, 15, bytes, 0), CLADE_EINTERNAL, "from byte 15");
    assert_fails(clade_safetensors_writer_put(writer, COUNT, 0, bytes, 1), CLADE_EINTERNAL, "no tensor 6");
    assert_ok(clade_safetensors_writer_commit(writer));
    assert_same_file(path, in_folder("whole.safetensors"));
    unlink(path);
    assert_ok(clade_safetensors_writer_open(path, tensors, COUNT, &writer));
    assert_ok(clade_safetensors_writer_put(writer, 1, 0, bytes, 15));
    assert_fails(clade_safetensors_writer_commit(writer), CLADE_EINTERNAL, "15 bytes were put, expected the 71");
    assert_false(clade_path_exists(path));
    clade_safetensors_writer_abandon(NULL);
}

/* A full disk is known before the first byte is made. */
static void test_no_room(void **state)
{
    (void)state;
    static const uint64_t huge[] = {UINT64_C(1) << 55};
    const clade_tensor tensor = {"a", CLADE_F32, 1, huge, (size_t)huge[0], (size_t)huge[0] * 4, NULL};
    clade_safetensors_writer *file;
    clade_checkpoint_writer *writer;
    assert_ok(clade_make_folders(in_folder("room")));
    assert_fails(clade_safetensors_writer_open(in_folder("room/f"), &tensor, 1, &file), CLADE_EIO, "cannot reserve");
    assert_fails(clade_checkpoint_writer_open(in_folder("room/m"), &tensor, 1, &layout, "x", &writer), CLADE_EIO,
                 "are still to be written, but the file system has only");
    assert_int_equal(entries_in(in_folder("room")), 0);
}

typedef struct thread_job {
    clade_checkpoint_writer *writer;
    size_t shard, parity;
} thread_job;

static void *put_every_other_byte(void *context)
{
    const thread_job *job = context;
    size_t first, last;
    unsigned char bytes[MAX_BYTES];
    clade_checkpoint_writer_range(job->writer, job->shard, &first, &last);
    for (size_t i = first; i < last; i++) {
        bytes_of(i, bytes);
        for (size_t b = job->parity; b < tensors[i].bytes; b += 2)
            if (clade_checkpoint_writer_put(job->writer, i, b, bytes + b, 1) != CLADE_OK)
                return context;
    }
    return NULL;
}

static void test_threads(void **state)
{
    (void)state;
    clade_checkpoint_writer *writer;
    use("threads");
    assert_ok(open_writer("recipe", &writer));
    for (size_t s = 0; s < SHARDS; s++)
        assert_ok(clade_checkpoint_writer_begin(writer, s)); /* all are open at the same time */
    pthread_t threads[SHARDS][2];
    thread_job jobs[SHARDS][2];
    for (size_t s = 0; s < SHARDS; s++)
        for (size_t p = 0; p < 2; p++) {
            jobs[s][p] = (thread_job){writer, s, p};
            assert_int_equal(pthread_create(&threads[s][p], NULL, put_every_other_byte, &jobs[s][p]), 0);
        }
    for (size_t s = 0; s < SHARDS; s++)
        for (size_t p = 0; p < 2; p++) {
            void *failed;
            assert_int_equal(pthread_join(threads[s][p], &failed), 0);
            assert_null(failed);
        }
    for (size_t s = 0; s < SHARDS; s++)
        assert_ok(clade_checkpoint_writer_end(writer, s));
    clade_checkpoint_writer_close(writer);
    assert_ok(open_writer("recipe", &writer)); /* and the sums that the threads made are those of the files */
    for (size_t s = 0; s < SHARDS; s++)
        assert_true(clade_checkpoint_writer_done(writer, s));
    assert_ok(clade_checkpoint_writer_finish(writer));
    check_out();
}

static void test_misuse(void **state)
{
    (void)state;
    clade_checkpoint_writer *writer;
    unsigned char bytes[MAX_BYTES];
    use("misuse");
    strcat(out, "//"); /* as a shell completes it */
    assert_ok(open_writer("recipe", &writer));
    assert_string_equal(clade_checkpoint_writer_folder(writer), partial);
    bytes_of(0, bytes);
    assert_fails(clade_checkpoint_writer_put(writer, 0, 0, bytes, 14), CLADE_EINTERNAL, "not begun");
    assert_fails(clade_checkpoint_writer_put(writer, COUNT, 0, bytes, 1), CLADE_EINTERNAL, "no tensor");
    assert_fails(clade_checkpoint_writer_end(writer, 0), CLADE_EINTERNAL, "not begun");
    assert_ok(clade_checkpoint_writer_begin(writer, 0));
    assert_fails(clade_checkpoint_writer_begin(writer, 0), CLADE_EINTERNAL, "done or begun");
    assert_ok(clade_checkpoint_writer_put(writer, 0, 0, bytes, 14));
    assert_fails(clade_checkpoint_writer_end(writer, 0), CLADE_EINTERNAL, "14 bytes were put, expected the 29");
    assert_false(clade_checkpoint_writer_done(writer, 0));
    assert_ok(write_shard(writer, 0, 3)); /* a second try */
    assert_fails(clade_checkpoint_writer_begin(writer, 0), CLADE_EINTERNAL, "done or begun");
    assert_fails(clade_checkpoint_writer_finish(writer), CLADE_EINTERNAL, "shard 1 is not done");
    clade_checkpoint_writer_close(NULL);
    assert_ok(clade_checkpoint_writer_discard(NULL));
}

/* Many tensors and many shards: no step looks at all of them for each of them. */
static void test_many(void **state)
{
    (void)state;
    enum { MANY = 100000 };
    static char names[MANY][12];
    static const uint64_t one[] = {1};
    static const float value = 1.5f;
    clade_tensor *list = clade_calloc(MANY, sizeof *list);
    clade_checkpoint *model;
    assert_non_null(list);
    for (size_t i = 0; i < MANY; i++) {
        snprintf(names[i], sizeof names[i], "t%zu", (i * 7919) % MANY);
        list[i] = (clade_tensor){names[i], CLADE_F32, 1, one, 1, 4, &value};
    }
    clock_t begin = clock();
    clade_checkpoint_layout cut = {.shard_bytes = 4 * MANY / 8};
    assert_ok(clade_checkpoint_write(in_folder("many"), list, MANY, NULL, NULL, &cut));
    assert_ok(clade_checkpoint_open(in_folder("many"), &model));
    assert_int_equal(clade_checkpoint_count(model), MANY);
    assert_int_equal(clade_checkpoint_shards(model), 8);
    clade_checkpoint_close(model);
    assert_true((double)(clock() - begin) / CLOCKS_PER_SEC < 20); /* anything quadratic takes minutes */
    clade_free(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pieces),  cmocka_unit_test(test_single_file), cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_threads), cmocka_unit_test(test_misuse),      cmocka_unit_test(test_many),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
