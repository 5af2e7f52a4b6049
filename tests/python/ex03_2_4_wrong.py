"""Exercise 3.2.4 in Python with the usual mistake: it orders until it hears of an order."""
import http.client
import sys

for _ in range(3):
    try:
        connection = http.client.HTTPConnection(sys.argv[1], timeout=1)
        connection.request("POST", "/order", b"pizza")
        answer = connection.getresponse()
        if answer.status == 201:
            sys.stdout.buffer.write(answer.read())
            sys.exit()
    except (OSError, http.client.HTTPException):
        pass
sys.exit("error: three orders, and none came through")
