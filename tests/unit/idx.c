/* The laws of clade/idx.h. */
#include "test.h"

#include <zlib.h>

#include "clade/idx.h"

static char folder[TEST_PATH], path[TEST_PATH + 16];

enum { ITEMS = 700, ROWS = 28, COLUMNS = 28, ITEM = ROWS * COLUMNS, HEADER = 16 };
static unsigned char sample[HEADER + ITEMS * ITEM]; /* larger than any buffer of the reader */

static void make_sample(void)
{
    static const unsigned char header[HEADER] = {0, 0, 8, 3,    0, 0, ITEMS >> 8, ITEMS & 255,
                                                 0, 0, 0, ROWS, 0, 0, 0,          COLUMNS};
    memcpy(sample, header, HEADER);
    for (size_t i = 0; i < ITEMS * ITEM; i++)
        sample[HEADER + i] = (unsigned char)(i * 2654435761u >> 20);
}

/* BYTES of DATA as one gzip member at OUT, which has room. */
static size_t compress_to(const void *data, size_t bytes, unsigned char *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (unsigned char *)(uintptr_t)data;
    z.avail_in = (unsigned)bytes;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    deflateEnd(&z);
    return (size_t)(z.next_out - out);
}

static unsigned char packed[2 * sizeof sample];

static void write_packed(const void *data, size_t bytes)
{
    write_test_file(path, packed, compress_to(data, bytes, packed, sizeof packed));
}

static void check_whole(void)
{
    clade_idx idx;
    assert_ok(clade_idx_read(path, &idx));
    assert_int_equal(idx.rank, 3);
    assert_int_equal(idx.shape[0], ITEMS);
    assert_int_equal(idx.shape[1], ROWS);
    assert_int_equal(idx.shape[2], COLUMNS);
    assert_int_equal(idx.count, ITEMS * ITEM);
    assert_memory_equal(idx.data, sample + HEADER, ITEMS * ITEM);
    clade_idx_free(&idx);
    assert_null(idx.data);
}

static void check_ranges(void)
{
    static const uint64_t ranges[][2] = {{0, ITEMS}, {0, 1}, {1, 2},        {ITEMS - 1, ITEMS},
                                         {13, 613},  {5, 5}, {ITEMS, ITEMS}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        clade_idx idx;
        uint64_t first = ranges[i][0], last = ranges[i][1], total;
        assert_ok(clade_idx_read_range(path, first, last, &idx, &total));
        assert_int_equal(total, ITEMS);
        assert_int_equal(idx.shape[0], last - first);
        assert_int_equal(idx.count, (last - first) * ITEM);
        assert_memory_equal(idx.data, sample + HEADER + first * ITEM, idx.count);
        clade_idx_free(&idx);
    }
}

static void test_plain_and_gzip(void **state)
{
    (void)state;
    write_test_file(path, sample, sizeof sample);
    check_whole();
    check_ranges();
    write_packed(sample, sizeof sample);
    check_whole();
    check_ranges();
    /* Two gzip members one after the other are one file (RFC 1952), here with the seam inside the header. */
    size_t first = compress_to(sample, 10, packed, sizeof packed);
    size_t second = compress_to(sample + 10, sizeof sample - 10, packed + first, sizeof packed - first);
    write_test_file(path, packed, first + second);
    check_whole();
    check_ranges();
}

static void refuse(const void *data, size_t bytes, const char *part)
{
    clade_idx idx;
    write_test_file(path, data, bytes);
    assert_fails(clade_idx_read(path, &idx), CLADE_EINPUT, part);
    assert_non_null(strstr(clade_error_message(), path));
    assert_null(idx.data);
}

