"""Exercise 3.2.2 in Python with the usual mistake: no CRLF between the file and the last boundary."""
import sys
import urllib.request

base = f"http://{sys.argv[1]}"
with urllib.request.urlopen(f"{base}/file", timeout=5) as answer:
    name, _, file = answer.read().partition(b"\n")
body = b'--B\r\nContent-Disposition: form-data; name="file"; filename="%b"\r\n\r\n%b--B--\r\n' % (name, file)
label = {"Content-Type": "multipart/form-data; boundary=B"}
with urllib.request.urlopen(urllib.request.Request(f"{base}/upload", body, label), timeout=5) as answer:
    sys.stdout.buffer.write(answer.read())
