/* A program outside the project: what a user of the installed library would write first. It writes a safetensors file,
 * opens it again, and prints what is in it. */
#include <stdio.h>

#include <clade/safetensors.h>
#include <clade/tensor.h>
#include <clade/version.h>

static int failed(void)
{
    fprintf(stderr, "error: %s\n", clade_error_message());
    return 1;
}

int main(int argc, char **argv)
{
    static const float weights[6] = {1, 2, 3, 4, 5, 6}, bias[3] = {0.5f, 0.25f, 0.125f};
    static const uint64_t weights_shape[] = {3, 2}, bias_shape[] = {3};
    const clade_tensor tensors[] = {
        {.name = "layer.weight",
         .dtype = CLADE_F32,
         .rank = 2,
         .shape = weights_shape,
         .count = 6,
         .bytes = sizeof weights,
         .data = weights},
        {.name = "layer.bias",
         .dtype = CLADE_F32,
         .rank = 1,
         .shape = bias_shape,
         .count = 3,
         .bytes = sizeof bias,
         .data = bias},
    };
    clade_safetensors *file;
    if (argc != 2) {
        fprintf(stderr, "usage: %s FILE.safetensors\n", argv[0]);
        return 2;
    }
    if (clade_safetensors_write(argv[1], tensors, 2, NULL, NULL) != CLADE_OK)
        return failed();
    if (clade_safetensors_open(argv[1], &file) != CLADE_OK)
        return failed();
    printf("clade %s\n", CLADE_VERSION);
    for (size_t i = 0; i < clade_safetensors_count(file); i++) {
        const clade_tensor *tensor = clade_safetensors_at(file, i);
        char shape[64];
        printf("%s %s %s\n", tensor->name, clade_dtype_of(tensor->dtype)->name,
               clade_tensor_shape_text(tensor, shape, sizeof shape));
    }
    clade_safetensors_close(file);
    return 0;
}
