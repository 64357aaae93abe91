//! args-dbl-space: prints its arguments: spaces between them count once.
#![cfg_attr(target_os = "none", no_std, no_main)]

use scenarios::prelude::*;

program!(arguments);
