//! How often properties are tried.

use proptest::test_runner::{Config, RngSeed};

/// The same sequences each time, unless the environment says otherwise. Nothing is written to disk.
pub(crate) fn config() -> Config {
    let default = Config::default();
    let rng_seed = match default.rng_seed {
        RngSeed::Random => RngSeed::Fixed(1),
        fixed => fixed,
    };
    let cases = default.cases.max(1_000);
    Config { rng_seed, cases, failure_persistence: None, ..default }
}
