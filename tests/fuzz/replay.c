/* A main for a fuzz harness without libFuzzer: feeds it every file of the folders and files named on the command line,
 * and every start of each file, so that a short read is always tried. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_BYTES = 4096, MOST_STARTS = 64 };

/* Exactly SIZE bytes on the heap, so that a sanitizer sees the first byte read behind the end. */
static void feed(const unsigned char *data, size_t size)
{
    uint8_t *copy = malloc(size);
    if (!copy && size > 0)
        exit(EXIT_FAILURE);
    if (size > 0)
        memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

static int replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    unsigned char *data = NULL;
    size_t size = 0, part = 0;
    while (file && (data = realloc(data, size + 65536)) != NULL && (part = fread(data + size, 1, 65536, file)) > 0)
        size += part;
    if (!file || !data || ferror(file)) {
        fprintf(stderr, "%s: cannot read\n", path);
        return 0;
    }
    fclose(file);
    feed(data, size);
    for (size_t i = 0; i < MOST_STARTS; i++)
        feed(data, size * i / MOST_STARTS);
    free(data);
    return 1;
}

static int is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Files fed, or -1. */
static int replay(const char *path)
{
    DIR *folder = opendir(path);
    if (!folder)
        return replay_file(path) ? 1 : -1;
    int count = 0;
    for (struct dirent *entry; count >= 0 && (entry = readdir(folder)) != NULL;) {
        char inner[PATH_BYTES];
        if (is_dot(entry->d_name))
            continue;
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        count = length < PATH_BYTES && replay_file(inner) ? count + 1 : -1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        int count = replay(argv[i]);
        if (count <= 0) {
            fprintf(stderr, "%s: no corpus\n", argv[i]);
            return EXIT_FAILURE;
        }
        printf("%s: %d files, each whole and cut at %d places\n", argv[i], count, (int)MOST_STARTS);
    }
    return EXIT_SUCCESS;
}
