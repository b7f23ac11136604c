/* web/update/index.html, compressed with gzip, put into the program at build time by web/embed.py. */
#ifndef UPDRAFT_PORTS_POSIX_UPDATE_PAGE_H
#define UPDRAFT_PORTS_POSIX_UPDATE_PAGE_H

#include <stddef.h>

extern const unsigned char updraft_update_page[];
extern const size_t updraft_update_page_len;

#endif
