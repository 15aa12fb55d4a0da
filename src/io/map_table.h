/* The list of the maps that are open, which clade_map_find (files.h) reads in a signal handler. */
#ifndef CLADE_IO_MAP_TABLE_H
#define CLADE_IO_MAP_TABLE_H

#include "clade/files.h"

enum { CLADE_MAP_PATH = 512 };

/* MAP, not empty, of the file at PATH (copied) is open / about to be closed. Any thread. */
void clade_io_map_add(const clade_map *map, const char *path);
void clade_io_map_remove(const clade_map *map);

#endif
