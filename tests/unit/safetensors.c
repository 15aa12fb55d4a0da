/* The laws of reading in clade/safetensors.h that need no golden files. */
#include "folder_fixture.h"
#include "io_test.h"

#include <inttypes.h>

#include "clade/files.h"
#include "clade/safetensors.h"
#include "clade/text.h"

static clade_status scan_text(const char *header, size_t length, size_t data_bytes)
{
    size_t size;
    clade_safetensors *file;
    unsigned char *bytes = pack_safetensors(header, length, data_bytes, &size);
    clade_status status = clade_safetensors_scan(bytes, size, "sample", &file);
    clade_safetensors_close(file);
    free(bytes);
    return status;
}

/* A record of two F32 with FIELD in it must be refused with a message that has PART. */
static void refuse(const char *header, const char *part)
{
    assert_fails(scan_text(header, strlen(header), 8), CLADE_EINPUT, part);
    assert_non_null(strstr(clade_error_message(), "sample: "));
}

static void accept(const char *header)
{
    assert_ok(scan_text(header, strlen(header), 8));
}

#define RECORD "{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}"
#define WITH(FIELD) "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]," FIELD "}}"

static void test_strictness(void **state)
{
    (void)state;
    accept("{\"a\":" RECORD "}");
    accept("{ \"a\" :\t" RECORD "\n}   ");
    refuse(" {\"a\":" RECORD "}", "first byte");
    refuse("{\"a\":" RECORD "}\t", "0x20");
    refuse("{\"a\":" RECORD "}\n", "0x20");
    refuse("{\"a\":" RECORD ",\"a\":" RECORD "}", "found twice");
    refuse("{\"a\":" RECORD ",\"\\u0061\":" RECORD "}", "found twice");
    refuse("{\"__metadata__\":{\"k\":\"1\",\"k\":\"1\"},\"a\":" RECORD "}", "metadata key \"k\": found twice");
    refuse("{\"__metadata__\":{},\"a\":" RECORD ",\"__metadata__\":{}}", "second");
    refuse("{\"__metadata__\":null,\"a\":" RECORD "}", "'{' of \"__metadata__\"");
    refuse("{\"a\":[\"F32\",[2],[0,8]]}", "'{' of a tensor's record");
    refuse("{\"a\":{\"dtype\":{\"F32\":null},\"shape\":[2],\"data_offsets\":[0,8]}}", "dtype");
    refuse(WITH("\"shape\":[2]"), "second time");
    refuse(WITH("\"shap\\u0065\":[2]"), "second time");
    refuse("{\"a\":" RECORD "},", "0x20");
    refuse("{\"a\":" RECORD ",}", "double quotes");
}

static void test_unknown_fields(void **state)
{
    (void)state;
    char nested[600];
    accept(WITH("\"x\":{\"y\":[1,-2.5e-3,true,false,null,\"\\ud83d\\ude00\",{},[],[[{\"z\":{}}]]]},\"x\":0"));
    accept(WITH("\"x\":[1.7976931348623157e308,17976931348623157e292,0.0001e312,0e99999,1e-99999]"));
    refuse(WITH("\"x\":1e309"), "range of a double");
    refuse(WITH("\"x\":1.7976931348623159e308"), "range of a double");
    refuse(WITH("\"x\":0.001e312"), "range of a double");
    refuse(WITH("\"x\":01"), "leading zero");
    refuse(WITH("\"x\":1."), "digit");
    refuse(WITH("\"x\":-"), "digit");
    refuse(WITH("\"x\":1e+"), "digit of an exponent");
    refuse(WITH("\"x\":nul"), "JSON value");
    refuse(WITH("\"x\":{1:2}"), "key");
    refuse(WITH("\"x\":[1}"), "','");
    refuse(WITH("\"x\":\"\\ud800\""), "low surrogate");
    for (int depth = 120; depth <= 130; depth++) {
        int used =
            snprintf(nested, sizeof nested, "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8],\"x\":");
        memset(nested + used, '[', (size_t)depth);
        memset(nested + used + depth, ']', (size_t)depth);
        snprintf(nested + used + 2 * depth, sizeof nested - (size_t)(used + 2 * depth), "}}");
        if (depth + 2 <= 127) /* the header and the record are two levels */
            accept(nested);
        else
            refuse(nested, "127 levels");
    }
}

