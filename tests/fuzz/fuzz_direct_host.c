/* A hostile device that says messages of any kind in any order, some of them rightly signed, and any
 * bytes between: fed whole and in pieces they leave the host in the same state, and nothing but a
 * proof under the right key is a success. */
#include "cli/direct_host.h"

#include <stdlib.h>
#include <string.h>

#define IMAGE_LEN  300u
#define STREAM_CAP 4096u

struct stream {
    uint8_t bytes[STREAM_CAP];
    size_t len;
    bool has_done; /* a signed one */
};

static void say(struct stream *stream, struct updraft_direct_message *message, bool is_signed)
{
    static const struct updraft_direct_session session; /* no password, and nonces of zeros */

    if (stream->len + UPDRAFT_DIRECT_MESSAGE_CAP > sizeof stream->bytes)
        return;
    if (is_signed)
        updraft_direct_sign(&session, message);
    stream->len += updraft_direct_encode(message, stream->bytes + stream->len);
    if (is_signed && message->type == UPDRAFT_DIRECT_DONE)
        stream->has_done = true;
}

/* What two bytes of the input make the device say. */
static void say_by(struct stream *stream, uint8_t what, uint8_t value)
{
    struct updraft_direct_message message = {.type = UPDRAFT_DIRECT_HELLO};

    switch (what % 5) {
    case 0:
        message.as.hello.iterations = 1;
        message.as.hello.wants_password = value % 8 == 1;
        say(stream, &message, false);
        break;
    case 1:
        message.type = UPDRAFT_DIRECT_GO;
        message.as.go.off = 2u * value;
        say(stream, &message, value % 8 != 1);
        break;
    case 2:
        message.type = UPDRAFT_DIRECT_WRITTEN;
        message.as.written = 2u * value;
        say(stream, &message, false);
        break;
    case 3:
        message.type = UPDRAFT_DIRECT_DONE;
        say(stream, &message, value % 8 != 1);
        break;
    default:
        if (stream->len < sizeof stream->bytes)
            stream->bytes[stream->len++] = value;
        break;
    }
}

static void run(struct updraft_direct_host *host, const struct stream *stream, size_t piece)
{
    static const uint8_t image[IMAGE_LEN] = {0xE9};
    const struct updraft_direct_host_config config = {
        .image = image, .image_len = IMAGE_LEN, .password = "secret", .partition = "storage"};

    updraft_direct_host_init(host, &config, 0);
    for (size_t off = 0; off < stream->len;) {
        size_t len = piece < stream->len - off ? piece : stream->len - off;

        updraft_direct_host_feed(host, stream->bytes + off, len, 0);
        if (host->written > IMAGE_LEN || host->sent_off > IMAGE_LEN ||
            memchr(host->hello.name, '\0', sizeof host->hello.name) == NULL ||
            memchr(host->refused.words, '\0', sizeof host->refused.words) == NULL)
            abort();
        off += len;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct stream stream;
    struct updraft_direct_host once;
    struct updraft_direct_host again;

    stream.len = 0;
    stream.has_done = false;
    for (size_t i = 0; i + 1 < size; i += 2)
        say_by(&stream, data[i], data[i + 1]);
    run(&once, &stream, sizeof stream.bytes);
    run(&again, &stream, size > 0 ? 1u + data[0] % 7u : 1u);
    if (once.state != again.state || once.failure != again.failure ||
        once.written != again.written || once.sent_off != again.sent_off ||
        (once.state == UPDRAFT_DIRECT_HOST_DONE && !stream.has_done))
        abort();
    return 0;
}
