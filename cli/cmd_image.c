/* updraft image make */
#include "cli/command.h"
#include "cli/inspect.h"
#include "cli/out.h"
#include "cli/sample.h"

#include <stdio.h>
#include <string.h>

static const struct updraft_option options[] = {
    {"output", 'o', "FILE", "where the image goes (needed)"},
    {"chip", 0, "CHIP", "esp32, esp32s3, esp32c3, ..., esp8266 (default esp32)"},
    {"version", 0, "TEXT", "the version it carries, at most 31 bytes (default 1.0.0)"},
    {"project", 0, "TEXT", "the project it carries, at most 31 bytes (default demo)"},
    {"size", 0, "SIZE", "bytes of the image, 4096 to 15 MB (default 1200000)"},
    {"behaviour", 0, "NAME", "healthy, crash, hang, offline: what the virtual device plays"},
    {"slot-offset", 0, "ADDR",
     "esp8266: flash address of the slot it is linked for (default 0x10000)"},
    {"arduino", 0, NULL, "esp8266: as the Arduino core builds it, eboot and a sketch"},
    {"gzip", 0, NULL, "compress the file"},
    {0},
};

static enum updraft_exit read_texts(struct updraft_cli *cli, struct updraft_sample *sample)
{
    const char *version = updraft_args_value(&cli->args, "version");
    const char *project = updraft_args_value(&cli->args, "project");

    sample->version = version ? version : "1.0.0";
    sample->project = project ? project : "demo";
    if (!sample->version[0] || strlen(sample->version) > 31)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "The field in the image has room for 31.",
                                "a version has 1 to 31 bytes");
    if (!sample->project[0] || strlen(sample->project) > 31)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "The field in the image has room for 31.",
                                "a project name has 1 to 31 bytes");
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_behaviour(struct updraft_cli *cli, struct updraft_sample *sample)
{
    static const char *const names[] = {"healthy", "crash", "hang", "offline", NULL};
    const char *given = updraft_args_value(&cli->args, "behaviour");
    size_t i = 0;

    sample->behaviour = NULL;
    if (!given)
        return UPDRAFT_EXIT_OK;
    while (names[i] && strcmp(names[i], given))
        i++;
    if (!names[i])
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use healthy, crash, hang or offline.",
                                "there is no behaviour '%s'", given);
    if (i > 0 && sample->chip->id == UPDRAFT_CHIP_ESP8266)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Start the virtual device with --behaviour instead.",
                                "an ESP8266 image cannot carry a behaviour");
    sample->behaviour = i > 0 ? names[i] : NULL;
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_slot_offset(struct updraft_cli *cli, struct updraft_sample *sample)
{
    sample->slot_addr = UPDRAFT_SAMPLE_SLOT_ADDR;
    if (!updraft_args_has(&cli->args, "slot-offset"))
        return UPDRAFT_EXIT_OK;
    if (sample->chip->id != UPDRAFT_CHIP_ESP8266)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Leave --slot-offset away; these chips map a slot where they like.",
                                "only an ESP8266 image is linked for its slot");
    return updraft_args_u32(cli, "slot-offset", 0x1000, 0xFFF000, &sample->slot_addr);
}

static enum updraft_exit read_arduino(struct updraft_cli *cli, struct updraft_sample *sample)
{
    sample->is_sketch = updraft_args_has(&cli->args, "arduino");
    if (!sample->is_sketch)
        return UPDRAFT_EXIT_OK;
    if (sample->chip->id != UPDRAFT_CHIP_ESP8266)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Add --chip esp8266.",
                                "only the ESP8266's Arduino core puts a boot loader first");
    if (updraft_args_has(&cli->args, "slot-offset") || sample->size < 2 * UPDRAFT_SAMPLE_LEN_MIN)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Leave --slot-offset away, and give --size 8192 or more.",
                                "a sketch stands at flash address 0, behind a boot loader of 4096 "
                                "bytes");
    return UPDRAFT_EXIT_OK;
}

