/* What is known of an image in memory: header, descriptor, segments, verdicts, signatures.
 *
 * Owns: the JSON names of these facts. Memory: the caller's struct, no pointers into the image. */
#ifndef UPDRAFT_CLI_INSPECT_H
#define UPDRAFT_CLI_INSPECT_H

#include "cli/file.h"
#include "format/arduino8266.h"
#include "format/image.h"
#include "format/signature.h"

#include <cJSON.h>
#include <stdbool.h>

#define UPDRAFT_INSPECT_SEGMENT_CAP (2u * UPDRAFT_IMAGE_SEGMENT_CAP + 1u)

struct updraft_inspection {
    struct updraft_image_info info;
    enum updraft_error verdict; /* UPDRAFT_OK: complete, checksum and hash match */
    bool ended;                 /* the image is complete: checksum and hash are known */
    uint32_t trailing_len;      /* bytes behind the image */
    size_t segment_count;
    struct {
        uint32_t addr;
        uint32_t len;
        uint32_t off;
    } segments[UPDRAFT_INSPECT_SEGMENT_CAP];
    struct updraft_signature signature;
    /* eboot and a sketch of the ESP8266 Arduino core; info is then the sketch's, but for the lengths,
     * which count from the file's start. */
    bool is_sketch;
    struct updraft_arduino8266_info sketch;
    uint8_t sketch_md5[UPDRAFT_MD5_LEN]; /* as the core's ESP.getSketchMD5() */
};

/* Reads bytes as an application or boot loader image. Never fails: see verdict. */
void updraft_inspect_image(const uint8_t *bytes, size_t len, struct updraft_inspection *out);

/* True when the bytes began like an image, whatever became of it later. */
bool updraft_inspect_is_image(const struct updraft_inspection *inspection);

/* "ok", "bad", or "-" where the format has none or the image ended before it. */
const char *updraft_inspect_checksum(const struct updraft_inspection *inspection);
const char *updraft_inspect_hash(const struct updraft_inspection *inspection);

/* Adds chip, project, version, idf_version, date, image_len, trailing_bytes, checksum, hash,
 * verdict, entry, image_format, flash_mode, hash_appended, segments[], signatures[] to object; of
 * a sketch also sketch_md5 and sketch_crc. */
void updraft_inspect_to_json(const struct updraft_inspection *inspection, cJSON *object);

/* Recognises a raw Cortex-M image by its vector table, or by Thumb code that names an STM32 part in
 * its texts. Writes "STM32F405 (Cortex-M4)", or "Cortex-M" without a name; false when it is none.
 */
bool updraft_inspect_cortex_m(const uint8_t *bytes, size_t len, char *chip, size_t chip_cap);

/* Reads a file that is to be sent: unpacks gzip for the look inside, and fails unless it is a
 * complete, undamaged image. *wire holds the bytes of the file as they are. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_inspect_file(const char *path,
                                                          struct updraft_file *wire,
                                                          struct updraft_inspection *out,
                                                          struct updraft_fail *fail);
/* The same for a file that was read already; on failure it is freed too. */
UPDRAFT_MUST_CHECK enum updraft_exit updraft_inspect_wire(const char *path,
                                                          struct updraft_file *wire,
                                                          struct updraft_inspection *out,
                                                          struct updraft_fail *fail);

#endif
