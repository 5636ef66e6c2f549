//! `PRIORITY_HEADER`.

use actix_web::http::header::HeaderName;
use resilience_actors::{Concurrency, Throttle};
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads the header in which requests say how important they are. Turns on the priorities of the concurrency limit.
/// Requires this limit or throttling.
pub(super) fn read(
    settings: &mut Settings<'_>,
    concurrency: &mut Option<Concurrency>,
    throttle: Option<&Throttle>,
) -> Result<Option<HeaderName>, SettingError> {
    let name = settings.optional_text("PRIORITY_HEADER")?;
    let header = name.clone().map(header).transpose()?;
    match concurrency {
        Some(limit) => limit.concurrency_priorities = header.is_some(),
        None if throttle.is_none() => {
            needs("PRIORITY_HEADER", name, "CONCURRENCY_MAX or THROTTLE=on")?;
        }
        None => (),
    }
    Ok(header)
}

fn header(name: String) -> Result<HeaderName, SettingError> {
    let header = name.parse();
    header.map_err(|_| SettingError::new("PRIORITY_HEADER", name, "the name of a header"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `PRIORITY_HEADER` beside these policies. Returns whether there is a header, and the concurrency limit.
    fn read(
        name: Option<&str>,
        mut concurrency: Option<Concurrency>,
        throttle: Option<&Throttle>,
    ) -> Result<(bool, Option<Concurrency>), String> {
        let variables: Vec<_> = name.map(|name| ("PRIORITY_HEADER", name)).into_iter().collect();
        let mut settings = Settings::from_pairs(&variables);
        let header = super::read(&mut settings, &mut concurrency, throttle);
        let header = header.map_err(|error| error.to_string())?;
        Ok((header.is_some(), concurrency))
    }

    #[test]
    fn a_header_turns_the_priorities_of_the_concurrency_limit_on() {
        let (name, limit) = (Some("X-Request-Priority"), Concurrency::at_most(7));
        let expected = (true, Some(limit.clone().priorities()));
        assert_eq!(read(name, Some(limit.clone()), None), Ok(expected));
        assert_eq!(read(None, Some(limit.clone()), None), Ok((false, Some(limit))));
    }

    #[test]
    fn a_header_requires_a_concurrency_limit_or_throttling() {
        let (name, throttle) = (Some("X-Request-Priority"), Throttle::default());
        assert_eq!(read(name, None, Some(&throttle)), Ok((true, None)));
        let alone = "PRIORITY_HEADER=\"X-Request-Priority\" is not valid: expected CONCURRENCY_MAX or THROTTLE=on to \
                     be set";
        assert_eq!(read(name, None, None), Err(alone.to_owned()));
        assert_eq!(read(None, None, None), Ok((false, None)));
    }

    #[test]
    fn what_is_no_name_of_a_header_is_refused() {
        let expected = "PRIORITY_HEADER=\"a b\" is not valid: expected the name of a header";
        assert_eq!(read(Some("a b"), None, None), Err(expected.to_owned()));
    }
}
