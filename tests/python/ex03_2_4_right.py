"""Exercise 3.2.4 in Python: orders a pizza, and only one, whatever gets lost."""
import http.client
import sys
import time

MAY_CHANGE = (429, 500, 502, 503, 504)


def send(method, body=None):
    """Status, body and Retry-After; no status when nobody knows."""
    connection = http.client.HTTPConnection(sys.argv[1], timeout=1)
    try:
        connection.request(method, "/order", body)
        answer = connection.getresponse()
        return answer.status, answer.read(), answer.headers.get("Retry-After", "")
    except (OSError, http.client.HTTPException):
        return None, b"", ""
    finally:
        connection.close()


def look():
    """What was ordered, or None."""
    pause = ""
    for _ in range(3):
        time.sleep(min(int(pause), 1) if pause.isdigit() else 0)
        status, order, pause = send("GET")
        if status == 200:
            return order
        if status == 404:
            return None
        if status is not None and status not in MAY_CHANGE:
            sys.exit(f"error: the server answered {status}")
    sys.exit("error: three questions without an answer")


for _ in range(3):
    status, order, _pause = send("POST", b"pizza")
    if status == 201:
        break
    if status is not None and status not in MAY_CHANGE:
        sys.exit(f"error: the server answered {status}")
    if (order := look()) is not None:
        break
else:
    sys.exit("error: three orders, and none came through")
sys.stdout.buffer.write(order)
