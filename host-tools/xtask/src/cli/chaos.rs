//! What the flags about chaos have in common: which build it needs, ranges of seeds, and how to see the same again.

use std::ops::RangeInclusive;
use std::str::FromStr;

use crate::{Error, Profile, Result};

/// The build for a run: the one that was asked for; else for chaos the checked one, which alone has marked places; else `usual`.
///
/// # Errors
/// Chaos in a build that cannot have it.
pub(super) fn profile(asked: Option<Profile>, chaos: bool, usual: Profile) -> Result<Profile> {
    match (asked, chaos) {
        (Some(Profile::Release), true) => Err(Error::Usage(
            "--chaos needs the checked build, which has the marked places; leave --profile release out"
                .to_owned(),
        )),
        (Some(profile), _) => Ok(profile),
        (None, true) => Ok(Profile::Checked),
        (None, false) => Ok(usual),
    }
}

/// Seeds one after the other: `A..B` from A up to B without B, `A..=B` with it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Seeds(pub RangeInclusive<u64>);

impl FromStr for Seeds {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let range = || {
            let (first, last) = text.split_once("..")?;
            let first = first.parse::<u64>().ok()?;
            let last = match last.strip_prefix('=') {
                Some(last) => last.parse().ok()?,
                None => last.parse::<u64>().ok()?.checked_sub(1)?,
            };
            (first <= last).then_some(Self(first..=last))
        };
        range()
            .ok_or_else(|| Error::Usage(format!("'{text}': give seeds as 1..101, or 1..=100 with the last")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range_that_is_not_empty() {
        let seeds = |text: &str| text.parse::<Seeds>().map(|seeds| seeds.0).ok();
        assert_eq!(seeds("1..101"), Some(1..=100));
        assert_eq!(seeds("7..=7"), Some(7..=7));
        for text in ["", "7", "1..1", "3..=2", "0..0", "..5", "5..", "a..b", "-1..3"] {
            assert_eq!(seeds(text), None, "{text}");
        }
    }

    #[test]
    fn chaos_picks_the_build_that_has_it() {
        assert_eq!(profile(None, true, Profile::Release).unwrap(), Profile::Checked);
        assert_eq!(profile(None, false, Profile::Release).unwrap(), Profile::Release);
        assert_eq!(profile(Some(Profile::Checked), true, Profile::Release).unwrap(), Profile::Checked);
        let refused = profile(Some(Profile::Release), true, Profile::Checked).unwrap_err();
        assert!(refused.to_string().contains("leave --profile release out"), "{refused}");
    }
}
