//! The same kernel file under real Limine, by BIOS and UEFI: the same programs, the same console, a complete trace.
//!
//! Limine's binaries are not part of the repository. `LIMINE_DIR_7` and `LIMINE_DIR_8` name folders with a release of version 7, and of 8
//! or newer; `LIMINE_DIR` may name either, or several with `:` between them. What is not there is skipped and said so.

use crate::Test;
use qemu_tests::{guest, run, run_in_order, tail, without_timing};
use std::path::Path;
use std::sync::OnceLock;
use xtask::image::config::Format;
use xtask::image::{Firmware, Limine, Ovmf};
use xtask::qemu::{Chipset, Link, Ports};
use xtask::run::{Boot, End, Run};

/// Each with what it needs.
pub const TESTS: &[(Need, Test)] = &[
    (V7, ("limine_7_by_bios_on_pc", || same_as_our_loader(V7, Chipset::Pc))),
    (V7, ("limine_7_by_bios_on_q35", || same_as_our_loader(V7, Chipset::Q35))),
    (V7_UEFI, ("limine_7_by_uefi_on_q35", || same_as_our_loader(V7_UEFI, Chipset::Q35))),
    (V8, ("limine_8_by_bios_on_pc", || same_as_our_loader(V8, Chipset::Pc))),
    (V8, ("limine_8_by_bios_on_q35", || same_as_our_loader(V8, Chipset::Q35))),
    (V8_UEFI, ("limine_8_by_uefi_on_q35", || same_as_our_loader(V8_UEFI, Chipset::Q35))),
    (V8_UEFI, ("limine_8_by_uefi_on_pc", || same_as_our_loader(V8_UEFI, Chipset::Pc))),
    (V7, ("limine_7_brings_the_disk_in_the_image", || the_image_brings_the_disk(V7))),
    (V8, ("limine_8_brings_the_disk_in_the_image", || the_image_brings_the_disk(V8))),
    (V8_UEFI, ("limine_8_by_uefi_brings_the_disk_in_the_image", || the_image_brings_the_disk(V8_UEFI))),
    (V8, ("under_limine_the_direct_map_may_lie_anywhere", the_direct_map_may_lie_anywhere)),
    (V8_UEFI, ("one_port_carries_all_after_uefi_wrote_on_it_under_limine", one_port_after_uefi)),
    (V7, ("limine_7_starts_the_other_processors", || other_processors(V7))),
    (V8, ("limine_8_starts_the_other_processors", || other_processors(V8))),
    (V8_UEFI, ("limine_8_by_uefi_starts_the_other_processors", || other_processors(V8_UEFI))),
    (V8, ("a_panic_under_limine_is_told_with_symbols", a_panic_is_told)),
    (V8, ("quotes_and_macros_in_command_lines_arrive_through_limine", quotes_arrive)),
];

/// What a test must find on this machine.
#[derive(Clone, Copy)]
pub struct Need {
    format: Format,
    uefi: bool,
}
const V7: Need = Need { format: Format::Cfg, uefi: false };
const V8: Need = Need { format: Format::Conf, uefi: false };
const V7_UEFI: Need = Need { uefi: true, ..V7 };
const V8_UEFI: Need = Need { uefi: true, ..V8 };

impl Need {
    /// Why it is not met, if it is not.
    pub fn missing(self) -> Option<String> {
        self.boot().err()
    }

    fn boot(self) -> Result<Boot, String> {
        let release = releases().iter().find(|limine| limine.version.format() == self.format);
        let which = if self.format == Format::Cfg { "7" } else { "8" };
        let missing = || format!("Limine {which} is not given (its binaries' folder in LIMINE_DIR_{which})");
        let limine = release.ok_or_else(missing)?.clone();
        let firmware = match self.uefi {
            false => Firmware::Bios,
            true => Firmware::Uefi(Ovmf::find().map_err(|e| e.to_string())?),
        };
        Ok(Boot::Limine { limine, firmware, settings: Vec::new() })
    }
}

