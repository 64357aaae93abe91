//! What `fsck.fat` and mtools say of our volumes. Where they are not installed, these tests are SKIPPED, said so and counted as ignored.

mod support;

use std::path::Path;
use std::process::{Command, Output};

use fl_volume::{Error, FileName, Volume, image};
use libtest_mimic::{Arguments, Trial};
use support::disk::{Disk, Fault};
use support::model::Run;
use support::{KINDS, Random, effort, formatted, seed};

/// A test by name and function; it fails by panicking.
type Test = (&'static str, fn());

const TESTS: [Test; 5] = [
    ("fsck_finds_nothing_after_random_operations", fsck_finds_nothing_after_random_operations),
    ("fsck_finds_nothing_after_faults", fsck_finds_nothing_after_faults),
    (
        "fsck_finds_nothing_after_a_power_cut_and_our_repair",
        fsck_finds_nothing_after_a_power_cut_and_our_repair,
    ),
    ("fsck_sees_our_mark_of_a_volume_in_use", fsck_sees_our_mark_of_a_volume_in_use),
    ("mtools_read_and_write_our_images", mtools_read_and_write_our_images),
];

fn main() {
    let arguments = Arguments::from_args();
    let missing: Vec<_> = ["fsck.fat", "mcopy"].into_iter().filter(|tool| !installed(tool)).collect();
    if !missing.is_empty() && !arguments.list {
        println!(
            "SKIPPED {} tests of images: no {} (apt-get install dosfstools mtools)",
            TESTS.len(),
            missing.join(", ")
        );
    }
    let trials = TESTS.map(|(name, test)| {
        let run = move || {
            std::panic::catch_unwind(test).map_err(|payload| {
                let text = payload.downcast_ref::<String>().cloned();
                text.or_else(|| payload.downcast_ref::<&str>().map(|s| (*s).to_owned()))
                    .unwrap_or_default()
                    .into()
            })
        };
        Trial::test(name, run).with_ignored_flag(!missing.is_empty())
    });
    libtest_mimic::run(&arguments, trials.into()).exit();
}

fn installed(tool: &str) -> bool {
    // Both print help and end; that they start is all that is asked.
    Command::new(tool).arg("--help").env("PATH", path()).output().is_ok()
}

/// fsck.fat lives where only root looks.
fn path() -> String {
    format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default())
}

fn run(tool: &str, arguments: &[&str], image: &Path) -> Output {
    let arguments =
        arguments.iter().map(|text| if *text == "IMAGE" { image.as_os_str() } else { text.as_ref() });
    Command::new(tool).args(arguments).env("PATH", path()).output().expect("start the tool")
}

fn saved(disk: &Disk) -> tempfile::TempPath {
    let file = tempfile::NamedTempFile::new().expect("temporary file").into_temp_path();
    disk.save(&file);
    file
}

/// fsck.fat with the disk as it is: no complaint, no change.
fn fsck(disk: &Disk, what: &str) {
    let file = saved(disk);
    let output = run("fsck.fat", &["-n", "IMAGE"], &file);
    let text = String::from_utf8_lossy(&output.stdout);
    // A line of version, a line of totals, and nothing else.
    assert!(output.status.success() && text.lines().count() == 2, "{what}:\n{text}");
}

fn fsck_finds_nothing_after_random_operations() {
    for kind in KINDS {
        for round in 0..4 * effort() {
            let seed = seed() + 100 + round;
            let disk = formatted(kind, seed);
            let mut run = Run::new(kind, &disk, seed);
            for _ in 0..1500 {
                run.step().expect("a disk that is well");
            }
            run.finish();
            fsck(&disk, &format!("{kind:?} seed {seed}"));
        }
    }
}

