#include "device/slots/staged.h"

#include "device/flash/access.h"
#include "device/slots/slots.h"
#include "device/slots/staged_log.h"
#include "device/slots/staged_source.h"
#include "device/update/update.h"
#include "format/assert.h"
#include "format/bytes.h"

#include <string.h>

#define GZIP_LEN_MIN   18u /* header and trailer */
#define GZIP_ISIZE_LEN 4u  /* the trailer ends with the inflated length */
#define MODE_OFF       2u  /* of the flash mode in an image's header */

static const uint8_t gzip_magic[3] = {0x1F, 0x8B, 8}; /* the last: deflate, the only method */

_Static_assert(UPDRAFT_ARDUINO8266_APP_OFF == UPDRAFT_STAGED_SECTOR_LEN,
               "the boot stage's sector is kept whole");

uint32_t updraft_staged_kept_len(enum updraft_staged_kind kind)
{
    return kind == UPDRAFT_STAGED_ARDUINO ? UPDRAFT_ARDUINO8266_APP_OFF : 0;
}

static bool is_apart(uint32_t a_addr, uint32_t a_len, uint32_t b_addr, uint32_t b_len)
{
    return a_len == 0 || b_len == 0 || a_addr >= b_addr + b_len || b_addr >= a_addr + a_len;
}

static void assert_own_sector(const struct updraft_flash *flash,
                              const struct updraft_staged_layout *layout, uint32_t addr)
{
    UPDRAFT_ASSERT((addr & (flash->sector_len - 1u)) == 0 && addr < flash->size);
    UPDRAFT_ASSERT(
        is_apart(addr, flash->sector_len, layout->app_addr, layout->end_addr - layout->app_addr));
    UPDRAFT_ASSERT(is_apart(addr, flash->sector_len, layout->fs_addr, layout->fs_len));
}

void updraft_staged_assert_layout(const struct updraft_flash *flash,
                                  const struct updraft_staged_layout *layout)
{
    updraft_flash_assert_geometry(flash);
    UPDRAFT_ASSERT((layout->app_addr | layout->end_addr | layout->fs_addr | layout->fs_len) %
                       flash->sector_len ==
                   0);
    UPDRAFT_ASSERT(layout->app_addr < layout->end_addr && layout->end_addr <= flash->size);
    UPDRAFT_ASSERT(layout->fs_len <= flash->size &&
                   layout->fs_addr <= flash->size - layout->fs_len);
    UPDRAFT_ASSERT(is_apart(layout->fs_addr, layout->fs_len, layout->app_addr,
                            layout->end_addr - layout->app_addr));
    if (layout->eboot != NULL) {
        UPDRAFT_ASSERT(layout->kind == UPDRAFT_STAGED_ARDUINO && layout->app_addr == 0);
        UPDRAFT_ASSERT(layout->log_addr == 0);
        return;
    }
    UPDRAFT_ASSERT((layout->end_addr - layout->app_addr) / flash->sector_len <=
                   UPDRAFT_STAGED_MARK_CAP);
    assert_own_sector(flash, layout, layout->journal_addr);
    if (layout->log_addr == 0)
        return;
    assert_own_sector(flash, layout, layout->log_addr);
    UPDRAFT_ASSERT(layout->log_addr != layout->journal_addr);
}

enum updraft_error updraft_staged_read_in_place(const struct updraft_flash *flash,
                                                const struct updraft_staged_layout *layout,
                                                uint8_t *buf, uint32_t buf_cap,
                                                struct updraft_staged_image *image)
{
    uint32_t cap = layout->end_addr - layout->app_addr;

