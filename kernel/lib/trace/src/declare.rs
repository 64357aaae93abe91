//! The declaration of events: [`Event`](crate::event::Event), its structs, and how plain ones are written, read and shown.

/// Declares all kinds of event. `formed`: the struct and its form on the wire are written by hand. `plain`: all is made here.
macro_rules! declare_events {
    (
        formed { $(
            $(#[$formed_doc:meta])*
            $formed_index:literal $formed_name:literal of $formed_class:ident: $formed:ident($formed_type:ty),
        )* }
        plain { $(
            $(#[$doc:meta])*
            $index:literal $name:literal of $class:ident: $plain:ident { $($(#[$field_doc:meta])* $field:ident: $type:ty,)* }
        )* }
    ) => {
        /// Everything the kernel reports.
        #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
        pub enum Event {
            $($(#[$formed_doc])* $formed($formed_type),)*
            $($(#[$doc])* $plain($plain),)*
        }

        $(
            #[doc = concat!("See [`Event::", stringify!($plain), "`].")]
            #[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
            pub struct $plain { $($(#[$field_doc])* pub $field: $type,)* }
        )*

        impl Event {
            /// How many kinds there are.
            pub const KINDS: usize = [$($formed_name,)* $($name,)*].len();

            /// What the kinds are called, indexed by [`Event::index`].
            pub const NAMES: [&'static str; Self::KINDS] = {
                let mut names = [""; Self::KINDS];
                $(names[$formed_index] = $formed_name;)*
                $(names[$index] = $name;)*
                let mut i = 0;
                while i < Self::KINDS {
                    assert!(!names[i].is_empty(), "two kinds of event have the same number");
                    i += 1;
                }
                names
            };

            /// What the kinds are about, indexed by [`Event::index`].
            pub const CLASSES: [Class; Self::KINDS] = {
                let mut classes = [Class::Fault; Self::KINDS];
                $(classes[$formed_index] = Class::$formed_class;)*
                $(classes[$index] = Class::$class;)*
                classes
            };

            /// Most bytes of a plain event's fields on the wire.
            pub(crate) const MAX_PLAIN: usize = {
                let mut most = 0;
                $({
                    let bytes = 0 $(+ <$type as Field>::MAX)*;
                    if bytes > most { most = bytes; }
                })*
                most
            };

            /// The kind as a dense number, for counters.
            #[inline]
            pub const fn index(&self) -> usize {
                match self {
                    $(Self::$formed(_) => $formed_index,)*
                    $(Self::$plain(_) => $index,)*
                }
            }

            /// What its kind is called.
            pub const fn name(&self) -> &'static str {
                Self::NAMES[self.index()]
            }

            /// Writes the record of a plain event of time `tsc`; nothing for others.
            #[inline(always)]
            pub(crate) fn put_plain(&self, links: &mut Links, w: &mut Writer<'_>, tsc: u64) {
                match self {
                    $(Self::$formed(_) => {})*
                    $(Self::$plain(e) => {
                        links.write_tag(w, $index + 1, tsc);
                        $(e.$field.put(links, w);)*
                    })*
                }
            }

            /// Reads the fields of the plain event of that index. `None`: there is none, or a value of a newer schema.
            #[inline]
            pub(crate) fn get_plain(index: u8, links: &mut Links, r: &mut Reader<'_>) -> Option<Self> {
                match index {
                    $($index => Some(Self::$plain($plain { $($field: <$type>::get(links, r)?,)* })),)*
                    _ => None,
                }
            }

            /// Calls `look` with each field of a plain event; never for others.
            pub fn fields(&self, mut look: impl FnMut(&'static str, crate::field::Value)) {
                match self {
                    $(Self::$formed(_) => {})*
                    $(Self::$plain(e) => { $(look(stringify!($field), e.$field.value());)* })*
                }
            }
        }
    };
}
pub(crate) use declare_events;
