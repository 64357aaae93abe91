//! docs/pintos-map.md, checked: each file that it names holds the name given with it, and each event exists.

use std::fs;
use std::path::{Path, PathBuf};

use fl_trace::event::Event;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// The columns of the rows of all tables on the page.
fn rows(page: &str) -> impl Iterator<Item = Vec<&str>> {
    let tables = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| Pintos |"));
    tables.map(|line| {
        line.trim_matches('|').split(" | ").map(|column| column.trim_matches([' ', '|'])).collect()
    })
}

/// What stands in backquotes.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

/// Whether `source` defines `name`: a function, a type, a variant of one.
fn defines(source: &str, name: &str) -> bool {
    let words = ["fn ", "struct ", "enum ", "trait ", "const ", "static "];
    let line_defines = |line: &str| {
        let begins = |text: &str| {
            text.strip_prefix(name)
                .is_some_and(|rest| !rest.starts_with(|c: char| c.is_alphanumeric() || c == '_'))
        };
        let variant = begins(line.trim_start()) && !line.contains('(') && !line.contains(';');
        variant
            || words
                .iter()
                .any(|word| line.match_indices(word).any(|(at, _)| begins(&line[at + word.len()..])))
    };
    source.lines().any(line_defines)
}

#[test]
fn every_path_of_the_map_exists_and_holds_its_name() {
    let root = repository();
    let page = fs::read_to_string(root.join("docs/pintos-map.md")).unwrap();
    let (mut paths, mut wrong) = (0, Vec::new());
    for row in rows(&page) {
        assert_eq!(row.len(), 3, "a row has three columns: {row:?}");
        for item in quoted(row[1]).filter(|item| item.contains('/')) {
            let (path, name) = item.split_once(": ").unwrap_or((item, ""));
            paths += 1;
            match fs::read_to_string(root.join(path)) {
                Ok(source) if name.is_empty() || defines(&source, name) => {}
                Ok(_) => wrong.push(format!("{path} does not define {name}")),
                Err(_) if root.join(path).is_dir() && name.is_empty() => {}
                Err(_) => wrong.push(format!("there is no {path}")),
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
    assert!(paths > 50, "only {paths} paths were found: the page is read wrongly");
}

#[test]
fn every_event_of_the_map_exists() {
    let page = fs::read_to_string(repository().join("docs/pintos-map.md")).unwrap();
    let mut events = 0;
    for event in rows(&page).flat_map(|row| quoted(row[2]).collect::<Vec<_>>()) {
        assert!(Event::NAMES.contains(&event), "there is no event {event}");
        events += 1;
    }
    assert!(events > 20, "only {events} events were found: the page is read wrongly");
}

#[test]
fn definitions_are_told_from_mentions() {
    let source = "pub fn take(x: u32) {\nlet frame = take_frame();\nenum Outcome {\n    Mapped,\n}\n";
    for (name, is) in
        [("take", true), ("take_frame", false), ("Outcome", true), ("Mapped", true), ("Map", false)]
    {
        assert_eq!(defines(source, name), is, "{name}");
    }
}
