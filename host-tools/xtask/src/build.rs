//! Compiles the kernel, the loader and the user programs for the bare machine, through cargo.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::artifacts::{Artifacts, Profile};
use crate::{Error, Result, place};

/// The target of everything that runs without an operating system.
pub const TARGET: &str = "x86_64-unknown-none";

const KERNEL: &str = "faultline";
const LOADER: &str = "loader";
const PROGRAMS: &str = "userprog";
const SCENARIOS: &str = "scenarios";

/// Which user programs to build.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Programs {
    /// Those of package `userprog`, of which there are few.
    Ours,
    /// The conformance scenarios too: far more.
    All,
}

impl Programs {
    /// What these command lines need: the scenarios only if one of them is named.
    pub fn for_lines(root: &Path, lines: &[String]) -> Self {
        let sources = root.join("userprog/scenarios/src/bin");
        let mut names = lines.iter().filter_map(|line| fl_abi::cmdline::arguments(line).next());
        if names.any(|name| sources.join(format!("{name}.rs")).is_file()) { Self::All } else { Self::Ours }
    }
}

/// Builds what is out of date and says where it is. cargo's progress and messages go to stderr, unless `quiet`.
///
/// # Errors
/// cargo is missing, something does not compile, or the target is not installed.
pub fn build(root: &Path, profile: Profile, programs: Programs, quiet: bool) -> Result<Artifacts> {
    let mut cargo = Command::new(place::cargo());
    cargo.current_dir(root).args(["build", "--target", TARGET, "--profile", profile.name()]);
    cargo.args(["-p", KERNEL, "-p", LOADER, "-p", PROGRAMS, "--message-format=json-render-diagnostics"]);
    if programs == Programs::All {
        cargo.args(["-p", SCENARIOS]);
    }
    if quiet {
        cargo.arg("--quiet");
    }
    let cannot_start = |source| Error::CannotStart { program: "cargo".into(), source };
    let mut child = cargo.stdout(Stdio::piped()).spawn().map_err(cannot_start)?;
    let lines = BufReader::new(child.stdout.take().expect("stdout is piped")).lines();
    let executables = executables(lines.map_while(|line| line.ok()));
    if !child.wait().map_err(cannot_start)?.success() {
        return Err(Error::BuildFailed(advice()));
    }
    sort(executables, profile, place::output(root))
}

/// One executable that cargo names.
#[derive(PartialEq, Eq, Debug)]
struct Executable {
    package: String,
    name: String,
    path: PathBuf,
}

/// The executables in cargo's messages (one JSON object a line; others are of no interest here).
fn executables(lines: impl Iterator<Item = String>) -> Vec<Executable> {
    let messages = lines.filter_map(|line| serde_json::from_str::<Value>(&line).ok());
    let built = messages.filter(|m| m["reason"] == "compiler-artifact");
    built
        .filter_map(|m| {
            Some(Executable {
                path: m["executable"].as_str()?.into(),
                name: m["target"]["name"].as_str()?.to_owned(),
                package: package_folder(m["manifest_path"].as_str()?)?,
            })
        })
        .collect()
}

/// Which of our packages a manifest belongs to, by its folder: `kernel` is package `faultline`.
fn package_folder(manifest: &str) -> Option<String> {
    let folder = Path::new(manifest).parent()?.file_name()?.to_str()?;
    Some(if folder == "kernel" { KERNEL } else { folder }.to_owned())
}

fn sort(executables: Vec<Executable>, profile: Profile, output: PathBuf) -> Result<Artifacts> {
    let (mut programs, mut scenarios) = (BTreeMap::new(), BTreeMap::new());
    let (mut kernel, mut loader) = (None, None);
    for Executable { package, name, path } in executables {
        match package.as_str() {
            KERNEL => kernel = Some(path),
            LOADER => loader = Some(path),
            PROGRAMS => drop(programs.insert(name, path)),
            SCENARIOS => drop(scenarios.insert(name, path)),
            _ => {}
        }
    }
    if programs.is_empty() {
        return Err(Error::NotBuilt(PROGRAMS));
    }
    Ok(Artifacts {
        profile,
        kernel: kernel.ok_or(Error::NotBuilt(KERNEL))?,
        loader: loader.ok_or(Error::NotBuilt(LOADER))?,
        programs,
        scenarios,
        output,
    })
}

/// What else to say after a failed build: whether the bare-metal target is there at all.
fn advice() -> &'static str {
    let asked = Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    let installed = asked.is_ok_and(|out| Path::new(String::from_utf8_lossy(&out.stdout).trim()).is_dir());
    if installed { "" } else { " (the target x86_64-unknown-none is not installed: run ./setup.sh)" }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(manifest: &str, name: &str, executable: Option<&str>) -> String {
        serde_json::json!({
            "reason": "compiler-artifact", "manifest_path": manifest,
            "target": {"name": name}, "executable": executable,
        })
        .to_string()
    }

    fn built(lines: &[String]) -> Result<Artifacts> {
        sort(executables(lines.iter().cloned()), Profile::Checked, "/out".into())
    }

    #[test]
    fn executables_are_sorted_by_package() {
        let lines = [
            message("/r/kernel/lib/abi/Cargo.toml", "fl_abi", None),
            "not json".into(),
            message("/r/kernel/Cargo.toml", "faultline", Some("/t/faultline")),
            message("/r/kernel/loader/Cargo.toml", "loader", Some("/t/loader")),
            message("/r/userprog/Cargo.toml", "hello", Some("/t/hello")),
            message("/r/userprog/Cargo.toml", "touch-zero", Some("/t/touch-zero")),
            r#"{"reason":"build-finished","success":true}"#.into(),
        ];
        let artifacts = built(&lines).unwrap();
        assert_eq!((artifacts.kernel, artifacts.loader), ("/t/faultline".into(), "/t/loader".into()));
        assert_eq!(artifacts.programs.keys().collect::<Vec<_>>(), ["hello", "touch-zero"]);
    }

    #[test]
    fn a_package_without_an_executable_is_named() {
        let lines = [message("/r/userprog/Cargo.toml", "hello", Some("/t/hello"))];
        assert!(built(&lines).unwrap_err().to_string().contains("'faultline'"));
    }
}
