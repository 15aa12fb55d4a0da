/* SHA-256 and XXH64 against hashlib and the reference xxhash library: golden/pcg/hashes.json. */
#include "test.h"

#include "clade/hash.h"
#include "clade/json.h"

static clade_json *golden;

static const char *string_at(const clade_json_at *at, const char *key)
{
    clade_problems problems = {0};
    const char *text = NULL;
    clade_json_at member = clade_json_member(at, key);
    bool found = clade_json_string(&member, &problems, &text);
    assert_ok(clade_problems_end(&problems, CLADE_EINPUT));
    assert_true(found);
    return text;
}

static uint64_t word_at(const clade_json_at *at, const char *key)
{
    return strtoull(string_at(at, key), NULL, 16);
}

/* In pieces of PIECE bytes, so that every way of filling the block is taken. */
static void check_sha256(const unsigned char *data, size_t bytes, size_t piece, const char *expected)
{
    clade_sha256 hash;
    char hex[CLADE_SHA256_HEX];
    clade_sha256_init(&hash);
    for (size_t done = 0; done < bytes; done += piece)
        clade_sha256_update(&hash, data + done, bytes - done < piece ? bytes - done : piece);
    clade_sha256_update(&hash, data, 0);
    clade_sha256_hex(&hash, hex);
    assert_string_equal(hex, expected);
}

static void test_patterns(void **state)
{
    (void)state;
    clade_json_at root = clade_json_root(golden), entries = clade_json_member(&root, "pattern_kats");
    assert_true(clade_json_size(&entries) > 80);
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i), at = clade_json_member(&entry, "length");
        clade_problems problems = {0};
        int64_t length;
        assert_true(clade_json_integer(&at, &problems, 0, 1 << 24, &length));
        size_t bytes = (size_t)length;
        unsigned char *data = malloc(bytes + 2);
        assert_non_null(data);
        for (size_t odd = 0; odd < 2; odd++) { /* an odd address must not matter */
            for (size_t j = 0; j < bytes; j++)
                data[odd + j] = (unsigned char)(131 * j + 17);
            check_sha256(data + odd, bytes, bytes + 1, string_at(&entry, "sha256"));
            check_sha256(data + odd, bytes, 7, string_at(&entry, "sha256"));
            check_sha256(data + odd, bytes, 64, string_at(&entry, "sha256"));
            assert_true(clade_xxh64(data + odd, bytes, 0) == word_at(&entry, "xxh64_seed_0"));
            assert_true(clade_xxh64(data + odd, bytes, 1) == word_at(&entry, "xxh64_seed_1"));
            assert_true(clade_xxh64(data + odd, bytes, 0x9e3779b185ebca8dU) ==
                        word_at(&entry, "xxh64_seed_9e3779b185ebca8d"));
        }
        free(data);
    }
}

static void test_texts(void **state)
{
    (void)state;
    clade_json_at root = clade_json_root(golden), entries = clade_json_member(&root, "text_kats");
    assert_true(clade_json_size(&entries) >= 7);
    for (size_t i = 0; i < clade_json_size(&entries); i++) {
        clade_json_at entry = clade_json_item(&entries, i);
        const char *text = string_at(&entry, "text");
        check_sha256((const unsigned char *)text, strlen(text), 13, string_at(&entry, "sha256"));
        assert_true(clade_name_key(text) == word_at(&entry, "xxh64"));
    }
}

static void test_million(void **state)
{
    (void)state;
    enum { MILLION = 1000000 };
    clade_json_at root = clade_json_root(golden), entry = clade_json_member(&root, "million_a");
    unsigned char *data = malloc(MILLION);
    assert_non_null(data);
    memset(data, 'a', MILLION);
    check_sha256(data, MILLION, 999, string_at(&entry, "sha256"));
    assert_true(clade_xxh64(data, MILLION, 0) == word_at(&entry, "xxh64"));
    free(data);
}

static int setup(void **state)
{
    (void)state;
    return clade_json_read(shared_path("golden/pcg/hashes.json"), CLADE_EINPUT, &golden) == CLADE_OK ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    clade_json_free(golden);
    return 0;
}

int main(void)
{
    skip_without_shared();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_patterns),
        cmocka_unit_test(test_texts),
        cmocka_unit_test(test_million),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
