/* Every file of golden/safetensors: the verdict, and for valid files every field, as the official package gives them.
 * Files with a note, where the reference is laxer than the format's text, must be refused, apart from unknown fields in
 * a record, which clade/safetensors.h says are ignored. */
#include "test.h"

#include "clade/files.h"
#include "clade/hash.h"
#include "clade/json.h"
#include "clade/safetensors.h"

/* The manifest has "\u0000" in strings, which clade_json refuses because C strings end there. U+E000 stands for it. */
#define NUL_IN_MANIFEST "\xEE\x80\x80"

static clade_json *read_manifest(const char *path)
{
    char *text;
    size_t length;
    clade_json *manifest;
    assert_ok(clade_read_file(path, CLADE_JSON_MAX_BYTES, &text, &length));
    for (char *at = strstr(text, "\\u0000"); at; at = strstr(at, "\\u0000"))
        at[2] = 'e';
    assert_ok(clade_json_parse(text, length, path, CLADE_EINPUT, &manifest));
    clade_free(text);
    return manifest;
}

static const char *text_at(const clade_json_at *at, const char *key)
{
    const char *text = NULL;
    clade_problems problems = {0};
    clade_json_at member = clade_json_member(at, key);
    if (clade_json_kind_of(&member) != CLADE_JSON_ABSENT)
        assert_true(clade_json_string(&member, &problems, &text));
    return text;
}

/* An integer of any 64-bit value: extents go beyond 2^53. */
static uint64_t u64_of(const clade_json_at *at)
{
    clade_text text = {0};
    clade_json_print(at, &text);
    uint64_t value = strtoull(clade_text_get(&text), NULL, 10);
    clade_text_free(&text);
    return value;
}

static uint64_t u64_at(const clade_json_at *at, const char *key)
{
    clade_json_at member = clade_json_member(at, key);
    return u64_of(&member);
}

/* TEXT of the manifest as bytes in OUT. */
static size_t bytes_of(const char *text, char *out, size_t size)
{
    size_t used = 0;
    while (*text) {
        bool is_nul = strncmp(text, NUL_IN_MANIFEST, 3) == 0;
        assert_true(used < size);
        out[used++] = is_nul ? '\0' : *text;
        text += is_nul ? 3 : 1;
    }
    return used;
}

static size_t bytes_of_hex(const char *hex, char *out, size_t size)
{
    size_t used = 0;
    for (unsigned byte; sscanf(hex + 2 * used, "%2x", &byte) == 1 && used < size;)
        out[used++] = (char)byte;
    return used;
}

static void check_metadata(const clade_safetensors *file, const clade_json_at *expected)
{
    char bytes[8192];
    size_t count = clade_json_size(expected);
    assert_int_equal(clade_safetensors_metadata_count(file), count);
    for (size_t i = 0; i < count; i++) {
        clade_json_at item = clade_json_item(expected, i);
        clade_problems problems = {0};
        const char *value;
        size_t found = 0, length = bytes_of(clade_json_key(&item), bytes, sizeof bytes);
        while (found < count && (clade_safetensors_metadata_key_length(file, found) != length ||
                                 memcmp(clade_safetensors_metadata_key(file, found), bytes, length) != 0))
            found++;
        assert_true(found < count);
        assert_true(clade_json_string(&item, &problems, &value));
        length = bytes_of(value, bytes, sizeof bytes);
        assert_int_equal(clade_safetensors_metadata_value_length(file, found), length);
        assert_memory_equal(clade_safetensors_metadata_value(file, found), bytes, length);
    }
}

static void check_tensor(const clade_safetensors *file, size_t index, const clade_json_at *expected)
{
    char name[8192], hex[CLADE_SHA256_HEX];
    const clade_tensor *tensor = clade_safetensors_at(file, index);
    const char *coded = text_at(expected, "name_utf8_hex");
    size_t length =
        coded ? bytes_of_hex(coded, name, sizeof name) : bytes_of(text_at(expected, "name"), name, sizeof name);
    assert_int_equal(clade_safetensors_name_length(file, index), length);
    assert_memory_equal(tensor->name, name, length);
    assert_string_equal(clade_dtype_of(tensor->dtype)->name, text_at(expected, "dtype"));
    clade_json_at shape = clade_json_member(expected, "shape");
    assert_int_equal(tensor->rank, clade_json_size(&shape));
    for (size_t d = 0; d < tensor->rank; d++) {
        clade_json_at extent = clade_json_item(&shape, d);
        assert_int_equal(tensor->shape[d], u64_of(&extent));
    }
    assert_int_equal(clade_safetensors_begin(file, index), u64_at(expected, "begin"));
    assert_int_equal(clade_safetensors_begin(file, index) + tensor->bytes, u64_at(expected, "end"));
    clade_sha256 hash;
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, tensor->data, tensor->bytes);
    clade_sha256_hex(&hash, hex);
    assert_string_equal(hex, text_at(expected, "sha256"));
}

static void check_fields(const clade_safetensors *file, const clade_json_at *expected)
{
    clade_json_at metadata = clade_json_member(expected, "metadata"), tensors = clade_json_member(expected, "tensors");
    assert_int_equal(clade_safetensors_header_bytes(file), u64_at(expected, "header_length"));
    check_metadata(file, &metadata);
    assert_int_equal(clade_safetensors_count(file), clade_json_size(&tensors));
    for (size_t i = 0; i < clade_json_size(&tensors); i++) {
        clade_json_at tensor = clade_json_item(&tensors, i);
        check_tensor(file, i, &tensor);
    }
}

static void check_file(const clade_json_at *expected)
{
    char path[TEST_PATH + 512];
    const char *name = text_at(expected, "file"), *note = text_at(expected, "note");
    bool accept = strcmp(text_at(expected, "verdict"), "accept") == 0;
    if (note && strncmp(note, "JSON schema of the project forbids additional properties", 55) != 0)
        accept = false;
    snprintf(path, sizeof path, "%s/%s", shared_path("golden/safetensors"), name);
    clade_safetensors *file;
    clade_status status = clade_safetensors_open(path, &file);
    if (accept && status != CLADE_OK)
        print_error("%s: must be accepted: %s\n", name, clade_error_message());
    if (!accept && status == CLADE_OK)
        print_error("%s: must be refused (%s)\n", name, text_at(expected, "case"));
    assert_int_equal(status, accept ? CLADE_OK : CLADE_EINPUT);
    if (accept)
        check_fields(file, expected);
    else
        assert_non_null(strstr(clade_error_message(), path)); /* every message names the file */
    clade_safetensors_close(file);
}

static void test_manifest(void **state)
{
    (void)state;
    clade_json *manifest = read_manifest(shared_path("golden/safetensors/manifest.json"));
    clade_json_at root = clade_json_root(manifest), files = clade_json_member(&root, "files");
    size_t count = clade_json_size(&files);
    assert_true(count > 0);
    for (size_t i = 0; i < count; i++) {
        clade_json_at file = clade_json_item(&files, i);
        check_file(&file);
    }
    print_message("%zu files\n", count);
    clade_json_free(manifest);
    assert_int_equal(clade_alloc_live(), 0);
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_manifest)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
