//! rustls with libpq's meaning of `sslmode` (PostgreSQL manual, 34.19).
//!
//! `prefer`, `allow` and `require` encrypt and verify nothing, unless a root certificate file is
//! there: then they verify the chain, as `verify-ca` does. Only `verify-full` looks at the name. A
//! client's certificate that is missing is not shown.

mod failed;
pub(crate) mod files;

use std::sync::Arc;

use rustls::{
    ALL_VERSIONS, CertificateError, ClientConfig, DigitallySignedStruct, Error, RootCertStore,
    SignatureScheme, SupportedProtocolVersion,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        verify_server_name,
    },
    crypto::CryptoProvider,
    pki_types::{CertificateDer, ServerName, UnixTime},
    server::ParsedCertificate,
    version::{TLS12, TLS13},
};

pub(crate) use failed::row;

use super::certificate;
use crate::config::database::{ChannelBinding, Roots, Ssl, SslMode, TlsVersions};

/// How much of a certificate is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    Nothing,
    Chain,
    /// As libpq does, with the common name for want of alternative ones.
    ChainAndName,
    /// As browsers do.
    ChainAndAlternativeName,
}

fn check(ssl: &Ssl) -> Check {
    match (ssl.mode, &ssl.roots) {
        (SslMode::VerifyFull, _) => Check::ChainAndName,
        (SslMode::NoVerify, _) => Check::Nothing,
        (SslMode::VerifyCa, _) => Check::Chain,
        // A file that is missing counts only where the mode itself verifies, as in libpq.
        (_, Roots::File(path)) if path.exists() => Check::Chain,
        _ => Check::Nothing,
    }
}

/// The client's side of TLS to a database. Roots are only loaded if the mode verifies.
/// # Errors
/// A clause that names the file which cannot be used.
pub(crate) fn config(ssl: &Ssl) -> Result<ClientConfig, String> {
    client(ssl, check(ssl))
}

/// TLS to any other service, as browsers have it: the system's roots, and the alternative names.
/// # Errors
/// A clause that says that there are no roots.
pub(crate) fn of_service() -> Result<ClientConfig, String> {
    let ssl = Ssl {
        mode: SslMode::VerifyFull,
        roots: Roots::System,
        identity: None,
        versions: TlsVersions::All,
        sni: true,
        direct: false,
        channel_binding: ChannelBinding::Disable,
    };
    client(&ssl, Check::ChainAndAlternativeName)
}

fn client(ssl: &Ssl, check: Check) -> Result<ClientConfig, String> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let verifier = verifier(ssl, check, &provider)?;
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&versions(ssl))
        .map_err(|_| "no common protocol version".to_owned())?
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier));
    let shown = ssl.identity.as_ref().filter(|(certificate, _)| !files::is_missing(certificate));
    let mut config = match shown {
        None => builder.with_no_client_auth(),
        Some((certificate, key)) => {
            builder.with_client_cert_resolver(files::identity(certificate, key, &provider)?)
        }
    };
    config.enable_sni = ssl.sni;
    if ssl.direct {
        // The server refuses direct TLS without it (manual, 55.2.11).
        config.alpn_protocols = vec![b"postgresql".to_vec()];
    }
    Ok(config)
}

fn versions(ssl: &Ssl) -> Vec<&'static SupportedProtocolVersion> {
    match ssl.versions {
        TlsVersions::All => ALL_VERSIONS.to_vec(),
        TlsVersions::Only12 => vec![&TLS12],
        TlsVersions::Only13 => vec![&TLS13],
    }
}

/// The system's roots, so that a private authority added to an image counts; Mozilla's where an
/// image has none.
fn system_roots() -> RootCertStore {
    let mut roots = RootCertStore::empty();
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned());
    }
    roots
}

fn verifier(ssl: &Ssl, check: Check, provider: &Arc<CryptoProvider>) -> Result<Verifier, String> {
    let mut pinned = Vec::new();
    let roots = match &ssl.roots {
        _ if check == Check::Nothing => RootCertStore::empty(),
        Roots::System => system_roots(),
        Roots::File(path) => {
            pinned = files::certificates(path)?;
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(pinned.iter().cloned());
            roots
        }
    };
    let asked = match &ssl.roots {
        Roots::System => "the system's roots".to_owned(),
        Roots::File(path) => format!("`{}`", path.display()),
    };
    let unusable = || format!("no usable root certificate in {asked}");
    let chain = match check {
        Check::Nothing => None,
        _ if roots.is_empty() => return Err(unusable()),
        _ => Some(
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
                .build()
                .map_err(|_| unusable())?,
        ),
    };
    Ok(Verifier { check, chain, pinned, asked, provider: Arc::clone(provider) })
}

/// Applies `check` to a server's certificate.
#[derive(Debug)]
struct Verifier {
    check: Check,
    /// Verifies chain and name; `None` if nothing is checked.
    chain: Option<Arc<WebPkiServerVerifier>>,
    /// Certificates of the root file: a self-signed server certificate may stand there itself.
    pinned: Vec<CertificateDer<'static>>,
    /// The roots in words: the file's name, or the system's.
    asked: String,
    provider: Arc<CryptoProvider>,
}

impl Verifier {
    /// Whether the server's own certificate stands in the root file. Webpki refuses a self-signed
    /// certificate that is its own root; OpenSSL, and so libpq, does not.
    fn is_pinned(&self, certificate: &CertificateDer) -> bool {
        self.pinned.iter().any(|pinned| pinned == certificate)
    }

    fn verified(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let Some(chain) = &self.chain else { return Ok(ServerCertVerified::assertion()) };
        let outcome = chain.verify_server_cert(certificate, intermediates, name, ocsp, now);
        match outcome {
            // The name is looked at last, so the chain is good.
            Err(Error::InvalidCertificate(
                CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
            )) if self.is_name_enough(certificate, name) => Ok(ServerCertVerified::assertion()),
            Err(Error::InvalidCertificate(
                CertificateError::UnknownIssuer | CertificateError::Other(_),
            )) if self.is_pinned(certificate) => {
                self.check_name(certificate, name)?;
                Ok(ServerCertVerified::assertion())
            }
            other => other,
        }
    }

    fn explained(&self, error: Error, own: &CertificateDer, sent: &[CertificateDer]) -> Error {
        certificate::explained(error, own, sent, &self.asked)
    }

    fn check_name(&self, certificate: &CertificateDer, name: &ServerName) -> Result<(), Error> {
        if self.is_name_enough(certificate, name) {
            return Ok(());
        }
        verify_server_name(&ParsedCertificate::try_from(certificate)?, name)
    }

    /// Whether a certificate counts whose alternative names do not hold the host's.
    fn is_name_enough(&self, certificate: &CertificateDer, name: &ServerName) -> bool {
        match self.check {
            Check::Nothing | Check::Chain => true,
            Check::ChainAndName => certificate::is_commonly_named(certificate, name),
            Check::ChainAndAlternativeName => false,
        }
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified = self.verified(certificate, intermediates, name, ocsp, now);
        verified.map_err(|error| self.explained(error, certificate, intermediates))
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(chain) => {
                let verified = chain.verify_tls12_signature(message, certificate, signature);
                verified.map_err(|error| self.explained(error, certificate, &[]))
            }
        }
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        match &self.chain {
            None => Ok(HandshakeSignatureValid::assertion()),
            Some(chain) => {
                let verified = chain.verify_tls13_signature(message, certificate, signature);
                verified.map_err(|error| self.explained(error, certificate, &[]))
            }
        }
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