static void test_names_and_metadata(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"z\":\"1\",\"k\\u0000x\":\"v\\u0000\"},"
        "\"a\\u0000c\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[0,1]},"
        "\"\\u00e9\\u96ea\\ud83d\\ude00\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[2,3]},"
        "\"a\\u0000b\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[1,2]},"
        "\"a\":{\"dtype\":\"F64\",\"shape\":[0,7],\"data_offsets\":[2,2]}}";
    size_t size;
    clade_safetensors *file;
    unsigned char *bytes = pack_safetensors(header, sizeof header - 1, 3, &size);
    assert_ok(clade_safetensors_scan(bytes, size, "sample", &file));
    assert_int_equal(clade_safetensors_count(file), 4);
    assert_int_equal(clade_safetensors_header_bytes(file), sizeof header - 1);
    assert_string_equal(clade_safetensors_at(file, 0)->name, "a");
    assert_memory_equal(clade_safetensors_at(file, 1)->name, "a\0b", 4);
    assert_memory_equal(clade_safetensors_at(file, 2)->name, "a\0c", 4);
    assert_int_equal(clade_safetensors_name_length(file, 2), 3);
    assert_string_equal(clade_safetensors_at(file, 3)->name, "\xC3\xA9\xE9\x9B\xAA\xF0\x9F\x98\x80");
    assert_int_equal(clade_safetensors_begin(file, 1), 1);
    assert_ptr_equal(clade_safetensors_at(file, 1)->data, bytes + 8 + sizeof header - 1 + 1);
    assert_ptr_equal(clade_safetensors_find(file, "a"), clade_safetensors_at(file, 0));
    assert_null(clade_safetensors_find(file, "b"));
    assert_int_equal(clade_safetensors_at(file, 0)->count, 0);
    assert_int_equal(clade_safetensors_metadata_count(file), 2);
    assert_memory_equal(clade_safetensors_metadata_key(file, 0), "k\0x", 4);
    assert_int_equal(clade_safetensors_metadata_key_length(file, 0), 3);
    assert_memory_equal(clade_safetensors_metadata_value(file, 0), "v\0", 3);
    assert_int_equal(clade_safetensors_metadata_value_length(file, 0), 2);
    assert_string_equal(clade_safetensors_metadata_key(file, 1), "z");
    clade_safetensors_close(file);
    free(bytes);
}

/* Cut a file anywhere, or change any of its bytes: no crash, and never more accepted than what is still consistent. */
static void test_cut_and_changed(void **state)
{
    (void)state;
    static const char header[] =
        "{\"__metadata__\":{\"format\":\"pt\"},\"w\":{\"dtype\":\"F32\",\"shape\":[2,1],"
        "\"data_offsets\":[2,10]},\"\\u00e9\":{\"dtype\":\"U8\",\"shape\":[2],\"data_offsets\":[0,2]}}  ";
    static const unsigned char changes[] = {0x00, 0xFF, 0x01, 0x80, 0x02, 0x10, 0x20};
    size_t size;
    clade_safetensors *file;
    unsigned char *bytes = pack_safetensors(header, sizeof header - 1, 10, &size);
    assert_ok(clade_safetensors_scan(bytes, size, "sample", &file));
    clade_safetensors_close(file);
    for (size_t cut = 0; cut < size; cut++) {
        unsigned char *exact = malloc(cut + !cut); /* so that a sanitizer sees a byte read too far */
        memcpy(exact, bytes, cut);
        assert_int_equal(clade_safetensors_scan(exact, cut, "sample", &file), CLADE_EINPUT);
        assert_null(file);
        free(exact);
    }
    for (size_t at = 0; at < size; at++)
        for (size_t c = 0; c < sizeof changes; c++) {
            unsigned char before = bytes[at];
            bytes[at] = c < 2 ? changes[c] : before ^ changes[c];
            if (clade_safetensors_scan(bytes, size, "sample", &file) == CLADE_OK) {
                size_t total = 0;
                for (size_t i = 0; i < clade_safetensors_count(file); i++)
                    total += clade_safetensors_at(file, i)->bytes;
                assert_int_equal(total, 10);
            }
            clade_safetensors_close(file);
            bytes[at] = before;
        }
    free(bytes);
}

