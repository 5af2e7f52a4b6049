"""dnspython as a judge of our DNS, in two ways; one process serves a whole test through its pipes.

codec             frames of two bytes of length and a message come in; each is read, written anew and sent back
resolve PORT      lines "NAME TYPE" come in; each is looked up at 127.0.0.1:PORT, and what is found goes out
"""

import struct
import sys

import dns.exception
import dns.message
import dns.rdatatype
import dns.resolver


def codec(wire_in, wire_out):
    while head := wire_in.read(2):
        wire = wire_in.read(struct.unpack("!H", head)[0])
        try:
            message = dns.message.from_wire(wire, one_rr_per_rrset=True)
            answer = message.to_wire(max_size=65535)
        except dns.exception.DNSException as error:
            answer = b""
            print(type(error).__name__, error, file=sys.stderr)
        wire_out.write(struct.pack("!H", len(answer)) + answer)
    wire_out.flush()


def name(value):
    return value.to_text(omit_final_dot=True)


def data(rdata):
    kind = dns.rdatatype.to_text(rdata.rdtype)
    if kind in ("A", "AAAA"):
        return rdata.address
    if kind in ("CNAME", "NS", "PTR"):
        return name(rdata.target)
    if kind == "MX":
        return f"{rdata.preference} {name(rdata.exchange)}"
    if kind == "SRV":
        return f"{rdata.priority} {rdata.weight} {rdata.port} {name(rdata.target)}"
    if kind == "TXT":
        return " ".join('"' + string.decode() + '"' for string in rdata.strings)
    if kind == "SOA":
        numbers = (rdata.serial, rdata.refresh, rdata.retry, rdata.expire, rdata.minimum)
        return " ".join([name(rdata.mname), name(rdata.rname), *map(str, numbers)])
    raise ValueError(kind)


def resolve(port):
    resolver = dns.resolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = port
    resolver.use_edns(0, 0, 1232)
    resolver.lifetime = 10
    for line in sys.stdin:
        owner, kind = line.split()
        try:
            found = resolver.resolve(owner, kind, search=False)
            answer = " | ".join(sorted(data(rdata) for rdata in found))
        except dns.resolver.NXDOMAIN:
            answer = "no such name"
        except dns.resolver.NoAnswer:
            answer = "no data"
        except dns.exception.DNSException as error:
            answer = type(error).__name__
        print(f"{owner} {kind} -> {answer}")


if sys.argv[1] == "codec":
    codec(sys.stdin.buffer, sys.stdout.buffer)
else:
    resolve(int(sys.argv[2]))
