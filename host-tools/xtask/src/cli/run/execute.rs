//! What `run` does: builds, starts, reports.

use std::io::{self, Write};
use std::iter;
use std::path::Path;

use super::RunArgs;
use crate::build::{Programs, build};
use crate::cli::chaos;
use crate::report::{self, Detail};
use crate::run::{self, Outcome, Prepared, Run};
use crate::{Profile, Result, cc, demo, place, qemu};

impl RunArgs {
    /// Builds, runs, reports; the exit status.
    pub(in crate::cli) fn execute(self: Box<Self>) -> Result<u8> {
        let boot = self.to_boot()?;
        let profile = chaos::profile(self.profile, self.chaos, Profile::Release)?;
        let root = place::root()?;
        self.note("building kernel and programs");
        let artifacts =
            build(&root, profile, Programs::for_lines(&root, &self.exec), self.quiet)?.with_scenarios();
        let mut run = self.to_run(artifacts)?;
        run.boot = boot;
        if self.exec.is_empty() {
            demo::squeeze(&mut run);
        }
        if let (true, Some(seed)) = (self.chaos, self.seed) {
            run = run.chaos(seed, true);
        }
        self.add_compiled(&mut run, &root)?;
        let prepared = run.prepare()?;
        if self.dry_run {
            return print_plan(&prepared);
        }
        self.note(&format!(
            "starting QEMU ({}, {} MiB)",
            prepared.machine.accel.name(),
            prepared.machine.mem_mib
        ));
        let staged = prepared.stage()?;
        if let Some(script) = &staged.gdb_script {
            eprintln!("the machine waits; type in another terminal: {}", gdb_command(script, &root));
        }
        let outcome = staged.start()?;
        self.conclude(&outcome, &root)
    }

    /// Adds what `cc` compiled, in the place of our own programs of the same names; says so where it matters. The demo is ours alone.
    fn add_compiled(&self, run: &mut Run, root: &Path) -> Result<()> {
        if self.exec.is_empty() {
            return Ok(());
        }
        for put in cc::compiled(&run.artifacts.output)? {
            if run.put.iter().any(|typed| typed.name == put.name) {
                continue;
            }
            let asked =
                run.exec.iter().any(|line| line.split(' ').find(|word| !word.is_empty()) == Some(&put.name));
            if asked && run.artifacts.programs.contains_key(&put.name) {
                let file = report::shown(&put.file, root);
                self.note(&format!("{} is {file} (remove that file to run ours of this name)", put.name));
            }
            run.put.push(put);
        }
        Ok(())
    }

    fn conclude(&self, outcome: &Outcome, root: &Path) -> Result<u8> {
        let complaint = outcome.complaint();
        let refused = outcome.status() == 2;
        report::print(outcome, if refused { Detail::None } else { self.detail() }, root)?;
        // Last, so that what went wrong is what a person sees first.
        if complaint.is_some() && matches!(outcome.status(), 1 | 3) {
            print_tail(outcome);
        }
        if let Some(complaint) = complaint {
            eprintln!("{complaint} (all of it: {})", report::shown(outcome.dir.path(), root));
            if self.chaos {
                eprintln!("the same seed again: {}", typed());
            }
        }
        Ok(outcome.status())
    }

    fn note(&self, text: &str) {
        if !self.quiet {
            eprintln!("==> {text}");
        }
    }

    fn detail(&self) -> Detail {
        self.report.unwrap_or(match (self.quiet, self.exec.is_empty()) {
            (true, _) => Detail::None,
            (false, true) => Detail::Full,
            (false, false) => Detail::Short,
        })
    }
}

/// The command that was typed.
fn typed() -> String {
    let words = iter::once("xtask".to_owned()).chain(std::env::args().skip(1));
    qemu::shell_line("cargo", &words.collect::<Vec<_>>())
}

/// What to type to debug the run.
fn gdb_command(script: &Path, root: &Path) -> String {
    qemu::shell_line("gdb", &["-x".to_owned(), report::shown(script, root)])
}

/// For `--dry-run`. A reader that went away is no error.
fn print_plan(prepared: &Prepared) -> Result<u8> {
    let mut text =
        format!("{}\n\nkernel command line: {}\n", prepared.command_line(), prepared.machine.kernel_line);
    if let (Some(menu), run::Boot::Limine { limine, .. }) = (&prepared.menu, prepared.boot()) {
        let format = limine.version.format();
        text += &format!("{} for Limine {}:\n", format.file_name(), limine.version);
        menu.write(format).lines().for_each(|line| text += &format!("  {line}\n"));
    }
    text += "put onto the disk:\n";
    for (name, bytes) in prepared.volume.files() {
        text += &format!("  {name:<14} {:>9} bytes\n", bytes.len());
    }
    let _ = io::stdout().write_all(text.as_bytes());
    Ok(0)
}

/// The last lines of the console, on stderr, where the complaint stands.
fn print_tail(outcome: &Outcome) {
    const LINES: usize = 20;
    eprintln!("--- the console's last lines ---");
    if outcome.console.is_empty() {
        eprintln!("(the guest wrote nothing)");
    }
    outcome.console_tail(LINES).for_each(|line| eprintln!("{line}"));
    eprintln!("---");
}

#[cfg(test)]
mod tests {
    use super::super::tests::{args, run};
    use super::*;

    #[test]
    fn what_cc_compiled_takes_the_place_of_ours_and_yields_to_put() {
        let dir = tempfile::tempdir().unwrap();
        let folder = cc::folder(dir.path());
        std::fs::create_dir_all(&folder).unwrap();
        for name in ["hello", "mine"] {
            std::fs::write(folder.join(name), "").unwrap();
        }
        let puts = |line: &str| {
            let mut run = run(line).unwrap();
            run.artifacts.output = dir.path().to_owned();
            args(line).add_compiled(&mut run, dir.path()).unwrap();
            run.put.into_iter().map(|put| (put.name, put.file)).collect::<Vec<_>>()
        };
        let compiled = |name: &str| (name.to_owned(), folder.join(name));
        assert_eq!(puts("run --quiet --exec hello"), [compiled("hello"), compiled("mine")]);
        assert_eq!(
            puts("run --quiet --exec hello --put a:mine"),
            [("mine".into(), "a".into()), compiled("hello")]
        );
        assert_eq!(puts("run --quiet"), [], "the demo is ours");
    }

    #[test]
    fn without_exec_the_demo_runs_short_of_memory_with_a_full_report() {
        let squeezed = |line: &str| {
            let mut run = run(line).unwrap();
            demo::squeeze(&mut run);
            (run.user_frames, run.swap_pages)
        };
        assert_eq!(squeezed("run"), (Some(128), Some(1024)));
        assert_eq!(
            squeezed("run --user-frames 999"),
            (Some(999), None),
            "what is asked for is what one gets"
        );
        assert_eq!(run("run").unwrap().exec, demo::command_lines());
        assert_eq!(args("run").detail(), Detail::Full);
        assert_eq!(args("run --exec hello").detail(), Detail::Short);
        assert_eq!(args("run --quiet").detail(), Detail::None);
        assert_eq!(args("run --quiet --report full").detail(), Detail::Full);
    }
}
