"""Exercise 2.5 in Python: serves three clients at once, with numbers that they share."""
import itertools
import socket
import threading

places = threading.Semaphore(3)
numbers = itertools.count(1)
lock = threading.Lock()


def answer(client):
    with client, client.makefile("rb") as lines:
        for line in lines:
            if line.endswith(b"\n"):
                with lock:
                    number = next(numbers)
                client.sendall(b"%d\n" % number)


def work(client):
    try:
        answer(client)
    except OSError as error:
        print("a client failed:", error, flush=True)
    finally:
        places.release()


with socket.create_server(("127.0.0.1", 0)) as server:
    print("listening on %s:%d" % server.getsockname(), flush=True)
    while True:
        places.acquire()
        client, _ = server.accept()
        threading.Thread(target=work, args=(client,), daemon=True).start()
