//! The examples in README, recipes and help: each program that one tells people to run is there.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// The files in `folder`, in folders below it too.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|e| panic!("{}: {e}", folder.display()));
    let paths = entries.map(|entry| entry.unwrap().path());
    paths.flat_map(|path| if path.is_dir() { files(&path) } else { vec![path] }).collect()
}

/// Our programs, by name.
fn programs() -> BTreeSet<String> {
    let folders = ["userprog/src/bin", "userprog/scenarios/src/bin", "userprog/c"];
    let sources = folders.iter().flat_map(|folder| files(&repository().join(folder)));
    sources.filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned())).collect()
}

/// The first word of what follows each `marker`: `'NAME arguments'` or `NAME`.
fn named<'a>(text: &'a str, marker: &str) -> impl Iterator<Item = &'a str> {
    text.match_indices(marker).filter_map(move |(at, _)| {
        let rest = text[at + marker.len()..].trim_start_matches('\'');
        let end =
            rest.find(|c: char| !c.is_ascii_alphanumeric() && !"-_./".contains(c)).unwrap_or(rest.len());
        Some(&rest[..end]).filter(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
    })
}

/// Programs that the reader brings: `--put FOLDER/NAME`, `-o NAME`.
fn brought(text: &str) -> BTreeSet<&str> {
    let put = named(text, "--put ./").chain(named(text, "--put ~/"));
    put.filter_map(|path| path.rsplit('/').next()).chain(named(text, "-o ")).collect()
}

#[test]
fn every_program_of_an_example_exists() {
    let root = repository();
    let mut texts: Vec<PathBuf> =
        ["README.md", "CONTRIBUTING.md", "Justfile"].map(|name| root.join(name)).into();
    texts.extend(
        ["docs", "userprog/c", "host-tools/xtask/src/cli"]
            .iter()
            .flat_map(|folder| files(&root.join(folder))),
    );
    texts.push(root.join("host-tools/xtask/src/demo.rs"));
    let programs = programs();
    let (mut seen, mut missing) = (0, Vec::new());
    for path in texts {
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let brought = brought(&text);
        for name in ["--exec ", "just exec ", "xtask exec "].iter().flat_map(|marker| named(&text, marker)) {
            seen += 1;
            if !programs.contains(name) && !brought.contains(name) {
                missing.push(format!("{}: {name}", path.display()));
            }
        }
    }
    assert!(seen > 30, "only {seen} examples were found: they are written otherwise now");
    assert!(missing.is_empty(), "no such program: {missing:#?}");
}
