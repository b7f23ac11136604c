#include "device/slots/staged_source.h"

#include "device/decode/gzip.h"
#include "device/flash/access.h"
#include "format/digest.h"

#define INPUT_LEN 256u /* gzip read at a time */

struct reader {
    const struct updraft_staged_source *source;
    uint32_t off; /* staged bytes read */
    uint32_t in_len;
    uint32_t in_used;
    struct updraft_gunzip gunzip;
    uint8_t in[INPUT_LEN];
};

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static enum updraft_error read_staged(struct reader *reader, uint8_t *out, uint32_t cap,
                                      uint32_t *len)
{
    const struct updraft_staged_source *source = reader->source;
    uint32_t now = smaller(source->len - reader->off, cap);
    enum updraft_error error =
        updraft_flash_read(source->flash, source->addr + reader->off, out, now);

    if (error != UPDRAFT_OK)
        return error;
    reader->off += now;
    *len = now;
    return UPDRAFT_OK;
}

/* As much as fits into the buffer; less only at the end of the stream. */
static enum updraft_error inflate_some(struct reader *reader, uint32_t *len)
{
    const struct updraft_staged_source *source = reader->source;

    *len = 0;
    while (*len < source->buf_cap) {
        size_t used;
        size_t given;
        enum updraft_error error = UPDRAFT_OK;

        if (reader->in_used == reader->in_len) {
            reader->in_used = 0;
            error = read_staged(reader, reader->in, sizeof reader->in, &reader->in_len);
        }
        if (error != UPDRAFT_OK)
            return error;
        error = updraft_gunzip_feed(&reader->gunzip, reader->in + reader->in_used,
                                    reader->in_len - reader->in_used, &used, source->buf + *len,
                                    source->buf_cap - *len, &given);
        if (error != UPDRAFT_OK)
            return error;
        reader->in_used += (uint32_t)used;
        *len += (uint32_t)given;
        if (used == 0 && given == 0)
            return updraft_gunzip_finish(&reader->gunzip);
    }
    return UPDRAFT_OK;
}

enum updraft_error updraft_staged_walk(const struct updraft_staged_source *source,
                                       enum updraft_error (*visit)(void *ctx, uint32_t off,
                                                                   uint8_t *data, uint32_t len),
                                       void *ctx, uint32_t *total)
{
    struct reader reader = {.source = source};
    uint32_t off = 0;
    uint32_t len;

    if (source->encoding == UPDRAFT_STAGED_GZIP) {
        if (source->gunzip_arena == NULL)
            return UPDRAFT_E_UNSUPPORTED;
        updraft_gunzip_init(&reader.gunzip, source->gunzip_arena, UPDRAFT_GUNZIP_ARENA_LEN);
    }
    do {
        enum updraft_error error = source->encoding == UPDRAFT_STAGED_GZIP
                                       ? inflate_some(&reader, &len)
                                       : read_staged(&reader, source->buf, source->buf_cap, &len);

        if (error == UPDRAFT_OK && len > 0)
            error = visit(ctx, off, source->buf, len);
        if (error != UPDRAFT_OK)
            return error;
        off += len;
    } while (len == source->buf_cap);
    *total = off;
    return UPDRAFT_OK;
}

enum updraft_error updraft_staged_digest(const struct updraft_staged_source *source,
                                         uint8_t sha256[UPDRAFT_SHA256_LEN])
{
    struct updraft_digest digest;

    updraft_digest_start(&digest, UPDRAFT_DIGEST_SHA256);
    for (uint32_t off = 0; off < source->len;) {
        uint32_t len = smaller(source->len - off, source->buf_cap);
        enum updraft_error error =
            updraft_flash_read(source->flash, source->addr + off, source->buf, len);

        if (error != UPDRAFT_OK)
            return error;
        updraft_digest_update(&digest, source->buf, len);
        off += len;
    }
    updraft_digest_finish(&digest, sha256);
    return UPDRAFT_OK;
}

struct check {
    struct updraft_staged_image *image;
    uint32_t room;
    uint32_t seen;
};

static enum updraft_error check_piece(void *ctx, uint32_t off, uint8_t *data, uint32_t len)
{
    struct check *check = ctx;

    check->seen = off + len;
    if (check->seen > check->room)
        return UPDRAFT_E_TOO_LARGE;
    return updraft_staged_image_feed(check->image, data, len);
}

enum updraft_error updraft_staged_check(const struct updraft_staged_source *source,
                                        uint16_t chip_id, uint32_t room,
                                        struct updraft_staged_image *image, uint32_t *total)
{
    struct check check = {.image = image, .room = room};
    enum updraft_error error = updraft_staged_walk(source, check_piece, &check, total);

    if (error == UPDRAFT_E_TOO_LARGE)
        *total = check.seen;
    return error == UPDRAFT_OK ? updraft_staged_image_verdict(image, chip_id) : error;
}
