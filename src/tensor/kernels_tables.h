/* The tables that kernels.c and sparse_kernels.c export, one per compilation. Private to tensor/. */
#ifndef CLADE_TENSOR_KERNELS_TABLES_H
#define CLADE_TENSOR_KERNELS_TABLES_H

#include "clade/kernels.h"

extern const clade_sparse_kernels clade_sparse_portable, clade_sparse_avx2, clade_sparse_avx512;
extern const clade_kernels clade_kernels_portable;
extern const clade_kernels clade_kernels_avx2;   /* x86-64 builds only */
extern const clade_kernels clade_kernels_avx512; /* x86-64 builds only */

#endif
