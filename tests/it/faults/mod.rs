//! Faults on purpose: whatever dies or fills up, no client is dropped because of it, and nothing is
//! lost without a word.
//!
//! Each has a quick form here and, where it matters, a long one whose name contains `torture`:
//! `cargo test --release -- --ignored torture` runs them all, `AMPT_WS_SEED=<seed>` repeats one.

mod damage;
mod deaths;
mod descriptors;
mod disk;
mod orphans;
mod published;
mod recovery;
mod reload_load;
mod slow;
mod worker;
