#include "boot/staged.h"

#include "device/flash/access.h"
#include "device/slots/staged_source.h"
#include "format/assert.h"
#include "format/bytes.h"
#include "format/digest.h"

#include <string.h>

#define ERASED 0xFFFFFFFFu

const char *updraft_boot_staged_why_text(enum updraft_boot_staged_why why)
{
    switch (why) {
    case UPDRAFT_BOOT_STAGED_IN_PLACE:
        return "it is in place and nothing waits to be copied";
    case UPDRAFT_BOOT_STAGED_COPIED:
        return "the staged image was copied into place";
    case UPDRAFT_BOOT_STAGED_REFUSED:
        return "the staged image is bad and was not copied";
    case UPDRAFT_BOOT_STAGED_NOTHING:
        return "the image in place is not complete";
    }
    return "";
}

static bool is_flash_fault(enum updraft_error error)
{
    return error == UPDRAFT_E_FLASH_READ || error == UPDRAFT_E_FLASH_PROGRAM ||
           error == UPDRAFT_E_FLASH_ERASE || error == UPDRAFT_E_FLASH_VERIFY;
}

/* The record's CRC is good, but it may be another device's, or of a firmware with another
 * layout. */
static bool fits_layout(const struct updraft_boot_staged_config *config,
                        const struct updraft_staged_journal *journal)
{
    const struct updraft_staged_layout *layout = &config->layout;

    return journal->dest_addr == layout->app_addr && journal->staged_len != 0 &&
           journal->source_addr % UPDRAFT_STAGED_SECTOR_LEN == 0 &&
           journal->source_addr > layout->app_addr && journal->source_addr < layout->end_addr &&
           journal->staged_len <= layout->end_addr - journal->source_addr;
}

/* Step 2. *image_len: what will stand in place. Writes nothing. */
static enum updraft_error check_staged(const struct updraft_boot_staged_config *config,
                                       const struct updraft_staged_journal *journal,
                                       const struct updraft_staged_source *source,
                                       uint32_t *image_len)
{
    struct updraft_staged_image image;
    uint8_t sha256[UPDRAFT_SHA256_LEN];
    enum updraft_error error;

    if (!fits_layout(config, journal))
        return UPDRAFT_E_HEADER;
    error = updraft_staged_digest(source, sha256);
    if (error != UPDRAFT_OK)
        return error;
    if (memcmp(sha256, journal->sha256, sizeof sha256) != 0)
        return UPDRAFT_E_DIGEST;
    updraft_staged_image_init(&image, config->layout.kind);
    error = updraft_staged_check(source, config->chip_id, journal->source_addr - journal->dest_addr,
                                 &image, image_len);
    if (error == UPDRAFT_OK && journal->image_len != 0 && journal->image_len != *image_len)
        return UPDRAFT_E_LENGTH;
    return error;
}

struct copy {
    const struct updraft_boot_staged_config *config;
    uint32_t end_addr;  /* of the image in place, rounded up to a sector */
    uint32_t kept_len;  /* at its start, not written */
    uint32_t erased_to; /* flash address up to which this run has erased */
    bool taken_up;      /* a cut may have hit the first sector without a mark */
};

/* A word behind the journal's record, which only ever loses bits. */
static enum updraft_error program_word(const struct updraft_boot_staged_config *config,
                                       uint32_t word_off, uint32_t value)
{
    const struct updraft_flash *flash = config->flash;
    uint32_t addr = config->layout.journal_addr + word_off;
    uint8_t word[4];
    enum updraft_error error;

    updraft_put_le32(word, value);
    error = updraft_flash_prog(flash, addr, word, sizeof word);
    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    return error == UPDRAFT_OK ? updraft_flash_compare(flash, addr, word, sizeof word) : error;
}

static enum updraft_error is_word_set(const struct updraft_boot_staged_config *config,
                                      uint32_t word_off, bool *is_set)
{
    const struct updraft_flash *flash = config->flash;
    uint8_t word[4];
    enum updraft_error error =
        updraft_flash_read(flash, config->layout.journal_addr + word_off, word, sizeof word);

    if (error == UPDRAFT_OK)
        *is_set = updraft_get_le32(word) != ERASED;
    return error;
}

/* A block where all of it will be written; the sectors of it that are equal go with it, which is
 * why it is only asked for when its first sector is not. */
static enum updraft_error erase_at(struct copy *copy, uint32_t addr)
{
    const struct updraft_flash *flash = copy->config->flash;
    uint32_t len = flash->sector_len;
    enum updraft_error error;

    if (addr < copy->erased_to)
        return UPDRAFT_OK;
    if (flash->block_len != 0 && addr % flash->block_len == 0 &&
        copy->end_addr - addr >= flash->block_len)
        len = flash->block_len;
    error = updraft_flash_erase(flash, addr, len);
    if (error == UPDRAFT_OK)
        copy->erased_to = addr + len;
    return error;
}

