//! What is to be dropped covers what was added, whatever its order and number; a mailbox hands on all of it.

use fl_addr::{CpuId, Vpn};
use fl_shootdown::{CpuSet, Drops, Extent, Mailbox};
use proptest::prelude::*;

fn covers<const N: usize>(drops: &Drops<N>, page: u64) -> bool {
    drops.extent() != Extent::Runs || drops.runs().iter().any(|run| run.iter().any(|p| p.0 == page))
}

#[test]
fn neighbours_make_one_run_and_too_many_pages_everything() {
    let mut drops = Drops::<2>::new();
    (10..20).for_each(|page| drops.add(Vpn(page)));
    assert_eq!((drops.runs().len(), drops.pages(), drops.extent()), (1, 10, Extent::Runs));
    (20..10 + u64::from(Drops::<2>::PAGES)).for_each(|page| drops.add(Vpn(page)));
    assert_eq!(drops.extent(), Extent::Runs);
    drops.add(Vpn(1000));
    assert_eq!(drops.extent(), Extent::User);
}

#[test]
fn a_third_run_where_two_fit_is_a_whole_space() {
    let mut drops = Drops::<2>::new();
    [1, 3, 5].into_iter().for_each(|page| drops.add(Vpn(page)));
    assert_eq!(drops.extent(), Extent::User);
}

#[test]
fn a_full_mailbox_asks_for_more_and_never_for_less() {
    let mailbox = Mailbox::new();
    let mut kernel = Drops::<0>::of(Extent::Everything);
    let first = mailbox.post(&kernel);
    kernel = Drops::of(Extent::User);
    let second = mailbox.post(&kernel);
    assert!(first < second && !mailbox.is_served(first));
    let mut asked = Vec::new();
    mailbox.serve(|extent, _| asked.push(extent));
    assert_eq!(asked, [Extent::Everything]);
    assert!(mailbox.is_served(second));
}

#[test]
fn sets_of_processors_count_and_name_their_members() {
    let set = CpuSet::first(3).without(CpuId(1)).with(CpuId(7));
    assert_eq!(set.iter().map(|cpu| cpu.0).collect::<Vec<_>>(), [0, 2, 7]);
    assert_eq!((set.bits(), set.is_empty(), CpuSet::EMPTY.is_empty()), (0b1000_0101, false, true));
    assert!(set.has(CpuId(7)) && !set.has(CpuId(1)));
}

proptest! {
    #[test]
    fn all_that_was_added_is_dropped(pages in prop::collection::vec(prop_oneof![0u64..40, any::<u32>().prop_map(u64::from)], 0..50)) {
        let mut drops = Drops::<8>::new();
        pages.iter().for_each(|page| drops.add(Vpn(*page)));
        prop_assert!(pages.iter().all(|page| covers(&drops, *page)));
        prop_assert_eq!(drops.is_empty(), pages.is_empty());
    }

    #[test]
    fn a_mailbox_hands_on_all_that_was_posted(posts in prop::collection::vec(prop::collection::vec(0u64..100_000, 0..6), 1..5)) {
        let mailbox = Mailbox::new();
        for pages in &posts {
            let mut drops = Drops::<8>::new();
            pages.iter().for_each(|page| drops.add(Vpn(*page)));
            mailbox.post(&drops);
        }
        let (mut all, mut gone) = (false, Vec::new());
        mailbox.serve(|extent, run| {
            all |= extent != Extent::Runs;
            gone.extend(run.iter().map(|page| page.0));
        });
        prop_assert!(all || posts.iter().flatten().all(|page| gone.contains(page)));
        let mut again = 0;
        mailbox.serve(|_, _| again += 1);
        prop_assert_eq!(again, 0);
    }
}
