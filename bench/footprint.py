#!/usr/bin/env python3
"""How large the device library is: code, contexts, stack, on three microcontrollers.

Usage: footprint.py [BUILD-DIRECTORY]

Compiles format/, device/ and boot/ with Debian's cross compilers at -Os, links a main() that calls the
boot stage, and one that calls the update core, with --gc-sections, and counts what is left of the
library: code and constants, assertions included; not the hash functions, memcpy and its like, nor main.
The stack is the deepest chain of frames, from GCC's call graph: calls through pointers go to the
functions named in POINTERS; a call that leaves the library (the flash driver, a hash, a hook) counts 0.

Prints OVER beside a figure that misses its bar. Exit status 1 only when something cannot be compiled,
when .data or .bss is not empty, or when the call graph has a cycle.
"""
import collections
import concurrent.futures
import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
HERE = ROOT / "bench"

Target = collections.namedtuple("Target", "name tool flags")
TARGETS = [
    Target("Cortex-M4", "arm-none-eabi-", ["--specs=picolibc.specs", "-mcpu=cortex-m4", "-mthumb"]),
    Target("RV32IMC", "riscv64-unknown-elf-", ["--specs=picolibc.specs", "-march=rv32imc", "-mabi=ilp32"]),
    Target("lx106", "xtensa-lx106-elf-", ["--specs=/usr/lib/xtensa-lx106-elf/picolibc.specs",
                                          "-mtext-section-literals", "-mlongcalls"]),
]
JSMN = pathlib.Path("/usr/include/jsmn.h")  # a header alone, for any target: libjsmn-dev
FLAGS = ["-Os", "-std=c11", "-ffunction-sections", "-fdata-sections", "-Wall", "-Wextra", f"-I{ROOT}"]

# Program: title, its sources in bench/footprint_*.c, bars and what a peer needs, in bytes by target.
Program = collections.namedtuple("Program", "key title sources bars peer peer_title roots")
UPDATE = ["updraft_slots_init", "updraft_update_begin", "updraft_update_feed", "updraft_update_finish",
          "updraft_update_abort"]
TRIAL = ["updraft_slots_state", "updraft_slots_confirm", "updraft_slots_reject"]
PROGRAMS = [
    Program("boot", "boot decision, trial, roll back", ["boot"],
            {"Cortex-M4": 2560, "RV32IMC": 3584, "lx106": 3891},
            {"Cortex-M4": 2614, "RV32IMC": 3563, "lx106": 3775}, "MCUboot direct-XIP with revert",
            ["updraft_boot_run"]),
    Program("core", "update core: slots, transaction, image check", ["core", "fixed", "no_trial"],
            {"Cortex-M4": 6144, "RV32IMC": 8192}, {}, "", UPDATE),
    Program("core_trial", "  with the end of the trial", ["core", "fixed", "trial"],
            {}, {}, "", UPDATE + TRIAL),
    Program("core_table", "  and with the partition table", ["core", "table", "trial"],
            {}, {}, "", ["updraft_slots_open", *UPDATE, *TRIAL]),
]
CONTEXT_BAR = 1024  # of updraft_update and updraft_slots together
STACK_BAR = 1024
LARGEST_COUNT = 10

# The file a call through a pointer is made in -> what it may reach inside the library.
POINTERS = {
    "device/update/update.c": ["updraft_image_facts_esp32", "device/slots/slot_place.c:find",
                               "device/slots/slot_place.c:accept", "device/slots/slot_place.c:commit"],
    "device/flash/access.c": ["device/slots/slot_place.c:read_as_released"],
    "boot/boot.c": ["updraft_slot_verify", "boot/rules_updraft.c:decide", "boot/rules_updraft.c:apply"],
}


def run(*command):
    result = subprocess.run([str(c) for c in command], capture_output=True, text=True)
    if result.returncode != 0:
        sys.exit(f"footprint: {command[0]} failed:\n{result.stderr}")
    return result.stdout


def library_sources():
    """Everything of the three rooms but gzip.c, which wraps the inflate of the platform."""
    found = [p for room in ("format", "device", "boot") for p in sorted((ROOT / room).rglob("*.c"))]
    return [p for p in found if p.name != "gzip.c"]


