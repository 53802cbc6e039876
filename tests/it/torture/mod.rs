//! Whatever dies at whatever moment: nothing that was acknowledged is lost.
//!
//! Each fault has a quick form in the normal suite and a long one. One command runs every long form,
//! here and elsewhere, as their names and no others contain `torture`; it takes about an hour:
//!
//! ```text
//! cargo test --release --test it -- --ignored torture --test-threads 1 --nocapture
//! ```
//!
//! | long forms | what dies or fills up |
//! |---|---|
//! | `torture::durable` | the sandbox, under writes by handlers, verbs and imports |
//! | `torture::transfers` | the sandbox, in the middle of an import or an export |
//! | `torture::edges` | the sandbox, while it starts and while it stops |
//! | `torture::farewells` | clients, workers, the sandbox: who is owed a `disconnected` |
//! | `torture::changes` | workers and the sandbox, while `data.on` hears of changes |
//! | `faults::deaths`, `faults::reload_load` | workers, under messages and saves |
//! | `faults::slow`, `hostile` | nothing: ten thousand connects, mutated requests |
//! | `faults::damage` | the database's files |
//!
//! Each prints what it came to. `AMPT_WS_ROUNDS` says how many rounds those of this module have; a
//! failure names its seed, and `AMPT_WS_SEED=<seed>` begins with that round. The moments at which
//! processes die are as random as the machine is, so that a seed repeats what was going on, and only
//! roughly when it was cut off.

mod changes;
mod durable;
mod edges;
mod farewells;
mod random;
mod state;
mod transfers;
mod writers;

use std::thread;

use random::Random;

/// Rounds of a long form, unless `AMPT_WS_ROUNDS` says otherwise.
const ROUNDS: u64 = 200;

/// How many rounds a long form has.
fn many() -> u64 {
    let given = std::env::var("AMPT_WS_ROUNDS").ok();
    given.map_or(ROUNDS, |rounds| {
        rounds.parse().expect("AMPT_WS_ROUNDS is a number")
    })
}

/// Runs so many rounds, each with random numbers of its own.
fn rounds(count: u64, mut round: impl FnMut(&mut Random)) {
    let given = std::env::var("AMPT_WS_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("AMPT_WS_SEED is a number"));
    let first: u64 = given.unwrap_or_else(Random::fresh_seed);
    for number in 0..count {
        let seed = first.wrapping_add(number);
        let _told = TellSeed(seed);
        round(&mut Random::new(seed));
    }
}

/// Names the seed of a round that fails.
struct TellSeed(u64);

impl Drop for TellSeed {
    fn drop(&mut self) {
        if thread::panicking() {
            eprintln!("AMPT_WS_SEED={} begins with this round", self.0);
        }
    }
}
