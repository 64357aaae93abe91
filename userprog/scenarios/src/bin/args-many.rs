//! args-many: prints its arguments: the name and 22 words.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);
