#include "ports/posix/slot_facts.h"

#include "device/slots/inspect.h"
#include "format/chip.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#define READ_LEN 4096u

static const char marker_prefix[] = "updraft-sim:";

static void read_marker(const struct updraft_flash *flash, struct updraft_extent slot,
                        struct updraft_slot_facts *facts)
{
    char text[32];
    if (slot.len < UPDRAFT_SIM_MARKER_OFF + sizeof text)
        return;
    if (flash->read(flash->ctx, slot.addr + UPDRAFT_SIM_MARKER_OFF, text, sizeof text - 1) !=
        UPDRAFT_OK)
        return;
    text[sizeof text - 1] = '\0';
    if (strncmp(text, marker_prefix, sizeof marker_prefix - 1) == 0)
        facts->has_marker =
            updraft_behaviour_by_name(text + sizeof marker_prefix - 1, &facts->marker);
}

static void put_hex(char *out, const char *digit_format, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i++)
        sprintf(out + 2 * i, digit_format, bytes[i]);
}

static bool digest_image(const struct updraft_flash *flash, struct updraft_extent slot,
                         uint32_t image_len, uint8_t md5[UPDRAFT_MD5_LEN])
{
    uint8_t buf[READ_LEN];
    struct updraft_digest digest;
    updraft_digest_start(&digest, UPDRAFT_DIGEST_MD5);
    for (uint32_t off = 0; off < image_len; off += READ_LEN) {
        uint32_t len = image_len - off < READ_LEN ? image_len - off : READ_LEN;
        if (flash->read(flash->ctx, slot.addr + off, buf, len) != UPDRAFT_OK)
            return false;
        updraft_digest_update(&digest, buf, len);
    }
    updraft_digest_finish(&digest, md5);
    return true;
}

/* Descriptor texts go into log lines, reports and headers: no control bytes, no quotes. */
static void copy_text(char *out, size_t out_cap, const char *in)
{
    snprintf(out, out_cap, "%s", in);
    for (; *out; out++) {
        if (!isprint((unsigned char)*out) || *out == '"' || *out == '\\')
            *out = '?';
    }
}

static void read_descriptor(const struct updraft_image_info *info, struct updraft_slot_facts *facts)
{
    if (!info->has_appdesc)
        return;
    copy_text(facts->version, sizeof facts->version, info->appdesc.version);
    copy_text(facts->project, sizeof facts->project, info->appdesc.project);
    copy_text(facts->idf, sizeof facts->idf, info->appdesc.idf_version);
    memcpy(facts->program, info->appdesc.elf_sha256, sizeof facts->program);
    for (size_t i = 0; i < sizeof facts->program; i++)
        facts->has_program = facts->has_program || facts->program[i] != 0;
}

void updraft_slot_facts_read(const struct updraft_flash *flash, struct updraft_extent slot,
                             uint16_t chip_id, struct updraft_slot_facts *facts)
{
    *facts = (struct updraft_slot_facts){.version = "unknown"};
    if (slot.len == 0)
        return;
    uint8_t buf[READ_LEN];
    struct updraft_image_reader reader;
    updraft_image_reader_init(&reader);
    facts->is_bootable =
        updraft_slot_inspect(flash, slot, chip_id, buf, sizeof buf, &reader) == UPDRAFT_OK;
    read_descriptor(&reader.info, facts);
    if (reader.info.has_appdesc)
        read_marker(flash, slot, facts);
    uint8_t md5[UPDRAFT_MD5_LEN];
    if (facts->is_bootable && digest_image(flash, slot, reader.info.image_len, md5)) {
        facts->image_len = reader.info.image_len;
        put_hex(facts->md5, "%02x", md5, sizeof md5);
        put_hex(facts->sha256, "%02X", reader.info.hash_computed, UPDRAFT_SHA256_LEN);
    }
}

void updraft_slot_facts_read_staged(const struct updraft_flash *flash,
                                    const struct updraft_staged_layout *layout,
                                    struct updraft_slot_facts *facts)
{
    *facts = (struct updraft_slot_facts){.version = "unknown"};
    uint8_t buf[READ_LEN];
    uint8_t md5[UPDRAFT_MD5_LEN];
    struct updraft_staged_image image;
    struct updraft_extent place = {layout->app_addr, layout->end_addr - layout->app_addr};
    if (updraft_staged_read_in_place(flash, layout, buf, sizeof buf, &image) != UPDRAFT_OK)
        return;
    facts->is_bootable = updraft_staged_image_runs(&image, UPDRAFT_CHIP_ESP8266) == UPDRAFT_OK;
    read_descriptor(updraft_staged_image_info(&image), facts);
    uint32_t image_len = updraft_staged_image_len(&image);
    if (facts->is_bootable && digest_image(flash, place, image_len, md5)) {
        facts->image_len = image_len;
        put_hex(facts->md5, "%02x", md5, sizeof md5);
    }
}