    UPDRAFT_ASSERT(buf_cap >= 256);
    updraft_staged_image_init(image, layout->kind);
    for (uint32_t off = 0; off < cap && updraft_staged_image_len(image) == 0;) {
        uint32_t len = cap - off < buf_cap ? cap - off : buf_cap;
        enum updraft_error error = updraft_flash_read(flash, layout->app_addr + off, buf, len);

        if (error == UPDRAFT_OK)
            error = updraft_staged_image_feed(image, buf, len);
        if (error != UPDRAFT_OK)
            return error;
        off += len;
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_staged_open(struct updraft_staged *staged,
                                       const struct updraft_flash *flash,
                                       const struct updraft_staged_layout *layout, uint8_t *buf,
                                       uint32_t buf_cap)
{
    enum updraft_error error;

    updraft_staged_assert_layout(flash, layout);
    staged->flash = flash;
    staged->layout = *layout;
    staged->journal_erased = false;
    error = updraft_staged_read_in_place(flash, layout, buf, buf_cap, &staged->work);
    if (error == UPDRAFT_E_FLASH_READ)
        return error;
    staged->running_len = updraft_staged_image_len(&staged->work);
    return error == UPDRAFT_OK && staged->running_len != 0 ? UPDRAFT_OK : UPDRAFT_E_NOT_BOOTABLE;
}

enum updraft_error updraft_staged_open_log(const struct updraft_staged *staged)
{
    const struct updraft_staged_layout *layout = &staged->layout;
    struct updraft_cursor any = {.addr = layout->app_addr};
    enum updraft_error error = updraft_staged_log_find(staged->flash, layout, &any);

    if (error != UPDRAFT_OK || layout->log_addr == 0 || any.log_addr != 0)
        return error;
    return updraft_staged_log_renew(staged->flash, layout, layout->end_addr);
}

uint32_t updraft_staged_free_len(const struct updraft_staged *staged)
{
    uint32_t cap = staged->layout.end_addr - staged->layout.app_addr;

    return cap - updraft_round_up(staged->running_len, staged->flash->sector_len);
}

uint32_t updraft_staged_start(const struct updraft_staged_layout *layout, uint32_t staged_len)
{
    UPDRAFT_ASSERT(staged_len != 0 && staged_len <= layout->end_addr - layout->app_addr);
    return layout->end_addr - updraft_round_up(staged_len, UPDRAFT_STAGED_SECTOR_LEN);
}

enum updraft_error updraft_staged_journal_read(const struct updraft_flash *flash,
                                               const struct updraft_staged_layout *layout,
                                               struct updraft_staged_journal *journal)
{
    uint8_t bytes[UPDRAFT_STAGED_READ_LEN];
    enum updraft_error error = updraft_flash_read(flash, layout->journal_addr, bytes, sizeof bytes);

    if (error == UPDRAFT_OK)
        updraft_staged_decode(bytes, journal);
    return error;
}

static enum updraft_error fail(struct updraft_update *update, enum updraft_error code, uint32_t a,
                               uint32_t b)
{
    update->failure.a = a;
    update->failure.b = b;
    return code;
}

static enum updraft_error find_fs(struct updraft_update *update,
                                  const struct updraft_update_request *request)
{
    const struct updraft_staged *staged = update->config.place.ctx;
    const struct updraft_staged_layout *layout = &staged->layout;

    if (layout->fs_len == 0 || strcmp(request->partition, UPDRAFT_STAGED_FS_LABEL) != 0)
        return UPDRAFT_E_NO_PARTITION;
    updraft_place_take_data(update, layout->fs_addr, layout->fs_len);
    return UPDRAFT_OK;
}

/* Where only the most that can come is known, staging begins so early that all of that has room. */
static enum updraft_error find(struct updraft_update *update,
                               const struct updraft_update_request *request)
{
    const struct updraft_staged *staged = update->config.place.ctx;
    uint32_t wire_len = request->wire_len != 0 ? request->wire_len : request->at_most_len;
    uint32_t free_len = updraft_staged_free_len(staged);
    uint32_t start;

    if (wire_len == 0)
        return UPDRAFT_E_NO_LENGTH;
    if (wire_len > free_len)
        return fail(update, UPDRAFT_E_TOO_LARGE, wire_len, free_len);
    start = updraft_staged_start(&staged->layout, wire_len);
    update->keeps_gzip = true;
    update->cursor.addr = start;
    update->cursor.cap = staged->layout.end_addr - start;
    update->failure.a = staged->layout.log_addr;
    return updraft_staged_log_find(staged->flash, &staged->layout, &update->cursor);
}

/* The copy must not run into its own source: a restart of it needs all of that. */
static uint32_t room_in_place(const struct updraft_staged *staged,
                              const struct updraft_update *update)
{
    return update->cursor.addr - staged->layout.app_addr;
}

static enum updraft_error erase_journal(struct updraft_staged *staged)
{
    const struct updraft_flash *flash = staged->flash;
    enum updraft_error error =
        updraft_flash_erase(flash, staged->layout.journal_addr, flash->sector_len);

    if (error == UPDRAFT_OK)
        error = updraft_flash_sync(flash);
    staged->journal_erased = error == UPDRAFT_OK;
    return error;
}

/* The boot stage looked into the image and found it bad. That the flash did not hold what was staged
 * is no such verdict. */
static bool is_verdict(const struct updraft_staged_journal *journal)
{
    return journal->state == UPDRAFT_STAGED_REFUSED && journal->reason != UPDRAFT_OK &&
           journal->reason != UPDRAFT_E_DIGEST;
}

static bool is_blank(const uint8_t *bytes, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        if (bytes[i] != 0xFF)
            return false;
    }
    return true;
}

static enum updraft_error take_back_journal(struct updraft_staged *staged)
{
    const struct updraft_flash *flash = staged->flash;
    uint8_t bytes[UPDRAFT_STAGED_READ_LEN];
    struct updraft_staged_journal journal;
    enum updraft_error error =
        updraft_flash_read(flash, staged->layout.journal_addr, bytes, sizeof bytes);

