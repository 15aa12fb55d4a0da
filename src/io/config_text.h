/* config.json with other values. Private to src/io. */
#ifndef CLADE_IO_CONFIG_TEXT_H
#define CLADE_IO_CONFIG_TEXT_H

#include "clade/checkpoint.h"
#include "clade/text.h"

/* Append to OUT the config.json of LENGTH bytes at TEXT with the MEMBERS set (the first one counts where two name the
 * same). Every other byte stays as it is: parsing and printing would damage big integers and floats. FOUND (n_members),
 * or NULL, gets whether each was there before. CLADE_EINPUT when TEXT is not a strict JSON object; NAME stands for the
 * file. */
clade_status clade_io_config_edit(const char *text, size_t length, const char *name, const clade_config_member *members,
                                  size_t n_members, bool *found, clade_text *out) CLADE_CHECK_RESULT;

#endif
