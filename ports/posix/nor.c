#include "ports/posix/nor.h"

#include "format/assert.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define SECTOR_LEN 4096u
#define BLOCK_LEN  65536u
#define PAGE_LEN   256u

/* Winbond W25Q128JV data sheet, typical values. */
#define W25Q_SECTOR_ERASE_US 45000u
#define W25Q_BLOCK_ERASE_US  150000u
#define W25Q_PAGE_PROGRAM_US 400u

static uint8_t next_random(struct updraft_nor *nor)
{
    uint32_t x = nor->random; /* xorshift32: repeatable on every host */

    x ^= x << 13;
    x ^= x >> 17;
    x ^= x << 5;
    nor->random = x;
    return (uint8_t)(x >> 11);
}

static void violate(struct updraft_nor *nor, const char *what, uint32_t addr, uint32_t len)
{
    if (nor->violation[0] == '\0')
        snprintf(nor->violation, sizeof nor->violation, "%s at 0x%x, %u bytes", what, addr, len);
}

static bool in_range(const struct updraft_nor *nor, uint32_t addr, uint32_t len)
{
    return addr <= nor->flash.size && len <= nor->flash.size - addr;
}

static void spend(struct updraft_nor *nor, uint64_t us)
{
    if (nor->options.timing == UPDRAFT_NOR_INSTANT)
        return;
    nor->counts.busy_us += us;
    if (nor->options.sleep) {
        struct timespec wait = {.tv_sec = (time_t)(us / 1000000u),
                                .tv_nsec = (long)(us % 1000000u) * 1000};

        while (nanosleep(&wait, &wait) != 0 && errno == EINTR)
            continue;
    }
}

/* Counts the operation; true when the power fails during it. */
static bool begin_operation(struct updraft_nor *nor)
{
    nor->counts.operations++;
    return nor->options.cut_at != 0 && nor->counts.operations == nor->options.cut_at;
}

/* Picks cells of the range by chance, each the next one that the operation was to change. */
static void leave_unstable(struct updraft_nor *nor, uint32_t addr, const uint8_t *changes,
                           uint32_t len)
{
    uint32_t bits = len * 8u;
    uint32_t count = nor->options.unstable_bits;

    if (count == 0)
        return;
    if (nor->unstable == NULL)
        nor->unstable = calloc(nor->flash.size, 1);
    UPDRAFT_ASSERT(nor->unstable != NULL);
    for (; count > 0; count--) {
        uint32_t bit = (uint32_t)next_random(nor) << 16 | (uint32_t)next_random(nor) << 8;

        bit = (bit | next_random(nor)) % bits;
        for (uint32_t i = 0; i < bits; i++, bit = (bit + 1u) % bits) {
            uint8_t mask = (uint8_t)(1u << bit % 8u);

            if (changes == NULL || (changes[bit / 8u] & mask) != 0) {
                nor->unstable[addr + bit / 8u] |= mask;
                break;
            }
        }
    }
}

static void power_fails(struct updraft_nor *nor)
{
    nor->is_off = true;
    if (nor->options.on_cut != NULL)
        nor->options.on_cut(nor->options.on_cut_ctx);
}

static void read_unstable(struct updraft_nor *nor, uint32_t addr, uint8_t *out, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++) {
        uint8_t mask = nor->unstable[addr + i];

        if (mask != 0)
            out[i] = (uint8_t)((out[i] & ~mask) | (next_random(nor) & mask));
    }
}

static enum updraft_error nor_read(void *ctx, uint32_t addr, void *buf, uint32_t len)
{
    struct updraft_nor *nor = ctx;

    if (nor->is_off)
        return UPDRAFT_E_FLASH_READ;
    if (!in_range(nor, addr, len)) {
        violate(nor, "read outside the chip", addr, len);
        return UPDRAFT_E_FLASH_READ;
    }
    memcpy(buf, nor->bytes + addr, len);
    if (nor->unstable != NULL)
        read_unstable(nor, addr, buf, len);
    nor->counts.bytes_read += len;
    return UPDRAFT_OK;
}

static void program_bytes(struct updraft_nor *nor, uint32_t addr, const uint8_t *data, uint32_t len)
{
    for (uint32_t i = 0; i < len; i++)
        nor->bytes[addr + i] &= data[i];
    for (uint32_t i = 0; nor->unstable != NULL && i < len; i++)
        nor->unstable[addr + i] &= data[i];
}