static void test_bad_headers(void **state)
{
    (void)state;
    refuse("", 0, "no IDX file");
    refuse("\0\0\x08", 3, "no IDX file");
    refuse("\0\1\x08\1\0\0\0\1x", 9, "no IDX file");
    refuse("\0\0\x0D\1\0\0\0\1xxxx", 12, "type 0x0d, expected 0x08");
    refuse("\0\0\x08\0x", 5, "found 0 axes");
    refuse("\0\0\x08\5\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1\0\0\0\1x", 25, "found 5 axes");
    refuse("\0\0\x08\2\0\0\0\1\0\0", 10, "inside its header");
    refuse("\0\0\x08\1\0\0\0\2x", 9, "1 bytes follow the header, expected 2");
    refuse("\0\0\x08\1\0\0\0\2xxx", 11, "3 bytes follow the header, expected 2");
    refuse("\0\0\x08\4\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 21, "overflows");
    refuse("\0\0\x08\2\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFx", 13,
           "1 bytes follow the header, expected 18446744065119617025");
}

static void test_empty(void **state)
{
    (void)state;
    clade_idx idx;
    write_test_file(path, "\0\0\x08\2\0\0\0\0\0\0\0\3", 12);
    assert_ok(clade_idx_read(path, &idx));
    assert_int_equal(idx.count, 0);
    assert_int_equal(idx.shape[1], 3);
    clade_idx_free(&idx);
}

static void test_bad_gzip(void **state)
{
    (void)state;
    static const unsigned char lying[16] = {0, 0, 8, 3, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0xFF, 0xFF, 0, 0, 0, 1};
    size_t length = compress_to(sample, sizeof sample, packed, sizeof packed);
    refuse(packed, 1, "no IDX file");
    refuse(packed, 2, "cut");
    refuse(packed, length / 2, "cut");
    refuse(packed, length - 1, "cut"); /* the data are whole, the checksum is not */
    packed[length - 6] ^= 1;
    refuse(packed, length, "damaged");
    packed[length - 6] ^= 1;
    packed[length] = 0;
    refuse(packed, length + 1, "1 bytes after the end of the gzip'd data");
    refuse(packed, compress_to(sample, sizeof sample - 5, packed, sizeof packed), "end 5 bytes before");
    sample[7]--; /* the header now says one item less than there are */
    refuse(packed, compress_to(sample, sizeof sample, packed, sizeof packed), "more data than its header says");
    sample[7]++;
    refuse(packed, compress_to(lying, sizeof lying, packed, sizeof packed), "gzip'd ones can hold");
}

static void test_bad_ranges(void **state)
{
    (void)state;
    clade_idx idx;
    uint64_t total;
    write_packed(sample, sizeof sample);
    assert_fails(clade_idx_read_range(path, 0, ITEMS + 1, &idx, &total), CLADE_EINPUT,
                 "0 to 701 are wanted, but it has 700");
    assert_fails(clade_idx_read_range(path, 3, 2, &idx, &total), CLADE_EINPUT, "3 to 2 are wanted");
    assert_fails(clade_idx_read_range(path, UINT64_MAX, UINT64_MAX, &idx, &total), CLADE_EINPUT, "are wanted");
    assert_fails(clade_idx_read("/nowhere/at-all", &idx), CLADE_EINPUT, "/nowhere/at-all");
    assert_fails(clade_idx_read("/dev/zero", &idx), CLADE_EINPUT, "a device");
    /* What lies outside the range is checked all the same. */
    write_test_file(path, sample, sizeof sample - 1);
    assert_fails(clade_idx_read_range(path, 0, 1, &idx, &total), CLADE_EINPUT, "follow the header");
    write_packed(sample, sizeof sample - 1);
    assert_fails(clade_idx_read_range(path, 0, 1, &idx, &total), CLADE_EINPUT, "end 1 bytes before");
}

static int make_folder(void **state)
{
    (void)state;
    make_temporary_folder(folder);
    snprintf(path, sizeof path, "%s/idx", folder);
    make_sample();
    return 0;
}

static int remove_folder(void **state)
{
    (void)state;
    remove_temporary_folder(folder);
    return nothing_is_left();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_plain_and_gzip), cmocka_unit_test(test_bad_headers), cmocka_unit_test(test_empty),
        cmocka_unit_test(test_bad_gzip),       cmocka_unit_test(test_bad_ranges),
    };
    return cmocka_run_group_tests(tests, make_folder, remove_folder);
}
