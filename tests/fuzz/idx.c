/* Whatever the bytes: no crash, no leak, and a range of items is the same as that part of the whole. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "clade/alloc.h"
#include "clade/idx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(int law)
{
    if (!law)
        abort();
}

static void check_range(const char *path, const clade_idx *whole, uint64_t first, uint64_t last)
{
    clade_idx part;
    uint64_t total, item = whole->shape[0] ? whole->count / whole->shape[0] : 0;
    check(clade_idx_read_range(path, first, last, &part, &total) == CLADE_OK);
    check(total == whole->shape[0] && part.shape[0] == last - first && part.count == item * (last - first));
    check(memcmp(part.data, whole->data + first * item, (size_t)part.count) == 0);
    clade_idx_free(&part);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char path[64];
    clade_idx idx;
    int fd = memfd_create("idx", 0); /* a file that needs no folder */
    check(fd >= 0 && write(fd, data, size) == (ssize_t)size);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (clade_idx_read(path, &idx) == CLADE_OK) {
        uint64_t product = 1;
        for (unsigned i = 0; i < idx.rank; i++)
            product *= idx.shape[i];
        check(product == idx.count);
        check_range(path, &idx, 0, idx.shape[0] / 2);
        check_range(path, &idx, idx.shape[0] / 2, idx.shape[0]);
    } else {
        check(idx.data == NULL && clade_error_message()[0] != '\0');
    }
    clade_idx_free(&idx);
    close(fd);
    check(clade_alloc_live() == 0);
    return 0;
}
