/* Every way in which an update, a format or a flash can say no: one number, one name, one sentence,
 * one remedy. The numbers are reported by devices in the field, so they are append-only and never
 * change their meaning.
 *
 * Owns: the table. Does not own: where a failure is shown. No memory, nothing kept in flash. */
#ifndef UPDRAFT_FORMAT_ERROR_H
#define UPDRAFT_FORMAT_ERROR_H

#include <stddef.h>
#include <stdint.h>

#define UPDRAFT_MUST_CHECK __attribute__((warn_unused_result))

/* X(constant, number, name, sentence, remedy). In a sentence, {a} and {b} stand for the two numbers
 * and {s} for the text of a struct updraft_failure; {chip} is the name of the chip with number a, {r}
 * is "; try again in {a} s", or nothing where that is not known and a is 0. */
#define UPDRAFT_ERROR_TABLE(X)                                                                     \
    X(OK, 0, "ok", "no error", "")                                                                 \
    /* 1..49: bytes that are not what they should be */                                            \
    X(E_TRUNCATED, 1, "truncated", "the data end before they are complete",                        \
      "Transfer the whole file again; compare its size with the build's output.")                  \
    X(E_MAGIC, 2, "not_an_image",                                                                  \
      "this is not a firmware image: its first byte is neither 0xE9 nor 0xEA",                     \
      "Send the application .bin of your build, not the ELF, a zip or a file system image.")       \
    X(E_HEADER, 3, "bad_header", "the image header holds a value that no build writes",            \
      "Build the image again; if it was edited by hand, use the original.")                        \
    X(E_SEGMENT, 4, "bad_segment", "an image segment has an impossible length",                    \
      "The file is damaged or not an image; take it from the build again.")                        \
    X(E_CHECKSUM, 5, "bad_checksum", "the image's checksum byte does not match its contents",      \
      "The file was damaged on its way; transfer it again.")                                       \
    X(E_HASH, 6, "bad_hash", "the SHA-256 inside the image does not match its contents",           \
      "The file was damaged or changed after the build; transfer the original again.")             \
    X(E_NO_APPDESC, 7, "no_descriptor", "the image carries no application descriptor",             \
      "Build with ESP-IDF 3.3 or later, or use the image of the application itself.")              \
    X(E_TABLE_RECORD, 8, "bad_table", "the partition table holds a record that is none",           \
      "Write the partition table again; look for it at its real offset (default 0x8000).")         \
    X(E_TABLE_DIGEST, 9, "bad_table_digest", "the partition table's MD5 does not match its rows",  \
      "Write the partition table again.")                                                          \
    X(E_TABLE_BOUNDS, 10, "table_outside_flash",                                                   \
      "a partition ends at {a}, but the flash ends at {b}",                                        \
      "Use a table made for this flash size.")                                                     \
    X(E_TABLE_OVERLAP, 11, "table_overlap", "two partitions of the table overlap",                 \
      "Correct the offsets in the CSV and build the table again.")                                 \
    X(E_TABLE_FULL, 12, "table_full", "the partition table holds too many rows",                   \
      "A table holds 94 partitions with its digest, 95 without.")                                  \
    X(E_CSV, 13, "bad_csv", "line {a} of the partition CSV: {s}", "Correct that line.")            \
    X(E_JSON, 14, "bad_json", "the answer is not valid JSON",                                      \
      "Open the address in a browser: an error page or a login page may stand there.")             \
    X(E_DESCRIPTOR, 15, "bad_descriptor", "the channel descriptor lacks a usable version or path", \
      "Publish {\"version\": \"...\", \"path\": \"...\"} with both members as text.")              \
    X(E_TOO_LONG, 16, "text_too_long", "a text is longer than its field",                          \
      "Shorten it; a version has at most 31 bytes.")                                               \
    X(E_SIGNATURE, 17, "bad_signature_block", "the signature block is damaged",                    \
      "Sign the image again.")                                                                     \
    X(E_GZIP, 18, "bad_gzip", "the compressed image is damaged",                                   \
      "Compress the image again with gzip and transfer it again.")                                 \
    X(E_PATCH, 19, "bad_patch", "the patch is damaged or was made for another image",              \
      "Make the patch again from the image that the device runs, or send the full image.")         \
    X(E_CRC, 20, "bad_crc", "a stored record fails its CRC", "Write the record again.")            \
    X(E_UNSUPPORTED, 21, "unsupported", "this device cannot take that kind of file",               \
      "Send the plain application image.")                                                         \
    X(E_NO_SPACE, 22, "no_space", "the result does not fit into the memory given for it",          \
      "Give a larger buffer or a smaller input.")                                                  \
    X(E_OVERLAP, 23, "overlap", "two parts of the flash image lie in the same flash sector",       \
      "Give every part a sector of its own, and keep the first sector free.")                      \
    /* 50..89: the update is refused or broken off */                                              \
    X(E_DISABLED, 50, "disabled", "updates are switched off on this device",                       \
      "Enable updates in the application's settings.")                                             \
    X(E_BUSY, 51, "busy", "another update is running",                                             \
      "Wait until it ends; a broken connection is given up after 30 seconds.")                     \
    X(E_GUARD, 52, "not_now", "the application does not allow an update now: {s}{r}",              \
      "Try again when the reason has passed.")                                                     \
    X(E_NO_SLOT, 53, "no_slot", "there is no second slot to write the image to",                   \
      "Flash a partition table with two OTA slots, or a factory and an OTA slot, over USB.")       \
    X(E_TOO_LARGE, 54, "too_large",                                                                \
      "the image has {a} bytes, but the slot holds {b}; that takes a full flash over USB",         \
      "Make the image smaller, or flash a table with larger slots over USB.")                      \
    X(E_WRONG_CHIP, 55, "wrong_chip", "the image is for {chip}, this device is another chip",      \
      "Send the image that was built for this chip.")                                              \
    X(E_WRONG_PRODUCT, 56, "wrong_product", "the image belongs to the project '{s}'",              \
      "Send an image of this device's own project.")                                               \
    X(E_ALREADY_RUNNING, 57, "already_running", "the device already runs this very image",         \
      "Nothing needs to be done.")                                                                 \
    X(E_ROLLED_BACK, 58, "rolled_back", "the new image did not confirm itself: {s}",               \
      "The old image runs again. Fix the new one and publish it under a new version.")             \
    X(E_TRIAL, 59, "trial_running", "the running image is on trial and not confirmed yet",         \
      "Wait until it has confirmed itself, or roll it back.")                                      \
    X(E_AUTH, 60, "wrong_password", "the password is wrong or missing",                            \
      "Give the password that the device was built with.")                                         \
    X(E_DIGEST, 61, "digest_mismatch", "the received bytes do not have the announced digest",      \
      "The file changed on its way or on the server; send it again.")                              \
    X(E_LENGTH, 62, "wrong_length", "{a} bytes came, but {b} were announced",                      \
      "Send the file again; if it repeats, look for a proxy that changes the body.")               \
    X(E_EMPTY, 63, "empty", "there is no image: no bytes came",                                    \
      "Choose a file; look whether the build wrote it.")                                           \
    X(E_ABORTED, 64, "aborted", "the sender broke off the update", "Send the file again.")         \
    X(E_TIMEOUT, 65, "timeout", "nothing came for too long",                                       \
      "Look at the network between sender and device, then send again.")                           \
    X(E_NO_PARTITION, 66, "no_partition", "this device has no data partition named '{s}'",         \
      "List the partitions with 'updraft partitions' and use one of their names.")                 \
    X(E_MULTIPART, 67, "bad_form", "the upload form is malformed",                                 \
      "Send one file in a form field named 'firmware', or the raw image as body.")                 \
    X(E_CONNECT, 68, "cannot_connect", "the connection cannot be opened",                          \
      "Check address, port, and firewalls on the way.")                                            \
    X(E_DISCONNECTED, 69, "disconnected", "the connection broke off",                              \
      "Nothing is lost; send the file again.")                                                     \
    X(E_HTTP_STATUS, 70, "http_status", "the server answered with status {a}",                     \
      "Open the address in a browser and look at what the server says.")                           \
    X(E_PROTOCOL, 71, "protocol", "the other side does not speak the expected protocol",           \
      "Check the port, and that both sides are what you think they are.")                          \
    X(E_NO_LENGTH, 72, "no_length", "the sender does not say how long the image is",               \
      "Serve the file with Content-Length; switch off compression in proxies.")                    \
    X(E_FORBIDDEN, 73, "forbidden", "the request came from another origin",                        \
      "Use the device's own page, or send no Origin header.")                                      \
    X(E_NOT_FOUND, 74, "not_found", "there is nothing at that address",                            \
      "Check product, channel and chip in the address.")                                           \
    /* 90..: flash and boot record */                                                              \
    X(E_FLASH_READ, 90, "flash_read", "the flash at {a} cannot be read",                           \
      "Check supply and wiring of the flash; replace the device if it repeats.")                   \
    X(E_FLASH_PROGRAM, 91, "flash_program", "the flash at {a} cannot be written",                  \
      "Check supply and wiring of the flash; replace the device if it repeats.")                   \
    X(E_FLASH_ERASE, 92, "flash_erase", "the flash at {a} cannot be erased",                       \
      "Check supply and wiring of the flash; replace the device if it repeats.")                   \
    X(E_FLASH_VERIFY, 93, "flash_verify", "the flash at {a} does not hold what was written",       \
      "Send the image again; if it repeats, the flash is worn out.")                               \
    X(E_NO_OTADATA, 94, "no_otadata", "the table has no otadata partition to record a choice in",  \
      "Flash a table with a data/ota partition of 0x2000 bytes over USB.")                         \
    X(E_NOT_BOOTABLE, 95, "not_bootable", "the slot holds no complete image",                      \
      "Write an image to it first.")                                                               \
    X(E_NO_ROLLBACK, 96, "no_rollback", "there is no other bootable image to go back to",          \
      "Update to a good image instead.")                                                           \
    X(E_STATE, 97, "wrong_state", "that step does not fit the state of the update",                \
      "Begin the update again.")                                                                   \
    X(E_FAILED_BEFORE, 98, "failed_before", "this very image was rolled back on this device",      \
      "Fix the image and publish it under a new version.")                                         \
    X(E_RESTART_PENDING, 99, "restart_pending", "an update is written and waits for the restart",  \
      "Wait until the device has restarted, then send the next one.")                              \
    X(E_OVERFLOW, 100, "overflow", "the image does not end within the {b} bytes of the slot",      \
      "Make the image smaller, or flash a table with larger slots over USB.")                      \
    X(E_METHOD, 101, "wrong_method", "that address does not take this kind of request",            \
      "Send the image with POST.")                                                                 \
    /* 102..109: what the server says of an attempt */                                             \
    X(E_CAME_BACK, 102, "came_back", "the device had the whole image and came back with {s}",      \
      "Look at what it prints while it starts; the image may not boot or not fit its slot.")       \
    X(E_LAYOUT, 103, "other_layout", "the release is built for another flash layout: {s}",         \
      "A full flash over USB takes the device there; or publish an image for its board.")          \
    X(E_ANSWER, 104, "bad_answer", "the answer to the check-in is none of an update server",       \
      "Open the address in a browser: a login page may stand there, or another server.")           \
    /* 115..117: the application's leave, and the stock boot stage */                              \
    X(E_FLASH_MODE, 115, "wrong_flash_mode",                                                       \
      "the image is built for flash mode {s}, this board runs in another",                         \
      "Build the image with the flash mode of the board.")                                         \
    X(E_BUTTON, 116, "press_button",                                                               \
      "this device takes an update only after its button was pressed",                             \
      "Press the button on the device, then send the image again at once.")                        \
    X(E_WINDOW, 117, "outside_window",                                                             \
      "this device takes updates at certain hours only, next {s}{r}",                              \
      "Send the image again in those hours; they are set in the application.")                     \
    X(E_WEAK_PROOF, 118, "weak_proof", "MD5 is refused: this device takes SHA-256 proofs only",    \
      "Push with espota.py of ESP32 core 3.3.1 or later, or with 'updraft push'.")                 \
    /* 126..129: the server of a pull */                                                           \
    X(E_CERTIFICATE, 126, "certificate", "the server's certificate is refused: {s}",               \
      "Look at it with 'openssl s_client -connect HOST:443'; renew it, or give the device its "    \
      "CA.")                                                                                       \
    X(E_PIN, 127, "wrong_key", "the server's key is none of those that this device is pinned to",  \
      "Pin the new key if the server has one; else somebody stands between.")                      \
    X(E_REDIRECT, 128, "bad_redirect",                                                             \
      "the server sends the device elsewhere in a way that it does not follow: {s}",               \
      "Give the device the address at which the file is, or correct the redirect.")                \
    X(E_SERVER_BUSY, 129, "server_busy", "the server has no time, status {b}{r}",                  \
      "The device comes again by itself.")                                                         \
    X(E_FOREIGN_HOST, 130, "foreign_host", "this device is not called '{s}'",                      \
      "Use the device's address, its own name, or its .local name.")                               \
    X(E_BAD_DIGEST, 131, "bad_digest", "the announced digest is none",                             \
      "Give it in full: an MD5 as 32 hex digits, a SHA-256 as Repr-Digest: sha-256=:BASE64:.")     \
    X(E_RANGE, 132, "wrong_range", "the sender goes on at {b}, but the device holds {a} bytes",    \
      "Ask the device how far it came (GET /update/resume), or send the whole file.")              \
    X(E_TOO_MANY_ATTEMPTS, 133, "slow_down", "too many wrong passwords came from there",           \
      "Wait a second, then give the right one.")                                                   \
    X(E_INSTALLER, 134, "installer_failed", "the installer on the device failed: {s}",             \
      "Read its log on the device; publish a repaired package under a new version.")               \
    X(E_REJECTED, 135, "rejected", "the device will not take the update: {s}",                     \
      "Look on the device for the reason; the release is not offered to it again.")