static void erase_bytes(struct updraft_nor *nor, uint32_t addr, uint32_t len)
{
    memset(nor->bytes + addr, 0xFF, len);
    if (nor->unstable != NULL)
        memset(nor->unstable + addr, 0, len);
}

static void cut_program(struct updraft_nor *nor, uint32_t addr, const uint8_t *data, uint32_t len)
{
    uint8_t changes[SECTOR_LEN];

    for (uint32_t i = 0; i < len; i++)
        changes[i] = (uint8_t)(nor->bytes[addr + i] & ~data[i]);
    switch (nor->options.cut) {
    case UPDRAFT_NOR_CUT_BEFORE:
        break;
    case UPDRAFT_NOR_CUT_HALF:
        program_bytes(nor, addr, data, len / 2);
        break;
    case UPDRAFT_NOR_CUT_RANDOM:
        for (uint32_t i = 0; i < len; i++)
            nor->bytes[addr + i] &= (uint8_t)(data[i] | next_random(nor));
        break;
    case UPDRAFT_NOR_CUT_AFTER:
        program_bytes(nor, addr, data, len);
        break;
    }
    leave_unstable(nor, addr, changes, len);
    power_fails(nor);
}

static enum updraft_error nor_prog(void *ctx, uint32_t addr, const void *buf, uint32_t len)
{
    struct updraft_nor *nor = ctx;
    const uint8_t *data = buf;

    if (nor->is_off)
        return UPDRAFT_E_FLASH_PROGRAM;
    if (!in_range(nor, addr, len) || len == 0 || addr % nor->flash.prog_len != 0 ||
        len % nor->flash.prog_len != 0 || addr / SECTOR_LEN != (addr + len - 1u) / SECTOR_LEN) {
        violate(nor, "misplaced program", addr, len);
        return UPDRAFT_E_FLASH_PROGRAM;
    }
    for (uint32_t i = 0; i < len; i++) {
        uint8_t unstable = nor->unstable != NULL ? nor->unstable[addr + i] : 0;

        if ((data[i] & (nor->bytes[addr + i] | unstable)) != data[i]) {
            violate(nor, "program without erase", addr + i, len);
            return UPDRAFT_E_FLASH_PROGRAM;
        }
    }
    if (begin_operation(nor)) {
        cut_program(nor, addr, data, len);
        return UPDRAFT_E_FLASH_PROGRAM;
    }
    program_bytes(nor, addr, data, len);
    nor->counts.programs++;
    nor->counts.bytes_programmed += len;
    spend(nor,
          (uint64_t)W25Q_PAGE_PROGRAM_US * ((addr + len - 1u) / PAGE_LEN - addr / PAGE_LEN + 1u));
    return UPDRAFT_OK;
}

static void cut_erase(struct updraft_nor *nor, uint32_t addr, uint32_t len)
{
    switch (nor->options.cut) {
    case UPDRAFT_NOR_CUT_BEFORE:
        break;
    case UPDRAFT_NOR_CUT_HALF:
        erase_bytes(nor, addr, len / 2);
        break;
    case UPDRAFT_NOR_CUT_RANDOM:
        for (uint32_t i = 0; i < len; i++)
            nor->bytes[addr + i] = next_random(nor);
        break;
    case UPDRAFT_NOR_CUT_AFTER:
        erase_bytes(nor, addr, len);
        break;
    }
    leave_unstable(nor, addr, NULL, len);
    power_fails(nor);
}

static enum updraft_error nor_erase(void *ctx, uint32_t addr, uint32_t len)
{
    struct updraft_nor *nor = ctx;

    if (nor->is_off)
        return UPDRAFT_E_FLASH_ERASE;
    if (!in_range(nor, addr, len) || (len != SECTOR_LEN && len != nor->flash.block_len) ||
        addr % len != 0) {
        violate(nor, "misplaced erase", addr, len);
        return UPDRAFT_E_FLASH_ERASE;
    }
    if (begin_operation(nor)) {
        cut_erase(nor, addr, len);
        return UPDRAFT_E_FLASH_ERASE;
    }
    erase_bytes(nor, addr, len);
    if (len == SECTOR_LEN)
        nor->counts.sector_erases++;
    else
        nor->counts.block_erases++;
    spend(nor, len == SECTOR_LEN ? W25Q_SECTOR_ERASE_US : W25Q_BLOCK_ERASE_US);
    return UPDRAFT_OK;
}

