"""What a mail program does that was told: this server, this port, no encryption, no login."""
import smtplib
import sys
from email.message import EmailMessage

message = EmailMessage()
message["From"] = "sender@example.com"
message["To"] = "receiver@example.com"
message["Subject"] = "from a mail program: 你好"
message.set_content("Hello, 你好\n")
message.add_attachment(b"\x00\x01\x02", maintype="application", subtype="octet-stream", filename="a.bin")
with smtplib.SMTP(sys.argv[1], int(sys.argv[2]), timeout=20) as server:
    server.send_message(message)