/* A header of exactly the limit is legal; one byte more is not. */
static void test_longest_header(void **state)
{
    (void)state;
    enum { LIMIT = 100000000 };
    char *header = malloc(LIMIT + 1);
    assert_non_null(header);
    memset(header, ' ', LIMIT + 1);
    memcpy(header, "{}", 2);
    for (size_t length = LIMIT; length <= LIMIT + 1; length++) {
        size_t size;
        clade_safetensors *file;
        unsigned char *bytes = pack_safetensors(header, length, 0, &size);
        write_test_file(in_folder("long.safetensors"), bytes, size);
        free(bytes);
        clade_status status = clade_safetensors_open(in_folder("long.safetensors"), &file);
        if (length == LIMIT) {
            assert_ok(status);
            assert_int_equal(clade_safetensors_header_bytes(file), LIMIT);
            assert_int_equal(clade_safetensors_count(file), 0);
        } else {
            assert_fails(status, CLADE_EINPUT, "at most 100000000");
        }
        clade_safetensors_close(file);
    }
    free(header);
    unlink(in_folder("long.safetensors"));
}

/* Many records: time stays near linear, and names are found. */
static void test_many_tensors(void **state)
{
    (void)state;
    enum { COUNT = 200000 };
    char name[32];
    clade_text text = {0};
    for (int i = 0; i < COUNT; i++)
        clade_text_append(&text, "%s\"t%d\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[%d,%d]}", i ? "," : "{",
                          i, COUNT - 1 - i, COUNT - i);
    clade_text_append(&text, "}");
    assert_ok(clade_text_status(&text));
    size_t size;
    clade_safetensors *file;
    unsigned char *bytes = pack_safetensors(text.data, text.length, COUNT, &size);
    assert_ok(clade_safetensors_scan(bytes, size, "many", &file));
    for (int i = 0; i < COUNT; i += 997) {
        snprintf(name, sizeof name, "t%d", i);
        const clade_tensor *found = clade_safetensors_find(file, name);
        assert_non_null(found);
        assert_ptr_equal(found->data, bytes + 8 + text.length + COUNT - 1 - i);
    }
    clade_safetensors_close(file);
    free(bytes);
    clade_text_free(&text);
}

static void test_not_regular(void **state)
{
    (void)state;
    clade_safetensors *file;
    assert_int_equal(mkfifo(in_folder("pipe"), 0600), 0);
    assert_fails(clade_safetensors_open(in_folder("pipe"), &file), CLADE_EINPUT, "a pipe");
    assert_fails(clade_safetensors_open(folder, &file), CLADE_EINPUT, "a folder");
    assert_fails(clade_safetensors_open("/dev/zero", &file), CLADE_EINPUT, "a device");
    assert_fails(clade_safetensors_open(in_folder("absent"), &file), CLADE_EINPUT, "absent: cannot open");
    write_test_file(in_folder("empty"), "", 0);
    assert_fails(clade_safetensors_open(in_folder("empty"), &file), CLADE_EINPUT, "has 0 bytes");
    write_test_file(in_folder("lfs"), "version https://git-lfs.github.com/spec/v1\n", 43);
    assert_fails(clade_safetensors_open(in_folder("lfs"), &file), CLADE_EINPUT, "git lfs pull");
}

/* A sparse file of a terabyte with a small header costs neither time nor memory. */
static void test_huge_file(void **state)
{
    (void)state;
    static const char header[] =
        "{\"w\":{\"dtype\":\"U8\",\"shape\":[1099511627776],\"data_offsets\":[0,1099511627776]}}";
    size_t size;
    clade_safetensors *file;
    unsigned char *bytes = pack_safetensors(header, sizeof header - 1, 0, &size);
    write_test_file(in_folder("huge"), bytes, size);
    free(bytes);
    if (truncate(in_folder("huge"), (off_t)(size + (UINT64_C(1) << 40))) != 0)
        skip(); /* this file system has no sparse files that long */
    assert_ok(clade_safetensors_open(in_folder("huge"), &file));
    assert_int_equal(clade_safetensors_at(file, 0)->bytes, UINT64_C(1) << 40);
    clade_safetensors_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_strictness),         cmocka_unit_test(test_unknown_fields),
        cmocka_unit_test(test_names_and_metadata), cmocka_unit_test(test_cut_and_changed),
        cmocka_unit_test(test_longest_header),     cmocka_unit_test(test_many_tensors),
        cmocka_unit_test(test_not_regular),        cmocka_unit_test(test_huge_file),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
