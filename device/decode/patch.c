#include "device/decode/patch.h"

#include <string.h>

#define RESERVED_BIT     0x80u
#define LITERAL_BIT_LEN  9u  /* tag and byte */
#define COPY_BIT_LEN     16u /* tag, index of 8 bits, count of 7 */
#define COUNT_BITS       7u
#define SOURCE_CHUNK_LEN 64u /* on the stack: how much of the source is read at once */

_Static_assert(COPY_BIT_LEN - 1 + 8 <= 32, "the bits in hand and one more byte fit their word");
_Static_assert(UPDRAFT_UNPATCH_WINDOW_LEN == UINT8_MAX + 1u, "window positions wrap as uint8_t");

enum state {
    STATE_TYPE,
    STATE_TO_LEN,
    STATE_WINDOW,
    STATE_FORMAT_LEN,
    STATE_ADD_LEN,
    STATE_ADD,
    STATE_LITERAL_LEN,
    STATE_LITERAL,
    STATE_MOVE,
    STATE_DONE,
};

/* The buffers of one call. Starved: nothing more can be done without more input or more room. */
struct io {
    const uint8_t *in;
    size_t in_len;
    size_t in_used;
    uint8_t *out;
    size_t out_cap;
    size_t out_len;
    bool starved;
};

void updraft_unpatch_init(struct updraft_unpatch *unpatch,
                          const struct updraft_unpatch_source *source, uint32_t to_cap)
{
    memset(unpatch, 0, sizeof(*unpatch));
    unpatch->source = *source;
    unpatch->to_cap = to_cap;
    unpatch->state = STATE_TYPE;
    unpatch->failed = UPDRAFT_OK;
}

static bool take_input(struct io *io, uint8_t *byte)
{
    if (io->in_used == io->in_len) {
        io->starved = true;
        return false;
    }
    *byte = io->in[io->in_used++];
    return true;
}

static uint32_t take_bits(struct updraft_unpatch *unpatch, uint8_t count)
{
    uint32_t value;

    unpatch->bit_count = (uint8_t)(unpatch->bit_count - count);
    value = unpatch->bits >> unpatch->bit_count;
    unpatch->bits &= (1u << unpatch->bit_count) - 1;
    return value;
}

/* Bits that must be in hand before the next symbol can be read; its tag tells. */
static uint8_t symbol_bit_len(const struct updraft_unpatch *unpatch)
{
    if (unpatch->bit_count == 0)
        return 1;
    return (unpatch->bits >> (unpatch->bit_count - 1)) != 0 ? LITERAL_BIT_LEN : COPY_BIT_LEN;
}

static uint8_t remember(struct updraft_unpatch *unpatch, uint8_t byte)
{
    unpatch->window[unpatch->head++] = byte;
    return byte;
}

static uint8_t copy_one(struct updraft_unpatch *unpatch)
{
    uint8_t from = (uint8_t)(unpatch->head - unpatch->copy_back - 1);

    unpatch->copy_left--;
    return remember(unpatch, unpatch->window[from]);
}

static bool take_heatshrink(struct updraft_unpatch *unpatch, struct io *io, uint8_t *byte)
{
    uint8_t input;

    if (unpatch->copy_left > 0) {
        *byte = copy_one(unpatch);
        return true;
    }
    while (unpatch->bit_count < symbol_bit_len(unpatch)) {
        if (!take_input(io, &input))
            return false;
        unpatch->bits = unpatch->bits << 8 | input;
        unpatch->bit_count = (uint8_t)(unpatch->bit_count + 8);
    }
    if (take_bits(unpatch, 1) == 1) {
        *byte = remember(unpatch, (uint8_t)take_bits(unpatch, 8));
        return true;
    }
    unpatch->copy_back = (uint8_t)take_bits(unpatch, 8);
    unpatch->copy_left = (uint8_t)(take_bits(unpatch, COUNT_BITS) + 1);
    *byte = copy_one(unpatch);
    return true;
}

/* The next byte of the body, decompressed. */
static bool take_body(struct updraft_unpatch *unpatch, struct io *io, uint8_t *byte)
{
    if (unpatch->compression == UPDRAFT_PATCH_SEQUENTIAL_HEATSHRINK)
        return take_heatshrink(unpatch, io, byte);
    return take_input(io, byte);
}

/* A size code, gathered over as many calls as it takes. False when it is not complete yet; else
 * *error says whether *value is good. */
