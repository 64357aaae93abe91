//! [`Programs`]: whose programs the scenarios run, what goes onto the volume with them, and who judges what they show.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Mutex, PoisonError};

use scenarios::data::DataFile;
use scenarios::table::Scenario;

use super::judge::{self, Shown};
use super::plan::Batch;
use crate::run::Run;
use crate::volume::Put;
use crate::{Artifacts, Error, Result};

/// Most scenarios of ours in one boot: a failing one costs a boot for each.
const PER_BOOT: usize = 16;

/// Whose programs.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Programs {
    /// Ours; the table says what they must show.
    Ours,
    /// Programs that were built from a repository of the pintos-kaist kind; its own tests judge.
    Theirs {
        /// Where the programs are: a build folder (`vm/build`), or one folder with all of them.
        build: PathBuf,
        /// The repository, with the checks (`tests/*.ck`) and the files that programs read.
        source: PathBuf,
    },
}

impl Programs {
    /// Others' programs; a repository that is not given is looked for above their folder.
    ///
    /// # Errors
    /// A folder is not there, or no repository is found.
    pub fn theirs(build: &Path, source: Option<&Path>) -> Result<Self> {
        let folder = |path: &Path| fs::canonicalize(path).map_err(Error::reading(path));
        let build = folder(build)?;
        let has_checks = |dir: &&Path| dir.join("tests/tests.pm").is_file();
        let source = match source {
            Some(path) => Some(folder(path)?).filter(|path| has_checks(&path.as_path())),
            None => build.ancestors().find(has_checks).map(Path::to_owned),
        };
        let why =
            "no tests/tests.pm there or above: name the root of a pintos-kaist repository with --expect DIR";
        let source = source.ok_or_else(|| Error::Usage(format!("--programs {}: {why}", build.display())))?;
        Ok(Self::Theirs { build, source })
    }

    /// What a scenario needs and is not there.
    pub(super) fn missing(&self, artifacts: &Artifacts, scenario: &Scenario) -> Option<String> {
        let mut names = [scenario.name].into_iter().chain(scenario.programs.iter().copied());
        match self {
            Self::Ours => {
                let there =
                    |name| artifacts.scenarios.contains_key(name) || artifacts.programs.contains_key(name);
                names.find(|name| !there(*name)).map(|name| format!("no program {name} was built"))
            }
            Self::Theirs { build, source } => {
                let program = names.find(|name| find(&[build], scenario, name).is_none());
                let files = scenario.files.iter().map(|file| file.name.to_str().expect("names are ASCII"));
                let file = || files.clone().find(|name| find(&[build, source], scenario, name).is_none());
                let check =
                    || find(&[source], scenario, &check_of(scenario)).is_none().then(|| check_of(scenario));
                let what = program.or_else(file).map(str::to_owned).or_else(check)?;
                Some(format!("{} has no {what}", scenario.group.folder()))
            }
        }
    }

    /// How many scenarios may share a boot.
    pub(super) fn per_boot(&self, jobs: usize) -> usize {
        match self {
            // Enough boots that no processor is idle for long at the end.
            Self::Ours => (scenarios::table::all().count() / (jobs.max(1) * 4)).clamp(1, PER_BOOT),
            // The table does not know which files they leave behind.
            Self::Theirs { .. } => 1,
        }
    }

    /// Puts the programs and files of a batch onto the volume, and nothing else.
    pub(super) fn place(&self, batch: &Batch, run: &mut Run) -> Result<()> {
        let built = std::mem::take(&mut run.artifacts.programs);
        for &scenario in &batch.scenarios {
            for &name in scenario.programs.iter().chain([&scenario.name]) {
                match self {
                    Self::Ours => {
                        let path = run.artifacts.scenarios.get(name).or_else(|| built.get(name));
                        run.artifacts.programs.extend(path.map(|path| (name.to_owned(), path.clone())));
                    }
                    Self::Theirs { build, .. } => put(run, name, find(&[build], scenario, name)),
                }
            }
            for file in scenario.files {
                let name = file.name.to_str().expect("names are ASCII");
                match self {
                    Self::Ours => put(run, name, Some(write_data(&run.artifacts.output, file)?)),
                    Self::Theirs { build, source } => put(run, name, find(&[build, source], scenario, name)),
                }
            }
        }
        Ok(())
    }

    /// What is wrong with what a scenario showed. `dir` takes files that a judge needs.
    pub(super) fn judge(&self, scenario: &Scenario, console: &str, dir: &Path) -> Result<Result<(), String>> {
        match self {
            Self::Ours => Ok(judge::by_table(scenario, judge::shown(console, &scenario.command_line()))),
            Self::Theirs { source, .. } => match judge::shown(console, &scenario.command_line()) {
                Shown::Nothing => Ok(Err("was not started".to_owned())),
                _ => by_their_check(source, scenario, console, dir),
            },
        }
    }
}

/// Puts a file onto the volume, once. One that is not there was told as missing before.
fn put(run: &mut Run, name: &str, file: Option<PathBuf>) {
    let again = run.put.iter().any(|put| put.name == name);
    run.put.extend(file.filter(|_| !again).map(|file| Put { file, name: name.to_owned() }));
}

/// Writes one of the files of known bytes for the volumes of all boots; where it is.
fn write_data(output: &Path, file: &DataFile) -> Result<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let path = output.join("data").join(file.name.to_str().expect("names are ASCII"));
    let contents = file.contents();
    if fs::read(&path).ok().as_ref() != Some(&contents) {
        fs::create_dir_all(output.join("data")).map_err(Error::writing(&path))?;
        fs::write(&path, contents).map_err(Error::writing(&path))?;
    }
    Ok(path)
}

/// The file of that name that belongs to the scenario's group, in the first of the folders that has it.
fn find(roots: &[&PathBuf], scenario: &Scenario, name: &str) -> Option<PathBuf> {
    let places = roots.iter().flat_map(|root| [root.join(scenario.group.folder()), root.to_path_buf()]);
    places.map(|folder| folder.join(name)).find(|file| file.is_file())
}

fn check_of(scenario: &Scenario) -> String {
    format!("{}.ck", scenario.name)
}

/// Lets the scenario's own check, which is a program in Perl, judge the console.
///
/// The check also looks for what Pintos says at its start and end, which has nothing to do with the scenario: those lines are added.
fn by_their_check(
    source: &Path,
    scenario: &Scenario,
    console: &str,
    dir: &Path,
) -> Result<Result<(), String>> {
    let check = find(&[&source.to_owned()], scenario, &check_of(scenario)).expect("looked for before");
    let test = dir.join(scenario.name);
    let (output, result) = (test.with_extension("output"), test.with_extension("result"));
    let text = format!(
        "Pintos booting with Faultline\nBoot complete.\n{console}\nTimer: 0 ticks\nPowering off...\n"
    );
    fs::write(&output, text).map_err(Error::writing(&output))?;
    let mut perl = Command::new("perl");
    perl.arg("-I").arg(source).arg(&check).arg(&test).arg(&result);
    let ran = perl.output().map_err(|source| Error::CannotStart { program: "perl".into(), source })?;
    let verdict = fs::read_to_string(&result).unwrap_or_default();
    let mut lines = verdict.lines().filter(|line| !line.trim().is_empty());
    match lines.next() {
        Some("PASS") => Ok(Ok(())),
        Some(_) => Ok(Err(lines.collect::<Vec<_>>().join("; "))),
        None => Ok(Err(format!(
            "{} gave no verdict: {}",
            check.display(),
            String::from_utf8_lossy(&ran.stderr).trim()
        ))),
    }
}
