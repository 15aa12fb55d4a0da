/* Adapters made in memory and written as PEFT folders: nothing is lost on the way, nor left behind when memory or the
 * disk is full. */
#include "adapter_fixture.h"
#include "folder_fixture.h"

#include "io_test.h"

static size_t entries_before;

/* Modules of every kind and of different ranks, filled with values. */
static clade_status make_adapter(clade_adapter **made)
{
    static const char config[] = "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"fan_in_fan_out\": true, "
                                 "\"base_model_name_or_path\": \"org/base\"}";
    static const size_t ranks[] = {4, 3, 2, 2}; /* of a, b.a, conv, emb */
    fixture_tensors t = {.count = 0};
    clade_adapter *like;
    float *a, *b;
    fixture_pair(&t, "b.a", 3, 4, 2, 1);
    fixture_pair(&t, "a", 3, 4, 2, 1); /* as a key of a pattern, it matches "b.a" too */
    fixture_add(&t, "emb.lora_embedding_A", 2, (uint64_t[]){2, 7}, 1, NULL);
    fixture_add(&t, "emb.lora_embedding_B", 2, (uint64_t[]){3, 2}, 1, NULL);
    fixture_add(&t, "conv.lora_A.weight", 4, (uint64_t[]){2, 3, 2, 2}, 1, NULL);
    fixture_add(&t, "conv.lora_B.weight", 4, (uint64_t[]){5, 2, 1, 1}, 1, NULL);
    const char *path = path_in(folder, "like");
    if (!clade_path_exists(path))
        fixture_write(path, config, &t);
    CLADE_TRY(clade_adapter_open(path, &like));
    clade_status status = clade_adapter_new(4, made);
    for (size_t i = 0; i < 4 && status == CLADE_OK; i++) {
        const clade_adapter_module *module = clade_adapter_at(like, i);
        size_t rank = ranks[i];
        status = clade_adapter_add(*made, module, rank, &a, &b);
        for (size_t k = 0; k < rank && status == CLADE_OK; k++)
            a[k] = b[k] = (float)(k + 1) / 3.0f;
    }
    if (status == CLADE_OK)
        status = clade_adapter_name_like(*made, like);
    if (status == CLADE_OK)
        assert_int_equal(clade_adapter_add(*made, clade_adapter_at(like, 3), 1, &a, &b), CLADE_EINTERNAL);
    clade_adapter_close(like);
    return status;
}

static void writes_what_it_reads(void **state)
{
    clade_adapter *made, *read;
    char hash[CLADE_SHA256_HEX], again[CLADE_SHA256_HEX];
    (void)state;
    assert_ok(make_adapter(&made));
    assert_ok(clade_adapter_write(made, path_in(folder, "new/written/"), "# card\n"));
    assert_int_equal(entries_in(path_in(folder, "new/written")), 3);
    assert_ok(clade_adapter_open(path_in(folder, "new/written"), &read));
    clade_adapter_hash(made, hash);
    clade_adapter_hash(read, again);
    assert_string_equal(hash, again);
    assert_string_equal(clade_adapter_base_name(read), "org/base");
    assert_int_equal(clade_adapter_find(read, "b.a.weight")->a->shape[0], 3);
    assert_int_equal(clade_adapter_find(read, "a.weight")->a->shape[0], 4);
    assert_int_equal(clade_adapter_find(read, "emb.weight")->a->shape[0], 2);
    assert_fails(clade_adapter_write(made, path_in(folder, "new/written"), NULL), CLADE_EUSAGE, "is there already");
    assert_int_equal(entries_in(path_in(folder, "new")), 1);
    clade_adapter_close(read);
    clade_adapter_close(made);
}

static clade_status attempt_read(void *context)
{
    clade_adapter *adapter;
    CLADE_TRY(clade_adapter_open(context, &adapter));
    clade_adapter_close(adapter);
    return CLADE_OK;
}

static clade_status attempt_write(void *context)
{
    clade_adapter *made = NULL;
    clade_status status = make_adapter(&made);
    (void)context;
    if (status == CLADE_OK)
        status = clade_remove_folder(path_in(folder, "fault"));
    if (status == CLADE_OK)
        status = clade_adapter_write(made, path_in(folder, "fault"), "# card\n");
    clade_adapter_close(made);
    return status;
}

static void survives_without_memory(void **state)
{
    static char path[TEST_PATH];
    fixture_tensors t = {.count = 0};
    (void)state;
    fixture_pair(&t, "a", 3, 4, 2, 1);
    fixture_pair(&t, "a.b", 5, 3, 2, 2);
    snprintf(path, sizeof path, "%s", path_in(folder, "memory"));
    fixture_write(path,
                  "{\"peft_type\": \"LORA\", \"r\": 2, \"lora_alpha\": 6, \"alpha_pattern\": {\"b\": 1}, "
                  "\"base_model_name_or_path\": \"org/base\", \"task_type\": \"CAUSAL_LM\"}",
                  &t);
    check_every_allocation(attempt_read, path);
    check_every_allocation(attempt_write, NULL);
}

/* ---- a full disk ---- */

static clade_status write_made(void)
{
    return attempt_write(NULL);
}

/* Nothing, or the folder as a whole: only the last step, the sync of the folder above it, may fail with it in place. */
static void whole_or_nothing(clade_status status)
{
    clade_adapter *read;
    bool there = clade_path_exists(path_in(folder, "fault"));
    assert_int_equal(entries_in(folder), entries_before + there);
    assert_true(there || status != CLADE_OK);
    if (there) {
        assert_ok(clade_adapter_open(path_in(folder, "fault"), &read));
        clade_adapter_close(read);
        assert_ok(clade_remove_folder(path_in(folder, "fault")));
    }
}

static void survives_a_full_disk(void **state)
{
    clade_adapter *made;
    (void)state;
    assert_ok(make_adapter(&made));
    clade_adapter_close(made);
    assert_ok(clade_remove_folder(path_in(folder, "fault")));
    entries_before = entries_in(folder);
    check_every_write(write_made, whole_or_nothing);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(writes_what_it_reads),
        cmocka_unit_test(survives_without_memory),
        cmocka_unit_test(survives_a_full_disk),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
