//! The layer table of ARCHITECTURE.md, enforced: no module of the kernel uses one above it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Layer of each module path (`mm`, `trace::emit`).
type Layers = BTreeMap<String, u32>;

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the repository").to_owned()
}

/// Reads the table between the two markers: a number and the modules of that layer on each line.
fn layers(page: &str) -> Layers {
    let table = page.split("<!-- layers:").nth(1).expect("the page has the table");
    let table = table.split("<!-- end of layers").next().expect("the table ends");
    let mut layers = Layers::new();
    for line in table.lines() {
        let mut words = line.split_whitespace();
        let Some(Ok(layer)) = words.next().map(str::parse::<u32>) else { continue };
        for module in words {
            assert!(layers.insert(module.to_owned(), layer).is_none(), "{module} stands twice in the table");
        }
    }
    layers
}

/// The layer of a `crate::` path such as `trace::emit::Totals` or `mm::frames`: the longest module path that the table knows.
fn layer_of(layers: &Layers, path: &str) -> Option<u32> {
    let words: Vec<&str> = path.split("::").collect();
    (1..=words.len()).rev().find_map(|n| layers.get(&words[..n].join("::")).copied())
}

/// Paths below `crate::` that `source` mentions, `use crate::{a, b::{c}};` included. Doc comments do not count.
fn uses(source: &str) -> Vec<String> {
    let code: String =
        source.lines().filter(|l| !l.trim_start().starts_with("//")).map(|l| format!("{l}\n")).collect();
    let mut found = Vec::new();
    for (at, _) in code.match_indices("crate::") {
        if code[..at].ends_with("$") {
            continue; // a macro's own path, resolved where it is used
        }
        expand("", &code[at + "crate::".len()..], &mut found);
    }
    found
}

/// Expands `a::b`, `{a, b::c}` and nestings of them behind `prefix`.
fn expand(prefix: &str, text: &str, found: &mut Vec<String>) {
    let name: String = text.chars().take_while(|c| c.is_alphanumeric() || "_:".contains(*c)).collect();
    let rest = &text[name.len()..];
    if !rest.starts_with('{') {
        found.push(format!("{prefix}{name}").trim_end_matches(':').to_owned());
        return;
    }
    let (mut depth, mut start) = (0, 1);
    for (i, c) in rest.char_indices() {
        match c {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if (c == ',' && depth == 1) || depth == 0 {
            let part = rest[start..i].trim();
            if !part.is_empty() {
                expand(&format!("{prefix}{name}"), part, found);
            }
            start = i + 1;
        }
        if depth == 0 {
            return;
        }
    }
}

fn sources(dir: &Path, into: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(dir).expect("the kernel's sources are readable") {
        let path = entry.expect("a directory entry").path();
        if path.is_dir() {
            sources(&path, into);
        } else if path.extension().is_some_and(|e| e == "rs") {
            into.push(path);
        }
    }
}

/// `kernel/src/mm/frames.rs` -> `mm::frames`; `mm/mod.rs` -> `mm`.
fn module_of(file: &Path, src: &Path) -> String {
    let relative = file.strip_prefix(src).expect("a source file").with_extension("");
    let words: Vec<_> = relative.iter().map(|w| w.to_string_lossy().into_owned()).collect();
    words.join("::").trim_end_matches("::mod").to_owned()
}

/// Every use of a higher layer: "file uses path".
fn violations(layers: &Layers, files: &[(String, String)]) -> Vec<String> {
    let mut broken = Vec::new();
    for (module, source) in files {
        let Some(own) = layer_of(layers, module) else {
            broken.push(format!("{module} is in no layer of the table"));
            continue;
        };
        for path in uses(source) {
            let first = path.split("::").next().unwrap_or_default();
            match layer_of(layers, &path) {
                Some(other) if other > own => {
                    broken.push(format!("{module} (layer {own}) uses {path} (layer {other})"))
                }
                // A macro or a re-export of the crate root or of a mixed module such as `trace` is judged where it is defined.
                None if layers.keys().all(|k| k.split("::").next() != Some(first))
                    && !path.contains('!')
                    && path != "per_cpu" =>
                {
                    broken.push(format!("{module} uses {path}, which is in no layer"));
                }
                _ => {}
            }
        }
    }
    broken
}

#[test]
fn no_module_of_the_kernel_uses_a_higher_layer() {
    let root = repository();
    let page = fs::read_to_string(root.join("ARCHITECTURE.md")).expect("ARCHITECTURE.md is readable");
    let layers = layers(&page);
    assert!(layers.len() > 15, "the table was not read: {layers:?}");
    let src = root.join("kernel/src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    assert!(paths.len() > 40, "the sources were not found");
    let read = |p: &PathBuf| (module_of(p, &src), fs::read_to_string(p).expect("a source file is readable"));
    // `trace/mod.rs` only declares and re-exports its parts, which have layers of their own.
    let files: Vec<_> = paths.iter().map(read).filter(|(module, _)| module != "trace").collect();
    let broken = violations(&layers, &files);
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn a_use_of_a_higher_layer_is_found_however_it_is_written() {
    let layers = layers("<!-- layers: -->\n 2 mm\n 1 trace::emit\n 3 trace::drain\n<!-- end of layers -->");
    let check = |source: &str| violations(&layers, &[("trace::emit".to_owned(), source.to_owned())]);
    assert_eq!(check("use crate::mm::frames::Frame;").len(), 1);
    assert_eq!(check("use crate::{trace::{drain::{self, X}, emit}, mm};").len(), 3);
    assert_eq!(check("fn f() { crate::trace::drain::go() }").len(), 1);
    assert_eq!(check("use crate::nowhere::x;").len(), 1);
    assert_eq!(check("//! crate::mm is above\nuse crate::trace::emit::x;"), Vec::<String>::new());
}

/// Places where `unsafe` is allowed, as CONTRIBUTING.md says.
const UNSAFE_MAY_BE_IN: [&str; 15] = [
    "arch", "mm", "sync", "percpu", "sched", "dev", "fs", "ktest", "trace", "vm", "reclaim", "process",
    "panic", "console", "main",
];

#[test]
fn unsafe_stays_behind_its_fence() {
    let src = repository().join("kernel/src");
    let mut paths = Vec::new();
    sources(&src, &mut paths);
    for path in paths {
        let module = module_of(&path, &src);
        let source = fs::read_to_string(&path).expect("a source file is readable");
        let code = source.lines().filter(|l| !l.trim_start().starts_with("//"));
        let has_unsafe = code
            .clone()
            .any(|l| l.contains("unsafe {") || l.contains("unsafe fn") || l.contains("unsafe impl"));
        let first = module.split("::").next().unwrap_or_default().to_owned();
        assert!(!has_unsafe || UNSAFE_MAY_BE_IN.contains(&first.as_str()), "unsafe in {module}");
    }
}

#[test]
fn every_source_file_says_its_purpose_first() {
    let root = repository();
    let mut paths = Vec::new();
    for dir in ["kernel/src", "kernel/lib", "kernel/loader", "userprog", "host-tools", "tests"] {
        sources(&root.join(dir), &mut paths);
    }
    let silent: Vec<_> = paths
        .iter()
        .filter(|p| {
            !fs::read_to_string(p).expect("a source file is readable").trim_start().starts_with("//!")
        })
        .collect();
    assert!(silent.is_empty(), "no //! line at the top of {silent:#?}");
}
