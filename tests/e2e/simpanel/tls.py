"""A self-signed certificate made at start with the openssl command."""

import base64
import hashlib
import pathlib
import ssl
import subprocess


def make(folder, name="simpanel", hosts=("DNS:localhost", "IP:127.0.0.1"), days=30):
    """Writes cert.pem and key.pem into `folder`; `days` 0 makes one that has just expired."""
    folder = pathlib.Path(folder)
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
         "-nodes", "-keyout", str(key), "-out", str(cert), "-days", str(days),
         "-subj", f"/CN={name}", "-addext", "subjectAltName=" + ",".join(hosts)],
        check=True, capture_output=True)
    key.chmod(0o600)
    return cert, key


def pin(cert):
    """The pin of the certificate's public key, as curl writes it: sha256//BASE64."""
    public = subprocess.run(["openssl", "x509", "-in", str(cert), "-noout", "-pubkey"],
                            check=True, capture_output=True).stdout
    der = subprocess.run(["openssl", "pkey", "-pubin", "-outform", "der"], input=public,
                         check=True, capture_output=True).stdout
    return "sha256//" + base64.b64encode(hashlib.sha256(der).digest()).decode()


def context(cert, key):
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.load_cert_chain(str(cert), str(key))
    made.set_alpn_protocols(["http/1.1"])
    return made