class Build:
    """The library compiled for one target."""

    def __init__(self, target, directory):
        self.target = target
        self.directory = directory / target.name
        self.directory.mkdir(parents=True, exist_ok=True)
        (self.directory / JSMN.name).write_text(JSMN.read_text())
        self.sources = library_sources()
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            self.objects = list(pool.map(self.compile, self.sources))
        self.stubs = self.compile_stubs()

    def tool(self, name, *arguments):
        return run(self.target.tool + name, *arguments)

    def compile(self, source):
        name = str(source.relative_to(ROOT)).replace("/", "_") if ROOT in source.parents else source.name
        out = self.directory / f"{name[:-2]}.o"
        out = out.with_name(out.name.replace("bench_", ""))
        self.tool("gcc", *self.target.flags, *FLAGS, f"-I{self.directory}", "-fcallgraph-info=su", "-c", source, "-o", out)
        return out

    def compile_stubs(self):
        """An empty function for all that the library and the mains leave to others."""
        mains = [self.compile(HERE / f"footprint_{name}.c")
                 for name in sorted({name for p in PROGRAMS for name in p.sources})]
        objects = self.objects + mains
        defined = set(re.findall(r" [A-TV-Z] (\S+)$", self.tool("nm", "-g", *objects), re.M))
        wanted = set(re.findall(r" U (\S+)$", self.tool("nm", "-u", *objects), re.M))
        source = self.directory / "footprint_stubs.c"
        source.write_text("".join(f"void {name}(void);\nvoid {name}(void) {{ }}\n"
                                  for name in sorted(wanted - defined)))
        out = source.with_suffix(".o")
        self.tool("gcc", *self.target.flags, "-Os", "-w", "-fno-builtin", "-ffunction-sections", "-c", source,
                  "-o", out)
        return out

    def link(self, program):
        """Bytes of the library in the program, and [(bytes, function)], largest first."""
        elf = self.directory / f"{program.key}.elf"
        mains = [self.directory / f"footprint_{name}.o" for name in program.sources]
        self.tool("gcc", *self.target.flags, "-nostdlib", "-nostartfiles", "-Wl,--gc-sections",
                  f"-T{HERE / 'footprint.ld'}", "-o", elf, *mains, self.stubs, *self.objects)
        sizes = dict(re.findall(r"^(\.\w+)\s+(\d+)", self.tool("size", "-A", elf), re.M))
        end_of_entry = 0x1000 + int(sizes[".entry"])
        symbols = re.findall(r"^(\d+) (\d+) \w (\S+)$", self.tool("nm", "-S", "-t", "d", elf), re.M)
        functions = sorted(((int(size), name) for at, size, name in symbols if int(at) >= end_of_entry),
                           reverse=True)
        return int(sizes[".text"]), functions

    def state_bytes(self):
        """Of .data and .bss in the whole library; constants with addresses are none."""
        sections = re.findall(r"^\.s?(?:data|bss)(?:\.(?!rel\.ro)\S*)?\s+(\d+)",
                              self.tool("size", "-A", *self.objects), re.M)
        return sum(int(size) for size in sections)

    def contexts(self):
        out = self.compile(HERE / "footprint_contexts.c")
        return {name: int(size) for size, name in
                re.findall(r"^\d+ (\d+) \w context_(\S+)$", self.tool("nm", "-S", "-t", "d", out), re.M)}

    def call_graph(self):
        """{function: frame}, {function: called}; static functions are named FILE:FUNCTION."""
        frames, calls = {}, collections.defaultdict(set)
        for source, obj in zip(self.sources, self.objects):
            file = str(source.relative_to(ROOT))

            def name(text):
                return f"{file}:{text.rsplit(':', 1)[1]}" if ":" in text else text

            graph = obj.with_suffix(".ci").read_text()
            for title, frame in re.findall(r'node: \{ title: "([^"]+)" label: "[^"]*\\n(\d+) bytes', graph):
                frames[name(title)] = int(frame)
            for caller, called in re.findall(r'edge: \{ sourcename: "([^"]+)" targetname: "([^"]+)"', graph):
                if called == "__indirect_call":
                    calls[name(caller)].update(POINTERS.get(file, []))
                else:
                    calls[name(caller)].add(name(called))
        for targets in POINTERS.values():
            for target in targets:
                if target not in frames:
                    sys.exit(f"footprint: POINTERS names {target}, which is not there")
        return frames, calls

    def deepest(self, roots):
        """(bytes, chain of functions) of the deepest way down from any of the roots."""
        frames, calls = self.call_graph()
        known = {}

        def depth(function, above):
            if function in above:
                sys.exit(f"footprint: a cycle in the call graph: {' > '.join(above)} > {function}")
            if function not in known:
                below = max((depth(c, above + [function]) for c in calls.get(function, ()) if c in frames),
                            default=(0, []))
                known[function] = (frames[function] + below[0], [function] + below[1])
            return known[function]

        return max(depth(root, []) for root in roots)


def cell(value, bar=None):
    against = "" if bar is None else f"/{bar:>5}{' OVER' if value > bar else ''}"
    return f"{value:>9} {against:<11}"


def row(title, cells):
    print(f"{title:<46}{''.join(cells)}".rstrip())


def heading(text, builds):
    print(f"\n{text}\n")
    row("", [f"{build.target.name:>9}{'':<12}" for build in builds])


def print_sizes(builds):
    heading("Code of the library, bytes / bar (-Os, --gc-sections)", builds)
    for program in PROGRAMS:
        row(program.title, [cell(b.link(program)[0], program.bars.get(b.target.name)) for b in builds])
        if program.peer:
            row("  " + program.peer_title, [cell(program.peer[b.target.name]) for b in builds])
    for program in PROGRAMS[:2]:
        heading(f"Largest in: {program.title}", builds)
        others = [dict((name, size) for size, name in b.link(program)[1]) for b in builds]
        for _, name in builds[0].link(program)[1][:LARGEST_COUNT]:
            row("  " + name, [cell(o.get(name, "inlined")) for o in others])


def short(function):
    return function.rsplit(":", 1)[-1]


def print_memory(builds):
    heading("Memory that the caller provides, bytes / bar", builds)
    contexts = [b.contexts() for b in builds]
    row("updraft_update and updraft_slots",
        [cell(c["updraft_update"] + c["updraft_slots"], CONTEXT_BAR) for c in contexts])
    for name in contexts[0]:
        row("  " + name, [cell(c[name]) for c in contexts])
    heading("Deepest stack, bytes / bar (flash driver and hash not counted)", builds)
    for program in PROGRAMS:
        ways = [b.deepest(program.roots) for b in builds]
        row(program.title, [cell(way[0], STACK_BAR) for way in ways])
        print("  " + " > ".join(short(f) for f in ways[0][1]))
    state = [b.state_bytes() for b in builds]
    heading("Memory that the library keeps for itself, bytes / bar", builds)
    row(".data and .bss of format, device and boot", [cell(s, 0) for s in state])
    return sum(state)


def main(directory):
    builds = [Build(target, pathlib.Path(directory) / "footprint") for target in TARGETS]
    print_sizes(builds)
    return 1 if print_memory(builds) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1] if len(sys.argv) > 1 else ROOT / "build"))
