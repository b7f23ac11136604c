#include "device/push/stock.h"

#define OWN_NUMBER_MIN    50u
#define OWN_NUMBER_OFFSET 500u
#define SENTENCE_CAP      160u

struct stock_words {
    uint8_t number; /* 0: the stock Updater has no such failure */
    const char *text;
};

struct stock_row {
    enum updraft_error code;
    struct stock_words esp8266;
    struct stock_words esp32;
    bool has_facts; /* our sentence holds numbers or a name that the stock text lacks */
};

static const struct stock_row stock_rows[] = {
    {UPDRAFT_E_FLASH_PROGRAM, {1, "Flash Write Failed"}, {1, "Flash Write Failed"}, false},
    {UPDRAFT_E_FLASH_ERASE, {2, "Flash Erase Failed"}, {2, "Flash Erase Failed"}, false},
    {UPDRAFT_E_FLASH_READ, {3, "Flash Read Failed"}, {3, "Flash Read Failed"}, false},
    {UPDRAFT_E_FLASH_VERIFY, {3, "Flash Read Failed"}, {3, "Flash Read Failed"}, false},
    {UPDRAFT_E_TOO_LARGE, {4, "Not Enough Space"}, {4, "Not Enough Space"}, true},
    {UPDRAFT_E_OVERFLOW, {4, "Not Enough Space"}, {4, "Not Enough Space"}, true},
    {UPDRAFT_E_LENGTH, {5, "Bad Size Given"}, {5, "Bad Size Given"}, true},
    {UPDRAFT_E_TIMEOUT, {6, "Stream Read Timeout"}, {6, "Stream Read Timeout"}, false},
    {UPDRAFT_E_DIGEST, {7, "MD5 verification failed"}, {7, "MD5 Check Failed"}, false},
    {UPDRAFT_E_MAGIC, {10, "Magic byte is not 0xE9"}, {8, "Wrong Magic Byte"}, false},
    {UPDRAFT_E_SIGNATURE,
     {12, "Signature verification failed"},
     {14, "Signature Verification Failed"},
     false},
    {UPDRAFT_E_EMPTY, {13, "No data supplied"}, {5, "Bad Size Given"}, false},
    {UPDRAFT_E_BUSY, {15, "Update already running"}, {0, NULL}, false},
    {UPDRAFT_E_RESTART_PENDING, {15, "Update already running"}, {0, NULL}, true},
    {UPDRAFT_E_NO_SLOT, {0, NULL}, {10, "Partition Could Not be Found"}, false},
    {UPDRAFT_E_NO_PARTITION, {0, NULL}, {10, "Partition Could Not be Found"}, true},
    {UPDRAFT_E_ABORTED, {0, NULL}, {12, "Aborted"}, false},
};

static const struct stock_row *find_row(enum updraft_error code)
{
    for (size_t i = 0; i < sizeof stock_rows / sizeof stock_rows[0]; i++)
        if (stock_rows[i].code == code)
            return &stock_rows[i];
    return NULL;
}

/* Names out of images come in here: they may hold anything. */
static void append_printable(struct updraft_text *text, const char *s)
{
    for (; *s != '\0'; s++)
        updraft_text_bytes(text, *s >= ' ' && *s <= '~' ? s : "?", 1);
}

static void append_sentence(struct updraft_text *text, const struct updraft_failure *failure)
{
    char sentence[SENTENCE_CAP];

    (void)updraft_failure_sentence(failure, sentence, sizeof sentence);
    append_printable(text, sentence);
}

void updraft_stock_append(struct updraft_text *text, enum updraft_stock_dialect dialect,
                          const struct updraft_failure *failure)
{
    const struct stock_row *row = find_row(failure->code);
    uint32_t number = (uint32_t)failure->code;
    struct stock_words words = {0, NULL};

    if (row != NULL)
        words = dialect == UPDRAFT_STOCK_ESP8266 ? row->esp8266 : row->esp32;
    if (words.number != 0)
        number = words.number;
    else if (number < OWN_NUMBER_MIN)
        number += OWN_NUMBER_OFFSET;
    updraft_text_u32(text, number);
    updraft_text_str(text, "]: ");
    if (words.number != 0)
        updraft_text_str(text, words.text);
    if (words.number != 0 && row->has_facts)
        updraft_text_str(text, ": ");
    if (words.number == 0 || row->has_facts)
        append_sentence(text, failure);
}

uint32_t updraft_stock_own_code(uint32_t number)
{
    uint32_t code = number;

    if (number >= OWN_NUMBER_OFFSET && number < OWN_NUMBER_OFFSET + OWN_NUMBER_MIN)
        code = number - OWN_NUMBER_OFFSET;
    else if (number < OWN_NUMBER_MIN)
        return 0;
    return updraft_error_entry(code)->code == code ? code : 0;
}
