//! One file per verb.

pub mod dev;
