"""Certificates of a test's own, made with the `openssl` program."""

import ssl
import subprocess
from dataclasses import dataclass
from pathlib import Path

_LEAF = """
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = serverAuth
subjectAltName = IP:127.0.0.1, IP:0.0.0.0, DNS:localhost
"""


@dataclass(frozen=True, slots=True)
class Certificates:
    """An authority, and a certificate by it for 127.0.0.1 and localhost.

    It is good for 0.0.0.0 as well: an address of this machine that, to Docker, is no loopback.
    """

    authority: Path
    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Make what a server shows them with."""
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        context.load_cert_chain(self.certificate, self.key)
        return context

    def trust_in(self, folder: Path, host: str) -> Path:
        """Put the authority where a host's own certificates belong, in a folder as Docker's `certs.d`; gives that."""
        own = folder / host
        own.mkdir(parents=True)
        (own / "ca.crt").write_bytes(self.authority.read_bytes())
        return folder


def made_certificates(folder: Path) -> Certificates:
    """Make them in a folder."""
    (folder / "leaf.cnf").write_text(_LEAF)
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    _openssl(folder, "req", "-x509", *key, "-days", "2", "-subj", "/CN=test authority", "-keyout", "a.key",
             "-out", "a.crt", "-addext", "keyUsage = critical, keyCertSign")  # fmt: skip
    _openssl(folder, "req", "-new", *key, "-subj", "/CN=test registry", "-keyout", "leaf.key", "-out", "leaf.csr")
    _openssl(folder, "x509", "-req", "-in", "leaf.csr", "-CA", "a.crt", "-CAkey", "a.key", "-CAcreateserial",
             "-days", "2", "-extfile", "leaf.cnf", "-out", "leaf.crt")  # fmt: skip
    return Certificates(folder / "a.crt", folder / "leaf.crt", folder / "leaf.key")


def _openssl(folder: Path, *arguments: str) -> None:
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)
