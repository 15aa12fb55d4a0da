/* config.json with another dtype. Private to src/io. */
#ifndef CLADE_IO_CONFIG_TEXT_H
#define CLADE_IO_CONFIG_TEXT_H

#include "clade/text.h"

/* Append to OUT the config.json of LENGTH bytes at TEXT with "dtype" set to DTYPE at the top level, and "torch_dtype"
 * too where it is there already. Every other byte stays as it is: parsing and printing would damage big integers and
 * floats. CLADE_EINPUT when TEXT is not a strict JSON object; NAME stands for the file. */
clade_status clade_io_config_with_dtype(const char *text, size_t length, const char *name, const char *dtype,
                                        clade_text *out) CLADE_CHECK_RESULT;

#endif
