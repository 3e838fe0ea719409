//! Certificates for one test, made by the openssl program.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
    process::Command,
};

/// A directory that everybody may read, with an authority and what it has signed.
///
/// `ca`, `other` (an authority that signed nothing), `server` (for db.example and 127.0.0.9),
/// `common` (for db.example by its subject only), `mixed` (the same beside an alternative name for an IP address),
/// `below` (signed by `middle`, which `ca` has signed) and `chain` (the same with the certificate of `middle`),
/// `old` (of X.509 version 1, where the openssl program makes such ones),
/// `expired`, `client` (for the role `postgres`), `stranger` (signed by `other`),
/// `binary` (`client` with its key in DER form),
/// `locked` and `locked-old` (`client` with an encrypted key); `.crt` and `.key` each.
pub(crate) struct Certificates(tempfile::TempDir);

const SCRIPT: &str = r#"set -e; cd "$1"; umask 022
key='-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes'
for ca in ca other; do openssl req -x509 $key -days 2 -subj "/O=Shop/CN=$ca authority" -keyout $ca.key -out $ca.crt; done
signed() { # NAME SUBJECT AUTHORITY DAYS NAMES
    openssl req $key -subj "/CN=$2" -keyout $1.key -out $1.csr
    printf %s "$5" > $1.ext
    openssl x509 -req -days $4 -in $1.csr -CA $3.crt -CAkey $3.key -set_serial $RANDOM0$$ -extfile $1.ext -out $1.crt
}
signed server db.example ca 2 'subjectAltName=DNS:db.example,IP:127.0.0.9'
signed common db.example ca 2 'basicConstraints=CA:FALSE'
signed mixed db.example ca 2 'subjectAltName=IP:127.0.0.9'
signed middle 'middle authority' ca 2 'basicConstraints=critical,CA:TRUE'
signed below db.example middle 2 'subjectAltName=DNS:db.example'
cat below.crt middle.crt > chain.crt; cp below.key chain.key
openssl req $key -subj /CN=db.example -keyout old.key -out old.csr
openssl x509 -req -help 2>&1 | grep -q x509v1 && old=-x509v1 || old=
openssl x509 -req -days 2 $old -in old.csr -CA ca.crt -CAkey ca.key -set_serial 7 -out old.crt
signed expired db.example ca -1 'subjectAltName=DNS:db.example'
signed client postgres ca 2 ''
signed stranger postgres other 2 ''
cp client.crt binary.crt; openssl pkcs8 -topk8 -nocrypt -in client.key -outform DER -out binary.key
openssl x509 -in ca.crt -outform DER -out ca.der
cp client.crt locked.crt; openssl pkcs8 -topk8 -in client.key -passout pass:x -out locked.key
cp client.crt locked-old.crt; openssl ec -in client.key -aes256 -passout pass:x -out locked-old.key
chmod 600 *.key"#;

impl Certificates {
    pub(crate) fn made() -> Self {
        let directory = tempfile::Builder::new().prefix("app-init-crt").tempdir().unwrap();
        fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let script = ["-c", SCRIPT, "sh"];
        let made = Command::new("sh").args(script).arg(directory.path()).output().unwrap();
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        Self(directory)
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Copies a file to a server's data directory, for its user alone.
    pub(crate) fn give(&self, name: &str, data: &Path, as_name: &str) {
        let to = data.join(as_name);
        fs::copy(self.path(name), &to).unwrap();
        fs::set_permissions(&to, PermissionsExt::from_mode(0o600)).unwrap();
        let owner = fs::metadata(data).unwrap();
        chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}
