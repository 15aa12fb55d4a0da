/* Images from outside are never JPEG files: the one decoder there is reads what the jpeg corruption has just compressed.
 * So any pixels under any corruption, and jpeg at any quality: no crash, no leak, pixels stay in [0, 1], and twice the
 * same is the same in every bit. The bytes are which, how much, channels, height, width, the draw, and pixels. */
#include "clade/corruption.h"
#include "fuzz/scratch.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { WHICH, HOW_MUCH, CHANNELS, HEIGHT, WIDTH, DRAW, PIXELS, MOST_CHANNELS = 4, MOST_SIDE = 72 };

static clade_status apply(const uint8_t *choice, clade_image *image)
{
    size_t count;
    const clade_corruption *const *corruptions = clade_corruptions(&count);
    const size_t which = choice[WHICH] % (count + 1);
    const int severity = 1 + choice[HOW_MUCH] % 5;
    if (which == count)
        return clade_jpeg(image, 1 + choice[HOW_MUCH] % 100);
    return corruptions[which]->apply(image, severity,
                                     clade_corruption_rng(1, 2, choice[DRAW], corruptions[which]->name, severity));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size <= PIXELS)
        return 0;
    clade_image image = {.channels = 1 + data[CHANNELS] % MOST_CHANNELS,
                         .height = 1 + data[HEIGHT] % MOST_SIDE,
                         .width = 1 + data[WIDTH] % MOST_SIDE};
    const size_t n = image.channels * image.height * image.width;
    float *once = clade_malloc(n * sizeof *once), *twice = clade_malloc(n * sizeof *twice);
    check(once && twice);
    for (size_t i = 0; i < n; i++)
        once[i] = twice[i] = (float)((double)data[PIXELS + i % (size - PIXELS)] / 255.0);
    image.pixels = once;
    check(apply(data, &image) == CLADE_OK);
    image.pixels = twice;
    check(apply(data, &image) == CLADE_OK);
    check(memcmp(once, twice, n * sizeof *once) == 0);
    for (size_t i = 0; i < n; i++)
        check(once[i] >= 0.0F && once[i] <= 1.0F);
    clade_free(once);
    clade_free(twice);
    check(clade_alloc_live() == 0);
    return 0;
}
