/* JPEG: an image compressed and decoded again. The only file that includes jpeglib.h.
 *
 * Baseline, libjpeg's quality scale and default 4:2:0 chroma, accurate integer transform: what Pillow writes for a
 * given quality. Three channels are RGB; any other number is compressed channel by channel as gray images. libjpeg
 * reports an error by calling error_exit, which must not return; it jumps back to the one setjmp in this file.
 * Everything the jump could clobber lives in a struct outside the function that calls setjmp. libjpeg's own small pools
 * are its own; the compressed bytes lie in a buffer of ours, large enough for the worst case, so that it never grows.
 */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include <jpeglib.h>

#include <jerror.h> /* its numbers depend on the version in jpeglib.h */

#include "clade/alloc.h"
#include "clade/corruption.h"
#include "score/plane.h"

typedef struct codec {
    struct jpeg_error_mgr errors; /* first: libjpeg hands back a pointer to it */
    jmp_buf jump;
    char message[JMSG_LENGTH_MAX];
    struct jpeg_compress_struct compress;
    struct jpeg_decompress_struct decompress;
    struct jpeg_destination_mgr destination;
    JDIMENSION height, width;
    int components, quality;
    unsigned char *pixels; /* (H, W, components), in and out; borrowed */
    unsigned char *bytes;  /* (capacity), borrowed */
    size_t capacity, used;
} codec;

static void on_error(j_common_ptr any)
{
    codec *c = (codec *)(void *)any->err;
    any->err->format_message(any, c->message);
    longjmp(c->jump, 1);
}

static void on_message(j_common_ptr any)
{
    (void)any; /* libjpeg would print on stderr */
}

static void start_output(j_compress_ptr compress)
{
    codec *c = (codec *)(void *)compress->err;
    compress->dest->next_output_byte = c->bytes;
    compress->dest->free_in_buffer = c->capacity;
}

static boolean output_full(j_compress_ptr compress)
{
    codec *c = (codec *)(void *)compress->err;
    snprintf(c->message, sizeof c->message, "more than %zu bytes", c->capacity);
    longjmp(c->jump, 1);
}

static void end_output(j_compress_ptr compress)
{
    codec *c = (codec *)(void *)compress->err;
    c->used = c->capacity - compress->dest->free_in_buffer;
}

static void encode(codec *c)
{
    jpeg_create_compress(&c->compress);
    c->destination = (struct jpeg_destination_mgr){
        .init_destination = start_output, .empty_output_buffer = output_full, .term_destination = end_output};
    c->compress.dest = &c->destination;
    c->compress.image_width = c->width;
    c->compress.image_height = c->height;
    c->compress.input_components = c->components;
    c->compress.in_color_space = c->components == 3 ? JCS_RGB : JCS_GRAYSCALE;
    jpeg_set_defaults(&c->compress);
    jpeg_set_quality(&c->compress, c->quality, TRUE);
    c->compress.dct_method = JDCT_ISLOW;
    jpeg_start_compress(&c->compress, TRUE);
    while (c->compress.next_scanline < c->height) {
        JSAMPROW row = c->pixels + (size_t)c->compress.next_scanline * c->width * (size_t)c->components;
        jpeg_write_scanlines(&c->compress, &row, 1);
    }
    jpeg_finish_compress(&c->compress);
}

static void decode(codec *c)
{
    jpeg_create_decompress(&c->decompress);
    jpeg_mem_src(&c->decompress, c->bytes, (unsigned long)c->used);
    jpeg_read_header(&c->decompress, TRUE);
    c->decompress.dct_method = JDCT_ISLOW;
    jpeg_start_decompress(&c->decompress);
    while (c->decompress.output_scanline < c->height) {
        JSAMPROW row = c->pixels + (size_t)c->decompress.output_scanline * c->width * (size_t)c->components;
        jpeg_read_scanlines(&c->decompress, &row, 1);
    }
    jpeg_finish_decompress(&c->decompress);
}

/* There and back; the destroy calls accept a struct that was never created. */
static clade_status round_trip(codec *c)
{
    c->compress.err = c->decompress.err = jpeg_std_error(&c->errors);
    c->errors.error_exit = on_error;
    c->errors.output_message = on_message;
    clade_status status = CLADE_OK;
    if (setjmp(c->jump) == 0) {
        encode(c);
        decode(c);
    } else {
        const bool no_memory = c->errors.msg_code == JERR_OUT_OF_MEMORY;
        status = clade_fail(no_memory ? CLADE_EIO : CLADE_EINTERNAL, "jpeg of %u x %u pixels at quality %d: %s",
                            c->height, c->width, c->quality, c->message);
    }
    jpeg_destroy_compress(&c->compress);
    jpeg_destroy_decompress(&c->decompress);
    return status;
}

/* The bytes a baseline JPEG cannot exceed: no coefficient takes more than 16 + 11 bits, no byte more than two after
 * stuffing; at most three blocks of 8x8 for each of the padded image's, and tables of less than 4 KiB. */
static size_t worst_case(size_t height, size_t width)
{
    const size_t blocks = 3 * ((height + 15) / 16 * 2) * ((width + 15) / 16 * 2);
    return 4096 + blocks * 64 * 2 * 27 / 8;
}

/* Channels FIRST .. FIRST+components-1 of the image through the codec. */
static clade_status pass(clade_image *image, size_t first, codec *c)
{
    const size_t plane = image->height * image->width, components = (size_t)c->components;
    for (size_t k = 0; k < components; k++)
        for (size_t i = 0; i < plane; i++)
            c->pixels[i * components + k] =
                (unsigned char)((double)image->pixels[(first + k) * plane + i] * 255.0 + 0.5);
    CLADE_TRY(round_trip(c));
    for (size_t k = 0; k < components; k++)
        for (size_t i = 0; i < plane; i++)
            image->pixels[(first + k) * plane + i] = (float)(c->pixels[i * components + k] / 255.0);
    return CLADE_OK;
}

clade_status clade_jpeg(clade_image *image, int quality)
{
    if (image->height > JPEG_MAX_DIMENSION || image->width > JPEG_MAX_DIMENSION)
        return clade_fail(CLADE_EINPUT, "jpeg: image of %zu x %zu pixels, expected at most %ld a side", image->height,
                          image->width, JPEG_MAX_DIMENSION);
    const size_t components = image->channels == 3 ? 3 : 1;
    const size_t pixels = image->height * image->width * components, capacity = worst_case(image->height, image->width);
    codec *c = clade_calloc(1, sizeof *c);
    unsigned char *buffer = clade_malloc(pixels + capacity);
    clade_status status = c && buffer ? CLADE_OK : clade_fail_memory(pixels + capacity, "a JPEG image");
    for (size_t first = 0; first < image->channels && status == CLADE_OK; first += components) {
        memset(c, 0, sizeof *c);
        c->height = (JDIMENSION)image->height;
        c->width = (JDIMENSION)image->width;
        c->components = (int)components;
        c->quality = quality;
        c->pixels = buffer;
        c->bytes = buffer + pixels;
        c->capacity = capacity;
        status = pass(image, first, c);
    }
    clade_free(buffer);
    clade_free(c);
    return status;
}

#define QUOTED(version) #version
#define VERSION_TEXT(version) QUOTED(version)

const char *clade_jpeg_version(void)
{
    return VERSION_TEXT(LIBJPEG_TURBO_VERSION);
}