fn fsck_finds_nothing_after_faults() {
    for kind in KINDS {
        for round in 0..4 * effort() {
            let seed = seed() + 200 + round;
            let disk = formatted(kind, seed);
            let mut run = Run::new(kind, &disk, seed);
            disk.fail_one_in.set([4, 25][round as usize % 2]);
            for _ in 0..300 {
                match run.step() {
                    Ok(()) => {}
                    Err(Error::Device(Fault::Injected)) => run.heal(),
                    Err(other) => panic!("{other:?}"),
                }
            }
            disk.fail_one_in.set(0);
            run.finish();
            fsck(&disk, &format!("{kind:?} seed {seed}"));
        }
    }
}

fn fsck_finds_nothing_after_a_power_cut_and_our_repair() {
    for kind in KINDS {
        for round in 0..12 * effort() {
            let seed = seed() + 300 + round;
            let disk = formatted(kind, seed);
            let mut run = Run::new(kind, &disk, seed);
            for _ in 0..60 {
                run.step().expect("a disk that is well");
            }
            disk.power.set(Some(Random(seed).below(100)));
            while run.step().is_ok() {}
            let medium = disk.medium();
            let volume =
                Volume::mount(&medium).unwrap_or_else(|error| panic!("{kind:?} seed {seed}: {error}"));
            volume.unmount().expect("unmount");
            fsck(&medium, &format!("{kind:?} seed {seed}"));
        }
    }
}

fn fsck_sees_our_mark_of_a_volume_in_use() {
    for kind in KINDS {
        let disk = formatted(kind, 1);
        let mut volume = Volume::mount(&disk).expect("mount");
        volume.create(b"x", 10).expect("create");
        let output = run("fsck.fat", &["-n", "IMAGE"], &saved(&disk));
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.contains("Dirty bit is set"), "{kind:?}:\n{text}");
        volume.unmount().expect("unmount");
        fsck(&disk, "after unmount");
    }
}

fn mtools_read_and_write_our_images() {
    let names: [&[u8]; 7] =
        [b"hello", b"Makefile", b"a.tar.gz", b"con", b"\xff ", b"longer-name-14", b"aux.c"];
    for size in [512 << 10, 32 << 20, 272 << 20] {
        let contents: Vec<Vec<u8>> = (0..names.len()).map(|n| vec![b'0' + n as u8; n * 3000]).collect();
        let files: Vec<(&[u8], &[u8])> = names.iter().zip(&contents).map(|(n, c)| (*n, &c[..])).collect();
        let disk = Disk::new(size / 512, 1);
        image::build_on(&disk, &files).expect("build");
        fsck(&disk, "a new image");
        let file = saved(&disk);
        let output = run("mdir", &["-b", "-i", "IMAGE", "::"], &file);
        let listed = String::from_utf8_lossy(&output.stdout).into_owned();
        assert_eq!(listed.lines().count(), names.len(), "{listed}");
        for (name, bytes) in &files {
            let escaped = FileName::new(name).expect("name").escaped();
            assert!(listed.lines().any(|line| line == format!("::/{escaped}")), "{escaped} in:\n{listed}");
            let output = run("mtype", &["-i", "IMAGE", &format!("::/{escaped}")], &file);
            assert!(output.status.success() && output.stdout == *bytes, "{escaped}");
        }
        // And the other way: what mtools put there is a file here.
        let source = tempfile::NamedTempFile::new().expect("temporary file");
        std::fs::write(source.path(), b"from the host").expect("write");
        let from = source.path().to_str().expect("UTF-8");
        let output = run("mcopy", &["-i", "IMAGE", from, "::/from-host"], &file);
        assert!(output.status.success(), "{output:?}");
        let ram = fl_volume::RamDisk::new(std::fs::read(&file).expect("read image"));
        let mut volume = Volume::mount(&ram).expect("mount");
        let id = volume.open(b"from-host").expect("open");
        let mut bytes = [0; 13];
        volume.read(id, 0, &mut bytes).expect("read");
        assert_eq!(&bytes, b"from the host");
    }
}
