# http_turns.py HOST PORT PATH REQUESTS
# Asks for PATH with http.client again and again on one connection; then prints `seconds=S answers=N`. The clock starts after
# the first answer.
import http.client
import sys
import time

host, port, path, requests = sys.argv[1], int(sys.argv[2]), sys.argv[3], int(sys.argv[4])
connection = http.client.HTTPConnection(host, port, timeout=30)

def turn():
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status == 200 and len(response.read()) == 1024

turn()
start, answers = time.perf_counter(), 0
for _ in range(requests):
    answers += turn()
print(f"seconds={time.perf_counter() - start} answers={answers}")
