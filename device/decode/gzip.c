#include "device/decode/gzip.h"

#include "format/assert.h"

#include <limits.h>
#include <string.h>
#include <zlib.h>

/* 15: the largest window, which is what gzip writes. 16 more: a gzip wrapper and nothing else. */
#define GZIP_WINDOW_BITS 31
#define ARENA_ALIGN      16u

_Static_assert(sizeof(z_stream) <= sizeof(((struct updraft_gunzip *)0)->stream),
               "a z_stream must fit into the struct");
_Static_assert(_Alignof(z_stream) <= ARENA_ALIGN, "a z_stream must be aligned in the struct");

static z_stream *zlib_stream(struct updraft_gunzip *gunzip)
{
    return (z_stream *)(void *)gunzip->stream;
}

/* zlib asks twice: for its state at the start and for the window when the first output is to be
 * remembered. It gives neither back before the end, so memory only ever grows. */
static voidpf arena_alloc(voidpf opaque, uInt count, uInt size)
{
    struct updraft_gunzip *gunzip = opaque;
    uintptr_t base = (uintptr_t)gunzip->arena;
    size_t pad = (size_t)(-(base + gunzip->arena_used) & (ARENA_ALIGN - 1u));
    size_t left = gunzip->arena_cap - gunzip->arena_used;

    if (pad > left || (size != 0 && count > (left - pad) / size))
        return Z_NULL;
    uint8_t *block = gunzip->arena + gunzip->arena_used + pad;
    gunzip->arena_used += pad + (size_t)count * size;
    return block;
}

static void arena_free(voidpf opaque, voidpf block)
{
    (void)opaque;
    (void)block;
}

static enum updraft_error error_of(int zlib_result)
{
    switch (zlib_result) {
    case Z_OK:
    case Z_STREAM_END:
    case Z_BUF_ERROR: /* nothing could move: all input taken, or no room for output */
        return UPDRAFT_OK;
    case Z_MEM_ERROR:
        return UPDRAFT_E_NO_SPACE;
    default:
        return UPDRAFT_E_GZIP;
    }
}

void updraft_gunzip_init(struct updraft_gunzip *gunzip, uint8_t *arena, size_t arena_cap)
{
    z_stream *stream = zlib_stream(gunzip);

    memset(gunzip, 0, sizeof(*gunzip));
    gunzip->arena = arena;
    gunzip->arena_cap = arena == NULL ? 0 : arena_cap;
    stream->zalloc = arena_alloc;
    stream->zfree = arena_free;
    stream->opaque = gunzip;
    gunzip->failed = error_of(inflateInit2(stream, GZIP_WINDOW_BITS));
}

enum updraft_error updraft_gunzip_feed(struct updraft_gunzip *gunzip, const uint8_t *in,
                                       size_t in_len, size_t *in_used, uint8_t *out, size_t out_cap,
                                       size_t *out_len)
{
    z_stream *stream = zlib_stream(gunzip);

    *in_used = 0;
    *out_len = 0;
    if (gunzip->failed != UPDRAFT_OK)
        return gunzip->failed;
    if (!gunzip->ended) {
        uInt in_now = in_len > UINT_MAX ? UINT_MAX : (uInt)in_len;
        uInt out_now = out_cap > UINT_MAX ? UINT_MAX : (uInt)out_cap;

        stream->next_in = (z_const Bytef *)in;
        stream->avail_in = in_now;
        stream->next_out = out;
        stream->avail_out = out_now;
        int result = inflate(stream, Z_NO_FLUSH);
        gunzip->failed = error_of(result);
        gunzip->ended = result == Z_STREAM_END;
        *in_used = in_now - stream->avail_in;
        *out_len = out_now - stream->avail_out;
    }
    /* A second member or padding would be written by nobody and yet be part of the digest. */
    if (gunzip->failed == UPDRAFT_OK && gunzip->ended && *in_used < in_len)
        gunzip->failed = UPDRAFT_E_GZIP;
    return gunzip->failed;
}

enum updraft_error updraft_gunzip_finish(const struct updraft_gunzip *gunzip)
{
    if (gunzip->failed != UPDRAFT_OK)
        return gunzip->failed;
    return gunzip->ended ? UPDRAFT_OK : UPDRAFT_E_TRUNCATED;
}
