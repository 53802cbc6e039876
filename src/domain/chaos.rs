//! Seeded disorder: what happens to which message, decided by numbers alone.
//!
//! A decision depends on the seed, the connection's number, the direction and the message's number,
//! and on nothing that time could change: whoever knows those comes to the same decision.

use std::time::Duration;

/// How much disorder there is.
#[derive(Debug, Clone, Copy, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Chaos {
    /// What all decisions begin with.
    pub seed: u64,
    /// The longest time that a message is held up, in milliseconds.
    #[serde(default)]
    pub delay_ms: u64,
    /// Whether messages of one connection may overtake each other on their way to the handlers.
    #[serde(default)]
    pub reorder: bool,
    /// How likely a message from a client is throttled, from 0 to 1.
    #[serde(default)]
    pub throttle: f64,
    /// How likely a client vanishes at a message, from 0 to 1.
    #[serde(default)]
    pub cut: f64,
}

/// The direction of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From a client.
    In,
    /// To a client.
    Out,
}

/// What is decided about a message; each kind of decision is independent of the others.
#[derive(Debug, Clone, Copy)]
enum Question {
    Delay = 1,
    Throttle,
    Cut,
    Retry,
}

impl Chaos {
    /// How long a message is held up. Connections are numbered from 1 and messages, for each
    /// connection and direction, from 0.
    pub fn delay(&self, way: Way, connection: u32, message: u64) -> Duration {
        let share = self.draw(Question::Delay, way, connection, message);
        // Milliseconds are far below what a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "see above")]
        let most = self.delay_ms as f64;
        Duration::from_secs_f64(share * most / 1000.0)
    }

    /// Whether a message from a client is throttled.
    pub fn throttles(&self, connection: u32, message: u64) -> bool {
        self.draw(Question::Throttle, Way::In, connection, message) < self.throttle
    }

    /// Whether the client vanishes at a message.
    pub fn cuts(&self, way: Way, connection: u32, message: u64) -> bool {
        self.draw(Question::Cut, way, connection, message) < self.cut
    }

    /// How long a well-behaved client waits until it sends a throttled message again.
    pub fn retry_after(&self, connection: u32, message: u64) -> Duration {
        let share = self.draw(Question::Retry, Way::In, connection, message);
        Duration::from_secs_f64(0.02 + 0.08 * share)
    }

    /// A number from 0 to 1, and below 1.
    fn draw(&self, question: Question, way: Way, connection: u32, message: u64) -> f64 {
        let mut hash = mix(self.seed ^ 0x9e37_79b9_7f4a_7c15);
        for part in [question as u64, way as u64, u64::from(connection), message] {
            hash = mix(hash ^ part.wrapping_mul(0xd134_2543_de82_ef95).wrapping_add(1));
        }
        // The upper 53 bits, as many as a double holds exactly.
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let share = (hash >> 11) as f64 / (1_u64 << 53) as f64;
        share
    }
}

/// The finalizer of SplitMix64: each bit of the input changes about half of those of the output.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chaos(seed: u64) -> Chaos {
        Chaos {
            seed,
            delay_ms: 100,
            reorder: true,
            throttle: 0.25,
            cut: 0.0,
        }
    }

    #[test]
    fn the_same_numbers_bring_the_same_decisions() {
        let delays = |seed| -> Vec<Duration> {
            let chaos = chaos(seed);
            (0..50)
                .map(|message| chaos.delay(Way::In, 1, message))
                .collect()
        };
        assert_eq!(delays(7), delays(7));
        assert_ne!(delays(7), delays(8));
        let out = chaos(7).delay(Way::Out, 1, 0);
        assert_ne!(chaos(7).delay(Way::In, 1, 0), out);
    }

    #[test]
    fn decisions_are_as_likely_as_they_should_be() {
        let chaos = chaos(3);
        let throttled = (0..10_000)
            .filter(|message| chaos.throttles(2, *message))
            .count();
        assert!((2300..2700).contains(&throttled), "{throttled}");
        assert!(!(0..1000).any(|message| chaos.cuts(Way::In, 2, message)));
        let longest = (0..10_000)
            .map(|message| chaos.delay(Way::In, 2, message))
            .max();
        assert!(
            longest
                .is_some_and(|d| d > Duration::from_millis(98) && d < Duration::from_millis(100))
        );
    }
}