static enum updraft_error write_sector(struct copy *copy, uint32_t addr, const uint8_t *data)
{
    const struct updraft_flash *flash = copy->config->flash;
    enum updraft_error error = erase_at(copy, addr);

    if (error == UPDRAFT_OK)
        error = updraft_flash_prog(flash, addr, data, flash->sector_len);
    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    return error == UPDRAFT_OK ? updraft_flash_compare(flash, addr, data, flash->sector_len)
                               : error;
}

/* Whether the sector is as it should be, and will stay so. Sectors are copied in order and
 * marked, so a cut can only have hit the first one without a mark (or the block that begins with
 * it). What that one reads proves nothing: bits that were being moved when the power failed may
 * read as they should today and not tomorrow. */
static enum updraft_error is_sound(struct copy *copy, uint32_t addr, const uint8_t *data,
                                   bool is_marked, bool *sound)
{
    const struct updraft_flash *flash = copy->config->flash;
    bool may_be_torn = copy->taken_up && !is_marked;
    enum updraft_error error = updraft_flash_compare(flash, addr, data, flash->sector_len);

    if (error != UPDRAFT_OK && error != UPDRAFT_E_FLASH_VERIFY)
        return error;
    copy->taken_up = copy->taken_up && is_marked;
    *sound = error == UPDRAFT_OK && !may_be_torn;
    return UPDRAFT_OK;
}

static enum updraft_error copy_sector(void *ctx, uint32_t off, uint8_t *data, uint32_t len)
{
    struct copy *copy = ctx;
    uint32_t sector_len = copy->config->flash->sector_len;
    uint32_t addr = copy->config->layout.app_addr + off;
    uint32_t mark_off = UPDRAFT_STAGED_MARKS_OFF + off / sector_len * UPDRAFT_STAGED_MARK_LEN;
    bool is_marked = false;
    bool sound = false;
    enum updraft_error error;

    if (off < copy->kept_len)
        return UPDRAFT_OK;
    /* Behind the end of the image the sector is filled up with what erased flash holds. */
    memset(data + len, 0xFF, sector_len - len);
    error = is_word_set(copy->config, mark_off, &is_marked);
    if (error == UPDRAFT_OK)
        error = is_sound(copy, addr, data, is_marked, &sound);
    if (error == UPDRAFT_OK && !sound)
        error = write_sector(copy, addr, data);
    if (error == UPDRAFT_OK && !is_marked)
        error = program_word(copy->config, mark_off, 0);
    return error;
}

struct comparison {
    const struct copy *copy;
    struct updraft_digest digest; /* of what the source gave to compare with */
};

static enum updraft_error compare_sector(void *ctx, uint32_t off, uint8_t *data, uint32_t len)
{
    struct comparison *comparison = ctx;
    const struct copy *copy = comparison->copy;

    updraft_digest_update(&comparison->digest, data, len);
    if (off < copy->kept_len)
        return UPDRAFT_OK;
    return updraft_flash_compare(copy->config->flash, copy->config->layout.app_addr + off, data,
                                 len);
}

/* Step 4. A source that has changed since it was checked would agree with its copy, so what is
 * compared with is checked once more: by its digest, or by the CRC that inflating asks for. */
static enum updraft_error compare_all(const struct copy *copy,
                                      const struct updraft_staged_source *source,
                                      const uint8_t *sha256)
{
    struct comparison comparison = {.copy = copy};
    uint8_t seen[UPDRAFT_SHA256_LEN];
    enum updraft_error error;
    uint32_t total;

    updraft_digest_start(&comparison.digest, UPDRAFT_DIGEST_SHA256);
    error = updraft_staged_walk(source, compare_sector, &comparison, &total);
    if (error != UPDRAFT_OK || source->encoding != UPDRAFT_STAGED_RAW)
        return error;
    updraft_digest_finish(&comparison.digest, seen);
    return memcmp(seen, sha256, sizeof seen) == 0 ? UPDRAFT_OK : UPDRAFT_E_DIGEST;
}

/* The record decided what is done next, and may have been torn so that it reads well only by
 * chance: programmed once more it holds, before anything depends on it. */
static enum updraft_error begin_copy(const struct updraft_boot_staged_config *config,
                                     const struct updraft_staged_journal *journal)
{
    const struct updraft_flash *flash = config->flash;
    uint8_t record[UPDRAFT_STAGED_RECORD_LEN];
    enum updraft_error error;

    updraft_staged_encode(journal, record);
    error = updraft_flash_prog(flash, config->layout.journal_addr + journal->record_off, record,
                               sizeof record);
    return error == UPDRAFT_OK ? program_word(config, UPDRAFT_STAGED_BEGUN_OFF, 0) : error;
}

