/* What the start of an image says: its family from 24 bytes, its version from the first sector.
 *
 *   E9 images of the ESP32 family and of the ESP8266 look alike; the one home of telling them apart
 *   is updraft_image_kind_of(). Byte layouts: format/image.h.
 *
 * Owns: the header bytes. Does not own: segments, checksum, hash (format/image.h reads them as a
 * stream, device/slots/verify.h where they lie in flash). Memory: the caller's; no allocation. */
#ifndef UPDRAFT_FORMAT_IMAGE_HEAD_H
#define UPDRAFT_FORMAT_IMAGE_HEAD_H

#include "format/error.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_IMAGE_MAGIC              0xE9u
#define UPDRAFT_IMAGE_MAGIC_8266_V2      0xEAu
#define UPDRAFT_IMAGE_HEADER_LEN         24u
#define UPDRAFT_IMAGE_HEADER_8266_LEN    8u
#define UPDRAFT_IMAGE_SEGMENT_HEADER_LEN 8u
#define UPDRAFT_IMAGE_SEGMENT_CAP        16u
#define UPDRAFT_IMAGE_LEN_CAP            0x1000000u /* 16 MB: the largest mapped image */
#define UPDRAFT_IMAGE_CHECKSUM_SEED      0xEFu
#define UPDRAFT_IMAGE_CHECKSUM_ALIGN     16u
/* Checksum block and hash or CRC behind the last segment; kept free below the length cap. */
#define UPDRAFT_IMAGE_TAIL_CAP 48u

/* Where a header byte stands. */
#define UPDRAFT_IMAGE_COUNT_OFF   1u
#define UPDRAFT_IMAGE_CHIP_ID_OFF 12u
#define UPDRAFT_IMAGE_HASHED_OFF  23u

#define UPDRAFT_APPDESC_LEN            256u
#define UPDRAFT_APPDESC_OFF            0x20u /* in an ESP32-family image */
#define UPDRAFT_APPDESC_MAGIC          0xABCD5432u
#define UPDRAFT_APPDESC_VERSION_OFF    16u
#define UPDRAFT_APPDESC_PROJECT_OFF    48u
#define UPDRAFT_APPDESC_TEXT_LEN       32u
#define UPDRAFT_APPDESC_ELF_SHA256_OFF 144u
/* After this many bytes of an ESP32-family image chip and descriptor are known. */
#define UPDRAFT_IMAGE_FACTS_LEN (UPDRAFT_APPDESC_OFF + UPDRAFT_APPDESC_LEN)

enum updraft_image_kind {
    UPDRAFT_IMAGE_UNKNOWN = 0,
    UPDRAFT_IMAGE_ESP32,      /* the whole ESP32 family */
    UPDRAFT_IMAGE_ESP8266_V1, /* ROM-loaded: RAM segments only */
    UPDRAFT_IMAGE_ESP8266_V2, /* old SDK user1/user2 */
    UPDRAFT_IMAGE_ESP8266_V3, /* RTOS SDK */
};

/* The kind by the first 24 bytes. UNKNOWN without a magic; version 1 stands for 1 and 3, which
 * their segments tell apart (updraft_image_is_mapped_8266). */
enum updraft_image_kind updraft_image_kind_of(const uint8_t head[UPDRAFT_IMAGE_HEADER_LEN]);

/* Whether a version 1 image with a segment loaded there is one of version 3. */
bool updraft_image_is_mapped_8266(uint32_t load_addr);

/* Whether a count byte is one that an image may have: 1 to 16. */
static inline bool updraft_image_count_ok(uint8_t count)
{
    return (uint8_t)(count - 1u) < UPDRAFT_IMAGE_SEGMENT_CAP;
}

/* Whether a segment may have data_len bytes where they start at data_off of the image, which is no
 * further than a header behind the last segment that was let pass. */
bool updraft_image_segment_ok(uint32_t data_off, uint32_t data_len);

/* One flipped bit of the header says "no hash appended", and then nothing but the checksum, which does
 * not cover the header, guards the image. The hash still stands there: exactly 32 bytes behind an
 * ESP32-family image that claims none, or those and a version 1 signature. True when as many bytes
 * of the file follow such an image. */
static inline bool updraft_image_hides_hash(uint32_t behind_len)
{
    return behind_len == 32u || behind_len == 32u + 68u;
}

/* What an update must know before it erases anything, and what reports tell afterwards. Texts are
 * NUL-terminated here, whatever the image holds. */
struct updraft_image_facts {
    uint8_t kind;     /* enum updraft_image_kind; version 1 also where it may be 3 */
    bool has_appdesc; /* else both texts are empty */
    uint16_t chip_id; /* UPDRAFT_CHIP_ESP8266 for the three versions of that chip */
    char version[33];
    char project[33];
    bool has_elf_sha256;    /* a descriptor may come without it */
    uint8_t elf_sha256[32]; /* of the program's ELF file, by which a program is recognised */
};

/* Reads the facts out of the first bytes of an image: a sector, or all of a smaller image. Looks no
 * further than head_len: a descriptor that does not lie whole in it is none. E_TRUNCATED below 24
 * bytes, E_MAGIC, E_HEADER, E_SEGMENT; *facts is untouched on failure. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_image_facts_decode(const uint8_t *head,
                                                                 uint32_t head_len,
                                                                 struct updraft_image_facts *facts);

/* The same for a device of the ESP32 family, which need not look into an image of the ESP8266: of
 * that it tells kind and chip. */
UPDRAFT_MUST_CHECK enum updraft_error updraft_image_facts_esp32(const uint8_t *head,
                                                                uint32_t head_len,
                                                                struct updraft_image_facts *facts);

#endif
