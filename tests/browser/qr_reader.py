"""Decodes a QR code from its dark modules (byte mode, level L, versions 1 to 20) and checks its error correction."""
import re

CHECK = [7, 10, 15, 20, 26, 18, 20, 24, 30, 18, 20, 24, 26, 30, 22, 24, 28, 30, 28, 28]
BLOCKS = [1, 1, 1, 1, 1, 2, 2, 2, 2, 4, 4, 4, 4, 4, 6, 6, 6, 6, 7, 8]
# Centres of the alignment patterns, by version (ISO/IEC 18004, annex E).
CENTRES = {2: (18,), 3: (22,), 4: (26,), 5: (30,), 6: (34,), 7: (22, 38), 8: (24, 42), 9: (26, 46), 10: (28, 50),
           11: (30, 54), 12: (32, 58), 13: (34, 62), 14: (26, 46, 66), 15: (26, 48, 70), 16: (26, 50, 74),
           17: (30, 54, 78), 18: (30, 56, 82), 19: (30, 58, 86), 20: (34, 62, 90)}
MASKS = [lambda i, j: (i + j) % 2, lambda i, j: i % 2, lambda i, j: j % 3, lambda i, j: (i + j) % 3,
         lambda i, j: (i // 2 + j // 3) % 2, lambda i, j: i * j % 2 + i * j % 3,
         lambda i, j: (i * j % 2 + i * j % 3) % 2, lambda i, j: ((i + j) % 2 + i * j % 3) % 2]


def is_pattern(row, column, version):
    size = 17 + 4 * version
    if row == 6 or column == 6 or (row < 9 and (column < 9 or column >= size - 8)) or (row >= size - 8 and column < 9):
        return True
    if version >= 7 and ((row < 6 and column >= size - 11) or (column < 6 and row >= size - 11)):
        return True
    centres = (6, *CENTRES.get(version, ()))
    corners = {(6, 6), (6, centres[-1]), (centres[-1], 6)}
    return any(abs(row - r) <= 2 and abs(column - c) <= 2 for r in centres for c in centres if (r, c) not in corners)


def all_bytes(dark, version):
    size, bits = 17 + 4 * version, []
    level_and_mask = sum(((8, c) in dark) << (4 - c) for c in range(5)) ^ 0b10101
    assert level_and_mask >> 3 == 0b01, "not level L"
    mask = MASKS[level_and_mask & 7]
    columns = [c for c in range(size - 1, -1, -1) if c != 6]
    for n in range(0, len(columns), 2):
        for row in range(size) if n % 4 else range(size - 1, -1, -1):
            bits += [((row, c) in dark) ^ (mask(row, c) == 0) for c in columns[n:n + 2] if not is_pattern(row, c, version)]
    return [int("".join(str(int(b)) for b in bits[i:i + 8]), 2) for i in range(0, len(bits) - 7, 8)]


def split(sent, version):
    """The blocks, each with its check bytes."""
    count, check = BLOCKS[version - 1], CHECK[version - 1]
    data = len(sent) - count * check
    lengths = [data // count + (n >= count - data % count) for n in range(count)]
    blocks, rest = [[] for _ in range(count)], iter(sent)
    for i in range(max(lengths)):
        for block, length in zip(blocks, lengths):
            if i < length:
                block.append(next(rest))
    for _ in range(check):
        for block in blocks:
            block.append(next(rest))
    return blocks


def times(a, b):
    product = 0
    while b:
        product ^= a * (b & 1)
        a, b = a << 1 ^ (0x11d if a & 0x80 else 0), b >> 1
    return product


def is_whole(block, check):
    """A block is a multiple of the divisor: zero at each of its roots."""
    root = 1
    for _ in range(check):
        value = 0
        for byte in block:
            value = times(value, root) ^ byte
        if value:
            return False
        root = times(root, 2)
    return True


def read(path):
    """The text of a QR code drawn as an SVG path of squares (M{x} {y}h1…)."""
    dark = {(int(y), int(x)) for x, y in re.findall(r"M(\d+) (\d+)h1", path)}
    version = (max(row for row, _ in dark) + 1 - 17) // 4
    check = CHECK[version - 1]
    blocks = split(all_bytes(dark, version), version)
    assert all(is_whole(block, check) for block in blocks)
    bits = "".join(f"{byte:08b}" for block in blocks for byte in block[:-check])
    assert bits[:4] == "0100", "not byte mode"
    start = 4 + (8 if version < 10 else 16)
    length = int(bits[4:start], 2)
    return bytes(int(bits[i:i + 8], 2) for i in range(start, start + 8 * length, 8)).decode()
