//! args-none: prints its arguments: the name alone.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);
