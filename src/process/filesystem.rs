//! What a file system does not let even root do, whatever its modes say.

use std::{
    io::{self, ErrorKind},
    path::Path,
};

use rustix::fs::{FsWord, PROC_SUPER_MAGIC, statfs};

use crate::phrase;

/// Whether a directory can be made there by anybody.
///
/// Root may write to procfs and sysfs by their modes, and still cannot make anything there (`proc(5)`, `sysfs(5)`).
/// # Errors
/// `Unsupported` if none can; what statfs(2) says.
pub(crate) fn takes_directories(path: &Path) -> io::Result<()> {
    const SYSFS_MAGIC: FsWord = 0x6265_6572;
    if [PROC_SUPER_MAGIC, SYSFS_MAGIC].contains(&statfs(path)?.f_type) {
        return Err(io::Error::new(ErrorKind::Unsupported, phrase::KERNELS_OWN));
    }
    Ok(())
}
