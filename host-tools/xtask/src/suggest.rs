//! Finds the existing name that a mistyped one was meant to be.

/// The most similar of `names`, if it is similar enough to be worth saying.
pub(crate) fn nearest<'a>(typed: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    // 0.7 lets through a wrong, missing or swapped letter in short names, and nothing unrelated (tested below).
    let similar =
        names.into_iter().map(|name| (strsim::jaro_winkler(typed, name), name)).filter(|(s, _)| *s > 0.7);
    similar.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: [&str; 6] = ["hello", "halt", "touch-zero", "touch-random", "bad-read", "stack"];

    #[test]
    fn a_mistyped_name_is_found() {
        for (typed, meant) in
            [("helo", "hello"), ("touch_zero", "touch-zero"), ("badread", "bad-read"), ("stakc", "stack")]
        {
            assert_eq!(nearest(typed, NAMES).as_deref(), Some(meant));
        }
    }

    #[test]
    fn an_unrelated_name_finds_nothing() {
        assert_eq!(nearest("xyzzy", NAMES), None);
        assert_eq!(nearest("hello", []), None);
    }
}
