/* The laws of writing in clade/safetensors.h that need no golden files. With CLADE_TEST_KEEP=FOLDER in the environment,
 * what was written is kept there for tests/e2e/safetensors_python.sh. */
#include "io_test.h"

#include "clade/files.h"
#include "clade/safetensors.h"

static char folder[TEST_PATH];

static const char *in_folder(const char *name)
{
    return path_in(folder, name);
}

/* The bytes every sample tensor has: i * 37 + 11. */
static unsigned char sample_byte(size_t i)
{
    return (unsigned char)(i * 37 + 11);
}

typedef struct production {
    const clade_tensor *tensors;
    size_t calls, last_index;
} production;

static clade_status produce_sample(void *context, size_t index, void *out)
{
    production *p = context;
    for (size_t i = 0; i < p->tensors[index].bytes; i++)
        ((unsigned char *)out)[i] = sample_byte(i);
    p->calls++;
    p->last_index = index;
    return CLADE_OK;
}

static clade_tensor tensor_of(const char *name, clade_dtype dtype, size_t rank, const uint64_t *shape)
{
    clade_tensor tensor = {.name = name, .dtype = dtype, .rank = rank, .shape = shape, .count = 1};
    for (size_t i = 0; i < rank; i++)
        tensor.count *= (size_t)shape[i];
    tensor.bytes = tensor.count * clade_dtype_of(dtype)->bits / 8;
    return tensor;
}

/* The header that safetensors 0.8.0 (Python) writes for these tensors. */
static const char reference_header[] =
    "{\"__metadata__\":{\"format\":\"pt\"},\"i\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
    "\"d\":{\"dtype\":\"F64\",\"shape\":[1,2],\"data_offsets\":[8,24]},"
    "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]},"
    "\"b\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[28,52]},"
    "\"e\":{\"dtype\":\"F32\",\"shape\":[0,4],\"data_offsets\":[52,52]},"
    "\"bf\":{\"dtype\":\"BF16\",\"shape\":[2],\"data_offsets\":[52,56]},"
    "\"h\":{\"dtype\":\"F16\",\"shape\":[3],\"data_offsets\":[56,62]},"
    "\"n\\\"\\\\\\n\\t\xC3\xA9\\u0001/\x7F\":{\"dtype\":\"U8\",\"shape\":[1],\"data_offsets\":[62,63]},"
    "\"u\":{\"dtype\":\"U8\",\"shape\":[5],\"data_offsets\":[63,68]},"
    "\"t\":{\"dtype\":\"BOOL\",\"shape\":[3],\"data_offsets\":[68,71]}}     ";

static void test_writes_as_reference(void **state)
{
    (void)state;
    static const uint64_t one[] = {1}, two[] = {2}, three[] = {3}, five[] = {5}, row[] = {1, 2}, matrix[] = {2, 3},
                          none[] = {0, 4};
    clade_tensor tensors[] = {
        tensor_of("b", CLADE_F32, 2, matrix),
        tensor_of("a", CLADE_F32, 1, one),
        tensor_of("h", CLADE_F16, 1, three),
        tensor_of("bf", CLADE_BF16, 1, two),
        tensor_of("i", CLADE_I64, 0, NULL),
        tensor_of("u", CLADE_U8, 1, five),
        tensor_of("e", CLADE_F32, 2, none),
        tensor_of("t", CLADE_BOOL, 1, three),
        tensor_of("n\"\\\n\t\xC3\xA9\x01/\x7F", CLADE_U8, 1, one),
        tensor_of("d", CLADE_F64, 2, row),
    };
    enum { COUNT = sizeof tensors / sizeof *tensors };
    unsigned char given[24];
    for (size_t i = 0; i < sizeof given; i++)
        given[i] = sample_byte(i);
    tensors[0].data = given; /* one with data among those to produce */
    production produced = {.tensors = tensors};
    assert_ok(clade_safetensors_write(in_folder("sample.safetensors"), tensors, COUNT, produce_sample, &produced));
    assert_int_equal(produced.calls, COUNT - 2); /* neither the given nor the empty one */
    assert_int_equal(produced.last_index, 7);    /* BOOL comes last in the file */

    size_t length = sizeof reference_header - 1, size;
    unsigned char *expected = pack_safetensors(reference_header, length, 71, &size);
    static const size_t parts[] = {8, 16, 4, 24, 4, 6, 1, 5, 3};
    unsigned char *data = expected + 8 + length;
    for (size_t p = 0; p < sizeof parts / sizeof *parts; p++)
        for (size_t i = 0; i < parts[p]; i++)
            *data++ = sample_byte(i);
    clade_map map;
    assert_ok(clade_map_open(in_folder("sample.safetensors"), &map));
    assert_int_equal(map.size, size);
    assert_memory_equal(map.data, expected, size);
    clade_map_close(&map);
    free(expected);
}