static bool take_size(struct updraft_unpatch *unpatch, struct io *io, int32_t *value,
                      enum updraft_error *error)
{
    bool in_body = unpatch->state != STATE_TO_LEN;
    size_t used;
    uint8_t byte;

    do {
        if (!(in_body ? take_body(unpatch, io, &byte) : take_input(io, &byte)))
            return false;
        unpatch->size_bytes[unpatch->size_len++] = byte;
        *error = updraft_patch_size_decode(unpatch->size_bytes, unpatch->size_len, value, &used);
    } while (*error == UPDRAFT_E_TRUNCATED);
    unpatch->size_len = 0;
    return true;
}

static enum updraft_error read_type(struct updraft_unpatch *unpatch, struct io *io)
{
    uint8_t type;

    if (!take_input(io, &type))
        return UPDRAFT_OK;
    if ((type & RESERVED_BIT) != 0)
        return UPDRAFT_E_PATCH;
    if (type != UPDRAFT_PATCH_SEQUENTIAL_NONE && type != UPDRAFT_PATCH_SEQUENTIAL_HEATSHRINK)
        return UPDRAFT_E_UNSUPPORTED;
    unpatch->compression = type;
    unpatch->state = STATE_TO_LEN;
    return UPDRAFT_OK;
}

static enum updraft_error read_to_len(struct updraft_unpatch *unpatch, struct io *io)
{
    enum updraft_error error;
    int32_t len;

    if (!take_size(unpatch, io, &len, &error))
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK || len < 0)
        return UPDRAFT_E_PATCH;
    unpatch->to_len = (uint32_t)len;
    if (unpatch->to_len > unpatch->to_cap)
        return UPDRAFT_E_TOO_LARGE;
    if (len == 0)
        unpatch->state = STATE_DONE;
    else if (unpatch->compression == UPDRAFT_PATCH_SEQUENTIAL_HEATSHRINK)
        unpatch->state = STATE_WINDOW;
    else
        unpatch->state = STATE_FORMAT_LEN;
    return UPDRAFT_OK;
}

static enum updraft_error read_window(struct updraft_unpatch *unpatch, struct io *io)
{
    uint8_t parameters;

    if (!take_input(io, &parameters))
        return UPDRAFT_OK;
    if (parameters != UPDRAFT_PATCH_HEATSHRINK_8_7)
        return UPDRAFT_E_UNSUPPORTED;
    unpatch->state = STATE_FORMAT_LEN;
    return UPDRAFT_OK;
}

static enum updraft_error read_format_len(struct updraft_unpatch *unpatch, struct io *io)
{
    enum updraft_error error;
    int32_t len;

    if (!take_size(unpatch, io, &len, &error))
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK || len < 0)
        return UPDRAFT_E_PATCH;
    if (len > 0)
        return UPDRAFT_E_UNSUPPORTED;
    unpatch->state = STATE_ADD_LEN;
    return UPDRAFT_OK;
}

/* The length of a run, which the result must have room for. */
static enum updraft_error read_run_len(struct updraft_unpatch *unpatch, struct io *io,
                                       enum state next)
{
    enum updraft_error error;
    int32_t len;

    if (!take_size(unpatch, io, &len, &error))
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK || len < 0 || (uint32_t)len > unpatch->to_len - unpatch->to_off)
        return UPDRAFT_E_PATCH;
    unpatch->run_left = (uint32_t)len;
    unpatch->state = (uint8_t)next;
    return UPDRAFT_OK;
}

static enum updraft_error read_add_len(struct updraft_unpatch *unpatch, struct io *io)
{
    enum updraft_error error = read_run_len(unpatch, io, STATE_ADD);

    if (error != UPDRAFT_OK || unpatch->run_left == 0)
        return error;
    if (unpatch->source_off < 0 ||
        unpatch->source_off + unpatch->run_left > (int64_t)unpatch->source.len)
        return UPDRAFT_E_PATCH;
    return UPDRAFT_OK;
}

/* Puts body bytes of the current run behind what out holds, at most max of them; returns how many.
 */
static uint32_t take_run(struct updraft_unpatch *unpatch, struct io *io, uint32_t max)
{
    uint32_t len = unpatch->run_left < max ? unpatch->run_left : max;
    uint32_t got = 0;

    if (len > io->out_cap - io->out_len)
        len = (uint32_t)(io->out_cap - io->out_len);
    if (len == 0)
        io->starved = true;
    while (got < len && take_body(unpatch, io, &io->out[io->out_len + got]))
        got++;
    return got;
}

