# ftp.py retr|stor HOST:PORT FILE COUNT
# As a guest downloads FILE0, FILE1 and so on to /dev/null, or uploads the local FILE under these names; then prints
# `seconds=S bytes=N`. The clock starts before it connects.
import ftplib
import os
import sys
import time

task, server, file, count = sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4])
host, port = server.rsplit(":", 1)
start, moved = time.perf_counter(), 0
ftp = ftplib.FTP()
ftp.connect(host, int(port))
ftp.login()
for n in range(count):
    remote = os.path.basename(file) + str(n)
    if task == "retr":
        with open("/dev/null", "wb", buffering=0) as null:
            def write(piece):
                global moved
                moved += null.write(piece)
            ftp.retrbinary("RETR " + remote, write)
    else:
        with open(file, "rb") as local:
            ftp.storbinary("STOR " + remote, local)
            moved += local.tell()
print(f"seconds={time.perf_counter() - start} bytes={moved}")
ftp.quit()
