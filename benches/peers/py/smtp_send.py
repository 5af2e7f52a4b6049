"""Sends messages with smtplib over one connection: smtp_send.py HOST PORT MESSAGES BYTES. Prints what the others print."""
import smtplib
import sys
import time

host, port, messages, size = sys.argv[1], int(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4])
line = "x" * 70 + "\r\n"
text = "From: a@localhost\r\nTo: b@localhost\r\nSubject: x\r\n\r\n" + (line * (size // len(line) + 1))[: size - 2] + "\r\n"
begin = time.perf_counter()
with smtplib.SMTP(host, port, local_hostname="localhost", timeout=60) as server:
    for _ in range(messages):
        server.sendmail("a@localhost", ["b@localhost"], text)
print(f"seconds={time.perf_counter() - begin}")
