"""aiosmtpd with STARTTLS and AUTH on a free port: prints where it listens, then each message as one line of JSON."""
import base64
import json
import ssl
import sys

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword

certificate, key = sys.argv[1:3]
modes = sys.argv[3:]


class Handler:
    async def handle_RCPT(self, server, session, envelope, address, rcpt_options):
        if address.startswith("nobody"):
            return "550 5.1.1 no such user"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        content = envelope.content if isinstance(envelope.content, bytes) else envelope.content.encode()
        seen = {
            "from": envelope.mail_from,
            "to": envelope.rcpt_tos,
            "options": envelope.mail_options,
            "tls": session.ssl is not None,
            "user": session.auth_data.login.decode() if session.authenticated else None,
            "content": base64.b64encode(content).decode(),
        }
        print(json.dumps(seen), flush=True)
        return "250 2.0.0 taken"


def authenticate(server, session, envelope, mechanism, data):
    right = isinstance(data, LoginPassword) and (data.login, data.password) == (b"user", b"password")
    return AuthResult(success=right, handled=False, auth_data=data)


context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(certificate, key)


class Free(Controller):
    def _trigger_server(self):  # calls itself, at the port that was asked for, which is 0
        self.port = self.server.sockets[0].getsockname()[1]
        super()._trigger_server()


at_once = "at-once" in modes
options = {} if at_once else {"tls_context": context, "require_starttls": True}
controller = Free(
    Handler(),
    hostname="127.0.0.1",
    port=0,
    ssl_context=context if at_once else None,
    authenticator=authenticate,
    auth_required=True,
    auth_require_tls=not at_once,
    enable_SMTPUTF8=True,
    auth_exclude_mechanism=["PLAIN"] if "login-only" in modes else [],
    **options,
)
controller.start()
host, port = controller.server.sockets[0].getsockname()
print(f"listening on {host}:{port}", flush=True)
sys.stdin.read()
controller.stop()
