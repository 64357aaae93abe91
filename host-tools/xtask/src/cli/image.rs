//! `cargo xtask image`: kernel, programs and Limine in one file that a PC starts.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::build::build;
use crate::image::{BootConfig, Image, Limine, Stick};
use crate::run::{Prepared, Run};
use crate::volume::Put;
use crate::{Artifacts, Error, Profile, Result, demo, disk, place, report};

const EXAMPLES: &str = "\
Examples:
  LIMINE_DIR=~/limine cargo xtask image                              the demo, into target/faultline/faultline.iso
  LIMINE_DIR=~/limine cargo xtask image -o my.iso --exec hello --exec 'touch-zero 64'
  dd if=my.iso of=/dev/sdX bs=4M conv=fsync                          onto a USB stick, which loses what it held

Limine's binaries are not part of this repository: LIMINE_DIR names a folder with a binary release of Limine 7 or newer; without
it /usr/share/limine and /usr/local/share/limine are looked into. Also needed: xorriso.";

/// Flags of `image`.
#[derive(clap::Args, Clone, Debug)]
#[command(after_help = EXAMPLES)]
pub struct ImageArgs {
    /// Write the image here [default: faultline.iso in target/faultline]
    #[arg(short, long, value_name = "FILE")]
    output: Option<PathBuf>,
    /// Run this program, with its arguments; repeatable, run in order [default: the demo]
    #[arg(long, value_name = "PROG ARGS")]
    exec: Vec<String>,
    /// Put a file of yours, a program or any other, onto the disk; repeatable
    #[arg(long, value_name = "HOSTFILE[:NAME]")]
    put: Vec<String>,
    /// Add a word to the kernel's command line; repeatable
    #[arg(long, value_name = "KEY=VALUE")]
    kernel_arg: Vec<String>,
    /// How kernel and programs are compiled
    #[arg(long, value_enum, default_value_t)]
    profile: Profile,
}

impl ImageArgs {
    /// Builds, packs, says where it is; the exit status.
    pub(super) fn execute(self) -> Result<u8> {
        let limine = Limine::find()?;
        let root = place::root()?;
        let artifacts = build(&root, self.profile, false)?;
        let to = self.output.clone().unwrap_or_else(|| artifacts.output.join("faultline.iso"));
        let prepared = self.to_run(artifacts.clone())?.prepare()?;
        let stick = write(&limine, &artifacts, &prepared, &to)?;
        // A reader that went away has read enough.
        let _ = io::stdout().write_all(said(&limine, &to, &stick, &root).as_bytes());
        Ok(0)
    }

    fn to_run(&self, artifacts: Artifacts) -> Result<Run> {
        let mut run = Run::new(artifacts);
        run.exec = if self.exec.is_empty() { demo::command_lines() } else { self.exec.clone() };
        run.put = self.put.iter().map(|text| Put::parse(text)).collect();
        super::run::add_kernel_args(run, &self.kernel_arg)
    }
}

/// The image of what would be run; the menu waits as long as `limine.cfg` says.
fn write(limine: &Limine, artifacts: &Artifacts, prepared: &Prepared, to: &Path) -> Result<Stick> {
    let mut config = BootConfig::ours()?;
    config.set_command_line(&prepared.machine.kernel_line);
    fs::create_dir_all(&artifacts.output).map_err(Error::writing(&artifacts.output))?;
    let place = artifacts.output.join(format!(".disk-{}", std::process::id()));
    disk::make(&place, disk::ram_size(prepared.volume.files()), prepared.volume.files())?;
    let image = Image { limine, config: &config, kernel: &artifacts.kernel, disk: Some(&place) };
    let written = image.write(to, true);
    let _ = fs::remove_file(&place);
    written
}

fn said(limine: &Limine, to: &Path, stick: &Stick, root: &Path) -> String {
    let mut text = format!("image     {} (Limine {})\n", report::shown(to, root), limine.version);
    text += match stick {
        Stick::Bootable => "starts    from a CD and from a USB stick, by BIOS and by UEFI\n",
        Stick::NoDeployer => {
            "starts    from a CD by BIOS and by UEFI, and from a USB stick by UEFI; for BIOS from a USB stick too, Limine's program \
             'limine' must lie beside its binaries (it comes in source with them; see Limine's own documentation)\n"
        }
    };
    text
}

#[cfg(test)]
mod tests {
    use super::super::{Command, tests::typed};
    use super::*;
    use crate::image::limine::Version;

    #[test]
    fn every_flag_reaches_what_is_packed() {
        let line = "image -o x.iso --exec hello --put a:b --kernel-arg serial=mux --profile checked";
        let Some(Command::Image(args)) = typed(line).unwrap() else { panic!("not image") };
        assert_eq!((args.output.as_deref(), args.profile), (Some(Path::new("x.iso")), Profile::Checked));
        let artifacts = Artifacts {
            profile: Profile::Checked,
            kernel: "k".into(),
            loader: "l".into(),
            programs: Default::default(),
            output: "o".into(),
        };
        let run = args.to_run(artifacts).unwrap();
        assert_eq!((run.exec.as_slice(), run.put.len()), (&["hello".to_owned()][..], 1));
        assert_eq!(run.kernel_args, [("serial".to_owned(), "mux".to_owned())]);
    }

    #[test]
    fn without_a_deployer_it_is_said_what_the_image_cannot_do() {
        let limine = Limine { dir: "/l".into(), version: Version::Exact(7, 13, 3) };
        let without = said(&limine, Path::new("/x.iso"), &Stick::NoDeployer, Path::new("/"));
        assert!(
            without.contains("Limine 7.13.3") && without.contains("'limine' must lie beside"),
            "{without}"
        );
        assert!(!said(&limine, Path::new("/x.iso"), &Stick::Bootable, Path::new("/")).contains("must"));
    }
}
