//! From flags to a [`Run`]: what is typed is judged here, and nothing is built or started.

use std::time::Duration;

use fl_trace::class::{Class, Selection};

use super::{Boot, Firmware, RunArgs, Serial};
use crate::image::{self, Limine, Ovmf};
use crate::qemu::Ports;
use crate::run::{self, DEFAULT_TIMEOUT, Run, Stdin, Storage};
use crate::volume::{Get, Put};
use crate::{Artifacts, Error, Result, demo};

impl RunArgs {
    /// What starts the kernel, looked for before anything is built.
    pub(super) fn to_boot(&self) -> Result<run::Boot> {
        let firmware = match (self.boot, self.firmware) {
            (Boot::Loader, Firmware::Bios) => return Ok(run::Boot::Loader),
            (Boot::Loader, Firmware::Uefi) => {
                let how = "--firmware uefi: our own loader needs QEMU's BIOS; add --boot limine";
                return Err(Error::Usage(how.to_owned()));
            }
            (Boot::Limine, Firmware::Bios) => image::Firmware::Bios,
            (Boot::Limine, Firmware::Uefi) => image::Firmware::Uefi(Ovmf::find()?),
        };
        Ok(run::Boot::Limine { limine: Limine::find()?, firmware, settings: Vec::new() })
    }

    pub(super) fn to_run(&self, artifacts: Artifacts) -> Result<Run> {
        let mut run = Run::new(artifacts);
        run.exec = if self.exec.is_empty() { demo::command_lines() } else { self.exec.clone() };
        run.put = self.put.iter().map(|text| Put::parse(text)).collect();
        run.get = self.get.iter().map(|text| Get::parse(text)).collect::<Result<_>>()?;
        run.chipset = self.machine;
        run.ports = if self.serial == Serial::Mux { Ports::Shared } else { Ports::Both };
        run.link = self.link;
        run.stdin = self.stdin.as_deref().map(Stdin::parse);
        run.cpu.clone_from(&self.cpu);
        run.smp = self.smp;
        run.icount = self.icount;
        run.seed = self.seed;
        run.disk = self.disk.clone().map_or(Storage::Fresh, Storage::Image);
        run.ramdisk = self.ramdisk;
        run.gdb = self.gdb;
        run.timeout = match self.timeout {
            Some(0) => None,
            Some(seconds) => Some(Duration::from_secs(seconds)),
            None if self.gdb => None,
            None => Some(DEFAULT_TIMEOUT),
        };
        run.show_console = !self.quiet;
        run.console_to.clone_from(&self.console);
        run.trace_to.clone_from(&self.trace);
        if let Some(classes) = &self.events {
            run = run.kernel_arg("trace", checked(classes)?);
        }
        add_kernel_args(self.memory.apply(run), &self.kernel_arg)
    }
}

/// The value of `--events`, if the kernel will take it.
fn checked(classes: &str) -> Result<&str> {
    if Selection::default().apply(classes) {
        return Ok(classes);
    }
    let all: Vec<&str> = Class::ALL.iter().map(|class| class.word()).collect();
    Err(Error::Usage(format!(
        "--events '{classes}': there are all, none, {}, with + or - before one to add it or to leave it out",
        all.join(", ")
    )))
}