    staged->journal_erased = false;
    if (error != UPDRAFT_OK || is_blank(bytes, sizeof bytes))
        return error;
    updraft_staged_decode(bytes, &journal);
    return is_verdict(&journal) ? UPDRAFT_OK : erase_journal(staged);
}

/* What eboot copies replaces the header from which the chip's ROM learns how to read the flash. With
 * another mode than the board's the chip may not start again. */
static enum updraft_error check_mode(const struct updraft_staged *staged,
                                     struct updraft_update *update, uint8_t mode)
{
    static const char *const names[] = {"QIO", "QOUT", "DIO", "DOUT"};
    const struct updraft_flash *flash = staged->flash;
    uint32_t addr = staged->layout.app_addr + MODE_OFF;
    uint8_t running;
    enum updraft_error error = updraft_flash_read(flash, addr, &running, sizeof running);

    if (error != UPDRAFT_OK)
        return fail(update, error, addr, 0);
    if (mode == running)
        return UPDRAFT_OK;
    updraft_failure_set(&update->failure, UPDRAFT_E_FLASH_MODE, 0, 0,
                        mode < sizeof names / sizeof names[0] ? names[mode] : "unknown");
    return UPDRAFT_E_FLASH_MODE;
}

static enum updraft_error check_gzip(const struct updraft_staged *staged,
                                     const struct updraft_cursor *cursor)
{
    if (!staged->layout.takes_gzip)
        return UPDRAFT_E_UNSUPPORTED;
    if (cursor->buffered < GZIP_LEN_MIN || memcmp(cursor->buf, gzip_magic, sizeof gzip_magic) != 0)
        return UPDRAFT_E_GZIP;
    return UPDRAFT_OK;
}

static enum updraft_error check_raw(const struct updraft_staged *staged,
                                    struct updraft_update *update)
{
    uint32_t room = room_in_place(staged, update);

    if (update->wire_len > room)
        return fail(update, UPDRAFT_E_TOO_LARGE, update->wire_len, room);
    if (staged->layout.eboot != NULL) {
        enum updraft_error error = check_mode(staged, update, update->cursor.buf[MODE_OFF]);

        if (error != UPDRAFT_OK)
            return error;
    }
    if (!update->force && updraft_place_is_same(update, staged->layout.app_addr))
        return UPDRAFT_E_ALREADY_RUNNING;
    return UPDRAFT_OK;
}

/* A log that this update does not keep must not vouch for what it is about to write. */
static enum updraft_error give_log_up(const struct updraft_staged *staged,
                                      struct updraft_update *update)
{
    const struct updraft_staged_layout *layout = &staged->layout;

    if (layout->log_addr == 0 || update->cursor.log_addr != 0)
        return UPDRAFT_OK;
    update->failure.a = layout->log_addr;
    return updraft_staged_log_renew(staged->flash, layout, layout->end_addr);
}

static enum updraft_error accept(struct updraft_update *update)
{
    struct updraft_staged *staged = update->config.place.ctx;
    enum updraft_error error =
        update->is_opaque ? check_gzip(staged, &update->cursor) : check_raw(staged, update);

