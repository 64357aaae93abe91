//! Where things are: the repository, cargo, and the folder for what runs leave behind.

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use crate::{Error, Result};

/// The repository's root: from cargo when run by it, else the nearest folder upwards that holds the kernel.
///
/// # Errors
/// [`Error::NoRepository`].
pub fn root() -> Result<PathBuf> {
    let start = env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from).or_else(|| env::current_dir().ok());
    start.as_deref().and_then(root_above).ok_or(Error::NoRepository)
}

fn root_above(start: &Path) -> Option<PathBuf> {
    let is_root = |dir: &&Path| dir.join("Cargo.lock").exists() && dir.join("kernel/Cargo.toml").exists();
    start.ancestors().find(is_root).map(Path::to_owned)
}

/// The cargo that runs us, or the one on the PATH.
pub fn cargo() -> OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

/// Where runs, and everything else that is not cargo's, is kept: `target/faultline` in cargo's target folder.
pub fn output(root: &Path) -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(dir) => root.join(dir).join("faultline"),
        None => root.join("target/faultline"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_root_is_found_from_inside_and_not_from_outside() {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let root = root_above(here).expect("this crate lies in the repository");
        assert!(here.starts_with(&root) && root.join("host-tools/xtask").is_dir());
        assert_eq!(root_above(&env::temp_dir()), None);
    }
}
