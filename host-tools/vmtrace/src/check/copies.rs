//! Copy-on-write (7): a fault that says Copied shows the page that a copy just made for it, and each copy is shown by such a fault.
//!
//! Key type: [`Copies`]. That the frame is nobody else's is `pages`' business; that a store without a fault went elsewhere no event tells.

use super::Invariant;
use super::claim::{Claim, Docket, Witness};
use fl_addr::{PageId, Pfn};
use fl_trace::event::{Fault, Outcome, PageCopy};
use hashbrown::HashMap;

const RULE: Invariant = Invariant::CopiedOnce;

/// Copies that no fault has shown yet.
const PENDING: usize = 1 << 12;

/// See the module.
#[derive(Default)]
pub struct Copies {
    pending: HashMap<PageId, (Pfn, Witness)>,
}

impl Copies {
    /// A copy was made.
    pub fn made(&mut self, now: &Witness, copy: &PageCopy, docket: &mut Docket) {
        docket.exercised(RULE);
        if copy.from == copy.page {
            let text = format!("page {} is a copy of itself", copy.page);
            docket.claim(claim(true, now, now, text));
        }
        if self.pending.len() < PENDING {
            self.pending.insert(copy.page, (copy.frame, *now));
        }
    }

    /// A fault has ended.
    pub fn fault(&mut self, now: &Witness, fault: &Fault, docket: &mut Docket) {
        let made = self.pending.remove(&fault.page);
        if fault.outcome != Outcome::Copied {
            if let Some((_, made)) = made
                && fault.outcome == Outcome::Mapped
            {
                let text =
                    format!("page {} was copied for another fault than that which shows it", fault.page);
                docket.claim(claim(false, &made, now, text));
            }
            return;
        }
        docket.exercised(RULE);
        match made {
            Some((frame, made)) if frame != fault.frame => {
                let text = format!(
                    "page {} was copied to frame {frame}, the fault shows {}",
                    fault.page, fault.frame
                );
                docket.claim(claim(true, &made, now, text));
            }
            Some(_) => {}
            None => {
                let text = format!("a fault shows page {} as a copy, which nobody made", fault.page);
                // The copy's event comes within the fault: only what is missing since its begin could be it.
                let since = now.stamped.tsc.saturating_sub(fault.latency());
                docket.claim(Claim { since, ..claim(false, now, now, text) });
            }
        }
    }
}

fn claim(certain: bool, before: &Witness, now: &Witness, text: String) -> Claim {
    let witnesses = if before == now { vec![*now] } else { vec![*before, *now] };
    Claim { invariant: RULE, since: before.stamped.tsc, at: now.stamped.tsc, certain, text, witnesses }
}
