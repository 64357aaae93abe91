//! The texts QEMU passes: the kernel's command line and each module's file name and name.
//!
//! QEMU's multiboot code puts the loader's file name before the command line, and hands over each `-initrd`
//! element as written: `FILE NAME`. Neither is quoted, so the loader's path must not contain a space.

/// Most modules accepted, the kernel included.
pub const MAX_MODULES: usize = 32;

/// The kernel's command line out of `LOADER_FILE COMMAND LINE`.
pub fn command_line(text: &[u8]) -> &[u8] {
    after_space(text)
}

/// The file name, without folders, of the module text `FILE NAME`.
pub fn module_path(text: &[u8]) -> &[u8] {
    let path = text.split(|&b| b == b' ').next().unwrap_or(text);
    path.rsplit(|&b| b == b'/').next().unwrap_or(path)
}

/// The name (Limine's `string`) of the module text `FILE NAME`: everything after the first space.
pub fn module_string(text: &[u8]) -> &[u8] {
    after_space(text)
}

fn after_space(text: &[u8]) -> &[u8] {
    text.iter().position(|&b| b == b' ').map_or(&[], |space| &text[space + 1..])
}

/// Whether the kernel's command line holds the word `loader=verbose`. Single quotes group, a backslash
/// escapes the next byte, as in the kernel: the same letters inside another option's quotes do not count.
pub fn wants_verbose(command_line: &[u8]) -> bool {
    const WORD: &[u8] = b"loader=verbose";
    let (mut quoted, mut escaped) = (false, false);
    let mut matched = Some(0); // bytes of WORD this word has matched so far, None once it differs
    for &byte in command_line {
        let separator = byte == b' ' && !quoted && !escaped;
        if separator {
            if matched == Some(WORD.len()) {
                return true;
            }
            matched = Some(0);
        } else if !escaped && byte == b'\'' {
            quoted = !quoted;
        } else if !escaped && byte == b'\\' {
            escaped = true;
            continue;
        } else {
            matched = matched.filter(|&n| WORD.get(n) == Some(&byte)).map(|n| n + 1);
        }
        escaped = false;
    }
    matched == Some(WORD.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_loader_s_own_file_name_is_not_part_of_the_command_line() {
        assert_eq!(command_line(b"/x/loader exec='a b' panic=emit"), b"exec='a b' panic=emit");
        assert_eq!(command_line(b"/x/loader "), b"");
        assert_eq!(command_line(b"/x/loader"), b"");
    }

    #[test]
    fn a_module_is_named_by_the_text_after_the_first_space() {
        let text = b"/tmp/a/disk.img volume two";
        assert_eq!((module_path(text), module_string(text)), (&b"disk.img"[..], &b"volume two"[..]));
        assert_eq!((module_path(b"disk.img"), module_string(b"disk.img")), (&b"disk.img"[..], &b""[..]));
        assert_eq!((module_path(b""), module_string(b"")), (&b""[..], &b""[..]));
    }

    #[test]
    fn verbose_is_a_word_of_its_own() {
        for yes in ["loader=verbose", "a=1 loader=verbose b", "  loader=verbose", "'loader=verbose'"] {
            assert!(wants_verbose(yes.as_bytes()), "{yes}");
        }
        for no in [
            "",
            "loader=verbos",
            "loader=verbose2",
            "xloader=verbose",
            "exec='echo loader=verbose'",
            "exec='it\\' loader=verbose'",
            "exec=a\\ loader=verbose",
        ] {
            assert!(!wants_verbose(no.as_bytes()), "{no}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_split_without_loss(file in "[^ ]{0,20}", name in ".{0,20}") {
            let text = format!("{file} {name}");
            prop_assert_eq!(module_string(text.as_bytes()), name.as_bytes());
            prop_assert!(file.as_bytes().ends_with(module_path(text.as_bytes())));
            wants_verbose(text.as_bytes());
        }
    }
}
