//! [`Faults`]: which requests to a disk shall fail, for tests of what happens then: `read:swap:0.01,write:volume:0.001`.
//!
//! Whether a request fails follows from the seed, the disk's [`Role`], the operation, and how many of that kind there were before, and from
//! nothing else: the same requests fail again, whatever else goes on in the machine.

use crate::Operation;
use alloc::vec::Vec;
use core::fmt;
use fl_chaos::mix;

/// What a disk is used for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Role {
    /// It holds the volume with the files.
    Volume,
    /// It holds the swap slots.
    Swap,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::Volume, Self::Swap];

    /// In a word, as rules have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Volume => "volume",
            Self::Swap => "swap",
        }
    }
}

impl Operation {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Read, Self::Write, Self::Flush];

    /// In a word, as rules have it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Flush => "flush",
        }
    }
}

/// Certainty, in the unit of probabilities: a billionth has the nine decimals that a rule may have.
const CERTAIN: u32 = 1_000_000_000;
/// Decimals of a probability.
const DECIMALS: usize = 9;

/// One rule. `None` stands for `any`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Rule {
    operation: Option<Operation>,
    role: Option<Role>,
    /// In billionths.
    probability: u32,
}

/// The rules of a run, and its seed.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Faults {
    rules: Vec<Rule>,
    seed: u64,
}

/// What is wrong with a text of rules.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FaultsError {
    /// A rule has not the form.
    Form,
    /// There is no such operation.
    Operation,
    /// There is no such disk.
    Role,
    /// It is no number from 0 to 1.
    Probability,
}

impl fmt::Display for FaultsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Form => {
                "a rule is OPERATION:DISK:PROBABILITY, as read:swap:0.01; commas stand between rules"
            }
            Self::Operation => "the operation is read, write, flush or any",
            Self::Role => "the disk is swap, volume or any",
            Self::Probability => "the probability is a number from 0 to 1 with at most 9 decimals, as 0.01",
        })
    }
}

impl core::error::Error for FaultsError {}

impl Faults {
    /// Reads rules; the chances are drawn from `seed`.
    ///
    /// # Errors
    /// The first thing that is wrong.
    pub fn parse(text: &str, seed: u64) -> Result<Self, FaultsError> {
        let rules = text.split(',').map(Rule::parse).collect::<Result<_, _>>()?;
        Ok(Self { rules, seed })
    }

    /// Whether the `number`-th request (from 0) of this operation to the disk of this role shall fail.
    pub fn strike(&self, role: Role, operation: Operation, number: u64) -> bool {
        self.rules.iter().enumerate().any(|(i, rule)| {
            let concerns =
                rule.operation.is_none_or(|of| of == operation) && rule.role.is_none_or(|of| of == role);
            concerns && rule.probability > self.draw([i as u64, role as u64, operation as u64, number])
        })
    }

    /// A number below [`CERTAIN`] that looks drawn.
    fn draw(&self, of: [u64; 4]) -> u32 {
        let mixed = of.into_iter().fold(mix(self.seed), |state, part| mix(state ^ part));
        (((mixed >> 32) * u64::from(CERTAIN)) >> 32) as u32
    }
}

impl Rule {
    fn parse(text: &str) -> Result<Self, FaultsError> {
        let mut parts = text.split(':');
        let (Some(operation), Some(role), Some(probability), None) =
            (parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(FaultsError::Form);
        };
        let operation = match operation {
            "any" => None,
            word => {
                Some(Operation::ALL.into_iter().find(|o| o.word() == word).ok_or(FaultsError::Operation)?)
            }
        };
        let role = match role {
            "any" => None,
            word => Some(Role::ALL.into_iter().find(|r| r.word() == word).ok_or(FaultsError::Role)?),
        };
        let probability = billionths(probability).ok_or(FaultsError::Probability)?;
        Ok(Self { operation, role, probability })
    }
}

