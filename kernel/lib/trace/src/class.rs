//! Classes of events, and which of them a run traces: the words of `trace=`.

use crate::event::Event;

/// Declares the classes: name, whether it is traced unless told otherwise.
macro_rules! classes {
    ($($(#[$doc:meta])* $class:ident $word:literal $default:literal;)*) => {
        /// What a kind of event is about. A run traces whole classes.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
        #[repr(u8)]
        pub enum Class { $($(#[$doc])* $class,)* }

        impl Class {
            /// All of them, by number.
            pub const ALL: &[Self] = &[$(Self::$class),*];

            /// Its word on the command line.
            pub const fn word(self) -> &'static str {
                match self { $(Self::$class => $word),* }
            }
        }

        impl Classes {
            /// What is traced unless told otherwise.
            pub const USUAL: Self = Self(0 $(| ($default as u32) << Class::$class as u32)*);
        }
    };
}

classes! {
    /// Processes begin, become others, wait and end.
    Process "process" true;
    /// Page faults.
    Fault "fault" true;
    /// Frames move between pools and the caches of CPUs.
    Frames "frames" true;
    /// Pages, other than by faults.
    Page "page" true;
    /// System calls.
    Syscall "syscall" false;
    /// CPUs go from one process to another.
    Switch "switch" false;
    /// Requests to disks.
    Disk "disk" true;
    /// Who loses a frame and why, the evictor, and waiting for memory.
    Reclaim "reclaim" true;
    /// Pages to and from swap slots.
    Swap "swap" true;
    /// Pages get and lose pins.
    Pin "pin" false;
    /// Samples of accessed and dirty bits.
    Access "access" false;
    /// Translations taken out of other CPUs' caches.
    Tlb "tlb" true;
}

/// A set of classes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Classes(u32);

impl Classes {
    /// None.
    pub const NONE: Self = Self(0);
    /// All there are.
    pub const ALL: Self = Self((1 << Class::ALL.len()) - 1);

    /// As the hello tells them.
    pub const fn from_bits(bits: u32) -> Self {
        Self(bits)
    }

    /// For the hello: bit `n` is class number `n`.
    pub const fn bits(self) -> u32 {
        self.0
    }

    /// Whether `class` is among them.
    pub const fn contains(self, class: Class) -> bool {
        self.0 >> class as u32 & 1 != 0
    }

    /// Whether all of `other` are among them.
    pub const fn covers(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Those that are in both.
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    const fn with(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// The kinds of event in these classes, and the one that tells that they changed: bit `n` is [`Event::index`] `n`.
    pub const fn kinds(self) -> u64 {
        let (mut kinds, mut n) = (1 << Event::TRACE_CHANGED, 0);
        while n < Event::KINDS {
            kinds |= (self.contains(Event::CLASSES[n]) as u64) << n;
            n += 1;
        }
        kinds
    }
}

impl Default for Classes {
    fn default() -> Self {
        Self::USUAL
    }
}

/// What `trace=` asks for.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Selection {
    /// Threads wait rather than lose events.
    pub lossless: bool,
    /// What is traced.
    pub classes: Classes,
}

impl Selection {
    /// Obeys the words of one `trace=`, with commas between them: `block` or `drop` (what happens when a ring is full), `all`, `none`, `usual`,
    /// a class's name (those named are all there are), `+name`, `-name`. False: there is another word; nothing is changed.
    pub fn apply(&mut self, words: &str) -> bool {
        let (mut next, mut named) = (*self, Classes::NONE);
        for word in words.split(',') {
            let (sign, name) = match word.as_bytes().first() {
                Some(b'+') => (b'+', &word[1..]),
                Some(b'-') => (b'-', &word[1..]),
                _ => (0, word),
            };
            let class = Class::ALL.iter().find(|class| class.word() == name);
            let class = class.map(|&class| Classes(1 << class as u32));
            match (sign, name, class) {
                (0, "block", _) => next.lossless = true,
                (0, "drop", _) => next.lossless = false,
                (0, "all", _) => next.classes = Classes::ALL,
                (0, "none", _) => next.classes = Classes::NONE,
                (0, "usual", _) => next.classes = Classes::USUAL,
                (b'+', _, Some(class)) => next.classes = next.classes.with(class),
                (b'-', _, Some(class)) => next.classes = next.classes.without(class),
                (0, _, Some(class)) => {
                    named = named.with(class);
                    next.classes = named;
                }
                _ => return false,
            }
        }
        *self = next;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selection(all: &[&str]) -> Option<Selection> {
        let mut selection = Selection::default();
        all.iter().all(|words| selection.apply(words)).then_some(selection)
    }

    fn classes(words: &str) -> Classes {
        selection(&[words]).expect("known words").classes
    }

    fn of(classes: &[Class]) -> Classes {
        classes.iter().fold(Classes::NONE, |set, &class| set.with(Classes(1 << class as u32)))
    }

    #[test]
    fn unless_told_otherwise_all_but_the_frequent_ones_are_traced() {
        assert!(!Classes::USUAL.contains(Class::Syscall) && Classes::USUAL.contains(Class::Fault));
        assert_eq!(selection(&[]), Some(Selection { lossless: false, classes: Classes::USUAL }));
        assert_eq!(classes("block"), Classes::USUAL);
    }

    #[test]
    fn words_name_add_and_take_away() {
        assert_eq!(classes("fault"), of(&[Class::Fault]));
        assert_eq!(classes("fault,process"), of(&[Class::Fault, Class::Process]));
        assert_eq!(classes("+syscall,+switch,+pin,+access"), Classes::ALL);
        assert_eq!(classes("all,-fault"), Classes::ALL.without(of(&[Class::Fault])));
        assert_eq!(classes("none,+page"), of(&[Class::Page]));
        assert_eq!(classes("none,usual"), Classes::USUAL);
        assert_eq!(
            selection(&["block", "fault,+syscall"]),
            Some(Selection { lossless: true, classes: of(&[Class::Fault, Class::Syscall]) })
        );
        assert!(!selection(&["block", "drop"]).unwrap().lossless);
    }

    #[test]
    fn a_word_that_does_not_exist_changes_nothing() {
        for words in ["", "faults", "fault,", "+", "-all", "+block", "Fault", "fault,,page"] {
            let mut selection = Selection::default();
            assert!(!selection.apply(words), "{words:?}");
            assert_eq!(selection, Selection::default());
        }
    }

    #[test]
    fn kinds_follow_their_classes() {
        assert_eq!(Classes::ALL.kinds(), (1 << Event::KINDS) - 1);
        for (n, class) in Event::CLASSES.into_iter().enumerate() {
            assert_eq!(of(&[class]).kinds() >> n & 1, 1);
            let always = u64::from(n == Event::TRACE_CHANGED);
            assert_eq!(Classes::ALL.without(of(&[class])).kinds() >> n & 1, always);
        }
    }
}
