"""Exercise 3.2.2 in Python: uploads a file in a form that is written by hand."""
import itertools
import sys
import urllib.error
import urllib.request

base = f"http://{sys.argv[1]}"
try:
    with urllib.request.urlopen(f"{base}/file", timeout=5) as answer:
        name, _, file = answer.read().partition(b"\n")
    boundary = next(own for own in (b"my-own-%d" % n for n in itertools.count()) if own not in file)
    for byte, written in ((b'"', b"%22"), (b"\r", b"%0D"), (b"\n", b"%0A")):
        name = name.replace(byte, written)
    body = (
        b'--%b\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n' % (boundary, name)
        + file
        + b"\r\n--%b--\r\n" % boundary
    )
    label = {"Content-Type": f"multipart/form-data; boundary={boundary.decode()}"}
    with urllib.request.urlopen(urllib.request.Request(f"{base}/upload", body, label), timeout=5) as answer:
        sys.stdout.buffer.write(answer.read())
except (OSError, urllib.error.HTTPError) as error:
    sys.exit(f"error: {error}")
