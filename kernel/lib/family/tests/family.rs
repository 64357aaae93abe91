//! Parents and children against a plain model: every child can be waited for once, by its parent alone, and nothing leaks.

use fl_addr::Pid;
use fl_family::{Children, LastWord};
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;

#[test]
fn a_last_word_is_nothing_until_it_is_said_and_then_what_was_said() {
    for status in [0, 1, -1, i32::MIN, i32::MAX] {
        for why in [0, 7, u8::MAX] {
            let word = LastWord::new();
            assert_eq!(word.read(), None);
            word.say(status, why);
            assert_eq!(word.read(), Some((status, why)));
        }
    }
}

#[test]
fn room_is_made_before_a_child_is_added() {
    let mut children = Children::new();
    for pid in 1..100 {
        let expected = children.growth();
        children.reserve().unwrap();
        assert_eq!(children.growth(), 0, "after making room the next child costs nothing, before {expected}");
        children.add(Pid(pid), ());
    }
    assert_eq!(children.len(), 99);
}

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The n-th living process makes a child.
    Fork(usize),
    /// The n-th living process ends with this status.
    Exit(usize, i32),
    /// The n-th living process waits for the process of this number; done only if that would not sleep.
    Wait(usize, u32),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => any::<usize>().prop_map(Step::Fork),
        2 => (any::<usize>(), any::<i32>()).prop_map(|(n, status)| Step::Exit(n, status)),
        4 => (any::<usize>(), 0..60u32).prop_map(|(n, pid)| Step::Wait(n, pid)),
    ]
}

struct Process {
    pid: u32,
    word: Arc<LastWord>,
    children: Children<Arc<LastWord>>,
}

proptest! {
    #[test]
    fn any_history_of_a_family_agrees_with_the_model(steps in prop::collection::vec(step(), 1..200)) {
        let mut living = vec![Process { pid: 1, word: Arc::new(LastWord::new()), children: Children::new() }];
        // The model: who may still wait for whom, and how those who are dead ended.
        let mut parents: BTreeMap<u32, u32> = BTreeMap::new();
        let mut ended: BTreeMap<u32, i32> = BTreeMap::new();
        let mut words = vec![Arc::downgrade(&living[0].word)];
        for step in steps {
            if living.is_empty() {
                break;
            }
            let count = living.len();
            match step {
                Step::Fork(n) => {
                    let pid = words.len() as u32 + 1;
                    let word = Arc::new(LastWord::new());
                    words.push(Arc::downgrade(&word));
                    let parent = &mut living[n % count];
                    parent.children.reserve().unwrap();
                    parent.children.add(Pid(pid), word.clone());
                    parents.insert(pid, parent.pid);
                    living.push(Process { pid, word, children: Children::new() });
                }
                Step::Exit(n, status) => {
                    let dead = living.swap_remove(n % count);
                    dead.word.say(status, 0);
                    ended.insert(dead.pid, status);
                    parents.retain(|_, parent| *parent != dead.pid);
                }
                Step::Wait(n, pid) => {
                    let parent = &mut living[n % count];
                    if parents.get(&pid) != Some(&parent.pid) {
                        prop_assert!(parent.children.take(Pid(pid)).is_none(), "not its child, or taken before");
                    } else if let Some(status) = ended.get(&pid) {
                        let word = parent.children.take(Pid(pid)).unwrap();
                        prop_assert_eq!(word.read(), Some((*status, 0)));
                        parents.remove(&pid);
                    }
                }
            }
            for (i, word) in words.iter().enumerate() {
                let pid = i as u32 + 1;
                let wanted = parents.contains_key(&pid) || living.iter().any(|p| p.pid == pid);
                prop_assert_eq!(word.upgrade().is_some(), wanted, "the last word of {} lives on", pid);
            }
        }
    }
}
