"""A mail server on this machine that behaves as a test says: smtp_server.py FOLDER BEHAVIOUR

BEHAVIOUR is JSON, and every further line on stdin replaces it; at the end of stdin the server ends.
On stdout come lines of JSON: {"port"}, then {"mail"} for each mail taken, {"event"} for the rest.
The certificate of the authority that a house may trust is written to FOLDER/authority.pem.

refuse     the answer to every recipient, e.g. "550 5.1.1 nobody here"
greylist   so many recipients are told to come again, each by a 451
auth       [username, password]: without them no mail
tls        "implicit", "starttls" (offered and demanded); absent: none
certificate  "good" (for localhost and 127.0.0.1), "wrong_name", "unknown_authority"
drop       the connection is closed in the middle of the content
silent     a connection is taken and nothing is said
slow_ms    so long until a mail is taken
from       the answer to every sender, e.g. "530 5.7.0 sign in first"
no_quit    whoever takes leave gets no answer
"""

import asyncio
import datetime
import email
import email.policy
import ipaddress
import json
import logging
import ssl
import sys
import warnings
from pathlib import Path

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

# What it is told to put up with is nothing to complain about.
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")

folder = Path(sys.argv[1])
behaviour = json.loads(sys.argv[2])
greylisted = 0


def tell(**line):
    print(json.dumps(line), flush=True)


def certificate(name, names, authority=None):
    """A key and its certificate, vouched for by an authority or by itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    signer, issuer = (key, subject) if authority is None else (authority[0], authority[1].subject)
    now = datetime.datetime.now(datetime.timezone.utc)
    day = datetime.timedelta(days=1)
    builder = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(now - day).not_valid_after(now + day)
        .add_extension(x509.BasicConstraints(ca=authority is None, path_length=None), critical=True)
    )
    if names:
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
    return key, builder.sign(signer, hashes.SHA256())


def pem(made):
    return made.public_bytes(serialization.Encoding.PEM)


def tls_context():
    trusted = certificate("Authority", [])
    (folder / "authority.pem").write_bytes(pem(trusted[1]))
    if "tls" not in behaviour:
        return None
    kind = behaviour.get("certificate", "good")
    ours = [x509.DNSName("localhost"), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    names = [x509.DNSName("other.example")] if kind == "wrong_name" else ours
    authority = certificate("Stranger", []) if kind == "unknown_authority" else trusted
    key, made = certificate("Server", names, authority)
    chain = folder / "server.pem"
    chain.write_bytes(pem(made) + key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(chain)
    return context


def is_encrypted(server):
    return server.transport.get_extra_info("ssl_object") is not None


def authenticate(server, session, envelope, mechanism, data):
    tell(event="auth", mechanism=mechanism, encrypted=is_encrypted(server))
    given = [data.login.decode(), data.password.decode()]
    return AuthResult(success=given == behaviour.get("auth"), handled=False)


class Handler:
    async def handle_EHLO(self, server, session, envelope, hostname, responses):
        session.host_name = hostname
        tell(event="ehlo", name=hostname)
        return responses

    async def handle_MAIL(self, server, session, envelope, address, options):
        if behaviour.get("from"):
            tell(event="refused", sender=address)
            return behaviour["from"]
        envelope.mail_from = address
        envelope.mail_options.extend(options)
        return "250 OK"

    async def handle_QUIT(self, server, session, envelope):
        tell(event="quit")
        if behaviour.get("no_quit"):
            await asyncio.sleep(3600)
        return "221 Bye"

    async def handle_RCPT(self, server, session, envelope, address, options):
        global greylisted
        if behaviour.get("refuse"):
            tell(event="refused", to=address)
            return behaviour["refuse"]
        if greylisted < behaviour.get("greylist", 0):
            greylisted += 1
            tell(event="greylisted", to=address)
            return "451 4.7.1 greylisted, come again later"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server, session, envelope):
        tell(event="data", to=envelope.rcpt_tos)
        await asyncio.sleep(behaviour.get("slow_ms", 0) / 1000)
        if behaviour.get("drop"):
            server.transport.abort()
            return "250 OK"
        raw = envelope.content
        message = email.message_from_bytes(raw, policy=email.policy.default)
        part = lambda kind: message.get_body([kind]).get_content() if message.get_body([kind]) else ""
        tell(mail={
            "from": envelope.mail_from, "to": envelope.rcpt_tos, "subject": message["subject"],
            "text": part("plain"), "html": part("html"), "type": message.get_content_type(),
            "headers": [[name, str(value)] for name, value in message.items()],
            "encrypted": is_encrypted(server), "authenticated": bool(session.authenticated),
            "raw": raw.decode("latin-1"),
        })
        return "250 OK"


class Silent(asyncio.Protocol):
    def connection_made(self, transport):
        tell(event="connected")


async def main():
    global behaviour, greylisted
    loop = asyncio.get_running_loop()
    context = tls_context()
    implicit = behaviour.get("tls") == "implicit"

    def connection():
        if behaviour.get("silent"):
            return Silent()
        starttls = context if behaviour.get("tls") == "starttls" else None
        return SMTP(
            Handler(), hostname="mail.example.org", enable_SMTPUTF8=True, loop=loop,
            tls_context=starttls, require_starttls=starttls is not None,
            authenticator=authenticate, auth_required="auth" in behaviour,
            auth_require_tls=starttls is not None,
        )

    server = await loop.create_server(connection, "127.0.0.1", 0, ssl=context if implicit else None)
    tell(port=server.sockets[0].getsockname()[1])
    lines = asyncio.StreamReader()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(lines), sys.stdin)
    while line := await lines.readline():
        behaviour, greylisted = json.loads(line), 0
        tell(event="changed")


asyncio.run(main())
