"""HPACK's Huffman code (RFC 7541, section 5.2), read a byte at a time.

Clients compress every device path. `hpack` reads four bits at a step, which took two thirds of a
simulator's time; here a step takes eight bits, and is worked out once, when it is first met.
"""

from functools import lru_cache

from hpack.huffman_constants import REQUEST_CODES, REQUEST_CODES_LENGTH

#: The symbol that ends a string in theory; on the wire it is an error.
_EOS = 256
#: Bits of padding at most; more would be a whole byte of it.
_PADDING_BITS = 7
#: Longer strings, in bytes, are provider tokens, which come with every request: remembered.
_LONG_BYTES = 80

#: Inner nodes of the code's tree: the next node for a 0 and for a 1; leaves are ~symbol.
_nodes: list[list[int]] = [[0, 0]]


class HuffmanError(ValueError):
    """Not a string in HPACK's Huffman code."""


def decode(data: bytes) -> bytes:
    """Read a string.

    Raises:
        HuffmanError: it holds the end symbol, or its padding is wrong.
    """
    return _remembered(data) if len(data) > _LONG_BYTES else _read(data)


def _read(data: bytes) -> bytes:
    state, parts, steps = 0, [], _steps
    for byte in data:
        symbols, state = steps[state << 8 | byte]
        parts.append(symbols)
    if state not in _ENDS:
        raise HuffmanError("wrong padding")
    return b"".join(parts)


_remembered = lru_cache(maxsize=256)(_read)


class _Steps(dict[int, tuple[bytes, int]]):
    """What a byte means in a state (an inner node): the symbols it completes, the next state."""

    def __missing__(self, key: int) -> tuple[bytes, int]:
        node, byte, symbols = key >> 8, key & 0xFF, bytearray()
        for shift in range(7, -1, -1):
            node = _nodes[node][byte >> shift & 1]
            if node < 0:
                if ~node == _EOS:
                    raise HuffmanError("end symbol in a string")
                symbols.append(~node)
                node = 0
        self[key] = step = (bytes(symbols), node)
        return step


def _grow() -> None:
    for symbol, (code, length) in enumerate(zip(REQUEST_CODES, REQUEST_CODES_LENGTH, strict=True)):
        node = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if _nodes[node][bit] == 0:
                _nodes.append([0, 0])
                _nodes[node][bit] = len(_nodes) - 1
            node = _nodes[node][bit]
        _nodes[node][code & 1] = ~symbol


def _ends() -> frozenset[int]:
    """Return the states that a string may end in: padding is the first bits of the end symbol."""
    node, found = 0, {0}
    for _ in range(_PADDING_BITS):
        node = _nodes[node][1]
        found.add(node)
    return frozenset(found)


_steps = _Steps()
_grow()
_ENDS = _ends()
