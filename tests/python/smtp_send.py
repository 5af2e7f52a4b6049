"""The usual listing with smtplib and email.mime, before our server; then what else smtplib does. Prints what came of it."""
import json
import smtplib
import ssl
import sys
from email.header import Header
from email.mime.multipart import MIMEMultipart
from email.mime.text import MIMEText

host, port, ca = sys.argv[1], int(sys.argv[2]), sys.argv[3]
seen = {}

message = MIMEMultipart()
message["From"] = "sender@example.com"
message["To"] = "receiver@example.com"
message["Subject"] = Header("测试邮件", "utf-8")
message.attach(MIMEText("这是一封测试邮件", "plain", "utf-8"))

# The calls of the listing. Without a context no certificate is checked.
with smtplib.SMTP(host, port, timeout=20) as server:
    server.starttls()
    server.login("user", "password")
    server.send_message(message)

with smtplib.SMTP(host, port, timeout=20) as server:
    seen["ehlo"] = server.ehlo()[0]
    seen["plain features"] = sorted(server.esmtp_features)
    server.starttls(context=ssl.create_default_context(cafile=ca))
    server.ehlo()
    seen["tls features"] = sorted(server.esmtp_features)
    try:
        server.login("user", "wrong")
    except smtplib.SMTPAuthenticationError as error:
        seen["wrong"] = error.smtp_code
    server.user, server.password = "user", "password"
    seen["login"] = server.auth("LOGIN", server.auth_login)[0]
    seen["noop"] = server.noop()[0]
    seen["verify"] = server.verify("user")[0]
    seen["help"] = server.help().decode()[:5]
    seen["refused"] = {
        who: reply[0] for who, reply in server.sendmail("a@example.com", ["b@example.com", "nobody@example.com"], "Subject: x\r\n\r\n.\r\n..\r\nend.").items()
    }
    try:
        server.sendmail("a@example.com", ["nobody@example.com"], "x")
    except smtplib.SMTPRecipientsRefused as error:
        seen["all refused"] = {who: reply[0] for who, reply in error.recipients.items()}
    seen["utf8"] = server.sendmail("你@example.com", ["好@example.com"], "Subject: 你好\r\n\r\n你好".encode(), ["SMTPUTF8", "BODY=8BITMIME"])
    seen["rset"] = server.rset()[0]
    seen["quit"] = server.quit()[0]
print(json.dumps(seen, ensure_ascii=False))