static void give(struct updraft_unpatch *unpatch, struct io *io, uint32_t len)
{
    io->out_len += len;
    unpatch->to_off += len;
    unpatch->run_left -= len;
}

static enum updraft_error add(struct updraft_unpatch *unpatch, struct io *io)
{
    uint8_t chunk[SOURCE_CHUNK_LEN];
    enum updraft_error error;
    uint32_t len;

    if (unpatch->run_left == 0) {
        unpatch->state = STATE_LITERAL_LEN;
        return UPDRAFT_OK;
    }
    len = take_run(unpatch, io, sizeof(chunk));
    if (len == 0)
        return UPDRAFT_OK;
    error = unpatch->source.read(unpatch->source.ctx, (uint32_t)unpatch->source_off, chunk, len);
    if (error != UPDRAFT_OK)
        return error;
    for (uint32_t i = 0; i < len; i++)
        io->out[io->out_len + i] = (uint8_t)(io->out[io->out_len + i] + chunk[i]);
    unpatch->source_off += len;
    give(unpatch, io, len);
    return UPDRAFT_OK;
}

static enum updraft_error literal(struct updraft_unpatch *unpatch, struct io *io)
{
    if (unpatch->run_left == 0)
        unpatch->state = STATE_MOVE;
    else
        give(unpatch, io, take_run(unpatch, io, unpatch->run_left));
    return UPDRAFT_OK;
}

static enum updraft_error move(struct updraft_unpatch *unpatch, struct io *io)
{
    enum updraft_error error;
    int32_t distance;

    if (!take_size(unpatch, io, &distance, &error))
        return UPDRAFT_OK;
    if (error != UPDRAFT_OK)
        return error;
    unpatch->source_off += distance;
    /* Empty runs may move on for ever; the sum must not wrap. */
    if (unpatch->source_off < INT32_MIN || unpatch->source_off > UINT32_MAX)
        return UPDRAFT_E_PATCH;
    if (unpatch->to_off < unpatch->to_len) {
        unpatch->state = STATE_ADD_LEN;
        return UPDRAFT_OK;
    }
    unpatch->state = STATE_DONE;
    return unpatch->copy_left == 0 ? UPDRAFT_OK : UPDRAFT_E_PATCH;
}

/* Bits left over from the last byte are padding; whole bytes are not. */
static enum updraft_error done(struct io *io)
{
    io->starved = true;
    return io->in_used == io->in_len ? UPDRAFT_OK : UPDRAFT_E_PATCH;
}

static enum updraft_error step(struct updraft_unpatch *unpatch, struct io *io)
{
    switch ((enum state)unpatch->state) {
    case STATE_TYPE:
        return read_type(unpatch, io);
    case STATE_TO_LEN:
        return read_to_len(unpatch, io);
    case STATE_WINDOW:
        return read_window(unpatch, io);
    case STATE_FORMAT_LEN:
        return read_format_len(unpatch, io);
    case STATE_ADD_LEN:
        return read_add_len(unpatch, io);
    case STATE_ADD:
        return add(unpatch, io);
    case STATE_LITERAL_LEN:
        return read_run_len(unpatch, io, STATE_LITERAL);
    case STATE_LITERAL:
        return literal(unpatch, io);
    case STATE_MOVE:
        return move(unpatch, io);
    case STATE_DONE:
        return done(io);
    }
    return UPDRAFT_E_STATE;
}

enum updraft_error updraft_unpatch_feed(struct updraft_unpatch *unpatch, const uint8_t *in,
                                        size_t in_len, size_t *in_used, uint8_t *out,
                                        size_t out_cap, size_t *out_len)
{
    struct io io = {.in = in, .in_len = in_len, .out = out, .out_cap = out_cap};

    while (unpatch->failed == UPDRAFT_OK && !io.starved)
        unpatch->failed = step(unpatch, &io);
    *in_used = io.in_used;
    *out_len = io.out_len;
    return unpatch->failed;
}

enum updraft_error updraft_unpatch_finish(const struct updraft_unpatch *unpatch)
{
    if (unpatch->failed != UPDRAFT_OK)
        return unpatch->failed;
    return unpatch->state == STATE_DONE ? UPDRAFT_OK : UPDRAFT_E_TRUNCATED;
}
