/* otadata: the boot record. Two entries, one at the start of each of two sectors; the valid one
 * with the larger sequence number names the slot.
 *
 *   0  ota_seq        4  seq_label, 20 x FF        24  state        28  CRC of ota_seq alone
 *
 * The rest of each sector is erased in stock devices and not looked at by stock boot loaders.
 * Updraft keeps its trial log there, so that trial, confirm and roll back only ever clear bits and
 * never erase: a power cut while an image confirms itself cannot cost the entry.
 *
 *   0x20  "UDTR"  0x24  version 1  0x25  attempts allowed  0x26  FF FF  0x28  its sequence
 *   0x2C  CRC-32 of 0x20..0x2B
 *   0x40  crash marks: 16 words, word i programmed to 0 when trial boot i begins after a reset
 *   0x80  outcome word: erased while on trial, 0x00004B4F confirmed, 0x00000000 rolled back
 *   0x84  reason word: why it was rolled back (enum updraft_trial_reason), erased otherwise
 *   0x90  power marks: 16 words, the same for boots after power-on, which are not the image's fault
 *
 * A mark counts as set when its word is not all ones, so a torn mark counts. An outcome that is
 * neither of the two values is torn and reads as "still on trial"; writing it again completes it.
 * On roll back the state word is programmed to ABORTED as well, so that a stock boot loader agrees:
 * bit 2 stays set on the way there, so no torn value reads as one of the states 0 to 3. A confirmed
 * entry keeps the state UNDEFINED, which stock boot loaders boot: on the way to VALID a torn write
 * could read INVALID.
 *
 * Owns: bytes <-> struct and the arithmetic. Does not touch flash.
 * Source: esp_ota_ops.c, bootloader_common_loader.c of ESP-IDF. */
#ifndef UPDRAFT_FORMAT_OTADATA_H
#define UPDRAFT_FORMAT_OTADATA_H

#include "format/error.h"

#include <stdbool.h>
#include <stdint.h>

#define UPDRAFT_OTADATA_LEN        0x2000u
#define UPDRAFT_OTADATA_SECTOR_LEN 0x1000u
#define UPDRAFT_OTADATA_ENTRY_LEN  32u
#define UPDRAFT_OTADATA_SEQ_EMPTY  0xFFFFFFFFu
#define UPDRAFT_OTADATA_STATE_OFF  24u

#define UPDRAFT_TRIAL_OFF         0x20u
#define UPDRAFT_TRIAL_LEN         16u
#define UPDRAFT_TRIAL_MARKS_OFF   0x40u
#define UPDRAFT_TRIAL_MARK_CAP    16u
#define UPDRAFT_TRIAL_OUTCOME_OFF 0x80u
#define UPDRAFT_TRIAL_REASON_OFF  0x84u
#define UPDRAFT_TRIAL_POWER_OFF   0x90u
#define UPDRAFT_TRIAL_CONFIRMED   0x00004B4Fu
#define UPDRAFT_TRIAL_ROLLED_BACK 0x00000000u
/* What one read of a sector must bring to decode the entry, and to decode it with its marks. */
#define UPDRAFT_OTADATA_ENTRY_READ_LEN 0x88u
#define UPDRAFT_OTADATA_READ_LEN       0xD0u

enum updraft_ota_state {
    UPDRAFT_OTA_NEW = 0,
    UPDRAFT_OTA_PENDING_VERIFY = 1,
    UPDRAFT_OTA_VALID = 2,
    UPDRAFT_OTA_INVALID = 3,
    UPDRAFT_OTA_ABORTED = 4,
    UPDRAFT_OTA_UNDEFINED = 5, /* 0xFFFFFFFF in flash, and every value that no one writes */
};

enum updraft_trial_reason {
    UPDRAFT_TRIAL_REASON_NONE = 0,
    UPDRAFT_TRIAL_REASON_ATTEMPTS = 1,   /* it reset too often before it confirmed */
    UPDRAFT_TRIAL_REASON_REJECTED = 2,   /* it declared itself bad */
    UPDRAFT_TRIAL_REASON_HEALTH = 3,     /* it did not confirm before the health deadline */
    UPDRAFT_TRIAL_REASON_UNBOOTABLE = 4, /* its image did not verify at boot */
};

enum updraft_trial_outcome {
    UPDRAFT_TRIAL_RUNNING,
    UPDRAFT_TRIAL_IS_CONFIRMED,
    UPDRAFT_TRIAL_IS_ROLLED_BACK,
};

struct updraft_trial {
    bool present;
    uint8_t attempts_allowed; /* 1..16 */
    uint8_t attempts_used;    /* boots after a crash, watchdog or software reset */
    uint8_t power_used;       /* boots after power-on */
    enum updraft_trial_outcome outcome;
    enum updraft_trial_reason reason;
};

struct updraft_otadata_entry {
    uint32_t seq; /* UPDRAFT_OTADATA_SEQ_EMPTY: nothing there */
    bool crc_ok;
    enum updraft_ota_state state;
    struct updraft_trial trial;
};

/* The otadata CRC of a sequence number: the register starts at zero, not at ones. */
uint32_t updraft_otadata_crc(uint32_t seq);

/* The stock 32 bytes. */
void updraft_otadata_encode(uint32_t seq, enum updraft_ota_state state,
                            uint8_t out[UPDRAFT_OTADATA_ENTRY_LEN]);
/* The trial record that stands at 0x20. */
void updraft_trial_encode(uint32_t seq, uint8_t attempts_allowed, uint8_t out[UPDRAFT_TRIAL_LEN]);

/* Decodes the first UPDRAFT_OTADATA_READ_LEN bytes of a sector. Never fails: what makes no sense is
 * an entry without good CRC, or a trial that is not present. */
void updraft_otadata_decode(const uint8_t bytes[UPDRAFT_OTADATA_READ_LEN],
                            struct updraft_otadata_entry *entry);
/* The same without the marks, for who does not count boots: both numbers are 0. */
void updraft_otadata_decode_entry(const uint8_t bytes[UPDRAFT_OTADATA_ENTRY_READ_LEN],
                                  struct updraft_otadata_entry *entry);

/* Section 4.2 of the format: empty, INVALID or ABORTED. */
bool updraft_otadata_unusable(const struct updraft_otadata_entry *entry);
/* Not unusable, CRC good, and sequence 0 is not accepted where `strict`. */
bool updraft_otadata_valid(const struct updraft_otadata_entry *entry, bool strict);

/* Index (0 or 1) of the entry that decides, -1 when none is valid. Ties go to 0. */
int updraft_otadata_active(const struct updraft_otadata_entry entries[2], bool strict);

/* Slot index of a sequence number; ota_count at least 1. */
uint8_t updraft_otadata_slot(uint32_t seq, uint8_t ota_count);

/* The smallest sequence number >= at_least (and >= 1) that names slot; 0 when there is none below
 * 0xFFFFFFFF. */
uint32_t updraft_otadata_next_seq(uint32_t at_least, uint8_t slot, uint8_t ota_count);

#endif
