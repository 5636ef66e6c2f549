//! Values of JSON and TOML as a variable of the environment would be written.

use serde_json::Value;
use service_edge::SettingError;

/// A number, a text or `true` (which is `on`) is the variable's value. `false`: `None`, as if it were not set.
///
/// # Errors
/// The value is of another type.
pub(crate) fn as_variable(name: &str, value: &Value) -> Result<Option<String>, SettingError> {
    match value {
        Value::String(text) => Ok(Some(text.clone())),
        Value::Number(number) => Ok(Some(number.to_string())),
        Value::Bool(true) => Ok(Some("on".to_owned())),
        Value::Bool(false) => Ok(None),
        other => {
            let allowed = "a number, a string, a boolean or null";
            Err(SettingError::new(name, other.to_string(), allowed))
        }
    }
}
