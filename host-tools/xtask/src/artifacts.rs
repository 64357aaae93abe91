//! [`Artifacts`]: the files a run needs, as built; and how `cargo xtask test` hands them to the tests.

use std::collections::BTreeMap;
use std::env;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use crate::{Error, Result};

/// The environment variable that names the list of artefacts for the tests.
pub const ENV: &str = "FAULTLINE_ARTIFACTS";

/// How the kernel and the programs are compiled.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, clap::ValueEnum)]
pub enum Profile {
    /// What people run and measure.
    #[default]
    Release,
    /// Release with debug assertions, overflow checks and junk-filled freed frames: what the tests boot.
    Checked,
}

impl Profile {
    /// Its name for cargo.
    pub fn name(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Checked => "checked",
        }
    }
}

/// The executables of one build, and where its runs may be put. Paths are absolute.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Artifacts {
    /// How they were compiled.
    pub profile: Profile,
    /// The kernel, with its debug information (vmtrace reads log formats and symbols from it).
    pub kernel: PathBuf,
    /// The loader that `qemu -kernel` starts.
    pub loader: PathBuf,
    /// The user programs by name: what every volume holds.
    pub programs: BTreeMap<String, PathBuf>,
    /// The programs of the conformance scenarios, if they were built: for the volumes of those runs.
    pub scenarios: BTreeMap<String, PathBuf>,
    /// Folder for the runs' own folders.
    pub output: PathBuf,
}

impl Artifacts {
    /// The same with the scenarios' programs among the programs, so that any of them can be run by name.
    #[must_use]
    pub fn with_scenarios(mut self) -> Self {
        self.programs.append(&mut self.scenarios);
        self
    }

    /// What `cargo xtask test` built, or `None` outside of it.
    ///
    /// # Errors
    /// The list that the environment names cannot be read or understood.
    pub fn from_env() -> Result<Option<Self>> {
        env::var_os(ENV).map(|path| Self::load(Path::new(&path))).transpose()
    }

    /// Writes the list of artefacts to `path`.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn save(&self, path: &Path) -> Result<()> {
        let list = json!({
            "profile": self.profile.name(),
            "kernel": self.kernel,
            "loader": self.loader,
            "programs": self.programs,
            "scenarios": self.scenarios,
            "output": self.output,
        });
        fs::write(path, format!("{list:#}\n")).map_err(Error::writing(path))
    }

    /// Reads a list that [`Artifacts::save`] wrote.
    ///
    /// # Errors
    /// The file cannot be read, or is none.
    pub fn load(path: &Path) -> Result<Self> {
        let text = fs::read_to_string(path).map_err(Error::reading(path))?;
        let bad = |why: String| Error::BadArtifacts { path: path.to_owned(), why };
        let list: Value = serde_json::from_str(&text).map_err(|e| bad(e.to_string()))?;
        let file = |key: &str| -> Result<PathBuf> {
            let text = list[key].as_str().ok_or_else(|| bad(format!("no '{key}'")))?;
            Ok(PathBuf::from(text))
        };
        let programs = |key: &str| -> Result<BTreeMap<String, PathBuf>> {
            let list = list[key].as_object().ok_or_else(|| bad(format!("no '{key}'")))?;
            Ok(list.iter().filter_map(|(name, path)| Some((name.clone(), path.as_str()?.into()))).collect())
        };
        Ok(Self {
            profile: if list["profile"] == "checked" { Profile::Checked } else { Profile::Release },
            kernel: file("kernel")?,
            loader: file("loader")?,
            programs: programs("programs")?,
            scenarios: programs("scenarios")?,
            output: file("output")?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_comes_back_as_it_was_saved() {
        let dir = tempfile::tempdir().unwrap();
        let artifacts = Artifacts {
            profile: Profile::Checked,
            kernel: "/k/faultline".into(),
            loader: "/k/loader".into(),
            programs: [("hello".to_owned(), PathBuf::from("/k/hello"))].into(),
            scenarios: [("fork-once".to_owned(), PathBuf::from("/k/fork-once"))].into(),
            output: "/k/out put".into(),
        };
        let path = dir.path().join("list.json");
        artifacts.save(&path).unwrap();
        assert_eq!(Artifacts::load(&path).unwrap(), artifacts);
    }

    #[test]
    fn a_damaged_list_says_what_is_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("list.json");
        fs::write(&path, "{\"programs\":{}}").unwrap();
        let message = Artifacts::load(&path).unwrap_err().to_string();
        assert!(message.contains("no 'kernel'") && message.contains("cargo xtask test"), "{message}");
    }
}
