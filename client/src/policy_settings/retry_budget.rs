//! `RETRY_BUDGET` and `RETRY_BUDGET_MIN`.

use resilience_actors::RetryBudget;
use service_edge::{SettingError, Settings};

use super::names::needs;

/// Reads the retry budget. `None` unless `RETRY_BUDGET` is set.
pub(super) fn read(settings: &mut Settings<'_>) -> Result<Option<RetryBudget>, SettingError> {
    let share = settings.optional_number("RETRY_BUDGET", RetryBudget::SHARE)?;
    let min = settings.optional_number("RETRY_BUDGET_MIN", RetryBudget::MIN_PER_SECOND)?;
    let Some(share) = share else {
        needs("RETRY_BUDGET_MIN", min, "RETRY_BUDGET")?;
        return Ok(None);
    };
    let budget = RetryBudget::share(share);
    Ok(Some(match min {
        Some(min) => budget.min_per_second(min),
        None => budget,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::policy_settings::calls;

    fn read(variables: &[(&str, &str)]) -> Result<Option<RetryBudget>, String> {
        let calls = calls::read(&mut Settings::from_pairs(variables));
        calls.map(|calls| calls.retry_budget).map_err(|error| error.to_string())
    }

    #[test]
    fn a_share_turns_the_budget_on() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("RETRY_BUDGET", "0.1")]), Ok(Some(RetryBudget::share(0.1))));
        let both = [("RETRY_BUDGET", "0"), ("RETRY_BUDGET_MIN", "0.5")];
        assert_eq!(read(&both), Ok(Some(RetryBudget::share(0.0).min_per_second(0.5))));
    }

    #[test]
    fn a_budget_that_allows_no_retry_and_a_minimum_alone_are_refused() {
        let nothing = [("RETRY_BUDGET", "0"), ("RETRY_BUDGET_MIN", "0")];
        assert_eq!(
            read(&nothing).unwrap_err(),
            "RETRY_BUDGET=\"0\" is not valid: expected more than 0 with RETRY_BUDGET_MIN=0"
        );
        assert_eq!(
            read(&[("RETRY_BUDGET_MIN", "5")]).unwrap_err(),
            "RETRY_BUDGET_MIN=\"5\" is not valid: expected RETRY_BUDGET to be set"
        );
    }
}
