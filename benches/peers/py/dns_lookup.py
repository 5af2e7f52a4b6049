# dns_lookup.py dnspython|gethostbyname HOST PORT NAMES LOOKUPS
# Asks for the IPv4 addresses of n0.bench.test, n1.bench.test and so on up to NAMES, again and again, one after the other; then
# prints `seconds=S answers=N`. The clock starts after the first answer. gethostbyname asks the servers of resolv.conf.
import socket
import sys
import time

way, host, port, names, lookups = sys.argv[1], sys.argv[2], *map(int, sys.argv[3:])
if way == "gethostbyname":
    def addresses(name):
        return [socket.gethostbyname(name)]
else:
    import dns.resolver
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers, resolver.port = [host], port
    resolver.use_edns(0, 0, 1232)  # as ours does
    def addresses(name):
        return resolver.resolve(name, "A")

addresses("n0.bench.test.")
start, answers = time.perf_counter(), 0
for n in range(lookups):
    answers += len(addresses(f"n{n % names}.bench.test."))
print(f"seconds={time.perf_counter() - start} answers={answers}")
