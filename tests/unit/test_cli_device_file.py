"""Device lists: what is read, what is refused, and that no token is ever repeated."""

import csv
import io

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from push_pipeline.cli.device_file import read_lines
from push_pipeline.cli.records import LINE_MAX, records
from push_pipeline.errors import InvalidParameter
from push_pipeline.platform import Platform

TOKEN = "0badc0ffee" * 6 + "abcd"
NOW = 1_800_000_000_000
GOOD = {"deviceId": "a", "deviceToken": TOKEN, "os": "IOS"}


def lines(text: str | bytes):
    raw = text.encode() if isinstance(text, str) else text
    return list(read_lines(io.BytesIO(raw), NOW))


def ndjson(*rows: dict) -> str:
    return "".join(orjson.dumps(row).decode() + "\n" for row in rows)


def test_ndjson_and_csv_of_the_same_devices_read_alike():
    rows = ndjson(
        {**GOOD, "channels": ["news", "sport"], "userId": "u1", "timezone": "Europe/Berlin"},
        {**GOOD, "deviceId": "b", "channels": ["news"], "properties": {"vip": True}},
    )
    table = (
        "deviceId,deviceToken,os,channels,userId,timezone,properties\n"
        f"a,{TOKEN},IOS,news|sport,u1,Europe/Berlin,\n"
        f'b,{TOKEN},IOS,news,,,"{{""vip"": true}}"\n'
    )
    read = [[line.registration for line in lines(text)] for text in (rows, table)]
    assert read[0] == read[1]
    assert read[0][0].platform is Platform.IOS


def test_the_type_of_a_token_may_be_a_column_where_it_is_not_its_system_s_own():
    token = "d:" + "x" * 150
    table = f"deviceId,deviceToken,os,tokenType\na,{token},IOS,fcm\nb,{TOKEN},IOS,\n"
    kinds = [line.registration and line.registration.kind for line in lines(table)]
    assert kinds == ["token", "apns"]


def test_numbers_are_those_of_an_editor_blank_lines_and_header_included():
    table = f"deviceId,deviceToken,os\n\na,{TOKEN},IOS\nb,{TOKEN},PALM\n"
    assert [(line.number, line.reason is None) for line in lines(table)] == [(3, True), (4, False)]


def test_a_bad_line_is_told_and_the_rest_is_read():
    found = lines(ndjson(GOOD) + "{broken\n[1]\n" + ndjson({**GOOD, "deviceId": ""}, GOOD))
    assert [line.reason for line in found] == [
        None,
        "the line cannot be read",
        "the line is not a JSON object",
        "A device cannot be registered without a device id.",
        None,
    ]


def test_a_byte_order_mark_and_windows_line_ends_do_no_harm():
    (line,) = lines(b"\xef\xbb\xbfdeviceId,deviceToken,os\r\n" + f"a,{TOKEN},IOS\r\n".encode())
    assert line.registration is not None


def test_a_csv_file_without_the_columns_that_are_needed_is_refused():
    with pytest.raises(InvalidParameter, match="lacks deviceToken"):
        lines("deviceId,token,os\n")


@pytest.mark.parametrize("field", ["deviceId", "os", "channels", "environment", "expiration"])
def test_a_token_in_the_wrong_column_is_not_repeated(field):
    (line,) = lines(ndjson({**GOOD, field: TOKEN}))
    assert TOKEN not in str(line.reason)


@given(st.binary())
def test_whatever_a_file_holds_it_is_read_to_its_end(raw):
    try:
        found = lines(raw)
    except InvalidParameter:
        return
    assert all((line.registration is None) == (line.reason is not None) for line in found)


@given(st.lists(st.sampled_from([GOOD, {"deviceId": 1}, {}]), min_size=1))
def test_the_end_of_the_last_line_is_the_size_of_the_file(rows):
    text = ndjson(*rows)
    assert lines(text)[-1].end == len(text)


HEADER = b"deviceId,deviceToken,os,userId\n"
INJECTED = f"evil,{TOKEN},IOS,victim\n".encode()


@pytest.mark.parametrize(
    "broken",
    [
        b'"x\n' + INJECTED + b'"',
        b'a,b,"' + b"x" * (LINE_MAX - 5) + INJECTED + b'"',
        b"x" * LINE_MAX + INJECTED.rstrip(),
        b'"' + b"x" * (LINE_MAX - 2) + b'""' + b"y\n" + INJECTED + b'"',
        b'"' + b"x" * 3 * LINE_MAX + b'",\n'[:1] + b"\n",
        b'a, "not quoted"\n'.rstrip(),
    ],
    ids=["line break", "long", "plain and long", "quote between pieces", "just long", "blank"],
)
def test_no_part_of_a_record_is_taken_for_a_record(broken: bytes) -> None:
    good = f"b,{TOKEN},IOS,u\n".encode()
    before = broken.count(b"\n")

    found = lines(HEADER + broken + b"\n" + good)

    registered = [(line.number, line.registration.device_id) for line in found if line.registration]
    assert registered == [(3 + before, "b")]
    assert next(line.number for line in found if line.reason) == 2


def test_a_long_line_of_ndjson_is_skipped_to_its_end() -> None:
    long = b'{"properties": "' + b"x" * (LINE_MAX - 16) + ndjson(GOOD).encode()

    found = lines(ndjson(GOOD).encode() + long + ndjson(GOOD).encode())

    assert [line.number for line in found if line.registration] == [1, 3]


@given(
    rows=st.lists(
        st.lists(st.text(alphabet='ab,"\n\r', max_size=6), min_size=4, max_size=4), max_size=4
    )
)
def test_what_a_csv_writer_writes_is_cut_into_its_rows(rows: list[list[str]]) -> None:
    written = io.StringIO()
    csv.writer(written, quoting=csv.QUOTE_ALL, lineterminator="\n").writerows(rows)

    cut = [record for _, _, record in records(io.BytesIO(written.getvalue().encode()))]

    assert [next(csv.reader(io.StringIO(one.decode(), newline=""))) for one in cut] == rows
