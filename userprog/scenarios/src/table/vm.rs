//! Virtual memory: stack growth, paging, mappings, laziness, swap, copy-on-write.

use super::Scenario;

/// See the module.
pub(super) const TABLE: &[Scenario] = &[];
