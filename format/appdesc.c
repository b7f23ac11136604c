/*    0  magic            4  secure version      8  reserved
 *   16  version[32]     48  project[32]        80  time[16]      96  date[16]
 *  112  IDF version[32]
 *  144  SHA-256 of the ELF file
 *  176  min eFuse block revision             178  max eFuse block revision
 *  180  log2 of the MMU page                 181..255  not of our concern, written as zero */
#include "format/bytes.h"
#include "format/image.h"

#include <string.h>

#define VERSION_OFF     UPDRAFT_APPDESC_VERSION_OFF
#define VERSION_LEN     UPDRAFT_APPDESC_TEXT_LEN
#define PROJECT_OFF     UPDRAFT_APPDESC_PROJECT_OFF
#define PROJECT_LEN     UPDRAFT_APPDESC_TEXT_LEN
#define TIME_OFF        80u
#define TIME_LEN        16u
#define DATE_OFF        96u
#define DATE_LEN        16u
#define IDF_VERSION_OFF 112u
#define IDF_VERSION_LEN 32u
#define ELF_SHA256_OFF  UPDRAFT_APPDESC_ELF_SHA256_OFF
#define MIN_EFUSE_OFF   176u
#define MAX_EFUSE_OFF   178u
#define MMU_PAGE_OFF    180u

_Static_assert(VERSION_OFF + VERSION_LEN == PROJECT_OFF && PROJECT_OFF + PROJECT_LEN == TIME_OFF &&
                   TIME_OFF + TIME_LEN == DATE_OFF && DATE_OFF + DATE_LEN == IDF_VERSION_OFF &&
                   IDF_VERSION_OFF + IDF_VERSION_LEN == ELF_SHA256_OFF &&
                   ELF_SHA256_OFF + UPDRAFT_SHA256_LEN == MIN_EFUSE_OFF,
               "the descriptor has no gaps between its texts and its digest");
_Static_assert(sizeof(((struct updraft_appdesc *)0)->version) == VERSION_LEN + 1 &&
                   sizeof(((struct updraft_appdesc *)0)->project) == PROJECT_LEN + 1 &&
                   sizeof(((struct updraft_appdesc *)0)->time) == TIME_LEN + 1 &&
                   sizeof(((struct updraft_appdesc *)0)->date) == DATE_LEN + 1 &&
                   sizeof(((struct updraft_appdesc *)0)->idf_version) == IDF_VERSION_LEN + 1,
               "a text that fills its field has room for our NUL");

/* What follows a text's NUL in its field is not part of it and is not handed on. */
static void get_text(const uint8_t *field, size_t field_len, char *out)
{
    const uint8_t *end = memchr(field, '\0', field_len);
    size_t len = end != NULL ? (size_t)(end - field) : field_len;

    memcpy(out, field, len);
    memset(out + len, 0, field_len + 1 - len);
}

enum updraft_error updraft_appdesc_decode(const uint8_t bytes[UPDRAFT_APPDESC_LEN],
                                          struct updraft_appdesc *desc)
{
    if (updraft_get_le32(bytes) != UPDRAFT_APPDESC_MAGIC)
        return UPDRAFT_E_NO_APPDESC;
    desc->secure_version = updraft_get_le32(bytes + 4);
    get_text(bytes + VERSION_OFF, VERSION_LEN, desc->version);
    get_text(bytes + PROJECT_OFF, PROJECT_LEN, desc->project);
    get_text(bytes + TIME_OFF, TIME_LEN, desc->time);
    get_text(bytes + DATE_OFF, DATE_LEN, desc->date);
    get_text(bytes + IDF_VERSION_OFF, IDF_VERSION_LEN, desc->idf_version);
    memcpy(desc->elf_sha256, bytes + ELF_SHA256_OFF, UPDRAFT_SHA256_LEN);
    desc->min_efuse_rev = updraft_get_le16(bytes + MIN_EFUSE_OFF);
    desc->max_efuse_rev = updraft_get_le16(bytes + MAX_EFUSE_OFF);
    desc->mmu_page_log2 = bytes[MMU_PAGE_OFF];
    return UPDRAFT_OK;
}

/* The length of a text, or field_len when it leaves no room for its NUL. */
static size_t text_len(const char *text, size_t field_len)
{
    const char *end = memchr(text, '\0', field_len);

    return end != NULL ? (size_t)(end - text) : field_len;
}

enum updraft_error updraft_appdesc_encode(const struct updraft_appdesc *desc,
                                          uint8_t bytes[UPDRAFT_APPDESC_LEN])
{
    const struct {
        const char *text;
        size_t off;
        size_t len;
    } texts[] = {
        {desc->version, VERSION_OFF, VERSION_LEN},
        {desc->project, PROJECT_OFF, PROJECT_LEN},
        {desc->time, TIME_OFF, TIME_LEN},
        {desc->date, DATE_OFF, DATE_LEN},
        {desc->idf_version, IDF_VERSION_OFF, IDF_VERSION_LEN},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (text_len(texts[i].text, texts[i].len) == texts[i].len)
            return UPDRAFT_E_TOO_LONG;
    }
    memset(bytes, 0, UPDRAFT_APPDESC_LEN);
    updraft_put_le32(bytes, UPDRAFT_APPDESC_MAGIC);
    updraft_put_le32(bytes + 4, desc->secure_version);
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
        memcpy(bytes + texts[i].off, texts[i].text, text_len(texts[i].text, texts[i].len));
    memcpy(bytes + ELF_SHA256_OFF, desc->elf_sha256, UPDRAFT_SHA256_LEN);
    updraft_put_le16(bytes + MIN_EFUSE_OFF, desc->min_efuse_rev);
    updraft_put_le16(bytes + MAX_EFUSE_OFF, desc->max_efuse_rev);
    bytes[MMU_PAGE_OFF] = desc->mmu_page_log2;
    return UPDRAFT_OK;
}
