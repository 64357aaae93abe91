//! The table of scenarios: what each runs, what it finds and leaves on the volume, how much memory it gets, what it must show.
//!
//! Data only: `cargo xtask conformance` runs it. A scenario's name is that of its program here, and of the program that pintos-kaist's
//! tests have for the same behaviour, so that the same rows run either.

mod filesys;
mod userprog;
mod vm;

use crate::data::{self, DataFile};

/// A part of the kernel that a scenario cannot do without.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Part {
    /// Processes, files, system calls.
    C,
    /// Page objects, lazy loading, stack growth, mmap, copy-on-write.
    D,
    /// Swap and eviction.
    E,
}

/// The last part that this kernel has. Scenarios of later ones are counted as "not yet".
pub const KERNEL_HAS: Part = Part::E;

/// The group of tests that a scenario belongs to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Group {
    /// Arguments, system calls, processes.
    Userprog,
    /// Descriptors made one.
    Dup2,
    /// Running out of memory.
    NoVm,
    /// Files.
    Filesys,
    /// Virtual memory.
    Vm,
    /// Copy-on-write.
    Cow,
}

impl Group {
    /// Where pintos-kaist has it, from the root of its repository.
    pub fn folder(self) -> &'static str {
        match self {
            Self::Userprog => "tests/userprog",
            Self::Dup2 => "tests/userprog/dup2",
            Self::NoVm => "tests/userprog/no-vm",
            Self::Filesys => "tests/filesys/base",
            Self::Vm => "tests/vm",
            Self::Cow => "tests/vm/cow",
        }
    }
}

/// What must be on the console between the lines `Executing '..':` and `Execution of '..' complete.`, nothing else.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expect {
    /// The program's exit line with this status.
    Exit(i32),
    /// The words that it has before its mistake, then its exit line with status -1: the kernel ends it for just that.
    Killed,
    /// These lines in this order.
    Lines(&'static [&'static str]),
    /// This line so many times, then the program's exit line with status 0.
    Repeated(&'static str, usize),
    /// Exit lines of children of one name with the statuses from 0 up, in any order; then the program's own with status 0.
    Children(&'static str, i32),
    /// These lines in this order, and anywhere among them exit lines of children of one name.
    Among(&'static str, &'static [&'static str]),
    /// Nothing: the machine powers off at once.
    PowerOff,
}

/// One scenario.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Its program.
    pub name: &'static str,
    /// What follows the name on the command line.
    pub arguments: &'static str,
    /// Where it belongs.
    pub group: Group,
    /// The part of the kernel that it needs.
    pub part: Part,
    /// Programs that it executes besides.
    pub programs: &'static [&'static str],
    /// Files of known bytes that it finds on the volume.
    pub files: &'static [&'static DataFile],
    /// Names that its program here makes, changes or removes: what a later scenario on the same volume would see.
    pub changes: &'static [&'static str],
    /// Frames for user pages, and as many for the kernel.
    pub frames: u32,
    /// Size of the swap space in pages.
    pub swap_pages: u32,
    /// Whether it asks which frames its pages are in: where pages were evicted though memory is plenty, it could not know.
    pub asks_for_frames: bool,
    /// What its program here must show.
    pub expect: Expect,
}

/// User frames where nothing else is said: what pintos-kaist has with its tests' 20 MiB, and its default swap disk.
const FRAMES: u32 = 2495;
const SWAP_PAGES: u32 = 4 * SWAP_DISK;
/// Pages of swap per unit of pintos-kaist's `--swap-disk`.
const SWAP_DISK: u32 = 252;

/// All scenarios, group by group.
pub fn all() -> impl Iterator<Item = &'static Scenario> {
    userprog::TABLE.iter().chain(filesys::TABLE).chain(vm::TABLE)
}

/// A row: a program without arguments that ends with status 0 and prints nothing itself. The methods say what is different.
const fn row(group: Group, part: Part, name: &'static str) -> Scenario {
    Scenario {
        name,
        arguments: "",
        group,
        part,
        programs: &[],
        files: &[],
        changes: &[],
        frames: FRAMES,
        swap_pages: SWAP_PAGES,
        asks_for_frames: false,
        expect: Expect::Exit(0),
    }
}

impl Scenario {
    /// The whole command line.
    pub fn command_line(&self) -> String {
        format!("{} {}", self.name, self.arguments).trim_end().to_owned()
    }

    const fn arguments(mut self, arguments: &'static str) -> Self {
        self.arguments = arguments;
        self
    }

    const fn runs(mut self, programs: &'static [&'static str]) -> Self {
        self.programs = programs;
        self
    }

    const fn finds(mut self, files: &'static [&'static DataFile]) -> Self {
        self.files = files;
        self
    }

    const fn changes(mut self, names: &'static [&'static str]) -> Self {
        self.changes = names;
        self
    }

    const fn memory(mut self, frames: u32, swap_disk: u32) -> Self {
        self.frames = frames;
        self.swap_pages = swap_disk * SWAP_DISK;
        self
    }

    const fn asks_for_frames(mut self) -> Self {
        self.asks_for_frames = true;
        self
    }

    const fn exits(mut self, status: i32) -> Self {
        self.expect = Expect::Exit(status);
        self
    }

    const fn killed(self) -> Self {
        self.expects(Expect::Killed)
    }

    const fn says(mut self, lines: &'static [&'static str]) -> Self {
        self.expect = Expect::Lines(lines);
        self
    }

    const fn expects(mut self, expect: Expect) -> Self {
        self.expect = expect;
        self
    }
}

const SAMPLE: &[&DataFile] = &[&data::SAMPLE];

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;

    /// Programs of package `userprog` that are scenarios too.
    const ELSEWHERE: [&str; 4] = ["halt", "bad-read", "bad-write", "bad-jump"];

    #[test]
    fn every_scenario_has_its_program_and_every_program_its_scenario() {
        let dir = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
        let files = std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path());
        let programs: BTreeSet<String> =
            files.map(|file| file.file_stem().unwrap().to_str().unwrap().to_owned()).collect();
        let named = all().flat_map(|s| s.programs.iter().chain([&s.name])).map(|&name| name.to_owned());
        let named: BTreeSet<String> = named.filter(|name| !ELSEWHERE.contains(&name.as_str())).collect();
        assert_eq!(programs, named);
    }

    #[test]
    fn names_are_unique_and_fit_the_volume() {
        let mut seen = BTreeSet::new();
        for scenario in all() {
            assert!(seen.insert(scenario.name), "{} is there twice", scenario.name);
            let files = scenario.files.iter().map(|file| file.name.to_str().unwrap());
            for name in
                files.chain(scenario.programs.iter().chain(scenario.changes).copied()).chain([scenario.name])
            {
                assert!((1..=fl_abi::FILE_NAME_MAX).contains(&name.len()), "{name}");
            }
            assert!(scenario.command_line().len() <= fl_abi::COMMAND_LINE_MAX);
        }
    }
}
