#include "device/push/announce.h"

#include "format/text.h"

/* The version of the keys of _updraft._tcp; DNS-SD wants it to be the first string. */
#define TXTVERS "1"

enum key {
    KEY_BOARD,
    KEY_TCP_CHECK,
    KEY_SSH_UPLOAD,
    KEY_AUTH_UPLOAD,
    KEY_TXTVERS,
    KEY_NAME,
    KEY_PRODUCT,
    KEY_CHIP,
    KEY_VERSION,
    KEY_PASSWORD,
    KEY_WAYS,
    KEY_OTA,
    KEY_DIRECT,
    KEY_ESPHOME,
};

static const char *const names[] = {
    [KEY_BOARD] = "board",
    [KEY_TCP_CHECK] = "tcp_check",
    [KEY_SSH_UPLOAD] = "ssh_upload",
    [KEY_AUTH_UPLOAD] = "auth_upload",
    [KEY_TXTVERS] = "txtvers",
    [KEY_NAME] = "name",
    [KEY_PRODUCT] = "product",
    [KEY_CHIP] = "chip",
    [KEY_VERSION] = "version",
    [KEY_PASSWORD] = "password",
    [KEY_WAYS] = "ways",
    [KEY_OTA] = "ota",
    [KEY_DIRECT] = "direct",
    [KEY_ESPHOME] = "esphome",
};

/* In the stock order, which differs. */
static const uint8_t arduino_esp8266[] = {KEY_TCP_CHECK, KEY_SSH_UPLOAD, KEY_BOARD,
                                          KEY_AUTH_UPLOAD};
static const uint8_t arduino_esp32[] = {KEY_BOARD, KEY_TCP_CHECK, KEY_SSH_UPLOAD, KEY_AUTH_UPLOAD};
static const uint8_t updraft[] = {KEY_TXTVERS,  KEY_NAME, KEY_PRODUCT, KEY_CHIP,   KEY_VERSION,
                                  KEY_PASSWORD, KEY_WAYS, KEY_OTA,     KEY_DIRECT, KEY_ESPHOME};

static bool is_esp8266(const struct updraft_announce *announce)
{
    return announce->chip->id == UPDRAFT_CHIP_ESP8266;
}

static const char *board(const struct updraft_announce *announce)
{
    if (announce->board != NULL)
        return announce->board;
    return is_esp8266(announce) ? "generic" : announce->chip->slug;
}

/* NULL: there is nothing to say, or it is a number. */
static const char *value_of(const struct updraft_announce *announce, enum key key)
{
    switch (key) {
    case KEY_BOARD:
        return board(announce);
    case KEY_TCP_CHECK:
    case KEY_SSH_UPLOAD:
        return "no";
    case KEY_AUTH_UPLOAD:
    case KEY_PASSWORD:
        return announce->has_password ? "yes" : "no";
    case KEY_TXTVERS:
        return TXTVERS;
    case KEY_NAME:
        return announce->name;
    case KEY_PRODUCT:
        return announce->product;
    case KEY_CHIP:
        return announce->chip->slug;
    case KEY_VERSION:
        return announce->version;
    case KEY_WAYS:
        return announce->ways;
    case KEY_OTA:
    case KEY_DIRECT:
    case KEY_ESPHOME:
        break;
    }
    return NULL;
}

/* 0: it is no port. */
static uint16_t port_of(const struct updraft_announce *announce, enum key key)
{
    if (key == KEY_OTA)
        return announce->ota_port;
    if (key == KEY_DIRECT)
        return announce->direct_port;
    return key == KEY_ESPHOME ? announce->esphome_port : 0;
}

static bool is_said(const struct updraft_announce *announce, enum key key)
{
    const char *value = value_of(announce, key);

    return port_of(announce, key) != 0 || (value != NULL && value[0] != '\0');
}

/* The key of the idx-th string that is said; false past the last one. */
static bool find_key(const struct updraft_announce *announce, enum updraft_announce_service service,
                     size_t idx, enum key *found)
{
    const uint8_t *keys = updraft;
    size_t count = sizeof updraft;

    if (service == UPDRAFT_ANNOUNCES_ARDUINO) {
        keys = is_esp8266(announce) ? arduino_esp8266 : arduino_esp32;
        count = sizeof arduino_esp32;
    }
    for (size_t i = 0; i < count; i++) {
        *found = (enum key)keys[i];
        if (is_said(announce, *found) && idx-- == 0)
            return true;
    }
    return false;
}

size_t updraft_announce_string(const struct updraft_announce *announce,
                               enum updraft_announce_service service, size_t idx,
                               char out[UPDRAFT_ANNOUNCE_STRING_CAP])
{
    struct updraft_text text;
    enum key key;

    if (!find_key(announce, service, idx, &key))
        return 0;
    updraft_text_init(&text, out, UPDRAFT_ANNOUNCE_STRING_CAP);
    updraft_text_str(&text, names[key]);
    updraft_text_str(&text, "=");
    if (port_of(announce, key) != 0)
        updraft_text_u32(&text, port_of(announce, key));
    else
        updraft_text_str(&text, value_of(announce, key));
    return text.len;
}
