"""Certificates and keys: an authority of our own, and what it signs. Nobody else's is asked, and nobody else trusts it."""

from __future__ import annotations

import datetime
import ipaddress
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

_VALID = datetime.timedelta(days=365)
_CLOCK_SKEW = datetime.timedelta(minutes=5)


@dataclass(frozen=True)
class Identity:
    """A certificate and its key, in PEM."""

    certificate: bytes
    key: bytes


class Authority:
    """A certificate authority and its key."""

    def __init__(self, name: str, now: datetime.datetime, life: datetime.timedelta = _VALID) -> None:
        """Make a new one, valid from now on."""
        self._now = now
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        self._certificate = (
            self._builder(self._name, self._key.public_key(), life)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .add_extension(_key_usage(signs_certificates=True), critical=True)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(self._key.public_key()), critical=False)
            .sign(self._key, hashes.SHA256())
        )

    @classmethod
    def restored(cls, identity: Identity, now: datetime.datetime) -> Authority:
        """Take up one that was made before, as of `now`. Raises ValueError when the two parts are no authority."""
        certificate = x509.load_pem_x509_certificate(identity.certificate)
        key = serialization.load_pem_private_key(identity.key, password=None)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise ValueError("the key is not the certificate's")
        authority = cls.__new__(cls)
        authority._now, authority._key = now, key
        authority._name, authority._certificate = certificate.subject, certificate
        return authority

    @property
    def certificate(self) -> bytes:
        """The authority's certificate in PEM."""
        return self._certificate.public_bytes(serialization.Encoding.PEM)

    @property
    def identity(self) -> Identity:
        """What `restored` takes: whoever has it can sign."""
        return Identity(self.certificate, _private_pem(self._key))

    def server(
        self, name: str, addresses: Sequence[str], names: Sequence[str], life: datetime.timedelta = _VALID
    ) -> Identity:
        """Sign a certificate for a server that answers at these IP addresses and DNS names. It does not outlive ours."""
        alternatives: list[x509.GeneralName] = [x509.IPAddress(ipaddress.ip_address(a)) for a in addresses]
        alternatives += [x509.DNSName(n) for n in names]
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        return self._sign(subject, ExtendedKeyUsageOID.SERVER_AUTH, x509.SubjectAlternativeName(alternatives), life)

    def client(self, user: str, group: str | None = None) -> Identity:
        """Sign a certificate that a Kubernetes API server reads as `user` in `group`."""
        attributes = [x509.NameAttribute(NameOID.COMMON_NAME, user)]
        if group:
            attributes.insert(0, x509.NameAttribute(NameOID.ORGANIZATION_NAME, group))
        return self._sign(x509.Name(attributes), ExtendedKeyUsageOID.CLIENT_AUTH, None, _VALID)

    def _sign(
        self,
        subject: x509.Name,
        usage: x509.ObjectIdentifier,
        alternatives: x509.SubjectAlternativeName | None,
        life: datetime.timedelta,
    ) -> Identity:
        key = ec.generate_private_key(ec.SECP256R1())
        builder = (
            self._builder(subject, key.public_key(), min(life, self._certificate.not_valid_after_utc - self._now))
            .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
            .add_extension(_key_usage(signs_certificates=False), critical=True)
            .add_extension(x509.ExtendedKeyUsage([usage]), critical=False)
            .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key()), critical=False)
        )
        if alternatives:
            builder = builder.add_extension(alternatives, critical=False)
        certificate = builder.sign(self._key, hashes.SHA256())
        return Identity(certificate.public_bytes(serialization.Encoding.PEM), _private_pem(key))

    def _builder(
        self, subject: x509.Name, key: ec.EllipticCurvePublicKey, life: datetime.timedelta
    ) -> x509.CertificateBuilder:
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(self._now - _CLOCK_SKEW)
            .not_valid_after(self._now + life)
        )


def valid_until(certificate: bytes) -> datetime.datetime:
    """Return when a certificate in PEM expires. Raises ValueError when it is none."""
    return x509.load_pem_x509_certificate(certificate).not_valid_after_utc


def share_left(certificate: bytes, now: datetime.datetime) -> float:
    """Return which share of its life a certificate of ours in PEM has left: 1 when it was signed. Raises ValueError when it is none."""
    read = x509.load_pem_x509_certificate(certificate)
    life = read.not_valid_after_utc - read.not_valid_before_utc - _CLOCK_SKEW
    return (read.not_valid_after_utc - now) / life if life > datetime.timedelta(0) else 0.0


def signing_keys() -> tuple[bytes, bytes]:
    """Return a new private key and its public key in PEM: what ServiceAccount tokens are signed with."""
    key = ec.generate_private_key(ec.SECP256R1())
    public = key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
    return _private_pem(key), public


def write_secret(path: Path, content: bytes | str) -> Path:
    """Write a file that only its owner may read; return its path."""
    path.touch(mode=0o600)
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def _private_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _key_usage(*, signs_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        key_cert_sign=signs_certificates,
        crl_sign=signs_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )
