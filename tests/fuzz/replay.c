/* A main for a fuzz harness without libFuzzer: feeds it every file of the folders and files named on the command line,
 * and starts of each file, so that a short read is always tried: --starts N of them, 64 where nothing is said. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { PATH_BYTES = 4096, STARTS = 64 };

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

static int replay_file(const char *path, size_t starts)
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
    for (size_t i = 0; i < starts; i++)
        if (i == 0 || size * i / starts > size * (i - 1) / starts) /* each once */
            feed(data, size * i / starts);
    free(data);
    return 1;
}

static int is_dot(const char *name)
{
    return strcmp(name, ".") == 0 || strcmp(name, "..") == 0;
}

/* Files fed, or -1. */
static int replay(const char *path, size_t starts)
{
    DIR *folder = opendir(path);
    if (!folder)
        return replay_file(path, starts) ? 1 : -1;
    int count = 0;
    for (struct dirent *entry; count >= 0 && (entry = readdir(folder)) != NULL;) {
        char inner[PATH_BYTES];
        if (is_dot(entry->d_name))
            continue;
        int length = snprintf(inner, sizeof inner, "%s/%s", path, entry->d_name);
        count = length < PATH_BYTES && replay_file(inner, starts) ? count + 1 : -1;
    }
    closedir(folder);
    return count;
}

int main(int argc, char **argv)
{
    size_t starts = STARTS;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--starts") == 0 && i + 1 < argc) {
            starts = strtoul(argv[++i], NULL, 10);
            continue;
        }
        int count = replay(argv[i], starts);
        if (count <= 0) {
            fprintf(stderr, "%s: no corpus\n", argv[i]);
            return EXIT_FAILURE;
        }
        printf("%s: %d files, each whole and cut at up to %zu places\n", argv[i], count, starts);
    }
    return EXIT_SUCCESS;
}
