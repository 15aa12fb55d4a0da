/* Loops that are compiled once per level of the instruction set, of which the loader picks the best for the CPU: for
 * code that is not worth a place in the tables of clade/kernels.h. All of them give the same bits, because contraction
 * is off and the compiler keeps the order of every operation. CLADE_CLONES is set by CMake where compiler, loader and
 * CPU can do it, and left out with sanitizers, which would run before they are ready. */
#ifndef CLADE_TENSOR_CLONES_H
#define CLADE_TENSOR_CLONES_H

/* Goes before a function; functions that it calls are made part of it, or they would be compiled for the least CPU. */
#ifdef CLADE_HAVE_CLONES
#define CLADE_CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default"), flatten))
#else
#define CLADE_CLONES
#endif

#endif