/* Steps 3 and 4. */
static enum updraft_error put_in_place(const struct updraft_boot_staged_config *config,
                                       const struct updraft_staged_journal *journal,
                                       const struct updraft_staged_source *source,
                                       uint32_t image_len)
{
    struct copy copy = {
        .config = config,
        .end_addr =
            config->layout.app_addr + updraft_round_up(image_len, config->flash->sector_len),
        .kept_len = updraft_staged_kept_len(config->layout.kind),
        .taken_up = journal->begun,
    };
    uint32_t total;
    enum updraft_error error = begin_copy(config, journal);

    if (error == UPDRAFT_OK)
        error = updraft_staged_walk(source, copy_sector, &copy, &total);
    if (error == UPDRAFT_OK)
        error = compare_all(&copy, source, journal->sha256);
    if (error == UPDRAFT_OK)
        error = program_word(config, UPDRAFT_STAGED_DONE_OFF, 0);
    return error;
}

/* Starts what is in place, if it is whole. */
static void start_in_place(const struct updraft_boot_staged_config *config,
                           struct updraft_boot_staged_result *result)
{
    struct updraft_staged_image image;
    enum updraft_error error = updraft_staged_read_in_place(
        config->flash, &config->layout, config->buf, config->flash->sector_len, &image);

    if (error == UPDRAFT_OK)
        error = updraft_staged_image_runs(&image, config->chip_id);
    result->bootable = error == UPDRAFT_OK;
    if (result->bootable)
        return;
    result->why = UPDRAFT_BOOT_STAGED_NOTHING;
    result->error = error;
}

/* The reason goes first, and only into a word that can take it: a torn one keeps what it has. */
static enum updraft_error write_refusal(const struct updraft_boot_staged_config *config,
                                        enum updraft_error reason)
{
    bool is_set = false;
    enum updraft_error error = is_word_set(config, UPDRAFT_STAGED_REASON_OFF, &is_set);

    if (error == UPDRAFT_OK && !is_set)
        error = program_word(config, UPDRAFT_STAGED_REASON_OFF, (uint32_t)reason);
    if (error == UPDRAFT_OK)
        error = program_word(config, UPDRAFT_STAGED_REFUSED_OFF, 0);
    return error;
}

/* The staged image will not be copied. That is final only while the old image is whole: after a cut
 * in the copy the staged one is the only one, and may read well at the next boot. */
static void refuse(const struct updraft_boot_staged_config *config,
                   struct updraft_boot_staged_result *result, enum updraft_error reason)
{
    result->why = UPDRAFT_BOOT_STAGED_REFUSED;
    result->error = reason;
    start_in_place(config, result);
    /* A refusal that cannot be written does not keep the device from starting. */
    if (result->bootable && !is_flash_fault(reason))
        (void)!write_refusal(config, reason);
}

static enum updraft_error take_up_copy(const struct updraft_boot_staged_config *config,
                                       const struct updraft_staged_journal *journal,
                                       struct updraft_boot_staged_result *result)
{
    struct updraft_staged_source source = {
        .flash = config->flash,
        .addr = journal->source_addr,
        .len = journal->staged_len,
        .encoding = journal->encoding,
        .buf = config->buf,
        .buf_cap = config->flash->sector_len,
        .gunzip_arena = config->gunzip_arena,
    };
    uint32_t image_len = 0;
    enum updraft_error error = check_staged(config, journal, &source, &image_len);

    if (error != UPDRAFT_OK) {
        refuse(config, result, error);
        return UPDRAFT_OK;
    }
    error = put_in_place(config, journal, &source, image_len);
    if (error != UPDRAFT_OK) {
        result->why = UPDRAFT_BOOT_STAGED_NOTHING;
        result->error = error;
        return error;
    }
    result->why = UPDRAFT_BOOT_STAGED_COPIED;
    result->bootable = true;
    return UPDRAFT_OK;
}

enum updraft_error updraft_boot_staged_run(const struct updraft_boot_staged_config *config,
                                           struct updraft_boot_staged_result *result)
{
    struct updraft_staged_journal journal;
    enum updraft_error error;

    UPDRAFT_ASSERT(config->buf != NULL);
    updraft_staged_assert_layout(config->flash, &config->layout);
    UPDRAFT_ASSERT(!config->layout.takes_gzip || config->gunzip_arena != NULL);
    memset(result, 0, sizeof *result);
    result->why = UPDRAFT_BOOT_STAGED_IN_PLACE;
    result->addr = config->layout.app_addr;
    error = updraft_staged_journal_read(config->flash, &config->layout, &journal);
    if (error != UPDRAFT_OK)
        return error;
    if (journal.state == UPDRAFT_STAGED_PENDING)
        return take_up_copy(config, &journal, result);
    start_in_place(config, result);
    return UPDRAFT_OK;
}
