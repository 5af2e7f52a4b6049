"""Reads messages with Python's email package and says where one is not what it should be.

Each line of stdin is JSON: what was put in, and the message that came out (base64). Differences go to stdout, one JSON each.
"""
import base64
import email
import email.policy
import email.utils
import json
import sys
from email.header import decode_header, make_header


def text(value):
    return str(make_header(decode_header(value)))


def people(message, name):
    value = message.get(name)
    if value is None:
        return []
    pairs = email.utils.getaddresses([str(value).replace("\r\n", "")])
    return [[text(who), address] for who, address in pairs]


def name_of(part):
    name = part.get_filename()
    return name and name.replace("\r\n", "")  # the fold of a long line, which belongs to no value (RFC 5322 section 2.2.3)


def leaves(message):
    return [part for part in message.walk() if not part.is_multipart()]


checked = 0
for line in sys.stdin:
    want = json.loads(line)
    raw = base64.b64decode(want["message"])
    wrong = []

    def same(what, expected, found):
        if expected != found:
            wrong.append([what, expected, found])

    same("ascii", True, raw.isascii())
    same("line ends", 0, raw.replace(b"\r\n", b"").count(b"\r") + raw.replace(b"\r\n", b"").count(b"\n"))
    same("line length", True, max(map(len, raw.split(b"\r\n"))) <= 998)
    old = email.message_from_bytes(raw)  # keeps what stands there, for the rules of RFC 2047 by hand
    new = email.message_from_bytes(raw, policy=email.policy.default)
    same("fields", sorted(want["fields"]), sorted(name.lower() for name in old.keys()))
    same("subject", want["subject"], text(old["Subject"].replace("\r\n", "")))
    for name in ("from", "to", "cc"):
        same(name, want[name], people(old, name))
        addresses = [one.addr_spec for one in new[name].addresses] if name in new else []
        same(name + " (policy)", [address for _, address in want[name]], addresses)
    parts = leaves(old)
    same("kinds", [part["kind"] for part in want["parts"]], [part.get_content_type() for part in parts])
    for expected, part in zip(want["parts"], parts):
        same("name", expected["name"], name_of(part))
        bytes_ = part.get_payload(decode=True)
        wanted = base64.b64decode(expected["bytes"])
        if expected["name"] is None and expected["kind"].startswith("text/"):  # a text for reading: its lines count
            same("charset", "utf-8", part.get_content_charset())
            bytes_, wanted = (one.replace(b"\r\n", b"\n") for one in (bytes_, wanted))
            if bytes_ == wanted + b"\n":
                bytes_ = wanted  # the end of the message is the end of a line
        same("bytes", wanted.hex(), bytes_.hex())
    defects = [str(defect) for part in new.walk() for defect in part.defects]
    same("defects", [], defects)
    checked += 1
    if wrong:
        print(json.dumps({"wrong": wrong, "message": raw.decode("latin-1")}, ensure_ascii=False)[:4000])
print("checked", checked)
