/* Application images of the ESP32 family and the three ESP8266 versions, read as a stream.
 *
 *   ESP32 family                          ESP8266 version 1 and 3      ESP8266 version 2
 *   0   E9 count mode size|speed          0  E9 count mode size|speed  0   EA 04 mode size|speed
 *   4   entry address                     4  entry address             4   entry address
 *   8   wp pin, drive strengths           8  segments                  8   address 0, length, irom
 *   12  chip id                                                        ..  a version 1 image
 *   14  min rev, 15 min, 17 max rev       segment = address, length,   ..  SDK CRC, 4 bytes
 *   23  1: SHA-256 appended                         data
 *   24  segments
 *   ..  zeros, checksum byte as last of a 16-byte block
 *   ..  SHA-256 (ESP32 family when flagged, ESP8266 version 3 always)
 *
 * The checksum is 0xEF XOR every data byte of every segment; in version 2 only of the RAM segments.
 *
 * No ESP8266 image says that it is one: an E9 image is taken for one when entry and first load
 * address both lie in that chip's memory, which the bytes of an ESP32-family header never spell.
 *
 * Owns: the reading state. Takes bytes in pieces of any size, gives the same result for any split.
 * Memory: the caller's; no allocation. Nothing is kept in flash.
 * Source: esp_app_format.h and esp_image_format.c of ESP-IDF; esptool's bin_image.py. */
#ifndef UPDRAFT_FORMAT_IMAGE_H
#define UPDRAFT_FORMAT_IMAGE_H

#include "format/digest.h"
#include "format/error.h"
#include "format/image_head.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Texts are NUL-terminated here, whatever the image holds. */
struct updraft_appdesc {
    uint32_t secure_version;
    char version[33];
    char project[33];
    char time[17];
    char date[17];
    char idf_version[33];
    uint8_t elf_sha256[32];
    uint16_t min_efuse_rev;
    uint16_t max_efuse_rev;
    uint8_t mmu_page_log2; /* 0: default */
};

struct updraft_image_info {
    enum updraft_image_kind kind;
    uint16_t chip_id; /* UPDRAFT_CHIP_ESP8266 for the three versions of that chip */
    uint8_t segment_count;
    uint8_t spi_mode;
    uint8_t spi_size;  /* nibble */
    uint8_t spi_speed; /* nibble */
    uint32_t entry_addr;
    uint16_t min_chip_rev; /* major * 100 + minor */
    uint16_t max_chip_rev; /* 0 or 65535: no limit */
    bool hash_appended;
    bool has_appdesc;
    struct updraft_appdesc appdesc;
    /* Known when the image has ended: */
    uint32_t checksum_off;
    uint8_t checksum_stored;
    uint8_t checksum_computed;
    uint8_t hash_stored[UPDRAFT_SHA256_LEN];   /* zeros when none is appended */
    uint8_t hash_computed[UPDRAFT_SHA256_LEN]; /* over all bytes up to the checksum, always */
    uint32_t image_len; /* with checksum, hash and, version 2, CRC; without signature or padding */
};

enum updraft_image_progress {
    UPDRAFT_IMAGE_NEEDS_MORE, /* the image is not complete yet */
    UPDRAFT_IMAGE_COMPLETE,   /* further bytes are not looked at: signature, padding */
};

/* Fields are private but for `info`, which may be read at any time: zero until known. */
struct updraft_image_reader {
    struct updraft_image_info info;
    struct updraft_digest digest;
    uint32_t off;         /* bytes of the image read so far */
    uint32_t segment_end; /* file offset at which the current segment's data end */
    uint8_t state;
    uint8_t segment_idx;
    uint8_t segments_left; /* of the image being walked; version 2 walks two */
    uint8_t checksum;      /* of the data bytes so far */
    bool in_v2_body;
    enum updraft_error failed; /* the structural fault that ended the reading */
    uint8_t gather_len;
    uint8_t gather[UPDRAFT_IMAGE_HEADER_LEN];
    uint32_t crc; /* version 2: of all bytes so far */
    uint32_t crc_stored;
    uint16_t desc_len; /* descriptor bytes gathered so far */
    bool desc_wanted;  /* this segment may start with a descriptor */
    uint8_t desc[UPDRAFT_APPDESC_LEN];
    /* Optional: told of every segment, for listings. May be NULL. Set behind init. */
    void (*on_segment)(void *ctx, uint8_t idx, uint32_t load_addr, uint32_t data_len,
                       uint32_t data_off);
    void *on_segment_ctx;
};

void updraft_image_reader_init(struct updraft_image_reader *reader);

/* Takes all of data. Structural faults (magic, counts, lengths) end the reading with their error
 * and are returned again by every later call. A wrong checksum or hash is not an error here: it
 * shows in `info` and in updraft_image_reader_verdict(). */
UPDRAFT_MUST_CHECK enum updraft_error updraft_image_reader_feed(struct updraft_image_reader *reader,
                                                                const uint8_t *data, size_t len);

enum updraft_image_progress
updraft_image_reader_progress(const struct updraft_image_reader *reader);

/* UPDRAFT_OK: complete, checksum and (where there is one) hash match. Else E_EMPTY, E_TRUNCATED,
 * E_CHECKSUM, E_HASH, E_CRC or the structural error. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_image_reader_verdict(const struct updraft_image_reader *reader);

/* The facts of an image that was read, as far as it was. */
void updraft_image_facts_of(const struct updraft_image_info *info,
                            struct updraft_image_facts *facts);

/* Decodes a descriptor from its 256 bytes. E_NO_APPDESC without its magic. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_appdesc_decode(const uint8_t bytes[UPDRAFT_APPDESC_LEN], struct updraft_appdesc *desc);
/* Texts longer than their field less its NUL: E_TOO_LONG. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_appdesc_encode(const struct updraft_appdesc *desc,
                                                             uint8_t bytes[UPDRAFT_APPDESC_LEN]);

/* One segment to write; addresses and contents are the caller's business. */
struct updraft_image_segment {
    uint32_t load_addr;
    const uint8_t *data;
    uint32_t data_len; /* multiple of 4 */
};

struct updraft_image_spec {
    enum updraft_image_kind kind; /* ESP32, ESP8266_V1 or ESP8266_V3 */
    uint16_t chip_id;             /* ESP32 family */
    uint8_t spi_mode;
    uint8_t spi_size_speed; /* byte 3 as it stands in the image */
    uint32_t entry_addr;
    uint16_t min_chip_rev;
    uint16_t max_chip_rev;
    bool append_hash; /* ESP32 family; version 3 always has one */
    const struct updraft_image_segment *segments;
    uint8_t segment_count;
};

/* Writes an image: header, segments, padding, checksum, hash. *len is its length; E_NO_SPACE when
 * it does not fit out_cap (then *len is the length needed). E_SEGMENT on a bad length or count. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_image_encode(const struct updraft_image_spec *spec,
                                                           uint8_t *out, size_t out_cap,
                                                           size_t *len);

/* ESP8266 version 2: irom (padded to 16) before the RAM segments of spec, SDK CRC behind. */
UPDRAFT_MUST_CHECK enum updraft_error
updraft_image_encode_8266_v2(const struct updraft_image_spec *spec, const uint8_t *irom,
                             uint32_t irom_len, uint8_t *out, size_t out_cap, size_t *len);

#endif