/// A decimal number from 0 to 1, in billionths. The kernel does not use floating point.
fn billionths(text: &str) -> Option<u32> {
    let (whole, decimals) = text.split_once('.').unwrap_or((text, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    if !digits(whole) || !digits(decimals) || decimals.len() > DECIMALS {
        return None;
    }
    let scale = 10u32.pow((DECIMALS - decimals.len()) as u32);
    let part = decimals.parse::<u32>().ok()? * scale;
    let all = whole.parse::<u32>().ok()?.checked_mul(CERTAIN)?.checked_add(part)?;
    (all <= CERTAIN).then_some(all)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn faults(text: &str) -> Faults {
        Faults::parse(text, 7).unwrap()
    }

    /// How many of 100 000 requests fail.
    fn struck(faults: &Faults, role: Role, operation: Operation) -> usize {
        (0..100_000).filter(|&n| faults.strike(role, operation, n)).count()
    }

    #[test]
    fn a_rule_concerns_the_requests_that_it_names_and_no_others() {
        let faults = faults("read:swap:1");
        for operation in Operation::ALL {
            for role in Role::ALL {
                let named = operation == Operation::Read && role == Role::Swap;
                assert_eq!(faults.strike(role, operation, 3), named, "{operation:?} {role:?}");
            }
        }
    }

    #[test]
    fn any_is_every_operation_or_every_disk() {
        let faults = faults("any:volume:1,flush:any:1");
        assert!(faults.strike(Role::Volume, Operation::Write, 0));
        assert!(!faults.strike(Role::Swap, Operation::Write, 0));
        assert!(faults.strike(Role::Swap, Operation::Flush, 0));
    }

    #[test]
    fn as_many_fail_as_the_probability_says() {
        for (text, least, most) in [
            ("read:swap:0", 0, 0),
            ("read:swap:0.000", 0, 0),
            ("read:swap:0.01", 900, 1100),
            ("read:swap:0.5", 49_500, 50_500),
            ("read:swap:0.999999999", 99_990, 100_000),
            ("read:swap:1.0", 100_000, 100_000),
            ("read:swap:0.01,any:any:0.01", 1850, 2130),
        ] {
            let count = struck(&faults(text), Role::Swap, Operation::Read);
            assert!((least..=most).contains(&count), "{text}: {count}");
        }
    }

    #[test]
    fn the_seed_alone_decides_which_fail() {
        let which = |seed| {
            let faults = Faults::parse("any:any:0.1", seed).unwrap();
            (0..200).map(|n| faults.strike(Role::Swap, Operation::Read, n)).collect::<Vec<_>>()
        };
        assert_eq!(which(1), which(1));
        assert_ne!(which(1), which(2));
        let faults = faults("any:any:0.1");
        let of = |role, operation| (0..200).map(|n| faults.strike(role, operation, n)).collect::<Vec<_>>();
        assert_ne!(
            of(Role::Swap, Operation::Read),
            of(Role::Swap, Operation::Write),
            "each kind has chances of its own"
        );
        assert_ne!(of(Role::Swap, Operation::Read), of(Role::Volume, Operation::Read));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (text, error) in [
            ("", FaultsError::Form),
            ("read:swap", FaultsError::Form),
            ("read:swap:0.1:x", FaultsError::Form),
            ("read:swap:0.1,", FaultsError::Form),
            ("reads:swap:0.1", FaultsError::Operation),
            ("read:disk:0.1", FaultsError::Role),
            ("read:swap:", FaultsError::Probability),
            ("read:swap:1.1", FaultsError::Probability),
            ("read:swap:-0.1", FaultsError::Probability),
            ("read:swap:.5", FaultsError::Probability),
            ("read:swap:5.", FaultsError::Probability),
            ("read:swap:1e-3", FaultsError::Probability),
            ("read:swap:0.1234567890", FaultsError::Probability),
            ("read:swap:99999999999", FaultsError::Probability),
        ] {
            assert_eq!(Faults::parse(text, 0), Err(error), "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_is_too_strange(text in ".{0,60}") {
            let _ = Faults::parse(&text, 0);
        }

        #[test]
        fn probabilities_are_read_to_the_last_decimal(n in 0..=CERTAIN) {
            let text = alloc::format!("{}.{:09}", n / CERTAIN, n % CERTAIN);
            prop_assert_eq!(billionths(&text), Some(n));
        }
    }
}
