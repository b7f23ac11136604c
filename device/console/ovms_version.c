#include "device/console/ovms_version.h"

#include "device/flash/access.h"
#include "format/assert.h"
#include "format/bytes.h"
#include "format/image.h"

#include <stdbool.h>
#include <string.h>

#define MARKER_LEN   24u
#define SEGMENT_OFF  24u /* of its address and length, behind the header */
#define SEGMENT_DATA 32u
#define APPDESC_READ 512u

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* Length of what counts of a version, and whether it was dirty. */
static size_t reduce(const char *version, bool *dirty)
{
    static const char mark[] = "-dirty";
    const char *end = version;

    while (*end != '\0' && strncmp(end, mark, sizeof mark - 1) != 0)
        end++;
    *dirty = *end != '\0';
    if (!*dirty) {
        const char *slash = strchr(version, '/');
        end = slash != NULL ? slash : end;
    }
    return (size_t)(end - version);
}

static char at(const char *s, size_t len, size_t i)
{
    return i < len ? s[i] : '\0';
}

static size_t digits_from(const char *s, size_t len, size_t i)
{
    size_t start = i;

    while (i < len && is_digit(s[i]))
        i++;
    return i - start;
}

/* The two differ at `i` for the first time. Looks back to the start of the run of digits they are
 * in: a run that begins with 0 is a fraction there, and compares byte by byte, but of two runs of
 * zeros the longer one is the smaller. */
static int compare_at(const char *a, size_t a_len, const char *b, size_t b_len, size_t i)
{
    size_t start = i;
    char x = at(a, a_len, i);
    char y = at(b, b_len, i);
    bool is_fraction;
    size_t zeros;
    size_t a_run;
    size_t b_run;

    while (start > 0 && is_digit(a[start - 1]))
        start--;
    zeros = start;
    while (zeros < i && a[zeros] == '0')
        zeros++;
    is_fraction =
        start < i ? a[start] == '0' : is_digit(x) && is_digit(y) && (x == '0' || y == '0');
    if (is_fraction && zeros == i && start < i) {
        /* Nothing but zeros so far: the one whose digits end here is the larger. */
        if (is_digit(x) != is_digit(y))
            return is_digit(x) ? -1 : 1;
        return x < y ? -1 : 1;
    }
    a_run = digits_from(a, a_len, i);
    b_run = digits_from(b, b_len, i);
    if (!is_fraction && (start < i || (a_run > 0 && b_run > 0)) && a_run != b_run)
        return a_run < b_run ? -1 : 1;
    return (unsigned char)x < (unsigned char)y ? -1 : 1;
}

int updraft_ovms_version_compare(const char *a, const char *b)
{
    bool a_dirty;
    bool b_dirty;
    size_t a_len = reduce(a, &a_dirty);
    size_t b_len = reduce(b, &b_dirty);

    for (size_t i = 0; i < a_len || i < b_len; i++)
        if (at(a, a_len, i) != at(b, b_len, i))
            return compare_at(a, a_len, b, b_len, i);
    return a_dirty != b_dirty ? 1 : 0;
}

/* ---- What an image calls itself ---------------------------------------------------------------- */

static const uint8_t *find(const uint8_t *hay, size_t hay_len, const char *needle)
{
    for (size_t i = 0; i + MARKER_LEN <= hay_len; i++)
        if (memcmp(hay + i, needle, MARKER_LEN) == 0)
            return hay + i;
    return NULL;
}

/* Text from an image ends up on a terminal. */
static void copy_printable(const uint8_t *text, size_t len, char out[UPDRAFT_OVMS_VERSION_CAP])
{
    size_t n = 0;

    for (; n < len && n < UPDRAFT_OVMS_VERSION_CAP - 1 && text[n] != '\0'; n++)
        out[n] = text[n] >= ' ' && text[n] <= '~' ? (char)text[n] : '?';
    out[n] = '\0';
}

/* The window overlaps itself by as much as markers and text may take. */
static bool find_marked(const struct updraft_flash *flash, struct updraft_extent segment,
                        uint8_t *buf, uint32_t buf_cap, char out[UPDRAFT_OVMS_VERSION_CAP])
{
    uint32_t overlap = 2 * MARKER_LEN + UPDRAFT_OVMS_VERSION_CAP;

    for (uint32_t off = 0; off < segment.len; off += buf_cap - overlap) {
        uint32_t len = segment.len - off < buf_cap ? segment.len - off : buf_cap;
        const uint8_t *start;
        const uint8_t *end;

        if (updraft_flash_read(flash, segment.addr + off, buf, len) != UPDRAFT_OK)
            return false;
        start = find(buf, len, "########OVMS_PRE########");
        if (start == NULL)
            continue;
        start += MARKER_LEN;
        end = find(start, (size_t)(buf + len - start), "########OVMSPOST########");
        if (end != NULL) {
            copy_printable(start, (size_t)(end - start), out);
            return true;
        }
    }
    return false;
}

void updraft_ovms_version_of_slot(const struct updraft_flash *flash, struct updraft_extent slot,
                                  uint8_t *buf, uint32_t buf_cap,
                                  char out[UPDRAFT_OVMS_VERSION_CAP])
{
    struct updraft_extent segment;
    struct updraft_appdesc desc;

    UPDRAFT_ASSERT(buf_cap >= APPDESC_READ);
    out[0] = '\0';
    if (slot.len < APPDESC_READ ||
        updraft_flash_read(flash, slot.addr, buf, APPDESC_READ) != UPDRAFT_OK || buf[0] != 0xE9)
        return;
    segment.addr = slot.addr + SEGMENT_DATA;
    segment.len = updraft_get_le32(buf + SEGMENT_OFF + 4);
    if (segment.len > slot.len - SEGMENT_DATA)
        return;
    if (updraft_appdesc_decode(buf + SEGMENT_DATA, &desc) == UPDRAFT_OK)
        copy_printable((const uint8_t *)desc.version, strlen(desc.version), out);
    (void)find_marked(flash, segment, buf, buf_cap, out);
}
