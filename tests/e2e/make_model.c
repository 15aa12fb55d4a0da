/* Writes a safetensors file for the shell tests, without the library that they test.
 *
 *   make_model FILE SEED TENSOR...      TENSOR is NAME:DTYPE:EXTENTS[:EDIT], for example "a.weight:F32:4,3:nan@5"
 *   make_model FILE SEED many COUNT     tensors "layer.0.w" ... of 4 F32 elements each
 *
 * DTYPE is F32, BF16 or I64; no EXTENTS: one element, without dimensions. Elements are multiples of 1/4096 between
 * -1/2 and 1/2 that depend on SEED, name and index; those of I64 are the index. An EDIT puts "nan" or "inf" at an index,
 * or adds one there ("add@2"). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_RANK = 8, NAME = 200 };

typedef struct tensor {
    char name[NAME], dtype[8], edit[8], extents[NAME];
    uint64_t count, edited, bytes;
} tensor;

static void require(int condition, const char *what)
{
    if (condition)
        return;
    fprintf(stderr, "make_model: %s\n", what);
    exit(2);
}

static uint64_t element_bytes(const tensor *t)
{
    return strcmp(t->dtype, "I64") == 0 ? 8 : strcmp(t->dtype, "BF16") == 0 ? 2 : 4;
}

static tensor parse(char *text)
{
    tensor t = {.count = 1};
    char *parts[4] = {text, "", "", ""};
    for (int i = 1; i < 4; i++) {
        char *colon = strchr(parts[i - 1], ':');
        if (!colon)
            break;
        *colon = '\0';
        parts[i] = colon + 1;
    }
    snprintf(t.name, sizeof t.name, "%s", parts[0]);
    snprintf(t.dtype, sizeof t.dtype, "%s", parts[1]);
    snprintf(t.extents, sizeof t.extents, "%s", parts[2]);
    for (const char *at = parts[2]; *at; at += *at == ',')
        t.count *= strtoull(at, (char **)&at, 10);
    char *index = strchr(parts[3], '@');
    if (index) {
        t.edited = strtoull(index + 1, NULL, 10);
        *index = '\0';
    }
    snprintf(t.edit, sizeof t.edit, "%s", parts[3]);
    t.bytes = t.count * element_bytes(&t);
    return t;
}

/* SplitMix64 (Steele and others, OOPSLA 2014), as a hash. */
static uint64_t mixed(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

static void write_elements(FILE *file, const tensor *t, uint64_t seed)
{
    uint64_t key = seed;
    for (const char *c = t->name; *c; c++)
        key = mixed(key ^ (unsigned char)*c);
    for (uint64_t i = 0; i < t->count; i++) {
        int at = t->edit[0] && i == t->edited;
        float value = (float)((int)(mixed(key + i) >> 52) - 2048) / 4096;
        int64_t integer = (int64_t)i + at;
        uint32_t bits;
        if (at)
            value = strcmp(t->edit, "nan") == 0 ? NAN : strcmp(t->edit, "inf") == 0 ? INFINITY : value + 1;
        memcpy(&bits, &value, sizeof bits);
        if (element_bytes(t) == 8)
            fwrite(&integer, 8, 1, file);
        else if (element_bytes(t) == 4)
            fwrite(&value, 4, 1, file);
        else
            fwrite((const char *)&bits + 2, 2, 1, file);
    }
}

static uint64_t write_header(FILE *file, const tensor *tensors, size_t count)
{
    uint64_t begin = 0, length = (uint64_t)fprintf(file, "{\"__metadata__\":{\"format\":\"pt\"}");
    for (size_t i = 0; i < count; i++) {
        const tensor *t = &tensors[i];
        length +=
            (uint64_t)fprintf(file, ",\"%s\":{\"dtype\":\"%s\",\"shape\":[%s],\"data_offsets\":[%llu,%llu]}", t->name,
                              t->dtype, t->extents, (unsigned long long)begin, (unsigned long long)(begin + t->bytes));
        begin += t->bytes;
    }
    length += (uint64_t)fprintf(file, "}");
    for (; length % 8; length++)
        fputc(' ', file);
    return length;
}

int main(int argc, char **argv)
{
    require(argc >= 4, "expected FILE SEED TENSOR...");
    int many = argc == 5 && strcmp(argv[3], "many") == 0;
    size_t count = many ? (size_t)strtoull(argv[4], NULL, 10) : (size_t)argc - 3;
    uint64_t seed = strtoull(argv[2], NULL, 10);
    tensor *tensors = calloc(count, sizeof *tensors);
    FILE *file = fopen(argv[1], "wb");
    require(tensors && file, "cannot write");
    for (size_t i = 0; i < count; i++) {
        char text[NAME];
        snprintf(text, sizeof text, "layer.%zu.w:F32:4", i);
        tensors[i] = parse(many ? text : argv[i + 3]);
    }
    require(fseek(file, 8, SEEK_SET) == 0, "cannot write");
    uint64_t length = write_header(file, tensors, count);
    for (size_t i = 0; i < count; i++)
        write_elements(file, &tensors[i], seed);
    require(fseek(file, 0, SEEK_SET) == 0 && fwrite(&length, 8, 1, file) == 1, "cannot write");
    require(fclose(file) == 0, "cannot write");
    free(tensors);
    return 0;
}
