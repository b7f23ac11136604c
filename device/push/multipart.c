#include "device/push/multipart.h"

#include <string.h>

/* What stands in front of the boundary in a delimiter. The boundary itself holds no CR, so after a
 * mismatch the search can only begin again at the byte that did not match. */
#define PREFIX     "\r\n--"
#define PREFIX_LEN 4u
#define CRLF_LEN   2u

enum state {
    STATE_START,     /* nothing came yet */
    STATE_CONTENTS,  /* of a part, or the preamble: up to the next delimiter */
    STATE_DELIMITED, /* a delimiter ended: a line end or "--" follows */
    STATE_DASH,      /* the first of the two */
    STATE_LINE_END,  /* CR came, LF follows */
    STATE_HEADERS,
    STATE_EPILOGUE,
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool starts_with(const char *text, size_t len, const char *lower_case)
{
    size_t n = strlen(lower_case);

    if (len < n)
        return false;
    for (size_t i = 0; i < n; i++)
        if (lower(text[i]) != lower_case[i])
            return false;
    return true;
}

/* One parameter of a header value: `; name=value` or `; name="value"`. */
struct parameter {
    const char *name;
    size_t name_len;
    const char *value; /* without quotes, escapes as they stand */
    size_t value_len;
    bool is_quoted;
};

/* Length of a quoted value, from behind its opening quote. Only \" and \\ are escapes: old browsers
 * send file names with single backslashes. */
static size_t quoted_len(const char *text, size_t len)
{
    size_t i = 0;

    while (i < len && text[i] != '"') {
        bool is_escape =
            text[i] == '\\' && i + 1 < len && (text[i + 1] == '"' || text[i + 1] == '\\');

        i += is_escape ? 2 : 1;
    }
    return i < len ? i : len;
}

/* Reads the next parameter at *off, which is moved behind it. False at the end of the text. */
static bool next_parameter(const char *text, size_t len, size_t *off, struct parameter *parameter)
{
    size_t i = *off;

    while (i < len && (is_blank(text[i]) || text[i] == ';'))
        i++;
    if (i == len)
        return false;
    *parameter = (struct parameter){.name = text + i};
    while (i < len && text[i] != '=' && text[i] != ';')
        i++;
    parameter->name_len = (size_t)(text + i - parameter->name);
    parameter->value = text + i;
    if (i < len && text[i] == '=') {
        i++;
        parameter->is_quoted = i < len && text[i] == '"';
        if (parameter->is_quoted)
            i++;
        parameter->value = text + i;
        if (parameter->is_quoted)
            i += quoted_len(text + i, len - i);
        else
            while (i < len && text[i] != ';' && !is_blank(text[i]))
                i++;
        parameter->value_len = (size_t)(text + i - parameter->value);
        if (parameter->is_quoted && i < len)
            i++;
    }
    *off = i;
    return true;
}

static bool is_named(const struct parameter *parameter, const char *lower_case)
{
    return parameter->name_len == strlen(lower_case) &&
           starts_with(parameter->name, parameter->name_len, lower_case);
}

static bool is_usable_boundary(const struct parameter *boundary)
{
    if (boundary->value_len == 0 || boundary->value_len > UPDRAFT_MULTIPART_BOUNDARY_CAP)
        return false;
    for (size_t i = 0; i < boundary->value_len; i++)
        if (boundary->value[i] < ' ' || boundary->value[i] > '~')
            return false;
    return true;
}

enum updraft_error updraft_multipart_init(struct updraft_multipart *multipart,
                                          const char *content_type)
{
    static const char type[] = "multipart/form-data";
    size_t len = content_type != NULL ? strlen(content_type) : 0;
    size_t off = sizeof type - 1;
    struct parameter parameter;

    memset(multipart, 0, sizeof *multipart);
    multipart->failed = UPDRAFT_E_MULTIPART;
    if (!starts_with(content_type, len, type))
        return UPDRAFT_E_MULTIPART;
    if (off < len && content_type[off] != ';' && !is_blank(content_type[off]))
        return UPDRAFT_E_MULTIPART;
    while (next_parameter(content_type, len, &off, &parameter)) {
        if (!is_named(&parameter, "boundary"))
            continue;
        if (!is_usable_boundary(&parameter))
            return UPDRAFT_E_MULTIPART;
        memcpy(multipart->delimiter, PREFIX, PREFIX_LEN);
        memcpy(multipart->delimiter + PREFIX_LEN, parameter.value, parameter.value_len);
        multipart->delimiter_len = (uint8_t)(PREFIX_LEN + parameter.value_len);
        multipart->failed = UPDRAFT_OK;
        /* The first boundary may stand at the very start, without a line end before it. */
        multipart->state = STATE_START;
        multipart->matched = CRLF_LEN;
        multipart->borrowed = CRLF_LEN;
        return UPDRAFT_OK;
    }
    return UPDRAFT_E_MULTIPART;
}

/* Decides over one header line: only Content-Disposition says anything. */
static void read_header(struct updraft_multipart *multipart)
{
    static const char header[] = "content-disposition:";
    bool is_cut = multipart->line_len > sizeof multipart->line;
    size_t len = is_cut ? sizeof multipart->line : multipart->line_len;
    size_t off = sizeof header - 1;
    bool has_name = false, has_file = false;
    struct parameter parameter;

    if (!starts_with(multipart->line, len, header))
        return;
    while (next_parameter(multipart->line, len, &off, &parameter)) {
        if (is_named(&parameter, "name")) {
            size_t cap = sizeof multipart->name - 1;
            size_t n = parameter.value_len < cap ? parameter.value_len : cap;

            memset(multipart->name, 0, sizeof multipart->name);
            memcpy(multipart->name, parameter.value, n);
            /* Half a name is no name: it could be the start of another one. */
            has_name = !is_cut || parameter.value + parameter.value_len < multipart->line + len;
        } else if (is_named(&parameter, "filename") || is_named(&parameter, "filename*")) {
            /* An input without a chosen file is sent with an empty name. */
            has_file = has_file || parameter.value_len > 0;
        }
    }
    /* Where the name was cut off, guessing it could write a file system over the firmware. */
    if (is_cut && !has_name)
        multipart->failed = UPDRAFT_E_MULTIPART;
    multipart->is_file = has_file;
}

static void begin_headers(struct updraft_multipart *multipart)
{
    multipart->state = STATE_HEADERS;
    multipart->line_len = 0;
    multipart->header_len = 0;
    multipart->is_file = false;
    if (!multipart->file_seen)
        multipart->name[0] = '\0'; /* a part without a name does not have the last one's */
}

static bool is_md5_field(const struct updraft_multipart *multipart)
{
    return starts_with(multipart->name, strlen(multipart->name), "md5") &&
           multipart->name[3] == '\0';
}

static void keep_md5(struct updraft_multipart *multipart, const uint8_t *chunk, size_t len)
{
    for (size_t i = 0; i < len && multipart->md5_len < UPDRAFT_MULTIPART_MD5_CAP; i++)
        multipart->md5[multipart->md5_len++] = (char)chunk[i];
}

/* The empty line came. Its line end may be the one of a delimiter that follows at once. */
static void begin_contents(struct updraft_multipart *multipart)
{
    multipart->state = STATE_CONTENTS;
    multipart->matched = CRLF_LEN;
    multipart->borrowed = CRLF_LEN;
    multipart->in_file = multipart->is_file && !multipart->file_seen;
    multipart->file_seen = multipart->file_seen || multipart->in_file;
    multipart->in_md5 = !multipart->file_seen && !multipart->is_file && is_md5_field(multipart);
    if (multipart->in_md5)
        multipart->md5_len = 0;
}

static void end_line(struct updraft_multipart *multipart)
{
    size_t len = multipart->line_len;

    if (len > 0 && len <= sizeof multipart->line && multipart->line[len - 1] == '\r')
        multipart->line_len--;
    if (multipart->line_len == 0) {
        begin_contents(multipart);
        return;
    }
    /* Behind the file nothing is of interest, and its name must stay. */
    if (!multipart->file_seen)
        read_header(multipart);
    multipart->line_len = 0;
}

static size_t take_header(struct updraft_multipart *multipart, char c)
{
    if (++multipart->header_len > UPDRAFT_MULTIPART_HEADER_CAP) {
        multipart->failed = UPDRAFT_E_MULTIPART;
        return 0;
    }
    if (c == '\n') {
        end_line(multipart);
        return 1;
    }
    if (multipart->line_len < sizeof multipart->line)
        multipart->line[multipart->line_len] = c;
    multipart->line_len++;
    return 1;
}

/* Goes on with a delimiter that began in an earlier call. What turns out to be none is given from
 * the delimiter's own bytes, which are the same. Returns how many bytes of data were taken. */
static size_t continue_match(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                             const uint8_t **chunk, size_t *chunk_len)
{
    size_t used = 0;

    while (used < len && multipart->matched < multipart->delimiter_len &&
           data[used] == (uint8_t)multipart->delimiter[multipart->matched]) {
        used++;
        multipart->matched++;
    }
    if (multipart->matched == multipart->delimiter_len || used == len)
        return used;
    *chunk = (const uint8_t *)multipart->delimiter + multipart->borrowed;
    *chunk_len = (size_t)(multipart->matched - multipart->borrowed);
    multipart->matched = 0;
    multipart->borrowed = 0;
    return used;
}

/* Looks for a delimiter that begins in data, and gives everything before it. */
static size_t find_delimiter(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                             const uint8_t **chunk, size_t *chunk_len)
{
    size_t from = 0;

    *chunk = data;
    while (from < len) {
        const uint8_t *cr = memchr(data + from, '\r', len - from);
        size_t start = cr != NULL ? (size_t)(cr - data) : len;
        size_t left = len - start;
        size_t want = left < multipart->delimiter_len ? left : multipart->delimiter_len;

        if (want > 0 && memcmp(data + start, multipart->delimiter, want) == 0) {
            multipart->matched = (uint8_t)want;
            *chunk_len = start;
            return start + want;
        }
        from = start + 1;
    }
    *chunk_len = len;
    return len;
}

static size_t take_contents(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                            const uint8_t **file, size_t *file_len)
{
    const uint8_t *chunk = NULL;
    size_t chunk_len = 0, used;

    if (multipart->matched > 0)
        used = continue_match(multipart, data, len, &chunk, &chunk_len);
    else
        used = find_delimiter(multipart, data, len, &chunk, &chunk_len);
    if (multipart->in_file && chunk_len > 0) {
        *file = chunk;
        *file_len = chunk_len;
    }
    if (multipart->in_md5)
        keep_md5(multipart, chunk, chunk_len);
    if (multipart->matched == multipart->delimiter_len) {
        multipart->state = STATE_DELIMITED;
        multipart->in_file = false;
        multipart->in_md5 = false;
        multipart->matched = 0;
        multipart->borrowed = 0;
    }
    return used;
}

static size_t take_delimiter_tail(struct updraft_multipart *multipart, char c)
{
    if (multipart->state == STATE_DASH && c == '-')
        multipart->state = STATE_EPILOGUE;
    else if (multipart->state == STATE_LINE_END && c == '\n')
        begin_headers(multipart);
    else if (multipart->state == STATE_DELIMITED && c == '-')
        multipart->state = STATE_DASH;
    else if (multipart->state == STATE_DELIMITED && c == '\r')
        multipart->state = STATE_LINE_END;
    else if (multipart->state != STATE_DELIMITED || !is_blank(c))
        multipart->failed = UPDRAFT_E_MULTIPART;
    return 1;
}

static size_t take_some(struct updraft_multipart *multipart, const uint8_t *data, size_t len,
                        const uint8_t **file, size_t *file_len)
{
    switch ((enum state)multipart->state) {
    case STATE_START:
        multipart->state = STATE_CONTENTS;
        return 0;
    case STATE_CONTENTS:
        return take_contents(multipart, data, len, file, file_len);
    case STATE_DELIMITED:
    case STATE_DASH:
    case STATE_LINE_END:
        return take_delimiter_tail(multipart, (char)data[0]);
    case STATE_HEADERS:
        return take_header(multipart, (char)data[0]);
    case STATE_EPILOGUE:
        break;
    }
    return len;
}

enum updraft_error updraft_multipart_feed(struct updraft_multipart *multipart, const uint8_t *data,
                                          size_t len, size_t *used, const uint8_t **file,
                                          size_t *file_len)
{
    *used = 0;
    *file = NULL;
    *file_len = 0;
    while (multipart->failed == UPDRAFT_OK && *used < len && *file_len == 0)
        *used += take_some(multipart, data + *used, len - *used, file, file_len);
    return multipart->failed;
}

enum updraft_error updraft_multipart_finish(const struct updraft_multipart *multipart)
{
    if (multipart->failed != UPDRAFT_OK)
        return multipart->failed;
    if (multipart->state == STATE_START)
        return UPDRAFT_E_EMPTY;
    if (multipart->state != STATE_EPILOGUE)
        return UPDRAFT_E_TRUNCATED;
    return multipart->file_seen ? UPDRAFT_OK : UPDRAFT_E_EMPTY;
}
