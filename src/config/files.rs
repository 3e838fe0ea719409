//! The few things the settings want to know from the disk, so that tests need none.

use std::{
    env, fs, io,
    path::{Path, PathBuf},
};

/// Reads what a setting names.
pub(crate) trait Files {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>>;
    fn is_file(&self, path: &Path) -> bool;
    fn is_dir(&self, path: &Path) -> bool;
    /// The working directory, from which a relative path is looked for; `None` if it is gone.
    fn here(&self) -> Option<PathBuf>;
}

/// The real ones.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Disk;

impl Files for Disk {
    fn read(&self, path: &Path) -> io::Result<Vec<u8>> {
        fs::read(path)
    }

    fn is_file(&self, path: &Path) -> bool {
        path.is_file()
    }

    fn is_dir(&self, path: &Path) -> bool {
        path.is_dir()
    }

    fn here(&self) -> Option<PathBuf> {
        env::current_dir().ok()
    }
}
