#include "device/update/update.h"

static enum updraft_error begin(struct updraft_update *update)
{
    if (update->config.gunzip_arena == NULL)
        return UPDRAFT_E_UNSUPPORTED;
    updraft_gunzip_init(&update->gunzip, update->config.gunzip_arena, UPDRAFT_GUNZIP_ARENA_LEN);
    return UPDRAFT_OK;
}

/* One step from the wire to the buffer: as much as there is room for. */
static enum updraft_error inflate_some(struct updraft_update *update, const uint8_t *data,
                                       size_t len, size_t *used, size_t *given)
{
    uint8_t *room;
    uint32_t cap = updraft_cursor_room(&update->cursor, &room);
    uint8_t spare;
    /* At the end of the area one spare byte tells the end of the stream from too much of it. */
    enum updraft_error error = updraft_gunzip_feed(
        &update->gunzip, data, len, used, cap != 0 ? room : &spare, cap != 0 ? cap : 1, given);

    if (error != UPDRAFT_OK)
        return error;
    if (cap == 0 && *given != 0) {
        update->failure.b = update->cursor.cap;
        return UPDRAFT_E_OVERFLOW;
    }
    update->cursor.buffered += (uint32_t)*given;
    return updraft_cursor_is_full(&update->cursor) ? updraft_update_flush(update) : UPDRAFT_OK;
}

/* A full output buffer may leave output inside the decoder: goes on until it gives none. */
static enum updraft_error feed(struct updraft_update *update, const uint8_t *data, uint32_t len)
{
    size_t used;
    size_t given;

    do {
        enum updraft_error error = inflate_some(update, data, len, &used, &given);

        if (error != UPDRAFT_OK)
            return error;
        data += used;
        len -= (uint32_t)used;
    } while (used != 0 || given != 0);
    return UPDRAFT_OK;
}

static enum updraft_error finish(struct updraft_update *update)
{
    return updraft_gunzip_finish(&update->gunzip);
}

const struct updraft_decoder updraft_update_gzip = {.begin = begin, .feed = feed, .finish = finish};
