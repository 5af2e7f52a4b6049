"""Exercise 3.2.1 in Python with the usual mistake: the address is glued, and so the & of the value begins a parameter."""
import sys
import urllib.request

url = f"http://{sys.argv[1]}/words?q=fish%20&%20chips&page=1"
request = urllib.request.Request(url, headers={"X-Train": "yes"})
with urllib.request.urlopen(request, timeout=1) as answer:
    sys.stdout.buffer.write(answer.read())
