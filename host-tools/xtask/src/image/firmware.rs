//! [`Firmware`] of the virtual machine: QEMU's own BIOS, or UEFI ([`Ovmf`]), which a distribution's package brings.

use std::path::{Path, PathBuf};

use super::ImageError;

/// What starts the bootloader.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Firmware {
    /// QEMU brings it.
    Bios,
    /// UEFI.
    Uefi(Ovmf),
}

/// Where packages put OVMF: its code and a fresh file of its variables, without Secure Boot. Debian and Ubuntu, then Fedora, Arch.
const PLACES: [(&str, &str); 5] = [
    ("usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"),
    ("usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("usr/share/edk2-ovmf/x64/OVMF_CODE.fd", "usr/share/edk2-ovmf/x64/OVMF_VARS.fd"),
];

/// UEFI for QEMU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Ovmf {
    /// The firmware, read only.
    pub code: PathBuf,
    /// Its variables as they leave the factory. A machine writes them: each run needs a copy of its own.
    pub variables: PathBuf,
}

impl Ovmf {
    /// The one that is installed.
    ///
    /// # Errors
    /// [`ImageError::NoOvmf`].
    pub fn find() -> Result<Self, ImageError> {
        Self::find_below(Path::new("/"))
    }

    fn find_below(root: &Path) -> Result<Self, ImageError> {
        let mut pairs = PLACES.into_iter().map(|(code, variables)| (root.join(code), root.join(variables)));
        let found = pairs.find(|(code, variables)| code.is_file() && variables.is_file());
        found.map(|(code, variables)| Self { code, variables }).ok_or(ImageError::NoOvmf)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn code_and_variables_are_found_as_a_pair() {
        let root = tempfile::tempdir().unwrap();
        let make = |file: &str| {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, "").unwrap();
            path
        };
        assert_eq!(Ovmf::find_below(root.path()), Err(ImageError::NoOvmf));
        make(PLACES[0].0);
        assert_eq!(
            Ovmf::find_below(root.path()),
            Err(ImageError::NoOvmf),
            "code without variables does not start"
        );
        let pair = Ovmf { code: make(PLACES[2].0), variables: make(PLACES[2].1) };
        assert_eq!(Ovmf::find_below(root.path()), Ok(pair));
    }
}
