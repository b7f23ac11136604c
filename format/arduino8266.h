/* What the ESP8266 Arduino core builds: two E9 images in one file, read as a stream.
 *
 *   0x0000  eboot, an image of RAM segments; the rest of the sector is AA
 *   0x1000  the sketch: E9 header, segments, zeros, checksum as last of a 16-byte block; no hash
 *   0x1010  file length    } the first words of the first segment, since core 2.6; older sketches
 *   0x1014  file CRC       } have other data there
 *
 * The file CRC is CRC-32/MPEG-2 over the whole file, the checksum byte was computed before; both
 * with these two words as zeros. Updaters patch the flash mode (byte 2) as they write, so that a
 * sketch read from flash may fail its CRC where the file does not.
 *
 * Owns: the reading state. Takes bytes in pieces of any size, gives the same result for any
 * split. Memory: the caller's; no allocation. Nothing is kept in flash. Source: elf2bin.py,
 * Esp.cpp and eboot.c of the ESP8266 Arduino core. */
#ifndef UPDRAFT_FORMAT_ARDUINO8266_H
#define UPDRAFT_FORMAT_ARDUINO8266_H

#include "format/image.h"

#define UPDRAFT_ARDUINO8266_APP_OFF 0x1000u

struct updraft_arduino8266_info {
    uint8_t boot_checksum_stored;
    uint8_t boot_checksum_computed;
    uint8_t app_checksum_stored;
    uint8_t app_checksum_computed;
    bool has_crc;
    uint32_t crc_stored; /* as good as crc_computed when has_crc */
    uint32_t crc_computed;
    uint32_t sketch_len; /* from the start of eboot to the end of the sketch; the file's length */
};

/* Fields are private but for `info`, which is zero until known. */
struct updraft_arduino8266_reader {
    struct updraft_arduino8266_info info;
    struct updraft_image_reader part; /* eboot, then the sketch */
    uint32_t off;                     /* bytes read so far */
    uint32_t crc;
    uint8_t words[8]; /* length and CRC as they stand in the file */
    enum updraft_error failed;
};

void updraft_arduino8266_init(struct updraft_arduino8266_reader *reader);

/* Takes all of data; what lies behind the sketch is not looked at. Structural faults end the
 * reading with their error and are returned again by every later call: those of format/image.h,
 * and E_SEGMENT when eboot does not end within its sector. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_arduino8266_feed(struct updraft_arduino8266_reader *reader, const uint8_t *data,
                         size_t len);

enum updraft_image_progress
updraft_arduino8266_progress(const struct updraft_arduino8266_reader *reader);

/* UPDRAFT_OK: complete, both checksums and (where there is one) the CRC match. Else E_EMPTY,
 * E_TRUNCATED, E_CHECKSUM, E_CRC or the structural error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_arduino8266_verdict(const struct updraft_arduino8266_reader *reader);

#endif