enum updraft_error {
#define UPDRAFT_ERROR_ENUM(constant, number, name, sentence, remedy) UPDRAFT_##constant = number,
    UPDRAFT_ERROR_TABLE(UPDRAFT_ERROR_ENUM)
#undef UPDRAFT_ERROR_ENUM
};

/* An error with its circumstances. `text` is NUL-terminated; both numbers mean what the sentence of
 * the code says, and are ignored where it names none. */
struct updraft_failure {
    enum updraft_error code;
    uint32_t a;
    uint32_t b;
    char text[64];
};

struct updraft_error_entry {
    enum updraft_error code;
    const char *name;
    const char *sentence;
    const char *remedy;
};

/* The row of a code, never NULL: a number of a newer version gets the row named "unknown". */
const struct updraft_error_entry *updraft_error_entry(uint32_t code);

/* Rows in table order, for listings: NULL past the end. */
const struct updraft_error_entry *updraft_error_row(size_t idx);

/* Writes the sentence of a failure, its numbers and text filled in, into out (NUL-terminated, cut
 * to out_cap). {a} and {b} are decimal. Returns the length without NUL. */
size_t updraft_failure_sentence(const struct updraft_failure *failure, char *out, size_t out_cap);

/* After how many seconds what was refused may be taken; 0: not known, or not a question of time. */
uint32_t updraft_failure_retry_after_s(const struct updraft_failure *failure);

/* The text alone, cut to its field; NULL: none. */
void updraft_failure_set_text(struct updraft_failure *failure, const char *text);

/* Fills a failure; text may be NULL and is cut to its field. */
void updraft_failure_set(struct updraft_failure *failure, enum updraft_error code, uint32_t a,
                         uint32_t b, const char *text);

#endif