/// The releases that the environment names. One that is named and unusable fails here: it was meant to be tested.
fn releases() -> &'static [Limine] {
    static FOUND: OnceLock<Vec<Limine>> = OnceLock::new();
    FOUND.get_or_init(|| {
        let named = ["LIMINE_DIR_7", "LIMINE_DIR_8", "LIMINE_DIR"].into_iter().filter_map(std::env::var_os);
        let dirs = named.flat_map(|list| std::env::split_paths(&list).collect::<Vec<_>>());
        let dirs = dirs.filter(|dir| dir != Path::new(""));
        dirs.map(|dir| Limine::open(&dir).unwrap_or_else(|e| panic!("{e}"))).collect()
    })
}

const PROGRAMS: [&str; 3] = ["hello", "touch-zero 64", "bad-read"];

/// Both budgets are set, because what is left after different bootloaders differs.
fn programs() -> Run {
    let mut run = guest(&PROGRAMS);
    (run.user_frames, run.kernel_frames) = (Some(4000), Some(4000));
    run
}

/// As people run it: UEFI writes on both ports before the kernel does.
fn on_uart() -> Run {
    Run { link: Link::Uart, ..programs() }
}

fn by(need: Need, chipset: Chipset, mut run: Run) -> Run {
    run.chipset = chipset;
    run.boot = need.boot().expect("a test that runs has what it needs");
    run
}

fn set(mut run: Run, key: &str, value: &str) -> Run {
    if let Boot::Limine { settings, .. } = &mut run.boot {
        settings.push((key.to_owned(), value.to_owned()));
    }
    run
}

fn same_as_our_loader(need: Need, chipset: Chipset) {
    static OURS: OnceLock<String> = OnceLock::new();
    let ours = OURS.get_or_init(|| run_in_order(on_uart()).outcome.console);
    let ran = run_in_order(by(need, chipset, on_uart()));
    assert_eq!(without_timing(&ran.outcome.console), without_timing(ours));
    assert!(ran.trace.hello().is_some(), "{}", tail(&ran.outcome));
    let first = ran.outcome.first_program.expect("a program was started");
    println!("{:?} {chipset:?}: first program after {:.2} s", ran.outcome.machine.start, first.as_secs_f64());
}

/// As on a machine that has no virtio disk: the volume is the module that the bootloader read from the image.
fn the_image_brings_the_disk(need: Need) {
    let mut guest = by(need, Chipset::Q35, programs());
    guest.ramdisk = true;
    let ran = run_in_order(guest);
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"), "{}", tail(&ran.outcome));
}

fn the_direct_map_may_lie_anywhere() {
    for _ in 0..3 {
        run_in_order(set(by(V8, Chipset::Pc, programs()), "RANDOMISE_HHDM_BASE", "yes"));
    }
}

fn other_processors(need: Need) {
    let mut guest = by(need, Chipset::Q35, programs());
    guest.smp = 4;
    let ran = run_in_order(guest);
    assert_eq!(ran.trace.hello().map(|hello| hello.cpus), Some(4), "{}", tail(&ran.outcome));
}

fn a_panic_is_told() {
    let ran = run(by(V8, Chipset::Q35, guest(&["hello"]).kernel_arg("panic", "thread")));
    assert_eq!(ran.outcome.end, End::Panicked, "{}", tail(&ran.outcome));
    assert!(
        ran.outcome.console.contains("init::run"),
        "a symbol of the file that Limine loaded\n{}",
        tail(&ran.outcome)
    );
}

fn one_port_after_uefi() {
    let mut guest = by(V8_UEFI, Chipset::Q35, programs());
    (guest.ports, guest.link) = (Ports::Shared, Link::Uart);
    let ran = run_in_order(guest);
    assert!(ran.output_of("hello").ends_with("hello: exit(0)\n"));
}

fn quotes_arrive() {
    let command = r"args ${ARCH} it's #1 \x :y";
    let ran = run_in_order(by(V8, Chipset::Pc, guest(&[command])));
    for line in [
        "argv[1] = '${ARCH}'\n",
        "argv[2] = 'it's'\n",
        "argv[3] = '#1'\n",
        "argv[4] = '\\x'\n",
        "argv[5] = ':y'\n",
    ] {
        assert!(ran.output_of(command).contains(line), "{line:?} is missing\n{}", tail(&ran.outcome));
    }
}