static bool map_file(struct updraft_nor *nor, const char *path, char *why, size_t why_cap)
{
    struct stat st;
    void *map;
    bool is_new;

    nor->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (nor->fd < 0 || fstat(nor->fd, &st) != 0) {
        snprintf(why, why_cap, "cannot open %s: %s", path, strerror(errno));
        return false;
    }
    /* Two devices on one flash would each write what the other does not expect. */
    if (flock(nor->fd, LOCK_EX | LOCK_NB) != 0) {
        snprintf(why, why_cap,
                 errno == EWOULDBLOCK ? "%s is in use by another virtual device" : "cannot lock %s",
                 path);
        return false;
    }
    is_new = st.st_size == 0;
    if (is_new && ftruncate(nor->fd, (off_t)nor->options.size) != 0) {
        snprintf(why, why_cap, "cannot make %s %u bytes long: %s", path, nor->options.size,
                 strerror(errno));
        return false;
    }
    if (!is_new && nor->options.size == 0 && st.st_size <= UINT32_MAX)
        nor->options.size = (uint32_t)st.st_size;
    if (!is_new && st.st_size != (off_t)nor->options.size) {
        snprintf(why, why_cap, "%s has %lld bytes, but a flash of %u was asked for", path,
                 (long long)st.st_size, nor->options.size);
        return false;
    }
    if (nor->options.size == 0 || nor->options.size % BLOCK_LEN != 0) {
        snprintf(why, why_cap, "%s: a flash has a multiple of 65536 bytes, not %u", path,
                 nor->options.size);
        return false;
    }
    map = mmap(NULL, nor->options.size, PROT_READ | PROT_WRITE, MAP_SHARED, nor->fd, 0);
    if (map == MAP_FAILED) {
        snprintf(why, why_cap, "cannot map %s: %s", path, strerror(errno));
        return false;
    }
    nor->bytes = map;
    if (is_new)
        memset(nor->bytes, 0xFF, nor->options.size);
    return true;
}

bool updraft_nor_open(struct updraft_nor *nor, const char *path,
                      const struct updraft_nor_options *options, char *why, size_t why_cap)
{
    memset(nor, 0, sizeof *nor);
    nor->fd = -1;
    nor->options = *options;
    nor->random = options->seed != 0 ? options->seed : 0x9E3779B9u;
    if (path != NULL) {
        if (!map_file(nor, path, why, why_cap)) {
            updraft_nor_close(nor);
            return false;
        }
    } else {
        UPDRAFT_ASSERT(options->size != 0 && options->size % BLOCK_LEN == 0);
        nor->bytes = malloc(options->size);
        if (nor->bytes == NULL) {
            snprintf(why, why_cap, "no memory for a flash of %u bytes", options->size);
            return false;
        }
        memset(nor->bytes, 0xFF, options->size);
    }
    nor->flash = (struct updraft_flash){
        .ctx = nor,
        .read = nor_read,
        .prog = nor_prog,
        .erase = nor_erase,
        .size = nor->options.size,
        .sector_len = SECTOR_LEN,
        .block_len = options->block_len != 0 ? options->block_len : BLOCK_LEN,
        .prog_len = options->prog_len != 0 ? options->prog_len : 1u,
    };
    return true;
}

void updraft_nor_close(struct updraft_nor *nor)
{
    if (nor->fd >= 0) {
        if (nor->bytes != NULL)
            munmap(nor->bytes, nor->options.size);
        close(nor->fd);
    } else {
        free(nor->bytes);
    }
    free(nor->unstable);
    nor->unstable = NULL;
    nor->bytes = NULL;
    nor->fd = -1;
}

void updraft_nor_power_on(struct updraft_nor *nor, uint64_t cut_at, enum updraft_nor_cut cut)
{
    nor->is_off = false;
    nor->counts = (struct updraft_nor_counts){0};
    nor->options.cut_at = cut_at;
    nor->options.cut = cut;
}