    if (error != UPDRAFT_OK || staged->layout.eboot != NULL)
        return error;
    update->failure.a = staged->layout.journal_addr;
    error = take_back_journal(staged);
    return error == UPDRAFT_OK ? give_log_up(staged, update) : error;
}

/* The inflated length as gzip states it. It may lie, but then the image is refused when it is
 * inflated; stated truly, an image that is too large is refused with its size. */
static enum updraft_error check_stated_len(struct updraft_update *update,
                                           const struct updraft_staged_source *source,
                                           uint32_t room)
{
    const struct updraft_flash *flash = source->flash;
    uint8_t isize[GZIP_ISIZE_LEN];
    uint32_t addr = source->addr + source->len - GZIP_ISIZE_LEN;
    enum updraft_error error = updraft_flash_read(flash, addr, isize, sizeof isize);

    if (error != UPDRAFT_OK)
        return fail(update, error, addr, 0);
    if (updraft_get_le32(isize) > room)
        return fail(update, UPDRAFT_E_TOO_LARGE, updraft_get_le32(isize), room);
    return UPDRAFT_OK;
}

/* Reads the staged image as the boot stage will. */
static enum updraft_error check_image(struct updraft_staged *staged, struct updraft_update *update,
                                      const struct updraft_staged_source *source,
                                      uint32_t *image_len)
{
    const struct updraft_image_info *info = updraft_staged_image_info(&staged->work);
    const char *project = update->config.project;
    uint32_t room = room_in_place(staged, update);
    enum updraft_error error;

    updraft_staged_image_init(&staged->work, staged->layout.kind);
    error = updraft_staged_check(source, update->config.chip_id, room, &staged->work, image_len);
    if (error == UPDRAFT_E_TOO_LARGE)
        return fail(update, error, *image_len, room);
    if (error == UPDRAFT_E_WRONG_CHIP)
        return fail(update, error, info->chip_id, 0);
    if (error != UPDRAFT_OK)
        return fail(update, error, source->addr, 0);
    if (project != NULL && info->has_appdesc && strcmp(project, info->appdesc.project) != 0) {
        updraft_failure_set(&update->failure, UPDRAFT_E_WRONG_PRODUCT, 0, 0, info->appdesc.project);
        return UPDRAFT_E_WRONG_PRODUCT;
    }
    /* The builder gives both headers of a sketch the same mode. */
    if (staged->layout.eboot != NULL)
        error = check_mode(staged, update, info->spi_mode);
    if (error != UPDRAFT_OK)
        return error;
    updraft_image_facts_of(info, &update->facts);
    return UPDRAFT_OK;
}

/* The record is the moment at which the update happens, so all before it is made durable first. */
static enum updraft_error write_journal(struct updraft_staged *staged,
                                        const struct updraft_staged_journal *journal)
{
    const struct updraft_flash *flash = staged->flash;
    uint32_t addr = staged->layout.journal_addr;
    uint8_t record[UPDRAFT_STAGED_RECORD_LEN];
    enum updraft_error error = updraft_flash_sync(flash);

    updraft_staged_encode(journal, record);
    if (error == UPDRAFT_OK && !staged->journal_erased)
        error = erase_journal(staged);
    staged->journal_erased = false;
    if (error == UPDRAFT_OK)
        error = updraft_flash_write(flash, addr, record, sizeof record);
    /* With the first one whole the update has happened; the copy is for bits that rot later. */
    if (error == UPDRAFT_OK)
        (void)!updraft_flash_write(flash, addr + UPDRAFT_STAGED_COPY_OFF, record, sizeof record);
    return error;
}

/* The same bytes would be refused again, after every download. */
static bool was_refused(const struct updraft_staged *staged, const uint8_t *sha256)
{
    struct updraft_staged_journal last;

    return updraft_staged_journal_read(staged->flash, &staged->layout, &last) == UPDRAFT_OK &&
           is_verdict(&last) && memcmp(last.sha256, sha256, UPDRAFT_SHA256_LEN) == 0;
}

/* As far as it can be told here; without an arena the boot stage is the first to look into gzip. */
static enum updraft_error check_contents(struct updraft_staged *staged,
                                         struct updraft_update *update,
                                         const struct updraft_staged_source *source,
                                         uint32_t *image_len)
{
    enum updraft_error error = UPDRAFT_OK;

    if (update->is_opaque)
        error = check_stated_len(update, source, room_in_place(staged, update));
    if (error != UPDRAFT_OK || (update->is_opaque && source->gunzip_arena == NULL))
        return error;
    return check_image(staged, update, source, image_len);
}

/* The command asks for the copy from the moment it is stored, so all before it is made durable. */
static enum updraft_error command_eboot(const struct updraft_staged *staged,
                                        const struct updraft_staged_source *source)
{
    const struct updraft_staged_eboot *eboot = staged->layout.eboot;
    struct updraft_eboot_command command = {
        .action = UPDRAFT_EBOOT_COPY_RAW,
        .source_addr = source->addr,
        .dest_addr = staged->layout.app_addr,
        .len = source->len,
    };
    uint8_t bytes[UPDRAFT_EBOOT_LEN];
    enum updraft_error error = updraft_flash_sync(staged->flash);

    updraft_eboot_encode(&command, bytes);
    return error == UPDRAFT_OK ? eboot->store(eboot->ctx, bytes) : error;
}

static enum updraft_error commit_eboot(struct updraft_staged *staged, struct updraft_update *update,
                                       const struct updraft_staged_source *source)
{
    uint32_t image_len = 0;
    enum updraft_error error = check_contents(staged, update, source, &image_len);

    if (error != UPDRAFT_OK)
        return error;
    update->failure.a = source->addr;
    return command_eboot(staged, source);
}

/* The update has happened, and a log that cannot be renewed is none. What was staged is steady; below it
 * all is as it was, or not known. Where the image ends before its area does, as a form's, the rest may be
 * what an earlier update has left. */
static void renew_log(const struct updraft_staged *staged, const struct updraft_cursor *cursor)
{
    const struct updraft_staged_layout *layout = &staged->layout;
    uint32_t floor_addr = cursor->addr;

    if (layout->log_addr == 0)
        return;
    if (cursor->log_addr != 0 && cursor->suspect_to < floor_addr)
        floor_addr = cursor->suspect_to;
    if (cursor->written + staged->flash->sector_len <= cursor->cap)
        floor_addr = layout->end_addr;
    (void)!updraft_staged_log_renew(staged->flash, layout, floor_addr);
}

static enum updraft_error commit(struct updraft_update *update)
{
    struct updraft_staged *staged = update->config.place.ctx;
    const struct updraft_staged_layout *layout = &staged->layout;
    struct updraft_staged_source source = {
        .flash = staged->flash,
        .addr = update->cursor.addr,
        .len = update->cursor.written,
        .encoding = update->is_opaque ? UPDRAFT_STAGED_GZIP : UPDRAFT_STAGED_RAW,
        .buf = update->cursor.buf,
        .buf_cap = staged->flash->sector_len,
        .gunzip_arena = update->config.gunzip_arena,
    };
    struct updraft_staged_journal journal = {
        .encoding = source.encoding,
        .source_addr = source.addr,
        .dest_addr = layout->app_addr,
        .staged_len = source.len,
    };
    enum updraft_error error;

    if (layout->eboot != NULL)
        return commit_eboot(staged, update, &source);
    /* With a log the first bytes were withheld; here the journal is what makes an image of them. */
    error = update->cursor.log_addr != 0 ? updraft_cursor_release(&update->cursor) : UPDRAFT_OK;
    if (error == UPDRAFT_OK)
        error = updraft_staged_digest(&source, journal.sha256);
    if (error != UPDRAFT_OK)
        return fail(update, error, source.addr, 0);
    if (!update->force && was_refused(staged, journal.sha256))
        return UPDRAFT_E_FAILED_BEFORE;
    error = check_contents(staged, update, &source, &journal.image_len);
    if (error != UPDRAFT_OK)
        return error;
    update->failure.a = layout->journal_addr;
    error = write_journal(staged, &journal);
    if (error == UPDRAFT_OK)
        renew_log(staged, &update->cursor);
    return error;
}

struct updraft_place updraft_staged_place(struct updraft_staged *staged)
{
    static const struct updraft_place_ops ops = {
        .facts = updraft_image_facts_decode, .find = find, .accept = accept, .commit = commit};

    return (struct updraft_place){
        .ops = &ops, .ctx = staged, .flash = staged->flash, .find_data = find_fs};
}
