//! Properties of the settings that both services have.

use std::{ffi::OsString, time::Duration};

use log::LevelFilter;
use proptest::prelude::*;

use super::{CommonSettings, Settings, settings_props::values};

proptest! {
    #![proptest_config(resilience_testing::props::config())]

    #[test]
    fn a_host_is_an_ip_address_and_a_port_is_in_range(value in prop_oneof![values(), any::<std::net::IpAddr>().prop_map(|a| a.to_string().into())]) {
        for variable in ["HOST", "PORT", "LOG_FORMAT", "WORKERS", "SHUTDOWN_TIMEOUT", "RUST_LOG", "ADMIN_TOKEN"] {
            let given = value.clone();
            let mut settings = Settings::new(move |name| (name == variable).then(|| given.clone()));
            match CommonSettings::read(&mut settings, 5000) {
                Err(error) => {
                    let line = error.to_string();
                    prop_assert!(line.starts_with(&format!("{variable}=")), "{}", line);
                    prop_assert!(line.len() < 4_000 && !line.contains(char::is_control), "{}", line);
                }
                Ok(common) => {
                    let text = value.to_str().unwrap();
                    let is_right = match variable {
                        "HOST" => text.parse() == Ok(common.host),
                        "PORT" => text.parse() == Ok(common.port),
                        "WORKERS" => (1..=1024).contains(&common.workers),
                        "SHUTDOWN_TIMEOUT" => common.shutdown_timeout <= Duration::from_secs(3600),
                        "LOG_FORMAT" => ["text", "json"].contains(&text),
                        _ => true,
                    };
                    prop_assert!(is_right, "{}={:?}", variable, value);
                }
            }
        }
    }

    /// An accepted filter has a level in each part: `env_logger` takes a word that it does not know for a target, and
    /// then logs nothing.
    #[test]
    fn log_filters_have_a_level_in_each_part(
        parts in prop::collection::vec(("([a-z_:]{1,8}=)?", "(?i)off|error|warn|info|debug|trace|inof|5|"), 1..5),
        junk in prop_oneof![4 => Just(String::new()), 1 => "[,=/ \\pC]{1,3}"],
    ) {
        let parts: Vec<_> = parts.into_iter().map(|(target, level)| format!("{target}{level}")).collect();
        let value = OsString::from(parts.join(",") + &junk);
        let given = value.clone();
        let mut settings = Settings::new(move |name| (name == "RUST_LOG").then(|| given.clone()));
        let level = |part: &String| part.rsplit('=').next().unwrap_or_default().parse::<LevelFilter>().ok();
        let levels: Option<Vec<_>> = parts.iter().map(level).collect();
        match CommonSettings::read(&mut settings, 5000) {
            Ok(common) => {
                let most = env_filter::Builder::new().parse(&common.rust_log).build().filter();
                // Spaces around a part are allowed. Any other addition makes a part without a level.
                let levels = levels.expect("a part without a level is taken");
                prop_assert!(levels.contains(&most), "{:?}: {}", value, most);
            }
            Err(error) => {
                prop_assert!(!junk.is_empty() || levels.is_none(), "{}", error);
                prop_assert!(error.to_string().starts_with("RUST_LOG="));
            }
        }
    }
}
