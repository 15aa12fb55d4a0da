/* Hashes against published vectors, and the tree of a checkpoint's hash against its definition computed by hand. */
#include "folder_fixture.h"
#include "io_test.h"

#include "clade/checkpoint.h"
#include "io/file_sum.h"

static void test_sha256(void **state)
{
    (void)state;
    /* FIPS 180-4's examples. */
    static const struct {
        const char *text, *hex;
    } examples[] = {
        {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
        {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
        {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
         "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
    };
    char hex[CLADE_SHA256_HEX];
    for (size_t i = 0; i < sizeof examples / sizeof *examples; i++)
        for (size_t cut = 0; cut <= strlen(examples[i].text); cut++) {
            clade_sha256 hash, other;
            clade_sha256_init(&hash);
            clade_sha256_update(&hash, examples[i].text, cut);
            other = hash; /* a value like any other: the copy goes its own way */
            clade_sha256_update(&hash, examples[i].text + cut, strlen(examples[i].text) - cut);
            clade_sha256_update(&other, "x", 1);
            clade_sha256_hex(&hash, hex);
            assert_string_equal(hex, examples[i].hex);
            clade_sha256_hex(&other, hex);
            assert_string_not_equal(hex, examples[i].hex);
        }
}

static void test_xxh64(void **state)
{
    (void)state;
    assert_true(clade_xxh64("", 0, 0) == 0xef46db3751d8e999U);
    assert_true(clade_xxh64("abc", 3, 0) == 0x44bc2cf5ad770999U);
    assert_true(clade_name_key("abc") == 0x44bc2cf5ad770999U);
}

/* The checksum of a file in parts: the same for every cut and order, another for every change. */
static void test_file_sum(void **state)
{
    (void)state;
    enum { BYTES = 61, OFFSET = 5 };
    unsigned char data[BYTES];
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (unsigned char)(i * 29 + 200);
    const clade_io_sum whole = clade_io_sum_of(OFFSET, data, BYTES);
    for (size_t a = 0; a <= BYTES; a++)
        for (size_t b = a; b <= BYTES; b++) {
            clade_io_sum sum = clade_io_sum_of(OFFSET + b, data + b, BYTES - b);
            clade_io_sum_add(&sum, clade_io_sum_of(OFFSET, data, a));
            clade_io_sum_add(&sum, clade_io_sum_of(OFFSET + a, data + a, b - a));
            assert_true(sum.low == whole.low && sum.high == whole.high);
        }
    for (size_t bit = 0; bit < (size_t)8 * BYTES; bit++)
        for (size_t other = bit; other < (size_t)8 * BYTES; other++) { /* one bit, or two */
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            data[other / 8] ^= (unsigned char)(other > bit ? 1 << other % 8 : 0);
            clade_io_sum sum = clade_io_sum_of(OFFSET, data, BYTES);
            assert_true(sum.low != whole.low || sum.high != whole.high);
            data[bit / 8] ^= (unsigned char)(1 << bit % 8);
            data[other / 8] ^= (unsigned char)(other > bit ? 1 << other % 8 : 0);
        }
    const clade_io_sum moved = clade_io_sum_of(OFFSET + 8, data, BYTES), gone = clade_io_sum_of(OFFSET, data, 0);
    assert_true(moved.low != whole.low && gone.low == 0 && gone.high == 0);
}

static void put_u64(clade_sha256 *hash, uint64_t value)
{
    unsigned char bytes[8];
    for (int i = 0; i < 8; i++)
        bytes[i] = (unsigned char)(value >> (8 * i));
    clade_sha256_update(hash, bytes, sizeof bytes);
}

static void digest_of(const void *data, size_t bytes, unsigned char digest[CLADE_SHA256_BYTES])
{
    clade_sha256 hash;
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, data, bytes);
    clade_sha256_final(&hash, digest);
}

enum { LONG = 2 * CLADE_CHUNK_ELEMENTS + 5, CHUNK_BYTES = 2 * CLADE_CHUNK_ELEMENTS };
static const uint64_t long_shape[] = {LONG}, none[] = {0, 3}, matrix[] = {2, 3};

/* The definition in clade/checkpoint.h, spelled out for three tensors: of three chunks, of none, of one. */
static void define_hash(const unsigned char *data, const float *small, char hex[CLADE_SHA256_HEX])
{
    unsigned char chunks[3][CLADE_SHA256_BYTES], digest[CLADE_SHA256_BYTES];
    clade_sha256 hash;
    clade_sha256_init(&hash);
    clade_sha256_update(&hash, "a\0BF16\0", 7);
    put_u64(&hash, 1);
    put_u64(&hash, LONG);
    digest_of(data, CHUNK_BYTES, chunks[0]);
    digest_of(data + CHUNK_BYTES, CHUNK_BYTES, chunks[1]);
    digest_of(data + 2 * CHUNK_BYTES, 10, chunks[2]);
    digest_of(chunks, sizeof chunks, digest);
    clade_sha256_update(&hash, digest, sizeof digest);
    clade_sha256_update(&hash, "b\0F32\0", 6);
    put_u64(&hash, 2);
    put_u64(&hash, 0);
    put_u64(&hash, 3);
    digest_of("", 0, digest);
    clade_sha256_update(&hash, digest, sizeof digest);
    clade_sha256_update(&hash, "c\0F32\0", 6);
    put_u64(&hash, 2);
    put_u64(&hash, 2);
    put_u64(&hash, 3);
    digest_of(small, 24, chunks[0]);
    digest_of(chunks[0], sizeof chunks[0], digest);
    clade_sha256_update(&hash, digest, sizeof digest);
    clade_sha256_hex(&hash, hex);
}

static void test_checkpoint_hash(void **state)
{
    (void)state;
    static unsigned char data[2 * LONG];
    static const float small[] = {1, 2, 3, 4, 5, 6};
    const clade_tensor tensors[] = {{"c", CLADE_F32, 2, matrix, 6, 24, small},
                                    {"a", CLADE_BF16, 1, long_shape, LONG, sizeof data, data},
                                    {"b", CLADE_F32, 2, none, 0, 0, NULL}};
    char expected[CLADE_SHA256_HEX], hex[CLADE_SHA256_HEX];
    for (size_t i = 0; i < sizeof data; i++)
        data[i] = (unsigned char)(i * 7 + i / 251);
    define_hash(data, small, expected);
    assert_int_equal(clade_tensor_chunks(&tensors[1]), 3);
    assert_int_equal(clade_tensor_chunks(&tensors[2]), 0);
    assert_ok(clade_safetensors_write(in_folder("m.safetensors"), tensors, 3, NULL, NULL));
    for (size_t threads = 0; threads <= 3; threads++) {
        clade_checkpoint *model;
        clade_team *team = NULL;
        if (threads > 0)
            assert_ok(clade_team_new(threads, &team));
        assert_ok(clade_checkpoint_open(in_folder("m.safetensors"), &model));
        assert_ok(clade_checkpoint_hash_with(model, team, hex));
        assert_string_equal(hex, expected);
        assert_ok(clade_checkpoint_hash(model, hex));
        assert_string_equal(hex, expected);
        assert_memory_equal(clade_checkpoint_find(model, "a")->data, data, sizeof data); /* released, not lost */
        clade_checkpoint_close(model);
        clade_team_free(team);
    }
}

/* A file that gets shorter under our feet is a failure with a name where the kernel can tell, and not a dead process. */
static void test_shortened(void **state)
{
    (void)state;
    static unsigned char data[2 * LONG];
    const clade_tensor tensor = {"a", CLADE_BF16, 1, long_shape, LONG, sizeof data, data};
    char hex[CLADE_SHA256_HEX];
    clade_checkpoint *model;
    clade_map map;
    const char *path = in_folder("short.safetensors");
    assert_ok(clade_safetensors_write(path, &tensor, 1, NULL, NULL));
    assert_ok(clade_checkpoint_open(path, &model));
    assert_ok(clade_map_open(path, &map));
    assert_int_equal(truncate(path, 100000), 0);
    bool can_tell = !clade_map_populate(&map, 0, map.size);
    clade_map_close(&map);
    if (can_tell)
        assert_fails(clade_checkpoint_hash(model, hex), CLADE_EINPUT,
                     "\"a\": cannot be read any more: the file was shortened");
    clade_checkpoint_close(model);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sha256),          cmocka_unit_test(test_xxh64),     cmocka_unit_test(test_file_sum),
        cmocka_unit_test(test_checkpoint_hash), cmocka_unit_test(test_shortened),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
