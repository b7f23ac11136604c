/* Which texts the server takes from outside, and in which form it keeps them. Pure. Everything that
 * comes from a device, an image or an operator passes one of these before it is stored or shown. */
#ifndef UPDRAFT_SERVER_NAMES_H
#define UPDRAFT_SERVER_NAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Capacities with the NUL. */
#define UPDRAFT_NAME_CAP      65u /* product, channel */
#define UPDRAFT_VERSION_CAP   32u
#define UPDRAFT_DEVICE_ID_CAP 41u
#define UPDRAFT_LABEL_CAP     64u /* free text a person chose: a device's name */
#define UPDRAFT_SLOT_CAP      17u
#define UPDRAFT_ADDRESS_CAP   46u

/* Product or channel: [A-Za-z0-9._-]{1,64}, and neither "." nor "..". */
bool updraft_name_valid(const char *name);

/* 1 to 31 bytes of printable ASCII without blanks at either end. */
bool updraft_version_valid(const char *version);

/* Valid UTF-8 without control characters, of at most cap - 1 bytes; may be empty. */
bool updraft_label_valid(const char *label, size_t cap);

/* Text of at most cap - 1 bytes for out: longer text is cut between characters, bytes that cannot be
 * shown become '?'. */
void updraft_label_clean(const char *text, char *out, size_t cap);

/* The same for lines: line feeds stay, but for those at the end. Of longer text the end is kept. */
void updraft_lines_clean(const char *text, char *out, size_t cap);
/* What lines_clean() leaves as it is. */
bool updraft_lines_valid(const char *lines, size_t cap);

/* "24:6f:28:..", "24-6F-28-.." or "246f28.." -> "24:6F:28:..". False when it is no MAC address. */
bool updraft_device_id_normalise(const char *text, char out[UPDRAFT_DEVICE_ID_CAP]);

/* The same for a MAC address; any other id, of 1 to 40 of [A-Za-z0-9._:-], stays as it is: computers
 * are named by serial numbers, machine ids, host names. */
bool updraft_device_id_take(const char *text, char out[UPDRAFT_DEVICE_ID_CAP]);

/* Host header: a name or address with optional port, at most 255 bytes. */
bool updraft_host_valid(const char *host);

/* Copies a text that is known to fit. */
void updraft_name_set(char *out, size_t cap, const char *text);

#endif
