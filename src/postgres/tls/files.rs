//! Certificates in PEM files, and their keys.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::super::certificate;
use crate::phrase;

/// The client's certificate and its key.
pub(super) fn identity(
    path: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, String> {
    let chain = certificates(path)?;
    let signing = provider
        .key_provider
        .load_private_key(private_key(key).map_err(|why| named(why, path == key))?)
        .map_err(|_| format!("`{}` is a key of an unknown kind", key.display()))?;
    let (own, key) = (chain.first(), signing.public_key());
    let other = own.zip(key).is_some_and(|(own, key)| !certificate::is_for(own, &key));
    if other {
        return Err(format!("`{}` does not fit its key", path.display()));
    }
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, signing))))
}

/// Without `sslkey` the key is looked for in the certificate's file.
fn named(why: String, in_one_file: bool) -> String {
    if in_one_file { format!("{why}, and `sslkey` is not set") } else { why }
}

/// Whether there is no such file; one that may not be looked at is there.
pub(super) fn is_missing(path: &Path) -> bool {
    let kind = fs::metadata(path).err().map(|error| error.kind());
    matches!(kind, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(path)?;
    let list: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&bytes).collect();
    match list {
        Ok(list) if !list.is_empty() => Ok(list),
        _ => Err(format!("`{}` {}", path.display(), no_certificate(&bytes))),
    }
}

/// Why a file gives no certificate.
fn no_certificate(bytes: &[u8]) -> &'static str {
    if bytes.trim_ascii().is_empty() {
        "is empty"
    } else if bytes.windows(PEM.len()).any(|window| window == PEM) {
        "holds a PEM certificate that is damaged"
    } else if bytes.starts_with(&[0x30]) {
        "is in DER form: `openssl x509 -inform DER -in FILE` prints it as PEM"
    } else {
        "holds no PEM certificate"
    }
}

const PEM: &[u8] = b"-----BEGIN CERTIFICATE-----";

fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|error| {
        let why = match error.kind() {
            ErrorKind::NotFound | ErrorKind::NotADirectory => "is missing".to_owned(),
            ErrorKind::IsADirectory => "is a directory".to_owned(),
            _ => format!("cannot be read: {}", phrase::system(&error)),
        };
        format!("`{}` {why}", path.display())
    })
}

/// A key in PEM form, or else in DER form, which libpq takes as well (PostgreSQL manual, 34.1.2, `sslkey`).
fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    let bytes = read(path)?;
    PrivateKeyDer::from_pem_slice(&bytes).or_else(|_| {
        PrivateKeyDer::try_from(bytes.clone()).map_err(|_| {
            let why = if is_encrypted(&bytes) {
                ENCRYPTED
            } else {
                "holds no private key that can be read"
            };
            format!("`{}` {why}", path.display())
        })
    })
}

/// What is said of an encrypted key.
pub(crate) const ENCRYPTED: &str =
    "is encrypted, which is not supported, with `sslpassword` or without";

/// Whether a key needs a password: PKCS #8 (RFC 7468, 11), or OpenSSL's older form (RFC 1421, 4.6.1.1).
pub(crate) fn is_encrypted(pem: &[u8]) -> bool {
    let text = String::from_utf8_lossy(pem);
    text.contains("BEGIN ENCRYPTED PRIVATE KEY") || text.contains("Proc-Type: 4,ENCRYPTED")
}