static void test_writes_nothing_but_header(void **state)
{
    (void)state;
    clade_map map;
    assert_ok(clade_safetensors_write(in_folder("none.safetensors"), NULL, 0, NULL, NULL));
    assert_ok(clade_map_open(in_folder("none.safetensors"), &map));
    assert_int_equal(map.size, 40);
    assert_memory_equal(map.data, " \0\0\0\0\0\0\0{\"__metadata__\":{\"format\":\"pt\"}}", 40);
    clade_map_close(&map);
}

static clade_status produce_failure(void *context, size_t index, void *out)
{
    (void)context, (void)index, (void)out;
    return clade_fail(CLADE_EEVAL, "no data today");
}

static void test_writer_refuses(void **state)
{
    (void)state;
    static const uint64_t two[] = {2}, odd[] = {3};
    const char *path = in_folder("refused.safetensors");
    unsigned char data[8] = {0};
    clade_tensor tensors[2] = {tensor_of("a", CLADE_F32, 1, two), tensor_of("a", CLADE_U8, 1, two)};
    tensors[0].data = tensors[1].data = data;
    assert_fails(clade_safetensors_write(path, tensors, 2, NULL, NULL), CLADE_EINPUT, "two tensors are named \"a\"");
    tensors[1].name = "__metadata__";
    assert_fails(clade_safetensors_write(path, tensors, 2, NULL, NULL), CLADE_EINPUT, "format's own");
    tensors[1].name = "\xC3";
    assert_fails(clade_safetensors_write(path, tensors, 2, NULL, NULL), CLADE_EINPUT,
                 "\"\\xc3\": its name is not valid UTF-8");
    tensors[1] =
        (clade_tensor){.name = "f", .dtype = CLADE_F4, .rank = 1, .shape = odd, .count = 3, .bytes = 1, .data = data};
    assert_fails(clade_safetensors_write(path, tensors, 2, NULL, NULL), CLADE_EINPUT, "byte boundary");
    tensors[1] = tensor_of("b", CLADE_F32, 1, two);
    assert_fails(clade_safetensors_write(path, tensors, 2, NULL, NULL), CLADE_EINTERNAL, "nothing makes them");
    assert_fails(clade_safetensors_write(path, tensors, 2, produce_failure, NULL), CLADE_EEVAL, "no data today");
    tensors[1].bytes--;
    assert_fails(clade_safetensors_write(path, tensors, 2, produce_failure, NULL), CLADE_EINTERNAL, "has 7 bytes");
    assert_false(clade_path_exists(path));
    assert_fails(clade_safetensors_write(in_folder("no/such/folder"), tensors, 1, NULL, NULL), CLADE_EIO,
                 "no/such/folder");
}

static int make_folder(void **state)
{
    (void)state;
    const char *keep = getenv("CLADE_TEST_KEEP");
    if (keep)
        snprintf(folder, sizeof folder, "%s", keep);
    else
        make_temporary_folder(folder);
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    if (!getenv("CLADE_TEST_KEEP"))
        remove_temporary_folder(folder);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_writes_as_reference),
                                       cmocka_unit_test(test_writes_nothing_but_header),
                                       cmocka_unit_test(test_writer_refuses)};
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
