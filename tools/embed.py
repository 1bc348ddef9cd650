# SPDX-License-Identifier: AGPL-3.0-or-later
"""Writes files as a C source of byte arrays: embed.py OUTPUT NAME=FILE …"""

import pathlib
import sys


def main():
    out = ["/* Made by tools/embed.py. */", "#include <stddef.h>", ""]
    for pair in sys.argv[2:]:
        name, file = pair.split("=", 1)
        data = pathlib.Path(file).read_bytes()
        out.append(f"extern const unsigned char {name}[];")
        out.append(f"extern const size_t {name}_size;")
        out.append(f"const size_t {name}_size = {len(data)};")
        out.append(f"const unsigned char {name}[] = {{")
        for i in range(0, len(data), 20):
            out.append("    " + "".join(f"{b}," for b in data[i:i + 20]))
        out.append("};")
    pathlib.Path(sys.argv[1]).write_text("\n".join(out) + "\n")


main()
