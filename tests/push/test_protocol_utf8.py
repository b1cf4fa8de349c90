"""Text must be UTF-8, chapter 6 of Autobahn's suite: the sequences of Markus Kuhn's decoder stress test.

A valid sequence travels in a message that is answered; an invalid one ends the socket with 1007, in one frame as in
fragments, and as soon as the first wrong byte is there.
"""
import pytest

from protocol import Peer, chops, echo, error, message, more, pieces, ping, play, pong, text
from test_protocol import door, in_order  # noqa: F401

GREEK = "κόσμε".encode()
LONELY = [(0xC0, 0xDF), (0xE0, 0xEF), (0xF0, 0xF7), (0xF8, 0xFB), (0xFC, 0xFD)]
CUT = ["c0", "e080", "f08080", "f8808080", "fc80808080", "df", "efbf", "f7bfbf", "fbbfbfbf", "fdbfbfbfbf"]
# Per row of the test: is it valid, and the sequences in hex.
ROWS = {
    5: (True, "68656c6c6f24776f726c64 68656c6c6fc2a2776f726c64 68656c6c6fe282ac776f726c64 "
              "68656c6c6ff0a4ada2776f726c64 " + GREEK.hex()),
    7: (True, "00 c280 e0a080 f0908080"),
    8: (False, "f888808080 fc8480808080"),
    9: (True, "7f dfbf efbfbf f48fbfbf"),
    10: (False, "f7bfbfbf fbbfbfbfbf fdbfbfbfbfbf"),
    11: (True, "ed9fbf ee8080 efbfbd f48fbfbf"),
    # Its fifth is one above the last.
    12: (False, "80 bf 80bf 80bf80 80bf80bf 80bf80bf80 80bf80bf80bf " + bytes(range(0x80, 0xBF)).hex()),
    13: (False, " ".join(b" ".join(bytes([b]) for b in range(*pair)).hex() + "20" for pair in LONELY)),
    14: (False, " ".join(CUT)),
    15: (False, "".join(CUT)),
    16: (False, "fe ff fefeffff"),
    17: (False, "c0af e080af f08080af f8808080af fc80808080af"),
    18: (False, "c1bf e09fbf f08fbfbf f887bfbfbf fc83bfbfbfbf"),
    19: (False, "c080 e08080 f0808080 f880808080 fc8080808080"),
    20: (False, "eda080 edadbf edae80 edafbf edb080 edbe80 edbfbf"),
    21: (False, "eda080edb080 eda080edbfbf edadbfedb080 edadbfedbfbf edae80edb080 edae80edbfbf edafbfedb080 "
                "edafbfedbfbf"),
    22: (True, "efbfbe efbfbf " + " ".join(chr(plane << 16 | 0xFFFE | last).encode().hex()
                                           for plane in range(1, 17) for last in (0, 1))),
    23: (True, "efbfb9 efbfba efbfbb efbfbc efbfbd efbfbe efbfbf"),
}
SEQUENCES = {f"6.{row}.{n}": (valid, bytes.fromhex(sequence)) for row, (valid, hexes) in ROWS.items()
             for n, sequence in enumerate(hexes.split(), 1)}
SEQUENCES["6.11.5"] = (False, b"\xf4\x90\x80\x80")


def is_whole(sequence):
    try:
        sequence.decode()
        return True
    except UnicodeDecodeError:
        return False


for length in range(1, len(GREEK) + 1):  # all prefixes of a text
    SEQUENCES[f"6.6.{length}"] = is_whole(GREEK[:length]), GREEK[:length]
NUMBERS = sorted(SEQUENCES, key=in_order)


def holding(sequence):
    """A message with the sequence somewhere inside."""
    return message().replace(b'"pad":"', b'"pad":"' + sequence)


def up_to_the_first_wrong_byte(whole):
    """Python's incremental decoder will not do: it waits for a surrogate's third byte, though its second is wrong."""
    for n in range(1, len(whole) + 1):
        try:
            whole[:n].decode()
        except UnicodeDecodeError as error:
            if error.reason != "unexpected end of data":
                return whole[:n]
    raise AssertionError(f"{whole} is valid")


def test_the_table_agrees_with_pythons_decoder():
    assert len(SEQUENCES) == 131
    assert all(valid == is_whole(sequence) for valid, sequence in SEQUENCES.values())


@pytest.mark.parametrize("number", NUMBERS)
def test_each_byte_sequence_is_accepted_or_1007(door, number):  # noqa: F811
    valid, sequence = SEQUENCES[number]
    # A raw NUL is UTF-8, but not JSON.
    answers = [error("malformed") if b"\x00" in sequence else echo()] if valid else []
    whole = holding(sequence)
    play(door, [text(whole)], answers, None if valid else 1007)
    if not valid:  # nothing is sent behind it: who goes on may get a reset before the close frame
        whole = up_to_the_first_wrong_byte(whole)
    for size in (1, 7):
        play(door, pieces(whole, size), answers, None if valid else 1007)


@pytest.mark.parametrize("size", [0, 1, 11], ids=["6.1.1-3", "6.2.3", "6.2.1"])
def test_valid_text_can_be_fragmented_anywhere(door, size):  # noqa: F811
    if size == 0:
        play(door, [text(b"", fin=False), more(b"", fin=False), more(b"")], [error("malformed")], None)
        play(door, [text(b"", fin=False), more(holding(GREEK), fin=False), more(b"")], [echo()], None)
    else:
        play(door, pieces(holding(GREEK), size), [echo()], None)
        play(door, chops([text(holding(GREEK))], size), [echo()], None)


@pytest.mark.parametrize("bad", [b"\xf4\x90", b"\xed\xa0"], ids=["6.4.1-2", "6.3.1-2"])
@pytest.mark.parametrize("chopped", [False, True], ids=["fragments", "6.4.3-4"])
def test_the_first_invalid_byte_closes_the_socket(door, bad, chopped):  # noqa: F811
    """Fail fast: the rest is never sent."""
    with Peer(door) as peer:
        if chopped:  # one frame that is never complete
            peer.send(chops([text(GREEK + bad + b"edited")[:-6]], 1))
        else:
            peer.send([text(GREEK, fin=False), ping(b"so far")])
            assert peer.answer() == pong(b"so far")
            peer.send([more(bad, fin=False)])
        assert peer.answers() == [("close", 1007)]