/// The words of `--kernel-arg`.
pub(in crate::cli) fn add_kernel_args(run: Run, words: &[String]) -> Result<Run> {
    words.iter().try_fold(run, |run, word| match word.split_once('=') {
        Some((key, value)) => Ok(run.kernel_arg(key, value)),
        None => Err(Error::Usage(format!("--kernel-arg '{word}': give it as KEY=VALUE"))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::tests::{args, run};
    use super::*;
    use crate::qemu::{Chipset, Link};

    #[test]
    fn every_flag_reaches_the_run() {
        let run = run("run --exec hello --exec args --put a:b --get c:d --mem 64 --user-frames 1215 --kernel-frames 99 --machine q35 \
             --cpu qemu64 --icount --disk d --ramdisk --trace t --console c --seed 7 --timeout 5 --serial mux --stdin in --kernel-arg panic=irq --quiet \
             --swap-pages 500 --policy sieve --fault read:swap:0.01 --fault write:any:1")
        .unwrap();
        assert_eq!(run.exec, ["hello", "args"]);
        assert_eq!(run.put, [Put { file: "a".into(), name: "b".into() }]);
        assert_eq!((run.mem_mib, run.user_frames, run.kernel_frames), (64, Some(1215), Some(99)));
        assert_eq!(
            (run.chipset, run.cpu.as_str(), run.icount, run.seed),
            (Chipset::Q35, "qemu64", true, Some(7))
        );
        assert_eq!((run.disk, run.ramdisk), (Storage::Image("d".into()), true));
        assert_eq!(run.get, [Get { name: "c".into(), file: "d".into() }]);
        assert_eq!((run.trace_to, run.console_to), (Some("t".into()), Some("c".into())));
        assert_eq!((run.timeout, run.show_console), (Some(Duration::from_secs(5)), false));
        assert_eq!((run.ports, run.link), (Ports::Shared, Link::Uart));
        assert_eq!(run.stdin, Some(Stdin::File("in".into())));
        assert_eq!(run.swap_pages, Some(500));
        let words = [("policy", "sieve"), ("fault", "read:swap:0.01,write:any:1"), ("panic", "irq")];
        assert_eq!(run.kernel_args, words.map(|(key, value)| (key.to_owned(), value.to_owned())));
    }

    #[test]
    fn the_trace_goes_one_way() {
        let line = |flags: &str| run(&format!("run {flags}")).unwrap().kernel_line();
        assert_eq!(line("--exec hello --link virtio").unwrap(), "exec=hello link=virtio");
        assert_eq!(
            line("--exec hello --serial mux").unwrap(),
            "exec=hello",
            "the kernel sees that by itself"
        );
        let error = line("--exec hello --serial mux --link virtio").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("leave one out"), "{error}");
    }

    #[test]
    fn the_time_limit_has_three_defaults() {
        assert_eq!(run("run --exec hello").unwrap().timeout, Some(DEFAULT_TIMEOUT));
        assert_eq!(run("run --exec hello --timeout 0").unwrap().timeout, None);
        assert_eq!(run("run --exec hello --gdb").unwrap().timeout, None);
    }

    #[test]
    fn our_loader_and_uefi_do_not_go_together() {
        let error = args("run --firmware uefi").to_boot().unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("--boot limine"), "{error}");
        assert!(matches!(args("run").to_boot(), Ok(run::Boot::Loader)));
    }

    #[test]
    fn nothing_is_copied_from_a_disk_that_is_gone_at_power_off() {
        for line in ["run --get a:b --ramdisk", "run --get a:b --icount"] {
            let error = run(line).unwrap().prepare().unwrap_err();
            assert!(error.to_string().starts_with("--get a: ") && error.status() == 2, "{error}");
        }
        assert!(run("run --get a").unwrap_err().to_string().contains("NAME:HOSTFILE"));
    }

    #[test]
    fn events_are_classes_that_the_kernel_knows() {
        let line = |flags: &str| run(&format!("run --exec hello {flags}")).and_then(|run| run.kernel_line());
        assert_eq!(line("--events fault,process").unwrap(), "exec=hello trace='fault,process'");
        assert_eq!(line("--events -frames").unwrap(), "exec=hello trace=-frames");
        let error = line("--events faults").unwrap_err();
        assert_eq!(error.status(), 2);
        assert!(error.to_string().contains("all, none, process, fault"), "{error}");
    }

    #[test]
    fn a_kernel_argument_needs_its_equals_sign() {
        assert!(run("run --kernel-arg panic").unwrap_err().to_string().contains("KEY=VALUE"));
    }
}