static enum updraft_exit read_options(struct updraft_cli *cli, struct updraft_sample *sample)
{
    const char *chip = updraft_args_value(&cli->args, "chip");
    enum updraft_exit exit;

    sample->chip = updraft_chip_by_name(chip ? chip : "esp32");
    if (!sample->chip || !updraft_sample_knows(sample->chip))
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage",
                                "Use esp8266, esp32, esp32s2, esp32s3, esp32c2, esp32c3, esp32c5, "
                                "esp32c6, esp32c61, esp32h2 or esp32p4.",
                                "no image can be made for the chip '%s'", chip);
    sample->size = UPDRAFT_SAMPLE_DEFAULT_LEN;
    exit = updraft_args_u32(cli, "size", UPDRAFT_SAMPLE_LEN_MIN, UPDRAFT_SAMPLE_LEN_CAP,
                            &sample->size);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_slot_offset(cli, sample);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_arduino(cli, sample);
    if (exit == UPDRAFT_EXIT_OK)
        exit = read_texts(cli, sample);
    return exit == UPDRAFT_EXIT_OK ? read_behaviour(cli, sample) : exit;
}

static enum updraft_exit give(struct updraft_cli *cli, const struct updraft_file *image,
                              const char *output, cJSON *result)
{
    struct updraft_inspection inspection;
    struct updraft_file packed = {0};
    bool gzip = updraft_args_has(&cli->args, "gzip");
    const struct updraft_file *file = image;
    enum updraft_exit exit = UPDRAFT_EXIT_OK;

    updraft_inspect_image(image->data, image->len, &inspection);
    if (gzip) {
        exit = updraft_file_gzip(image, &packed, &cli->fail);
        file = &packed;
    }
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_file_write(output, file->data, file->len, 0644, &cli->fail);
    if (exit == UPDRAFT_EXIT_OK) {
        cJSON_AddStringToObject(result, "file", output);
        cJSON_AddNumberToObject(result, "size", (double)file->len);
        updraft_inspect_to_json(&inspection, result);
    }
    updraft_file_free(&packed);
    return exit;
}

static enum updraft_exit run(struct updraft_cli *cli, cJSON *result)
{
    const char *output = updraft_args_value(&cli->args, "output");
    struct updraft_sample sample;
    struct updraft_file image;
    enum updraft_exit exit;

    if (!output)
        return updraft_fail_set(&cli->fail, UPDRAFT_EXIT_USAGE, "usage", "Add -o FILE.",
                                "'updraft image make' is not told where the image goes");
    exit = read_options(cli, &sample);
    if (exit == UPDRAFT_EXIT_OK)
        exit = updraft_sample_make(&sample, &image, &cli->fail);
    if (exit != UPDRAFT_EXIT_OK)
        return exit;
    exit = give(cli, &image, output, result);
    updraft_file_free(&image);
    return exit;
}

static void show(const struct updraft_cli *cli, const cJSON *result)
{
    if (!cli->quiet && cJSON_HasObjectItem(result, "file"))
        printf("%s: %s %s for %s, %.0f bytes\n", updraft_json_text(result, "file"),
               updraft_json_text(result, "project"), updraft_json_text(result, "version"),
               updraft_json_text(result, "chip"), updraft_json_number(result, "size"));
}

const struct updraft_command updraft_command_image_make = {
    .name = "image make",
    .summary = "make a valid sample image for a chip, version, project and size",
    .usage = "-o FILE [--chip CHIP] [--version TEXT] [--project TEXT] [--size SIZE]",
    .about =
        "The image has the segments, alignment, descriptor, checksum and hash of a real build, "
        "and\n"
        "contents that compress like one; the same arguments always give the same bytes. Real\n"
        "chips refuse to do anything useful with it; the virtual device boots it as that version.\n"
        "With --behaviour crash, hang or offline the virtual device plays a bad one.\n",
    .examples = "  updraft image make -o new.bin --chip esp32s3 --version 1.1.0\n"
                "  updraft image make -o bad.bin --version 1.2.0 --behaviour crash\n",
    .options = options,
    .run = run,
    .show = show,
};
