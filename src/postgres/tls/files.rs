//! Certificates and keys in PEM files.

use std::{fs, io::ErrorKind, path::Path, sync::Arc};

use rustls::{
    crypto::CryptoProvider,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    sign::{CertifiedKey, SingleCertAndKey},
};

use super::super::certificate;

/// The client's certificate and its key.
pub(super) fn identity(
    path: &Path,
    key: &Path,
    provider: &CryptoProvider,
) -> Result<Arc<SingleCertAndKey>, String> {
    let chain = certificates(path)?;
    let signing = provider
        .key_provider
        .load_private_key(private_key(key)?)
        .map_err(|_| format!("`{}` is a key of an unknown kind", key.display()))?;
    let (own, key) = (chain.first(), signing.public_key());
    let other = own.zip(key).is_some_and(|(own, key)| !certificate::is_for(own, &key));
    if other {
        return Err(format!("`{}` does not fit its key", path.display()));
    }
    Ok(Arc::new(SingleCertAndKey::from(CertifiedKey::new(chain, signing))))
}

/// Whether there is no such file; one that may not be looked at is there.
pub(super) fn is_missing(path: &Path) -> bool {
    let kind = fs::metadata(path).err().map(|error| error.kind());
    matches!(kind, Some(ErrorKind::NotFound | ErrorKind::NotADirectory))
}

pub(super) fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let unusable = || format!("`{}` is missing or holds no PEM certificate", path.display());
    let list: Result<Vec<_>, _> =
        CertificateDer::pem_file_iter(path).map_err(|_| unusable())?.collect();
    list.ok().filter(|list| !list.is_empty()).ok_or_else(unusable)
}

fn private_key(path: &Path) -> Result<PrivateKeyDer<'static>, String> {
    PrivateKeyDer::from_pem_file(path).map_err(|_| {
        let encrypted = fs::read(path).is_ok_and(|pem| is_encrypted(&pem));
        let why =
            if encrypted { ENCRYPTED } else { "is missing or holds no plain PEM private key" };
        format!("`{}` {why}", path.display())
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
