//! Escaped names: nothing FAT could confuse, and no two alike.

use fl_volume::{FileName, NameError};
use proptest::prelude::*;

fn name() -> impl Strategy<Value = Vec<u8>> {
    // Bytes that matter to FAT come often.
    let byte = prop_oneof![any::<u8>(), proptest::sample::select(&b".~%^$ aAeE56/\\:\xe5\x05"[..])];
    proptest::collection::vec(byte, 1..=14)
}

fn escaped(bytes: &[u8]) -> String {
    FileName::new(bytes).expect("1 to 14 bytes").escaped()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4096))]

    #[test]
    fn every_name_comes_back(bytes in name()) {
        let file = FileName::new(&bytes).expect("1 to 14 bytes");
        prop_assert_eq!(file.as_bytes(), &bytes[..]);
        prop_assert_eq!(FileName::from_escaped(file.escaped().as_bytes()), Some(file));
        prop_assert_eq!(FileName::from_escaped(file.escaped().to_uppercase().as_bytes()), Some(file));
    }

    #[test]
    fn no_two_names_meet_even_without_case(a in name(), b in name()) {
        prop_assert_eq!(a == b, escaped(&a).eq_ignore_ascii_case(&escaped(&b)));
    }

    #[test]
    fn an_escaped_name_is_one_that_fat_keeps_as_it_is(bytes in name()) {
        let text = escaped(&bytes);
        prop_assert!(text.len() <= 42 && !text.ends_with(['.', ' ']));
        let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b"._-%^".contains(&b);
        prop_assert!(text.bytes().all(allowed));
    }

    #[test]
    fn an_entry_stands_for_a_name_only_if_we_would_write_it(entry in "[a-zA-Z0-9.%^~ _-]{0,45}") {
        if let Some(file) = FileName::from_escaped(entry.as_bytes()) {
            prop_assert!(file.escaped().eq_ignore_ascii_case(&entry));
        }
    }

    #[test]
    fn any_bytes_as_an_entry_do_no_harm(entry in proptest::collection::vec(any::<u8>(), 0..60)) {
        if let Some(file) = FileName::from_escaped(&entry) {
            prop_assert!(file.escaped().as_bytes().eq_ignore_ascii_case(&entry));
        }
    }
}

#[test]
fn names_of_no_or_too_many_bytes_are_refused() {
    assert_eq!(FileName::new(b""), Err(NameError::Empty));
    assert_eq!(FileName::new(&[b'a'; 15]), Err(NameError::TooLong));
    assert!(FileName::new(&[0xff; 14]).is_ok());
}

#[test]
fn ordinary_names_stay_readable() {
    assert_eq!(escaped(b"hello-1.txt"), "hello-1.txt");
    assert_eq!(escaped(b"Makefile"), "^makefile");
    assert_eq!(escaped(b"a b."), "a%20b%2e");
}
